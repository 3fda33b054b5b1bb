"""The relay's seat at a store: one relay has it at a time, and notes there how far it has come.

Lock, notes and wake-up share one connection to the store's own database, so that a relay which lost the lock cannot
note anything either. A note that is lost in a crash costs nothing but events that are sent twice.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import psycopg
from eventsourcing.persistence import IntegrityError, OperationalError, PersistenceError, ProgrammingError
from eventsourcing.sqlite import SQLiteProcessRecorder
from filelock import FileLock, Timeout
from psycopg.rows import tuple_row

from infra.event_store import EventStore
from infra.log import Mark

CHECKPOINTS = """
    create table if not exists relay_checkpoints
    (epoch varchar(36) primary key, topic varchar(36) not null, read_pos bigint not null, marks text not null)
"""
"""One row for each epoch of the store: a restored store has another one, and its relay starts anew. `marks`: JSON."""
REQUESTS = """
    create table if not exists relay_requests
    (lane integer primary key, pos bigint not null, recorded_at text not null)
"""
SAVE = """
    insert into relay_checkpoints (epoch, topic, read_pos, marks) values (?, ?, ?, ?)
    on conflict (epoch) do update set topic = excluded.topic, read_pos = excluded.read_pos, marks = excluded.marks
"""
ASK = """
    insert into relay_requests (lane, pos, recorded_at) values (?, ?, ?)
    on conflict (lane) do update set pos = excluded.pos, recorded_at = excluded.recorded_at
    where excluded.pos < relay_requests.pos
"""
LOCK = 0x72656C6179
"""Key of the advisory lock, "relay" in ASCII; each store has a database of its own."""
SESSION = (
    "-c synchronous_commit=off "
    # PostgreSQL lets go of the lock of a relay whose machine is gone after 25 seconds.
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
POLL_SECONDS = 0.05
STORE_IS_AWAY = (PersistenceError, psycopg.Error, sqlite3.Error)
"""What is raised where the store's database does not answer."""


class Taken(Exception):
    """Another relay is active on the store."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a relay has come: the broker has acknowledged everything up to here."""

    topic: UUID
    """Identity of the topic: one that was made anew holds nothing of this."""
    read: int = 0
    """Position in the log, internal events included."""
    marks: Mapping[int, Mark] = field(default_factory=dict)
    """For each lane its last event."""


class Checkpoints(Protocol):
    """Where a relay notes how far it has come, and finds what it is asked to send again."""

    def load(self) -> Checkpoint | None:
        """The last checkpoint; None where there is none."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Replaces the checkpoint."""

    def requests(self) -> dict[int, Mark]:
        """For each lane in which a reader misses something, the last event that it has."""

    def answered(self, lane: int, mark: Mark) -> None:
        """Forgets a request, unless somebody has asked for more meanwhile."""


class Seat:
    """The checkpoints of a store, for the one relay that is active on it."""

    def __init__(
        self, execute: Callable[[str, tuple[Any, ...]], Any], wait: Callable[[float], None], epoch: UUID
    ) -> None:
        self._execute = execute
        self.wait = wait
        """Waits so many seconds at most for something new in the store; may wake up for nothing."""
        self._epoch = str(epoch)
        for statement in (CHECKPOINTS, REQUESTS):
            execute(statement, ())

    def load(self) -> Checkpoint | None:
        """The last checkpoint of this epoch of the store."""
        sql = "select topic, read_pos, marks from relay_checkpoints where epoch = ?"
        return _checkpoint(self._execute(sql, (self._epoch,)).fetchone())

    def save(self, checkpoint: Checkpoint) -> None:
        """Replaces the checkpoint."""
        marks = {lane: (mark.pos, mark.recorded_at.isoformat()) for lane, mark in checkpoint.marks.items()}
        self._execute(SAVE, (self._epoch, str(checkpoint.topic), checkpoint.read, json.dumps(marks)))

    def requests(self) -> dict[int, Mark]:
        """What `ask_again` asked for."""
        found = self._execute("select lane, pos, recorded_at from relay_requests", ()).fetchall()
        return {lane: _mark(pos, recorded_at) for lane, pos, recorded_at in found}

    def answered(self, lane: int, mark: Mark) -> None:
        """Forgets a request, unless somebody has asked for more meanwhile."""
        self._execute("delete from relay_requests where lane = ? and pos = ?", (lane, mark.pos))


