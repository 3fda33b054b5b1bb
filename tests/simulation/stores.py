"""A store as processes see it over a network: real SQL in memory, commits whose answer is lost, a database that is away."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent

from events.base import Event
from infra.checkpoint import Checkpoint, Seat, ask_again
from infra.event_store import EventStore, open_store
from infra.log import Mark
from tests.simulation.clockwork import Clockwork

BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
_numbers = count(1)
Fate = Callable[[], str]
"""What becomes of a commit: `kept`, `unanswered` (kept, and nobody learns it), `overtaken` (kept, and the library's own
retry finds its events there), or `away`."""


class Database:
    """The database of one context. Each process opens it for itself, and has a clock of its own."""

    def __init__(self, clockwork: Clockwork, context: str, classes: Iterable[type[Event]], lanes: int) -> None:
        self.context, self.lanes = context, lanes
        self.fate: Fate = lambda: "kept"
        self.is_locked = True
        """Whether positions are given in the order of commits, as the lock of the table has it."""
        self.unseen: set[int] = set()
        """Positions that were given to a commit which is not done."""
        self._clockwork, self._classes = clockwork, list(classes)
        self._name = f"file:simulated-{next(_numbers)}?mode=memory&cache=shared"
        self._open: list[EventStore] = []
        self._notes: list[Checkpoint] = []
        self._relay = sqlite3.connect(self._name, uri=True, isolation_level=None)
        self.truth = self.open(calm=True)
        """For whoever looks from outside."""

    def close(self) -> None:
        for store in self._open:
            store.close()
        self._relay.close()

    def open(self, skew: float = 0.0, *, calm: bool = False) -> EventStore:
        """The store for a process whose clock is ahead by so many seconds."""
        environment = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": self._name}

        def clock() -> datetime:
            return BEGIN + timedelta(seconds=self._clockwork.now + skew)

        store = open_store(self.context, self._classes, environment, clock, self.lanes)
        self._open.append(store)
        if not calm:
            self._disturb(store.recorder)
        return store

    def _disturb(self, recorder: Any) -> None:
        insert, select = recorder.insert_events, recorder.select_notifications
        pause = self._clockwork.pause

        def insert_events(events: Sequence[StoredEvent], **more: Any) -> Sequence[int] | None:
            pause()
            if (fate := self.fate()) == "away":
                raise OperationalError("the database is away")
            ids: Sequence[int] | None = insert(events, **more)
            if not self.is_locked and ids:
                self.unseen.update(ids)
                try:
                    pause(0.5)
                finally:
                    self.unseen.difference_update(ids)
            if fate == "overtaken":
                raise IntegrityError("duplicate key value")
            if fate == "unanswered":
                raise OperationalError("the connection was closed")
            pause()
            return ids

        def select_notifications(start: int | None, *asked: Any, **more: Any) -> list[Any]:
            pause()
            return [found for found in select(start, *asked, **more) if found.id not in self.unseen]

        recorder.insert_events, recorder.select_notifications = insert_events, select_notifications

    def seat(self) -> Seat:
        """Where the relay of this store keeps its notes; the world sees to it that only one has it."""
        return _Seat(self._clockwork, self._relay, self.truth.epoch, self._notes)

    def ask_again(self, lane: int, mark: Mark) -> None:
        """Somebody asks the relay of this store to send a lane again."""
        self._clockwork.pause()
        self._clockwork.tell(f"asks the relay of {self.context} for what follows {mark.pos} in lane {lane}")
        ask_again(self.truth, lane, mark)

    def crash(self) -> None:
        """The database ends and comes back: what the relay noted last may be lost (its notes commit asynchronously)."""
        if len(self._notes) > 1:
            back = self._clockwork.rng.randrange(1, min(4, len(self._notes)))
            Seat.save(self.seat(), self._notes[-1 - back])


class _Seat(Seat):
    def __init__(self, clockwork: Clockwork, connection: Any, epoch: UUID, notes: list[Checkpoint]) -> None:
        super().__init__(connection.execute, clockwork.pause, epoch)
        self._clockwork, self._notes = clockwork, notes

    def save(self, checkpoint: Checkpoint) -> None:
        self._clockwork.pause()
        super().save(checkpoint)
        self._notes.append(checkpoint)
        self._clockwork.pause()
