"""The whole pipeline under virtual time: real stores, relay, projector, reactions; a topic and an engine that fail."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock
from uuid import uuid4

from events import membership as membership_events
from events import ordering as ordering_events
from events import tendering as tendering_events
from events.base import Event, Refusal
from infra.clickhouse import Analytics
from infra.event_store import EventStore, OutcomeUnknown, Request
from infra.log import Entry, Log
from infra.relay import Transfer
from infra.topic import TailLost
from projections.projector import Projector, StepLost
from services.membership.app import Membership, SiretTaken
from services.ordering.app import BillKnown, Ordering
from services.ordering.reactions import NOTED
from services.tendering.app import Tendering
from tests.infra.partitions import Unacknowledged
from tests.simulation.clockwork import Clockwork, Process
from tests.simulation.desk import Desk, Operation
from tests.simulation.engine import Engine
from tests.simulation.feeds import Follower, Open, Projecting, Reacting
from tests.simulation.stores import Database
from tests.simulation.topic import SimulatedTopic
from tests.simulation.warehouse import EngineAway, Warehouse

LANES = {"membership": 2, "tendering": 1, "ordering": 3}
CLASSES: dict[str, list[type[Event]]] = {
    "membership": [*membership_events.EVENTS, SiretTaken],
    "tendering": [*tendering_events.EVENTS],
    "ordering": [*ordering_events.EVENTS, *NOTED, BillKnown],
}
SERVICES: dict[str, Callable[[EventStore], Any]] = {
    "membership": Membership,
    "tendering": Tendering,
    "ordering": Ordering,
}
FOREIGN = ("membership", "tendering")


class ShortPages(Log):
    """A log of which little is read at once, so that much may happen in between."""

    def page(self, limit: int = 0) -> list[Entry] | None:
        return super().page(5)


class World:
    """Databases, topics, the engine, and the processes between them."""

    def __init__(self, seed: int, analytics: Analytics | None = None) -> None:
        self.clockwork = Clockwork(seed)
        self.rng = self.clockwork.rng
        self.databases = {
            context: Database(self.clockwork, context, CLASSES[context], lanes) for context, lanes in LANES.items()
        }
        self.topics = {context: SimulatedTopic(self.clockwork, lanes) for context, lanes in LANES.items()}
        self.warehouse = Engine(analytics, self.clockwork) if analytics else Warehouse(self.clockwork)
        self.desk = Desk(random.Random(seed))  # noqa: S311
        self.waiting: list[Operation] = []
        self.processes: dict[str, Process] = {}
        self.new_id_for_each_try = False
        self._seats: set[str] = set()

    def close(self) -> None:
        self.clockwork.end()
        for database in self.databases.values():
            database.close()

    def parts(self) -> dict[str, Callable[[], None]]:
        """Every process by name: two of each that may be several."""
        found: dict[str, Callable[[], None]] = {}
        for n in (1, 2):
            found[f"api-{n}"] = self._api
            found[f"projector-{n}"] = self._projector
            found[f"reactions-{n}"] = self._reactions
        for context in LANES:
            found[f"relay-{context}"] = partial(self._relay, context)
        return found

    def start(self, name: str, delay: float = 0.0) -> None:
        """Starts a process, again where it was killed."""
        self.clockwork.tell(f"{name} starts")
        self.processes[name] = self.clockwork.start(name, self.parts()[name], delay)

    def _skew(self) -> float:
        return self.rng.uniform(-2, 2)

    def _api(self) -> None:
        skew = self._skew()
        services = {name: SERVICES[name](database.open(skew)) for name, database in self.databases.items()}
        while True:
            if not self.waiting:
                self.clockwork.pause(0.2)
                continue
            operation = self.waiting.pop(self.rng.randrange(min(3, len(self.waiting))))
            try:
                self._answer(services[operation.context], operation)
            finally:
                # Whoever gets no answer sends the same again: to whichever process there is.
                if operation.answer == "unknown":
                    self.waiting.append(operation)

    def _answer(self, service: Any, operation: Operation) -> None:
        if self.new_id_for_each_try or not operation.tried:
            operation.tried.append(uuid4() if operation.tried else operation.command_id)
        request = Request(operation.command, operation.tried[-1], operation.actor)
        try:
            self.clockwork.pause()
            service.handle(request)
        except OutcomeUnknown:
            self.clockwork.pause(0.5)
        except Refusal:
            operation.answer = "refused"
        else:
            self.clockwork.pause()  # here the answer may be lost, with the process or on its way
            if self.rng.random() > 0.1:
                operation.answer = "accepted"

    def _relay(self, context: str) -> None:
        while context in self._seats:
            self.clockwork.pause(0.5)
        self._seats.add(context)
        try:
            store, seat = self.databases[context].open(), self.databases[context].seat()
            while True:
                try:
                    self._carry(context, store, seat)
                except (Unacknowledged, TailLost) as error:
                    self.clockwork.tell(f"{context}: {error!r}")
                    self.clockwork.pause(1.0)
        finally:
            self._seats.discard(context)

    def _carry(self, context: str, store: EventStore, seat: Any) -> None:
        topic = self.topics[context]
        transfer = Transfer(partial(ShortPages, store), store.lanes, topic.reopened(), seat)
        next_check = 0.0
        while True:
            if self.clockwork.now >= next_check:
                transfer.attend()
                next_check = self.clockwork.now + 1.0
            if transfer.step() is None:
                self.clockwork.pause(0.5)

    def _follow(self, open_all: Open, troubles: tuple[type[Exception], ...]) -> None:
        """Follows until something is wrong, again and again."""
        while True:
            try:
                followers = open_all()
                while True:
                    something = [follower.turn(self.rng.randrange(1, 9)) for follower in followers]
                    self.clockwork.pause(0.05 if any(something) else 0.8)
            except troubles as trouble:
                self.clockwork.tell(f"{trouble!r}"[:120])
                self.clockwork.pause(0.5)

    def _projector(self) -> None:
        def open_all() -> list[Follower]:
            projector = Projector(self.warehouse)
            return [
                Projecting(self.clockwork, database, self.topics[context], projector)
                for context, database in self.databases.items()
            ]

        self._follow(open_all, (EngineAway, StepLost))

    def _reactions(self) -> None:
        def open_all() -> list[Follower]:
            ordering = Ordering(self.databases["ordering"].open(self._skew()))
            return [
                Reacting(self.clockwork, self.databases[context], self.topics[context], ordering) for context in FOREIGN
            ]

        self._follow(open_all, (OutcomeUnknown,))

    def sleeping(self) -> Any:
        """While a store waits for its next attempt, others act."""
        return mock.patch("infra.event_store.time.sleep", lambda seconds: self.clockwork.pause(max(seconds, 0.001)))

    def noted(self, context: str, lane: int) -> int:
        """How far ordering has taken in a lane."""
        return self.databases["ordering"].truth.recorder.max_tracking_id(f"{context}:{lane}") or 0

    def receipts(self, operation: Operation) -> int:
        """How often a command happened, under whatever id it was sent."""
        store = self.databases[operation.context].truth
        ids = set(operation.tried)
        requests = [Request(operation.command, command_id, operation.actor) for command_id in ids]
        return sum(store.first(request.receipt_stream()) is not None for request in requests)
