"""One store per service, on the `eventsourcing` library: transactions over streams, and commands that happen once.

A command's receipt is the first event of a stream of its own, written in the command's own transaction: the store's
uniqueness constraint makes the command happen once, whatever was retried, cut or sent twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar, cast
from uuid import UUID, uuid4, uuid5

from eventsourcing.persistence import (
    InfrastructureFactory,
    IntegrityError,
    PersistenceError,
    ProcessRecorder,
    StoredEvent,
    Tracking,
)

from events.base import Command, Event, Refusal
from infra.mapper import EventMapper, Language, Recorded

NAMESPACE = UUID("6f0c6a52-3a52-5d0b-9a4e-3c1f0e6a7b11")
STORE_STREAM = uuid5(NAMESPACE, "store")
CACHED_STREAMS = 50_000
ATTEMPTS = 200
"""Lost races before a command gives up; each attempt re-reads and decides again."""

Clock = Callable[[], datetime]
S = TypeVar("S")
C = TypeVar("C", bound=Command)


def utc_now() -> datetime:
    """The server's clock, the default of every `build`."""
    return datetime.now(UTC)


class StoreCreated(Event):
    """Internal: the identity of a store and its number of lanes, fixed at creation."""

    TOPIC: ClassVar[str] = "_store.StoreCreated.v1"
    epoch: UUID
    lanes: int


class CommandAccepted(Event):
    """Internal: the receipt of a command."""

    TOPIC: ClassVar[str] = "_store.CommandAccepted.v1"
    body_hash: str
    stream_id: UUID
    version: int


class OtherBody(Refusal):
    """The command id was used before, for something else."""

    rule = "A command id (Idempotency-Key) names one command for ever"
    remedy = "Send the first body again, or use a new id for a new command."


class Outdated(Refusal):
    """The thing has changed since the actor looked at it."""

    rule = "A change is made on the version that was seen (If-Match)"
    remedy = "Read it again, look at what changed, and send the command with the new version and a new id."


class Contended(Refusal):
    """Too many others wrote at the same time."""

    rule = "A decision is taken on the newest state"
    remedy = "Send the same command again, with the same id."


class OutcomeUnknown(Refusal):
    """The database did not answer: the command may or may not have happened."""

    rule = "An error while committing means unknown, never no"
    remedy = "Send the same command again, with the same id: it happens once."


@dataclass(frozen=True, slots=True)
class Request(Generic[C]):
    """A command on its way to a service, with what the shell knows of it."""

    command: C
    command_id: UUID
    actor: str
    scope: UUID | None = None
    """The establishment or supplier that the actor is limited to; None: the whole group."""
    trace_id: str = ""
    expected_version: int | None = None
    """Version of the aggregate that the actor saw (If-Match); None: whatever it is."""

    def tenant(self) -> str:
        """Whose command ids these are: two tenants may use the same."""
        return str(self.scope or "group")

    def receipt_stream(self) -> UUID:
        """The stream of the receipt: one for each tenant and command id."""
        return uuid5(self.command_id, self.tenant())

    def body_hash(self) -> str:
        """SHA-256 of the command's name and JSON."""
        body = type(self.command).__name__ + self.command.model_dump_json()
        return hashlib.sha256(body.encode()).hexdigest()


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a context's log: the notification id, within a lane."""

    context: str
    lane: int
    pos: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a command: the aggregate and its version; a repeated command gets the first answer."""

    stream_id: UUID
    version: int
    positions: tuple[Position, ...]
    repeated: bool = False


class Transaction:
    """Reads and appends that are committed together, or not at all. Later reads see earlier appends."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._states: dict[UUID, tuple[Any, int]] = {}
        self._request: Request[Any] | None = None
        self._ordinal = 0
        self._single: dict[UUID, Event] = {}
        self.recorded: list[Recorded] = []

    def begin(self, request: Request[Any]) -> None:
        """From here on events are recorded as caused by this request."""
        self._request, self._ordinal = request, 0

    def read(self, stream_id: UUID, evolve: Callable[[S | None, Event], S]) -> S | None:
        """The state of a stream, None where it has no event yet."""
        if stream_id not in self._states:
            self._states[stream_id] = self._store.state(stream_id, evolve)
        return cast("S | None", self._states[stream_id][0])

    def version(self, stream_id: UUID) -> int:
        """The number of events of a stream that was read."""
        return self._states[stream_id][1]

    def expect(self, stream_id: UUID) -> None:
        """Refuses the request where it was made on another version of a stream that was read. Raises Outdated."""
        expected = self._request.expected_version if self._request else None
        if expected is not None and expected != self.version(stream_id):
            msg = f"version {expected} was expected, the newest is {self.version(stream_id)}"
            raise Outdated(msg, version=self.version(stream_id))

    def append(self, stream_id: UUID, events: Iterable[Event], evolve: Callable[[S | None, Event], S]) -> None:
        """Adds events to a stream that was read, stamped with identity, time and actor of the request."""
        state, version = self._states[stream_id]
        for event in events:
            version += 1
            stamped = event if self._is_copy(event) else self._stamped(event)
            self.recorded.append(Recorded(stream_id, version, stamped))
            state = evolve(state, stamped)
        self._states[stream_id] = (state, version)

    def _is_copy(self, event: Event) -> bool:
        return event.context() != self._store.context

    def single(self, stream_id: UUID, event: Event) -> None:
        """Adds the only event of a stream that nobody reads as a state: a receipt, an identity."""
        self._single[stream_id] = event
        self.recorded.append(Recorded(stream_id, 1, self._stamped(event)))

    def find_single(self, stream_id: UUID) -> Event | None:
        """Such an event, in this transaction or in the store; None where there is none."""
        return self._single.get(stream_id) or self._store.first(stream_id)

    def _stamped(self, event: Event) -> Event:
        request = self._request
        if request is None:
            return event.stamped(uuid4(), self._store.clock(), "system", "")
        self._ordinal += 1
        event_id = uuid5(request.command_id, f"{request.tenant()}:{self._ordinal}")
        return event.stamped(event_id, self._store.clock(), request.actor, request.trace_id)

    def states(self) -> Mapping[UUID, tuple[Any, int]]:
        """Streams as they are after this transaction."""
        return self._states


