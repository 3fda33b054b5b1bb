"""What one request caused, from its trace: the way from a line of the log to the rows of a figure."""

from __future__ import annotations

from datetime import UTC
from uuid import UUID

from events.base import Value
from events.values import Instant
from infra.clickhouse import Analytics, sql

PACKAGE = "projections.traces"


class CausedEvent(Value):
    """An event that a request caused."""

    context: str
    lane: int
    position: int
    stream_id: UUID
    """The aggregate."""
    version: int
    event_id: UUID
    type: str
    recorded_at: Instant
    ledger_rows: int
    """Rows of the ledger that come from it; 0 where figures have not come to it yet."""


class Traces:
    """Looks for a trace in everything that was published: takes the longer the more there is."""

    def __init__(self, analytics: Analytics) -> None:
        self._analytics = analytics

    def events(self, trace_id: str) -> list[CausedEvent]:
        """The events of a trace (32 hexadecimal digits), in the order in which they were recorded."""
        rows = self._analytics.rows(sql(PACKAGE, "events.sql"), {"trace": trace_id})
        return [CausedEvent(**{**row, "recorded_at": row["recorded_at"].replace(tzinfo=UTC)}) for row in rows]