def _mark(pos: int, recorded_at: str) -> Mark:
    return Mark(pos, datetime.fromisoformat(recorded_at))


@contextmanager
def seat_at(store: EventStore) -> Iterator[Seat]:
    """The seat of the only active relay of a store. Raises Taken, and STORE_IS_AWAY."""
    connected = _sqlite if _is_sqlite(store) else _postgres
    with connected(_datastore(store)) as (execute, wait):
        yield Seat(execute, wait, store.epoch)


def ask_again(store: EventStore, lane: int, mark: Mark) -> None:
    """Asks the relay of a store to send a lane again after `mark`, the last event that the reader has.

    Raises STORE_IS_AWAY, and ValueError where the store has no such lane.
    """
    if not 0 <= lane < store.lanes:
        msg = f"the store {store.context} has {store.lanes} lanes, no lane {lane}"
        raise ValueError(msg)
    with suppress(IntegrityError):  # somebody else creates the table at the same moment
        _run(store, REQUESTS)
    _run(store, ASK, (lane, mark.pos, mark.recorded_at.isoformat()))


def checkpoint_of(store: EventStore) -> Checkpoint | None:
    """How far the relay of a store has come, for whoever watches; None where there never was one.

    Raises STORE_IS_AWAY.
    """
    sql = "select topic, read_pos, marks from relay_checkpoints where epoch = ?"
    with suppress(OperationalError, ProgrammingError), _datastore(store).transaction(commit=False) as cursor:
        cursor.execute(sql if _is_sqlite(store) else sql.replace("?", "%s"), (str(store.epoch),))
        return _checkpoint(cursor.fetchone())
    store.last_pos()  # no such table, or no answer at all: the latter is raised here
    return None


def _checkpoint(row: Any) -> Checkpoint | None:
    if row is None:
        return None
    topic, read, marks = (row["topic"], row["read_pos"], row["marks"]) if not isinstance(row, tuple) else row
    return Checkpoint(UUID(topic), read, {int(lane): _mark(*mark) for lane, mark in json.loads(marks).items()})


def _run(store: EventStore, statement: str, values: tuple[Any, ...] = ()) -> None:
    with _datastore(store).transaction(commit=True) as cursor:
        cursor.execute(statement if _is_sqlite(store) else statement.replace("?", "%s"), values)


def _is_sqlite(store: EventStore) -> bool:
    return isinstance(store.recorder, SQLiteProcessRecorder)


def _datastore(store: EventStore) -> Any:
    recorder: Any = store.recorder
    return recorder.datastore


@contextmanager
def _postgres(datastore: Any) -> Iterator[tuple[Callable[..., Any], Callable[[float], None]]]:
    arguments = {**datastore.pool.kwargs, "row_factory": tuple_row, "options": SESSION, "connect_timeout": 5}
    with psycopg.connect(**arguments, autocommit=True) as connection:
        if connection.execute("select pg_try_advisory_lock(%s)", (LOCK,)).fetchone() != (True,):
            raise Taken
        connection.execute("listen stored_events")

        def execute(statement: str, values: tuple[Any, ...]) -> Any:
            return connection.execute(statement.replace("?", "%s").encode(), values)

        def wait(seconds: float) -> None:
            for _ in connection.notifies(timeout=seconds, stop_after=1):
                pass

        yield execute, wait


@contextmanager
def _sqlite(datastore: Any) -> Iterator[tuple[Callable[..., Any], Callable[[float], None]]]:
    path = datastore.pool.db_name
    try:
        lock = FileLock(f"{path}.relay", blocking=False).acquire()
    except Timeout as error:
        raise Taken from error
    with lock, closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
        connection.execute("pragma synchronous = normal")
        yield connection.execute, lambda seconds: time.sleep(min(seconds, POLL_SECONDS))
