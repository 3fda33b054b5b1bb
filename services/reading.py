"""The read side: what the lists show, and how far they have come. A user that may only read is enough for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.clickhouse import Analytics
from infra.event_store import Position
from infra.positions import LOOK_SECONDS, Behind, waited
from projections.agreements.reader import Agreements
from projections.establishments.reader import Establishments
from projections.orders.reader import Orders
from projections.projected import Lane, Projected
from projections.suppliers.reader import Suppliers
from projections.tables import TABLES, tables_of
from projections.traces.reader import Traces

LOOK_PAUSE = 5
"""A look that took a while is followed by a pause that is so many times as long."""


@dataclass(frozen=True, slots=True)
class ReadModels:
    """The lists that pages and the API show."""

    orders: Orders
    agreements: Agreements
    establishments: Establishments
    suppliers: Suppliers
    traces: Traces


class Reading:
    """The projections as readers see them. May be used by many threads."""

    def __init__(self, analytics: Analytics) -> None:
        self.projected = Projected(analytics)
        self.models = ReadModels(
            Orders(analytics), Agreements(analytics), Establishments(analytics), Suppliers(analytics), Traces(analytics)
        )
        self._looking = threading.Lock()
        self._look_again_at = float("-inf")
        self._seen: Mapping[str, Mapping[Lane, int]] = {}

    def wait_for(self, wanted: Sequence[Position], seconds: float, table: str | None = None) -> list[Behind]:
        """Waits until the projections have come to these positions; returns the lanes that have not in time.

        `table`: the one that is asked then, which the others need not have come up with; None: all of them.
        """
        return waited(lambda: self._behind(wanted, table), seconds)

    def _behind(self, wanted: Sequence[Position], table: str | None) -> list[Behind]:
        seen = self._look()
        behind = []
        for place in wanted:
            tables = [table] if table else tables_of(place.context)
            reached = min(seen[one].get((place.context, place.lane), 0) for one in tables)
            if reached < place.pos:
                behind.append(Behind(place, reached))
        return behind

    def _look(self) -> Mapping[str, Mapping[Lane, int]]:
        with self._looking:
            # All of those who wait take the same look; and looking must not be what the projector waits for.
            began = time.monotonic()
            if began >= self._look_again_at:
                self._seen = {table: self.projected.positions(table) for table in TABLES}
                ended = time.monotonic()
                self._look_again_at = ended + max(LOOK_SECONDS, LOOK_PAUSE * (ended - began))
            return self._seen
