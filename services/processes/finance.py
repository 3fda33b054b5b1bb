"""The process of finance: figures, lists of events, and the pages. It writes nothing."""

from __future__ import annotations

from infra.clickhouse import Analytics
from infra.event_store import Clock, utc_now
from infra.settings import Settings
from services.embedded import open_contexts
from services.finance.app import Finance
from services.lag import LaneLag, lags
from services.processes.serving import serve
from services.reading import Reading
from services.serving import Serving


class FinanceProcess(Serving):
    """Figures, their proof against the stores, which it reads, and the pages."""

    def __init__(self, settings: Settings, analytics: Analytics, clock: Clock) -> None:
        contexts = open_contexts(settings, clock)
        super().__init__("finance", settings, contexts.stores, Reading(analytics))
        self.finance = Finance(self.reading.projected, contexts.stores, clock)
        self._ordering = contexts.ordering

    def lags(self) -> list[LaneLag]:
        """How far relay, projector and reactions are behind the stores."""
        return lags(self.stores, self.reading.projected, self._ordering, utc_now())


def run(settings: Settings, host: str, port: int) -> None:
    """Serves until a signal ends it."""
    serve(FinanceProcess, settings, host, port)
