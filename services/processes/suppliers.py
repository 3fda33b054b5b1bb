"""The process of suppliers: its commands on its own store, and the lists."""

from __future__ import annotations

from infra.clickhouse import Analytics
from infra.event_store import Clock
from infra.settings import Settings
from services.processes.serving import serve
from services.reading import Reading
from services.serving import Serving
from services.suppliers import app as suppliers


class SuppliersProcess(Serving):
    """Suppliers, with their own store and the lists."""

    def __init__(self, settings: Settings, analytics: Analytics, clock: Clock) -> None:
        self.suppliers = suppliers.build(settings, clock)
        super().__init__("suppliers", settings, [self.suppliers.store], Reading(analytics))


def run(settings: Settings, host: str, port: int) -> None:
    """Serves until a signal ends it."""
    serve(SuppliersProcess, settings, host, port)
