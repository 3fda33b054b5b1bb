"""One store per service, on the `eventsourcing` library: transactions over streams, and commands that happen once.

A command's receipt is the first event of a stream of its own, written in the command's own transaction: the store's
uniqueness constraint makes the command happen once, whatever was retried, cut or sent twice.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID, uuid4

from eventsourcing.persistence import (
    InfrastructureFactory,
    IntegrityError,
    InternalError,
    PersistenceError,
    ProcessRecorder,
    ProgrammingError,
    StoredEvent,
)

from events.base import Event, Refusal
from events.values import derived_id
from infra.execution import Decide, Execution
from infra.mapper import EventMapper, Language, Recorded
from infra.metrics import LOST_RACES
from infra.request import (
    Accepted,
    C,
    CommandAccepted,
    Contended,
    OtherBody,
    OutcomeUnknown,
    Outdated,
    Position,
    Request,
)
from infra.states import State, States
from infra.streams import all_events, first_events, overtaken
from infra.transaction import Evolve, Overtaken, Transaction

__all__ = [
    "Accepted",
    "Clock",
    "CommandAccepted",
    "Contended",
    "EventStore",
    "OtherBody",
    "OutcomeUnknown",
    "Outdated",
    "Position",
    "Request",
    "Transaction",
    "UnsafeSettings",
    "is_internal",
    "open_store",
    "utc_now",
]

NAMESPACE = UUID("6f0c6a52-3a52-5d0b-9a4e-3c1f0e6a7b11")
STORE_STREAM = derived_id(NAMESPACE, "store")
OPENINGS = 20
"""Attempts to create the tables of a store."""
ATTEMPTS = 200
"""Lost races before a command gives up; each attempt re-reads and decides again."""

Clock = Callable[[], datetime]
S = TypeVar("S")
T = TypeVar("T")
Written = list[tuple[int, StoredEvent]]
"""Events with their positions in the log."""


def utc_now() -> datetime:
    """The server's clock, the default of every `build`."""
    return datetime.now(UTC)


class StoreCreated(Event):
    """Internal: the identity of a store and its number of lanes, which stays for ever."""

    TOPIC: ClassVar[str] = "_store.StoreCreated.v1"
    epoch: UUID
    lanes: int


class StoreRestored(StoreCreated):
    """Internal: the store goes on from a backup, as another one: whatever followed the backup before is not here."""

    TOPIC: ClassVar[str] = "_store.StoreRestored.v1"
    former: UUID
    """The epoch that the backup was taken in."""


