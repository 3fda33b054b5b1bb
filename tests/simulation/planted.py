"""Faults put into the pipeline on purpose: a run that stays green with one of them in would prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

from eventsourcing.persistence import IntegrityError, Tracking

from infra import relay
from infra.event_store import Transaction
from infra.log import Entry, Mark
from infra.relay import Transfer
from infra.topic import Sent
from projections.intake import Intake as Queue
from projections.projector import Projector
from services.ordering import inbox
from services.ordering.inbox import Inbox
from tests.infra.partitions import Unacknowledged
from tests.simulation.feeds import Follower
from tests.simulation.topic import SimulatedTopic
from tests.simulation.warehouse import Warehouse
from tests.simulation.world import World

Plant = Callable[[World], Any]
"""A context manager that puts a fault into a world, or into our code while the world runs."""


@contextmanager
def checkpoint_before_the_future(_: World) -> Iterator[None]:
    settle = SimulatedTopic.settle

    def hope(topic: SimulatedTopic, futures: Sequence[Entry]) -> None:
        with suppress(Unacknowledged):
            settle(topic, futures)

    with patch.object(SimulatedTopic, "settle", hope):
        yield


@contextmanager
def the_tail_is_not_looked_at(_: World) -> Iterator[None]:
    with patch.object(relay, "resumed", lambda stored, newest_first: stored):
        yield


@contextmanager
def the_tail_is_believed(_: World) -> Iterator[None]:
    def from_the_end(stored: Mark, newest_first: Iterator[Sent]) -> Mark:
        return next((one.mark for one in newest_first), Mark())

    with patch.object(relay, "resumed", from_the_end):
        yield


@contextmanager
def one_tail_for_all_lanes(_: World) -> Iterator[None]:
    begin = Transfer.__init__

    def begin_at_the_highest(transfer: Transfer, open_log: Any, lanes: int, *more: Any) -> None:
        begin(transfer, open_log, lanes, *more)
        highest = max(mark.pos for mark in transfer.marks.values())
        transfer._log = open_log(transfer.marks, highest)

    with patch.object(Transfer, "__init__", begin_at_the_highest):
        yield


@contextmanager
def another_token_on_retry(world: World) -> Iterator[None]:
    warehouse = _twin(world)
    insert = warehouse._insert

    def with_another(name: str, parameters: Any, rows: Any, token: str) -> None:
        insert(name, parameters, rows, str(uuid4()))

    with patch.object(warehouse, "_insert", with_another):
        yield


@contextmanager
def no_compare_and_set(world: World) -> Iterator[None]:
    _twin(world).has_guard = False
    yield


@contextmanager
def acknowledge_before_insert(_: World) -> Iterator[None]:
    with patch.object(Follower, "acknowledges_first", new=True), _no_chain():
        yield


@contextmanager
def latest(_: World) -> Iterator[None]:
    with patch.object(Follower, "starts_at_the_end", new=True), _no_chain():
        yield


def _twin(world: World) -> Warehouse:
    assert isinstance(world.warehouse, Warehouse), "the engine itself cannot be broken"
    return world.warehouse


@contextmanager
def _no_chain() -> Iterator[None]:
    """Whatever comes is taken: with the chain looked at, a wrong offset alone harms nothing."""

    def take(queue: Queue, epoch: UUID, entry: Entry) -> None:
        queue._queue.append(entry)

    with patch.object(Queue, "take", take), patch.object(Projector, "_check_chain", lambda *_: None):
        yield


@contextmanager
def no_table_lock(world: World) -> Iterator[None]:
    for database in world.databases.values():
        database.is_locked = False
    yield


@contextmanager
def no_command_id(world: World) -> Iterator[None]:
    world.new_id_for_each_try = True
    yield


@contextmanager
def one_tracking_name_for_all_lanes(_: World) -> Iterator[None]:
    with patch.object(inbox, "_name", lambda context, lane: context):
        yield


@contextmanager
def effects_before_their_position(world: World) -> Iterator[None]:
    take = Inbox.take
    tracked: list[Tracking] = []

    def take_and_then_note(one: Inbox, context: str, entries: Sequence[Entry]) -> None:
        tracked.clear()
        take(one, context, entries)
        world.clockwork.pause()
        for tracking in tracked:
            with suppress(IntegrityError):  # another process was first
                one._store.recorder.insert_events([], tracking=tracking)

    with (
        patch.object(Transaction, "track", lambda tx, name, pos: tracked.append(Tracking(name, pos))),
        patch.object(Inbox, "take", take_and_then_note),
    ):
        yield


FAULTS: Mapping[str, Plant] = {
    "checkpoint before the future": checkpoint_before_the_future,
    "the tail is not looked at": the_tail_is_not_looked_at,
    "the tail is believed": the_tail_is_believed,
    "one tail for all lanes": one_tail_for_all_lanes,
    "another token on retry": another_token_on_retry,
    "no compare-and-set": no_compare_and_set,
    "acknowledge before insert": acknowledge_before_insert,
    "latest": latest,
    "no table lock": no_table_lock,
    "no command id": no_command_id,
    "one tracking name for all lanes": one_tracking_name_for_all_lanes,
    "effects before their position": effects_before_their_position,
}
