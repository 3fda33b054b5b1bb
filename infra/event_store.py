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
from eventsourcing.sqlite import SQLiteProcessRecorder

from events.base import Event, Refusal, derived_id
from infra.mapper import EventMapper, Language, Recorded
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
from infra.transaction import Evolve, Transaction

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
Decide = Callable[[Transaction, Request[C]], UUID]
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


class _Overtaken(Exception):
    """Somebody else had the same command accepted while this attempt refused it."""


class EventStore:
    """The streams of one service. One process may use it from many threads, many processes may share the database."""

    def __init__(self, context: str, recorder: ProcessRecorder, language: Language, clock: Clock, lanes: int) -> None:
        self.context = context
        self.recorder = recorder
        self.mapper = EventMapper(language)
        self.clock = clock
        self._states = States()
        self._writing = threading.RLock()
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

    def _forwarded(self, stream_id: UUID, state: State, pos: int) -> State:
        value, version = state.value, state.version
        for recorded in self.events(stream_id, version):
            value, version = state.evolve(value, recorded.event), recorded.originator_version
        forwarded = State(state.evolve, value, version, pos)
        # A reader's guess at a stream that does not exist is not worth keeping; a decision asks for it again.
        if version or pos:
            self._states.keep(stream_id, forwarded)
        return forwarded

    def lane(self, stream_id: UUID) -> int:
        """The lane of a stream: fixed by its id and the store's number of lanes."""
        return zlib.crc32(stream_id.bytes) % self.lanes

    def execute(self, request: Request[C], decide: Decide[C]) -> Accepted:
        """Runs one command, once. See `execute_many`."""
        return self.execute_many([request], decide)[0]

    def execute_many(self, requests: Sequence[Request[C]], decide: Decide[C]) -> list[Accepted]:
        """Runs commands in one database transaction: all of them happen, or none.

        `decide` reads and appends through the transaction and returns the id of the aggregate that answers.
        A command that happened before is not decided again: its first answer comes back.
        Raises Refusal: the command's own, OtherBody, Contended, or OutcomeUnknown (repeat with the same id).
        """

        def accept(tx: Transaction) -> list[tuple[CommandAccepted, slice | None]]:
            known = {} if tx.is_presuming else self._receipts(requests)
            try:
                return [self._accept(tx, request, decide, known) for request in requests]
            except Refusal as refusal:
                # Another process may have accepted the same command meanwhile: then its answer holds, not this one.
                if not tx.is_presuming and self._receipts(requests).keys() - known.keys():
                    raise _Overtaken from refusal
                raise

        accepted, written = self.run(accept)
        return [
            Accepted(
                receipt.stream_id,
                receipt.version,
                self._positions(self._caused(request, receipt) if part is None else written[part]),
                repeated=part is None,
            )
            for request, (receipt, part) in zip(requests, accepted, strict=True)
        ]

    def _receipts(self, requests: Iterable[Request[C]]) -> dict[UUID, CommandAccepted]:
        found = {stream: self.first(stream) for stream in (request.receipt_stream() for request in requests)}
        return {stream: cast("CommandAccepted", receipt) for stream, receipt in found.items() if receipt}

    def _accept(
        self, tx: Transaction, request: Request[C], decide: Decide[C], known: dict[UUID, CommandAccepted]
    ) -> tuple[CommandAccepted, slice | None]:
        """The receipt of a command, and which events of the transaction it caused; None where it happened before."""
        stream = request.receipt_stream()
        if (receipt := known.get(stream)) is not None:
            if receipt.body_hash != request.body_hash():
                msg = f"command id {request.command_id} was accepted before with another body"
                raise OtherBody(msg, command_id=request.command_id)
            return receipt, None
        tx.begin(request)
        start = len(tx.recorded)
        stream_id = decide(tx, request)
        end = len(tx.recorded)
        receipt = known[stream] = CommandAccepted(
            body_hash=request.body_hash(), stream_id=stream_id, version=tx.version(stream_id), events=end - start
        )
        tx.single(stream, receipt)
        return receipt, slice(start, end)

    def run(self, work: Callable[[Transaction], T]) -> tuple[T, Written]:
        """Runs `work` in a transaction and commits it, from the start again where somebody else wrote first.

        Returns what `work` returned, and the events with their positions. Raises what `work` raises, Contended, or
        OutcomeUnknown.
        """
        for attempt in range(ATTEMPTS):
            try:
                # One writer at a time within this process: waiting here is cheaper than losing a race in the database.
                with self._writing:
                    self._states.starts(self.last_pos())
                    tx = Transaction(self, is_presuming=attempt == 0)
                    return work(tx), self._commit(tx)
            except Refusal:
                # Presumptions are no ground for a refusal: look, and decide again.
                if attempt > 0:
                    raise
            except (IntegrityError, _Overtaken):
                # Somebody else was first, or our own commit whose answer was lost: re-reading tells which.
                time.sleep(random.uniform(0, 0.002 * min(attempt, 25)))  # noqa: S311 - jitter
            except PersistenceError as error:
                msg = f"the {self.context} store did not confirm the transaction: {error}"
                raise OutcomeUnknown(msg) from error
        msg = f"{ATTEMPTS} attempts on the {self.context} store lost against concurrent writers"
        raise Contended(msg)

    def _commit(self, tx: Transaction) -> Written:
        if not tx.recorded and tx.tracking is None:
            return []
        stored = [self.mapper.to_stored_event(recorded) for recorded in tx.recorded]
        tracking = {"tracking": tx.tracking} if tx.tracking else {}
        ids = self.recorder.insert_events(stored, **tracking) or []
        self._states.wrote(ids, tx.states)
        return list(zip(ids, stored, strict=True))

    def _positions(self, written: Iterable[tuple[int, StoredEvent]]) -> tuple[Position, ...]:
        """The last published position in each lane."""
        lanes = {self.lane(cast("UUID", event.originator_id)): pos for pos, event in written if not is_internal(event)}
        return tuple(Position(self.context, lane, lanes[lane]) for lane in sorted(lanes))

    def _caused(self, request: Request[C], receipt: CommandAccepted) -> Written:
        """The events of an earlier command with their positions: those right before its receipt."""
        end = self._pos(request.receipt_stream())
        found = self.recorder.select_notifications(end - receipt.events, receipt.events, stop=end - 1)
        return [(event.id, event) for event in found]

    def _pos(self, stream_id: UUID) -> int:
        """Where the first event of a stream stands in the log: the library has no question for it."""
        is_sqlite = isinstance(self.recorder, SQLiteProcessRecorder)
        column, mark, key = ("rowid", "?", stream_id.hex) if is_sqlite else ("notification_id", "%s", stream_id)
        sql = f"SELECT {column} AS pos FROM stored_events WHERE originator_id={mark} AND originator_version=1"
        with cast("Any", self.recorder).datastore.transaction(commit=False) as cursor:
            cursor.execute(sql, (key,))
            return int(cursor.fetchone()["pos"])

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