class EventStore:
    """The streams of one service. One process may use it from many threads, many processes may share the database."""

    def __init__(self, context: str, recorder: ProcessRecorder, language: Language, clock: Clock, lanes: int) -> None:
        self.context = context
        self.recorder = recorder
        self.mapper = EventMapper(language)
        self.clock = clock
        self._states = States()
        self._writing = threading.RLock()
        self._execution = Execution(self)
        created = self._identity(lanes)
        self.epoch, self.lanes = created.epoch, created.lanes

    def _identity(self, lanes: int) -> StoreCreated:
        if not (identities := self.events(STORE_STREAM)):
            event = StoreCreated(epoch=uuid4(), lanes=lanes).stamped(uuid4(), self.clock(), "system", "")
            # Another process may create the store at the same moment: its identity holds.
            with suppress(IntegrityError):
                self.recorder.insert_events([self.mapper.to_stored_event(Recorded(STORE_STREAM, 1, event))])
            identities = self.events(STORE_STREAM)
        return cast("StoreCreated", identities[-1].event)

    def close(self) -> None:
        """Closes the connections to the database."""
        cast("Any", self.recorder).datastore.close()

    def first(self, stream_id: UUID) -> Event | None:
        """The first event of a stream, None where there is none."""
        stored = self.recorder.select_events(stream_id, limit=1)
        return self.mapper.to_domain_event(stored[0]).event if stored else None

    def firsts(self, stream_ids: Iterable[UUID]) -> dict[UUID, Event]:
        """The first events of many streams, of those that exist."""
        found = map(self.mapper.to_domain_event, first_events(self.recorder, stream_ids))
        return {recorded.originator_id: recorded.event for recorded in found}

    def events(self, stream_id: UUID, after: int = 0) -> list[Recorded]:
        """The events of a stream after a version, oldest first."""
        stored = self.recorder.select_events(stream_id, gt=after)
        return [self.mapper.to_domain_event(event) for event in stored]

    def state(self, stream_id: UUID, evolve: Evolve[S]) -> tuple[S | None, int]:
        """State and version of a stream, for readers: kept in memory and fast-forwarded by the events that are new."""
        known = self._states.get(stream_id, evolve)
        state = self._forwarded(stream_id, known or State(evolve, None, 0, 0), pos=0)
        return state.value, state.version

    def newest(self, stream_id: UUID, evolve: Evolve[S], *, presume_new: bool) -> State:
        """The state of a stream for the transaction that is running. See `Transaction.read`."""
        known = self._states.get(stream_id, evolve)
        if known is not None and self._states.is_newest(known):
            return known
        if known is None and presume_new:
            return State(evolve, None, 0, self._states.upto)
        return self._forwarded(stream_id, known or State(evolve, None, 0, 0), self._states.upto)

    def states(self, stream_ids: Iterable[UUID], evolve: Evolve[S]) -> dict[UUID, tuple[S | None, int]]:
        """States and versions of many streams, of those that exist, for readers."""
        streams: dict[UUID, list[Recorded]] = {}
        for recorded in map(self.mapper.to_domain_event, all_events(self.recorder, stream_ids)):
            streams.setdefault(recorded.originator_id, []).append(recorded)
        empty: State = State(evolve, None, 0, 0)
        found = {key: self._evolved(key, empty, events, pos=0) for key, events in streams.items()}
        return {key: (state.value, state.version) for key, state in found.items()}

    def _forwarded(self, stream_id: UUID, state: State, pos: int) -> State:
        return self._evolved(stream_id, state, self.events(stream_id, state.version), pos)

    def _evolved(self, stream_id: UUID, state: State, events: Iterable[Recorded], pos: int) -> State:
        value, version = state.value, state.version
        for recorded in events:
            value, version = state.evolve(value, recorded.event), recorded.originator_version
        evolved = State(state.evolve, value, version, pos)
        # A reader's guess at a stream that does not exist is not worth keeping; a decision asks for it again.
        if version or pos:
            self._states.keep(stream_id, evolved)
        return evolved

    def lane(self, stream_id: UUID) -> int:
        """The lane of a stream: fixed by its id and the store's number of lanes."""
        return zlib.crc32(stream_id.bytes) % self.lanes

    def execute(self, request: Request[C], decide: Decide[C]) -> Accepted:
        """Runs one command, once. Commands of many threads share transactions; each has its own answer.

        `decide` reads and appends through the transaction and returns the id of the aggregate that answers.
        A command that happened before is not decided again: its first answer comes back.
        Raises Refusal: the command's own, OtherBody, Contended, or OutcomeUnknown (repeat with the same id).
        """
        return self._execution.one(request, decide)

    def execute_many(self, requests: Sequence[Request[C]], decide: Decide[C]) -> list[Accepted]:
        """Runs commands in one database transaction: all of them happen, or none. Otherwise as `execute`."""
        return self._execution.all_or_none(requests, decide)

    def run(
        self, work: Callable[[Transaction], T], attempts: int | None = None, *, presume: bool = True
    ) -> tuple[T, Written]:
        """Runs `work` in a transaction and commits it, from the start again where somebody else wrote first.

        Returns what `work` returned, and the events with their positions. Raises what `work` raises, Contended, or
        OutcomeUnknown. `presume` says whether the first attempt may presume that what is created is new.
        """
        attempts = ATTEMPTS if attempts is None else attempts
        for attempt in range(attempts):
            is_presuming = presume and attempt == 0
            try:
                # One writer at a time within this process: waiting here is cheaper than losing a race in the database.
                with self._writing:
                    self._states.starts(self.last_pos())
                    tx = Transaction(self, is_presuming=is_presuming)
                    return work(tx), self._commit(tx)
            except Refusal:
                # Presumptions are no ground for a refusal: look, and decide again.
                if not is_presuming:
                    raise
            except (IntegrityError, Overtaken):
                # Somebody else was first, or our own commit whose answer was lost: re-reading tells which.
                self._note_lost_race(tx)
                time.sleep(random.uniform(0, 0.002 * min(attempt, 25)))  # noqa: S311 - jitter
            except PersistenceError as error:
                msg = f"the {self.context} store did not confirm the transaction: {error}"
                raise OutcomeUnknown(msg) from error
        msg = f"{attempts} attempts on the {self.context} store lost against concurrent writers"
        raise Contended(msg)

    def _note_lost_race(self, tx: Transaction) -> None:
        with suppress(PersistenceError):
            for name in overtaken(self.recorder, tx.recorded):
                LOST_RACES.labels(self.context, name).inc()

    def _commit(self, tx: Transaction) -> Written:
        if not tx.recorded and tx.tracking is None:
            return []
        stored = [self.mapper.to_stored_event(recorded) for recorded in tx.recorded]
        tracking = {"tracking": tx.tracking} if tx.tracking else {}
        ids = self.recorder.insert_events(stored, **tracking) or []
        self._states.wrote(ids, tx.states)
        return list(zip(ids, stored, strict=True))

    def positions(self, written: Written) -> tuple[Position, ...]:
        """The last published position in each lane."""
        lanes = {self.lane(cast("UUID", event.originator_id)): pos for pos, event in written if not is_internal(event)}
        return tuple(Position(self.context, lane, lanes[lane]) for lane in sorted(lanes))

    def last_pos(self) -> int:
        """The position of the newest event, internal ones included; 0 in an empty store."""
        return self.recorder.max_notification_id() or 0


