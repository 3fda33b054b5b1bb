"""What the projections say of themselves: how far they have come, and what they could not read. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from infra.clickhouse import SMALL, Analytics

Lane = tuple[str, int]
"""A context and one of its lanes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why figures are not whole."""

    kind: str
    """`poison`: an event that cannot be read. `chain`: an event is missing."""
    app: str
    lane: int
    pos: int
    detail: str
    event_id: UUID | None = None


class Projected:
    """The projections for whoever may read them: a user with no right but to read is enough."""

    def __init__(self, analytics: Analytics) -> None:
        self.analytics = analytics

    def positions(self, table: str = "ledger") -> dict[Lane, int]:
        """How far a table, as its readers see it, has come in each lane."""
        rows = self.analytics.rows(f"select app, lane, max(pos) as pos from {table} group by app, lane", settings=SMALL)
        return {(row["app"], row["lane"]): row["pos"] for row in rows}

    def problems(self) -> list[Problem]:
        """Why figures are not whole: unreadable events, and lanes that stand before a missing event."""
        found = [
            Problem("poison", row["app"], row["lane"], row["pos"], f"{row['type']}: {row['reason']}", row["event_id"])
            for row in self._poison()
        ]
        breaks = self.analytics.rows(
            "select distinct app, lane, stood_at, expected, found from chain_breaks "
            "where (app, lane, stood_at) in (select app, lane, max(pos) from raw_log group by app, lane) "
            "or (stood_at = 0 and (app, lane) not in (select app, lane from raw_log group by app, lane))"
        )
        return found + [
            Problem(
                "chain", row["app"], row["lane"], row["stood_at"],
                f"event {row['expected']} is missing: {row['found']} arrived after {row['stood_at']}",
            )
            for row in breaks
        ]  # fmt: skip

    def _poison(self) -> list[dict[str, Any]]:
        # The projection `positions` answers the count without reading rows: nearly always it is all that is asked.
        count = self.analytics.rows("select countIf(kind = 'poison') as n from ledger group by app, lane")
        if not any(row["n"] for row in count):
            return []
        return self.analytics.rows(
            "select app, lane, pos, type, reason, event_id from ledger where kind = 'poison' order by app, lane, pos"
        )
