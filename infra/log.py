"""The log of a store as others read it: published events only, with lane, position, predecessor and time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

from infra.event_store import EventStore, is_internal

PAGE = 500
_HEAD = re.compile(rb'\{"event_id":"([0-9a-f-]{36})","recorded_at":"([^"]{10,40})"')
START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a reader is in a lane: the position of the last event and the largest `recorded_at` up to it."""

    pos: int = 0
    recorded_at: datetime = START


@dataclass(frozen=True, slots=True)
class Entry:
    """One published event on its way to readers. `raw` is the stored JSON, untouched."""

    lane: int
    pos: int
    prev: int
    """Position of the lane's previous event: a lost one shows as a broken chain."""
    stream_id: UUID
    version: int
    type: str
    recorded_at: datetime
    """The running maximum of the lane: it never decreases, though two commits may cross their clocks."""
    raw: bytes


class BeyondTheEnd(Exception):
    """A reader stands where the store has not been: it belongs to another store, or the store lost its end."""


class Log:
    """Reads a store's log from a reader's marks on. Gaps in positions are normal: rolled-back transactions.

    A reader that also knows how far it has `read`, past events that were not for it, need not look at them again.
    """

    def __init__(self, store: EventStore, marks: Mapping[int, Mark] | None = None, read: int | None = None) -> None:
        self._store = store
        self._marks = {lane: (marks or {}).get(lane, Mark()) for lane in range(store.lanes)}
        self.read = min(mark.pos for mark in self._marks.values()) if read is None else read
        """Position of the last event looked at, internal ones included."""
        self.is_at_end = False
        """Whether the last page was not a full one: what follows it, if anything, came after it was read."""
        end = store.last_pos()
        if (furthest := max(self.read, *(mark.pos for mark in self._marks.values()))) > end:
            msg = (
                f"position {furthest} of {store.context} is beyond the store's end {end}: "
                "the projections belong to another store; run `groupement rebuild`"
            )
            raise BeyondTheEnd(msg)

    def page(self, limit: int = PAGE) -> list[Entry] | None:
        """The next entries, perhaps none of a page of internal events; None at the end of the log."""
        found = self._store.recorder.select_notifications(self.read, limit, inclusive_of_start=False)
        self.is_at_end = len(found) < limit
        if not found:
            return None
        entries = []
        for stored in found:
            self.read = stored.id
            if is_internal(stored):
                continue
            stream_id = cast("UUID", stored.originator_id)
            lane = self._store.lane(stream_id)
            mark = self._marks[lane]
            if stored.id <= mark.pos:
                continue
            recorded_at = max(mark.recorded_at, recorded_at_of(stored.state) or mark.recorded_at)
            entries.append(
                Entry(
                    lane, stored.id, mark.pos, stream_id, stored.originator_version,
                    stored.topic, recorded_at, stored.state,
                )
            )  # fmt: skip
            self._marks[lane] = Mark(stored.id, recorded_at)
        return entries


def recorded_at_of(raw: bytes) -> datetime | None:
    """The time in an event's JSON without parsing it; None where the bytes are not an event's."""
    head = _HEAD.match(raw)
    if head is None:
        return None
    try:
        at = datetime.fromisoformat(head[2].decode())
    except ValueError:
        return None
    return at if at.tzinfo else None
