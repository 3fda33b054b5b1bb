"""The process of membership: its commands on its own store, and the lists."""

from __future__ import annotations

from infra.clickhouse import Analytics
from infra.event_store import Clock
from infra.settings import Settings
from services.membership import app as membership
from services.processes.serving import serve
from services.reading import Reading
from services.serving import Serving


class MembershipProcess(Serving):
    """Membership, with its own store and the lists."""

    def __init__(self, settings: Settings, analytics: Analytics, clock: Clock) -> None:
        self.membership = membership.build(settings, clock)
        super().__init__("membership", settings, [self.membership.store], Reading(analytics))


def run(settings: Settings, host: str, port: int) -> None:
    """Serves until a signal ends it."""
    serve(MembershipProcess, settings, host, port)
