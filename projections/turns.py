"""Whose turn it is between raw log and derived tables: who appends waits for the ledger, a table waits for its source.

While little arrives, raw log and ledger take turns, so that an event waits once; while much does, they work at the same
time. Events are of asyncio, all of one loop; nothing here is more than a hint.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from projections.tables import TABLES, tables_of

FLUSH_SECONDS = 0.5
"""What arrives is appended when the ledger waits for it, and at the latest so long after the append before: sooner it
would only wait in the raw log."""
PACE = {"ledger": 0.2, "orders": 0.5}
"""A table is derived not sooner than so many seconds after the last time began: its statement takes some 40 ms of a
core before it looks at the first event."""


class Turns:
    """The turns of some contexts."""

    def __init__(self, contexts: Sequence[str]) -> None:
        self.tables = [(context, table) for context in contexts for table in tables_of(context)]
        """Each derived table of each context: who derives them is one loop for each."""
        self._moved = {place: asyncio.Event() for place in self.tables}
        """What a table is derived from may have moved."""
        self._rests = {context: asyncio.Event() for context in contexts}
        """The ledger has taken in what was appended last."""

    def appended(self, context: str) -> None:
        """The raw log has grown."""
        self._rests[context].clear()
        self._has_moved(context, "raw_log")

    def look(self, context: str) -> None:
        """Any table may be behind its source."""
        for table in tables_of(context):
            self._moved[context, table].set()

    async def to_append(self, context: str, began: float) -> None:
        """Waits until the ledger does, or until it is time. `began`: when the append before did, monotonic seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS - (time.monotonic() - began)):
                await self._rests[context].wait()

    @asynccontextmanager
    async def of(self, context: str, table: str) -> AsyncIterator[None]:
        """A turn of a table: begins when its source has moved, and ends, in its pace, when it was derived."""
        moved = self._moved[context, table]
        await moved.wait()
        moved.clear()
        began = time.monotonic()
        yield
        self._has_moved(context, table)
        await asyncio.sleep(PACE[table] - (time.monotonic() - began))
        if TABLES[table] == "raw_log" and not moved.is_set():
            self._rests[context].set()

    def _has_moved(self, context: str, source: str) -> None:
        for table in tables_of(context):
            if TABLES[table] == source:
                self._moved[context, table].set()
