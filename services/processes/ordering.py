"""The process of ordering: its commands on its own store, and the lists."""

from __future__ import annotations

from infra.clickhouse import Analytics
from infra.event_store import Clock
from infra.settings import Settings
from services.ordering import app as ordering
from services.processes.serving import serve
from services.reading import Reading
from services.serving import Serving


class OrderingProcess(Serving):
    """Ordering, with its own store and the lists; what it knows of the others comes with the reactions."""

    def __init__(self, settings: Settings, analytics: Analytics, clock: Clock) -> None:
        self.ordering = ordering.build(settings, clock)
        super().__init__("ordering", settings, [self.ordering.store], Reading(analytics))


def run(settings: Settings, host: str, port: int) -> None:
    """Serves until a signal ends it."""
    serve(OrderingProcess, settings, host, port)
