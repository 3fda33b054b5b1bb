"""Other contexts' events, taken in exactly once: what they change here and how far reading has come are one commit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from infra.event_store import EventStore, Transaction
from infra.log import Entry
from infra.mapper import Copy, Language
from services.ordering.reactions import NOTED, react


class BrokenChain(Exception):
    """A message is missing before one that arrived."""


class Inbox:
    """Takes in the logs of other contexts, each lane from its own position on."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._language = Language(NOTED)

    def pos(self, context: str, lane: int) -> int:
        """How far a lane of another context was taken in."""
        return self._store.recorder.max_tracking_id(_name(context, lane)) or 0

    def take(self, context: str, entries: Sequence[Entry]) -> None:
        """Takes in entries, of any number of lanes; what was taken in before changes nothing.

        Raises BrokenChain where an event is missing before one of these, UnreadableEvent where this code is too old.
        """
        for lane in sorted({entry.lane for entry in entries}):
            in_lane = [entry for entry in entries if entry.lane == lane]
            self._store.run(partial(self._take_lane, context=context, lane=lane, entries=in_lane))

    def _take_lane(self, tx: Transaction, context: str, lane: int, entries: Sequence[Entry]) -> None:
        # Read again in each attempt: another process may have been first, or the answer of our own commit was lost.
        done = upto = self.pos(context, lane)
        for entry in entries:
            if entry.pos <= upto:
                continue
            if entry.prev != upto:
                msg = f"{context}, lane {lane}: position {entry.pos} follows {entry.prev}, ordering stands at {upto}"
                raise BrokenChain(msg)
            self._note(tx, entry)
            upto = entry.pos
        if upto > done:
            tx.track(_name(context, lane), upto)

    def _note(self, tx: Transaction, entry: Entry) -> None:
        if not self._language.knows(entry.type):
            return
        event = self._language.load(entry.type, entry.raw)
        if (place := react(event)) is not None:
            stream_id, evolve = place
            tx.read(stream_id, evolve)
            tx.note(stream_id, event, Copy(entry.type, entry.raw), evolve)


def _name(context: str, lane: int) -> str:
    # One name for all lanes would drop events: position 100 of lane 3 would make 90 of lane 5 look done.
    return f"{context}:{lane}"