class EventStore:
    """The streams of one service. One process may use it from many threads, many processes may share the database."""

    def __init__(self, context: str, recorder: ProcessRecorder, language: Language, clock: Clock, lanes: int) -> None:
        self.context = context
        self.recorder = recorder
        self.mapper = EventMapper(context, language)
        self.clock = clock
        self._cache: OrderedDict[UUID, tuple[Any, int]] = OrderedDict()
        self._lock = threading.RLock()
        created = self._identity(lanes)
        self.epoch, self.lanes = created.epoch, created.lanes

    def _identity(self, lanes: int) -> StoreCreated:
        if (created := self.first(STORE_STREAM)) is None:
            event = StoreCreated(epoch=uuid4(), lanes=lanes).stamped(uuid4(), self.clock(), "system", "")
            # Another process may create the store at the same moment: its identity holds.
            with contextlib.suppress(IntegrityError):
                self.recorder.insert_events([self.mapper.to_stored_event(Recorded(STORE_STREAM, 1, event))])
            created = self.first(STORE_STREAM)
        return cast("StoreCreated", created)

    def first(self, stream_id: UUID) -> Event | None:
        """The first event of a stream, None where there is none."""
        stored = self.recorder.select_events(stream_id, limit=1)
        return self.mapper.to_domain_event(stored[0]).event if stored else None

    def events(self, stream_id: UUID, after: int = 0) -> list[Recorded]:
        """The events of a stream after a version, oldest first."""
        stored = self.recorder.select_events(stream_id, gt=after)
        return [self.mapper.to_domain_event(event) for event in stored]

    def state(self, stream_id: UUID, evolve: Callable[[S | None, Event], S]) -> tuple[S | None, int]:
        """State and version of a stream: kept in memory and fast-forwarded by the events that are new."""
        with self._lock:
            state, version = self._cache.get(stream_id, (None, 0))
        new = self.events(stream_id, version)
        for recorded in new:
            state, version = evolve(state, recorded.event), recorded.originator_version
        if new:
            self._remember({stream_id: (state, version)})
        return state, version

    def _remember(self, states: Mapping[UUID, tuple[Any, int]]) -> None:
        with self._lock:
            for stream_id, known in states.items():
                if known[1] >= self._cache.get(stream_id, (None, 0))[1]:
                    self._cache[stream_id] = known
                    self._cache.move_to_end(stream_id)
            while len(self._cache) > CACHED_STREAMS:
                self._cache.popitem(last=False)

    def lane(self, stream_id: UUID) -> int:
        """The lane of a stream: fixed by its id and the store's number of lanes."""
        return zlib.crc32(stream_id.bytes) % self.lanes

    def execute(self, request: Request[C], decide: Callable[[Transaction, Request[C]], UUID]) -> Accepted:
        """Runs one command, once. See `execute_many`."""
        return self.execute_many([request], decide)[0]

    def execute_many(
        self, requests: Sequence[Request[C]], decide: Callable[[Transaction, Request[C]], UUID]
    ) -> list[Accepted]:
        """Runs commands in one database transaction: all of them happen, or none.

        `decide` reads and appends through the transaction and returns the id of the aggregate that answers.
        A command that happened before is not decided again: its first answer comes back.
        Raises Refusal: the command's own, OtherBody, Contended, or OutcomeUnknown (repeat with the same id).
        """
        for attempt in range(ATTEMPTS):
            try:
                # One writer at a time within this process: waiting here is cheaper than losing a race in the database.
                with self._lock:
                    return self._attempt(requests, decide)
            except IntegrityError:
                # Somebody else was first, or our own commit whose answer was lost: re-reading tells which.
                time.sleep(random.uniform(0, 0.002 * min(attempt, 25)))  # noqa: S311 - jitter
            except PersistenceError as error:
                msg = f"the {self.context} store did not confirm the transaction: {error}"
                raise OutcomeUnknown(msg) from error
        msg = f"{ATTEMPTS} attempts on the {self.context} store lost against concurrent writers"
        raise Contended(msg)

    def _attempt(
        self, requests: Sequence[Request[C]], decide: Callable[[Transaction, Request[C]], UUID]
    ) -> list[Accepted]:
        tx = Transaction(self)
        receipts = [self._receipt(tx, request, decide) for request in requests]
        positions = self.commit(tx) if tx.recorded else ()
        return [
            Accepted(
                receipt.stream_id,
                receipt.version,
                self.positions_of(receipt.stream_id, receipt.version) if is_repeated else positions,
                is_repeated,
            )
            for receipt, is_repeated in receipts
        ]

    def _receipt(
        self, tx: Transaction, request: Request[C], decide: Callable[[Transaction, Request[C]], UUID]
    ) -> tuple[CommandAccepted, bool]:
        """The receipt of a command, decided now or known from before; whether it was known."""
        stream = request.receipt_stream()
        if (known := tx.find_single(stream)) is not None:
            receipt = cast("CommandAccepted", known)
            if receipt.body_hash != request.body_hash():
                msg = f"command id {request.command_id} was accepted before with another body"
                raise OtherBody(msg, command_id=request.command_id)
            return receipt, True
        tx.begin(request)
        stream_id = decide(tx, request)
        receipt = CommandAccepted(body_hash=request.body_hash(), stream_id=stream_id, version=tx.version(stream_id))
        tx.single(stream, receipt)
        return receipt, False

    def commit(self, tx: Transaction, tracking: Tracking | None = None) -> tuple[Position, ...]:
        """Writes a transaction. Returns the last position that it wrote in each lane, internal events apart."""
        stored = [self.mapper.to_stored_event(recorded) for recorded in tx.recorded]
        ids = self.recorder.insert_events(stored, **({"tracking": tracking} if tracking else {})) or []
        self._remember(tx.states())
        lanes: dict[int, int] = {}
        for event, pos in zip(stored, ids, strict=True):
            if not is_internal(event):
                lanes[self.lane(cast("UUID", event.originator_id))] = pos
        return tuple(Position(self.context, lane, pos) for lane, pos in sorted(lanes.items()))

    def positions_of(self, stream_id: UUID, version: int) -> tuple[Position, ...]:
        """Where an event of a stream stands in the log."""
        table, column, mark = _POSITION_SQL[type(self.recorder).__module__]
        key: Any = stream_id.hex if mark == "?" else stream_id
        sql = f"SELECT {column} AS pos FROM {table} WHERE originator_id={mark} AND originator_version={mark}"  # noqa: S608
        recorder: Any = self.recorder
        with recorder.datastore.transaction(commit=False) as cursor:
            cursor.execute(sql, (key, version))
            row = cursor.fetchone()
        return (Position(self.context, self.lane(stream_id), row["pos"]),) if row else ()

    def last_pos(self) -> int:
        """The position of the newest event, internal ones included; 0 in an empty store."""
        return self.recorder.max_notification_id() or 0


_POSITION_SQL = {
    "eventsourcing.sqlite": ("stored_events", "rowid", "?"),
    "eventsourcing.postgres": ("stored_events", "notification_id", "%s"),
}


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
    factory: Any = InfrastructureFactory.construct(environment)
    language = Language([StoreCreated, CommandAccepted, *classes])
    return EventStore(context, factory.process_recorder(), language, clock, lanes)
