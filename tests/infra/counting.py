"""The smallest service: counters that are opened once and never pass ten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from events.base import AlreadyExists, Command, Event, Refusal, Unknown
from infra.event_store import Accepted, Clock, EventStore, Request, Transaction, open_store, utc_now
from infra.settings import Settings

MOST = 10
OPEN: list[EventStore] = []
"""Stores to close at the end of a test."""
NOON = datetime(2022, 6, 1, 12, tzinfo=UTC)


class Opened(Event):
    TOPIC: ClassVar[str] = "counting.Opened.v1"
    counter_id: UUID


class Added(Event):
    TOPIC: ClassVar[str] = "counting.Added.v1"
    counter_id: UUID
    amount: int


class Remembered(Event):
    TOPIC: ClassVar[str] = "_counting.Remembered.v1"


class Open(Command):
    counter_id: UUID


class Add(Command):
    counter_id: UUID
    amount: int = 1


class Move(Command):
    """Takes from one counter and adds to another."""

    counter_id: UUID
    to_id: UUID
    amount: int = 1


class TooMany(Refusal):
    rule = "A counter never passes ten"
    remedy = "Count something else."


def evolve(total: int | None, event: Event) -> int | None:
    match event:
        case Opened():
            return 0
        case Added():
            return (total or 0) + event.amount
    return total


class Counting:
    def __init__(self, store: EventStore) -> None:
        self.store = store

    def handle(self, request: Request[Any]) -> Accepted:
        return self.store.execute(request, self.decide)

    def handle_many(self, requests: Sequence[Request[Any]]) -> list[Accepted]:
        return self.store.execute_many(requests, self.decide)

    def total(self, counter_id: UUID) -> int | None:
        return self.store.state(counter_id, evolve)[0]

    def decide(self, tx: Transaction, request: Request[Any]) -> UUID:
        command = request.command
        match command:
            case Open():
                if tx.read(command.counter_id, evolve, presume_new=True) is not None:
                    raise AlreadyExists("the counter is open")
                tx.append(command.counter_id, [Opened(counter_id=command.counter_id)], evolve)
            case Add():
                self._add(tx, command.counter_id, command.amount)
            case Move():
                self._add(tx, command.counter_id, -command.amount)
                self._add(tx, command.to_id, command.amount)
        found: UUID = command.counter_id
        return found

    def _add(self, tx: Transaction, counter_id: UUID, amount: int) -> None:
        total = tx.read(counter_id, evolve)
        if total is None:
            raise Unknown("the counter is not open")
        tx.expect(counter_id)
        if total + amount > MOST:
            raise TooMany(f"{total} and {amount} are more than {MOST}", pointer="/amount")
        tx.append(counter_id, [Added(counter_id=counter_id, amount=amount)], evolve)


def build(settings: Settings, clock: Clock = utc_now, lanes: int = 1) -> Counting:
    classes: list[type[Event]] = [Opened, Added, Remembered]
    store = open_store("counting", classes, settings.store_environment("counting"), clock, lanes)
    OPEN.append(store)
    return Counting(store)


def published(service: Counting) -> list[Event]:
    """The published events of the store, as they were stored."""
    found = service.store.recorder.select_notifications(1, 10_000)
    return [service.store.mapper.to_domain_event(event).event for event in found if not event.topic.startswith("_")]
