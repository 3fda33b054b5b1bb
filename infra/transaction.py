"""What a decision reads and appends: all of it is committed together, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID, uuid4, uuid5

from eventsourcing.persistence import Tracking

from events.base import Event
from infra.mapper import Copy, Recorded
from infra.request import Outdated, Request
from infra.states import State

if TYPE_CHECKING:
    from infra.event_store import EventStore

S = TypeVar("S")
Evolve = Callable[[S | None, Event], S | None]


class Overtaken(Exception):
    """Somebody else had the same command accepted while this attempt refused it."""


class Transaction:
    """Reads and appends of one or more requests. Later reads see earlier appends.

    A stream is as new as the transaction's start, or newer; where somebody else writes to one that it appends to, the
    transaction starts again.

    The first attempt presumes that what a request creates is new, and saves the look: where it is not, the store's
    uniqueness constraint says so at the commit, and the next attempt looks.
    """

    def __init__(self, store: EventStore, *, is_presuming: bool) -> None:
        self.is_presuming = is_presuming
        self.recorded: list[Recorded] = []
        self.tracking: Tracking | None = None
        self.states: dict[UUID, State] = {}
        """The streams that were read, as they are after the transaction."""
        self._store = store
        self._single: dict[UUID, Event] = {}
        self._request: Request[Any] | None = None
        self._ordinal = 0
        self._now = store.clock()

    def begin(self, request: Request[Any]) -> None:
        """From here on events are recorded as caused by this request."""
        self._request, self._ordinal, self._now = request, 0, self._store.clock()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Takes back what is added within it, where that ends in an error."""
        length, states, single = len(self.recorded), dict(self.states), dict(self._single)
        try:
            yield
        except BaseException:
            del self.recorded[length:]
            self.states, self._single = states, single
            raise

    def read(self, stream_id: UUID, evolve: Evolve[S], *, presume_new: bool = False) -> S | None:
        """The state of a stream, None where it has no event yet.

        `presume_new` is for a request that creates the stream: it refuses, or it appends to it.
        """
        state = self.states.get(stream_id)
        if state is None:
            state = self._store.newest(stream_id, evolve, presume_new=presume_new and self.is_presuming)
            self.states[stream_id] = state
        return cast("S | None", state.value)

    def version(self, stream_id: UUID) -> int:
        """The number of events of a stream that was read."""
        return self.states[stream_id].version

    def expect(self, stream_id: UUID) -> None:
        """Refuses the request where it was made on another version of a stream that was read. Raises Outdated."""
        expected = self._request.expected_version if self._request else None
        if expected is not None and expected != self.version(stream_id):
            msg = f"version {expected} was expected, the newest is {self.version(stream_id)}"
            raise Outdated(msg, version=self.version(stream_id))

    def append(self, stream_id: UUID, events: Iterable[Event], evolve: Evolve[S]) -> None:
        """Adds events to a stream that was read, stamped with identity, time and actor of the request."""
        for event in events:
            self._add(stream_id, self._stamped(event, self._next_id()), evolve)

    def note(self, stream_id: UUID, event: Event, copy: Copy, evolve: Evolve[S]) -> None:
        """Adds another context's event, as it was published, to a stream that was read."""
        self._add(stream_id, event, evolve, copy)

    def _add(self, stream_id: UUID, event: Event, evolve: Evolve[S], copy: Copy | None = None) -> None:
        state = self.states[stream_id]
        version = state.version + 1
        # First what may fail: an event that the state cannot take must not be recorded.
        self.states[stream_id] = State(evolve, evolve(state.value, event), version, state.pos)
        self.recorded.append(Recorded(stream_id, version, event, copy))

    def single(self, stream_id: UUID, event: Event) -> None:
        """Adds the only event of a stream that nobody reads as a state: a receipt, an identity that is given once."""
        stamped = self._stamped(event, stream_id)
        self._single[stream_id] = stamped
        self.recorded.append(Recorded(stream_id, 1, stamped))

    def added(self, stream_id: UUID) -> Event | None:
        """Such an event, where this transaction added it."""
        return self._single.get(stream_id)

    def find_single(self, stream_id: UUID) -> Event | None:
        """Such an event, in this transaction or in the store; where it is None, the request refuses or adds it."""
        found = self.added(stream_id)
        return found if found or self.is_presuming else self._store.first(stream_id)

    def track(self, name: str, pos: int) -> None:
        """Commits with the transaction how far a reader has come. A position that is not above the stored one fails."""
        self.tracking = Tracking(name, pos)

    def _next_id(self) -> UUID:
        request = self._request
        if request is None:
            return uuid4()
        self._ordinal += 1
        return uuid5(request.command_id, f"{request.tenant()}:{self._ordinal}")

    def _stamped(self, event: Event, event_id: UUID) -> Event:
        request = self._request
        actor, trace_id = (request.actor, request.trace_id) if request else ("system", "")
        return event.stamped(event_id, self._now, actor, trace_id)