def is_internal(event: StoredEvent) -> bool:
    """Whether an event is for its own service only: it never reaches Kafka, nor the ledger."""
    return event.topic.startswith("_")


OFF = ("", "0", "n", "no", "f", "false", "off")


class UnsafeSettings(Exception):
    """A setting that would lose events."""


def open_store(
    context: str, classes: Iterable[type[Event]], environment: Mapping[str, str], clock: Clock, lanes: int = 1
) -> EventStore:
    """Opens, and where needed creates, the store of a service.

    `environment` holds the library's own variables (PERSISTENCE_MODULE and those of its module).
    Raises UnsafeSettings where `enable_db_functions` is on: it skips the table lock, and a reader then loses events.
    """
    for name, value in {**os.environ, **environment}.items():
        if name.endswith("POSTGRES_ENABLE_DB_FUNCTIONS") and value.strip().lower() not in OFF:
            msg = f"{name}={value} skips the lock that keeps positions in commit order; unset it"
            raise UnsafeSettings(msg)
    recorder = _recorder(InfrastructureFactory.construct(environment))
    return EventStore(
        context, recorder, Language([StoreCreated, StoreRestored, CommandAccepted, *classes]), clock, lanes
    )


def _recorder(factory: Any) -> ProcessRecorder:
    for _ in range(OPENINGS - 1):
        # Processes that create the same tables at the same moment get in one another's way.
        with suppress(IntegrityError, InternalError, ProgrammingError, sqlite3.OperationalError):
            return cast("ProcessRecorder", factory.process_recorder())
        time.sleep(random.uniform(0, 0.1))  # noqa: S311 - jitter
    return cast("ProcessRecorder", factory.process_recorder())
