"""States of streams, kept in memory so that a stream is not replayed for each decision."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

CAPACITY = 10_000
"""Streams kept; the least recently used go first."""

Evolve = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class State:
    """A stream's state after `version` events; no newer event lies at or before `pos` in the log."""

    evolve: Evolve
    value: Any
    version: int
    pos: int


class States:
    """The states, and the stretch of the log that only this process wrote.

    Between `_since` and `upto` nobody else wrote, and what this process wrote is in here: a state that was the newest
    at `_since` or later is still the newest at `upto`, without asking the database.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[UUID, State] = OrderedDict()
        self._lock = threading.Lock()
        self._since = self.upto = 0

    def starts(self, end: int) -> None:
        """A transaction of this process begins while the log ends at `end`."""
        if end != self.upto:
            self._since = self.upto = end

    def wrote(self, ids: Sequence[int], states: Mapping[UUID, State]) -> None:
        """The transaction wrote these positions, and left its streams in these states."""
        if ids and ids[0] == self.upto + 1 and ids[-1] == self.upto + len(ids):
            # They follow the transaction's start: nobody else wrote in between.
            self.upto = ids[-1]
        for stream_id, state in states.items():
            self.keep(stream_id, state)

    def is_newest(self, state: State) -> bool:
        """Whether a transaction that has just started may use a state as it is."""
        return state.pos >= self._since

    def get(self, stream_id: UUID, evolve: Evolve) -> State | None:
        """The state of a stream as `evolve` sees it, None where it is not kept."""
        with self._lock:
            state = self._known.get(stream_id)
            if state is None or state.evolve is not evolve:
                return None
            self._known.move_to_end(stream_id)
            return state

    def keep(self, stream_id: UUID, state: State) -> None:
        """Keeps a state, unless a newer one is here already."""
        with self._lock:
            known = self._known.get(stream_id)
            if known is not None and (known.version, known.pos) > (state.version, state.pos):
                return
            self._known[stream_id] = state
            self._known.move_to_end(stream_id)
            if len(self._known) > CAPACITY:
                self._known.popitem(last=False)
