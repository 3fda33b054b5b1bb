"""How far partitions were read and written, on a client that only remembers: nothing of it is more than a hint."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError

from projections.partitions import Partitions

FIRST, SECOND = TopicPartition("ordering-events", 0), TopicPartition("ordering-events", 1)
OTHER = TopicPartition("tendering-events", 0)


class Client:
    """A member of a group that is given partitions, and what was asked of it."""

    def __init__(self, *held: TopicPartition) -> None:
        self.held = set(held)
        self.positions = dict.fromkeys(held, 0)
        self.ends = dict.fromkeys(held, 100)
        self.committed: list[Mapping[TopicPartition, int]] = []

    def assignment(self) -> set[TopicPartition]:
        return set(self.held)

    async def position(self, place: TopicPartition) -> int:
        if place not in self.held:
            raise IllegalStateError(place)
        return self.positions[place]

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.positions[place] = offset

    async def seek_to_beginning(self, *places: TopicPartition) -> None:
        for place in places:
            self.seek(place, 0)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.committed.append(offsets)

    async def end_offsets(self, held: set[TopicPartition]) -> dict[TopicPartition, int]:
        return {place: self.ends[place] for place in held}


@pytest.fixture
def client() -> Client:
    return Client(FIRST, SECOND, OTHER)


@pytest.fixture
def shuffles() -> list[None]:
    return []


@pytest.fixture
def partitions(client: Client, shuffles: list[None]) -> Partitions:
    found = Partitions("nowhere:1", ["ordering", "tendering"], lambda: shuffles.append(None))
    found._consumer = client
    return found


def read(partitions: Partitions, place: TopicPartition, *offsets: int) -> None:
    partitions.taken(place, [SimpleNamespace(offset=offset) for offset in offsets])


def test_a_context_begins_one_message_before_its_hints(partitions: Partitions, client: Client) -> None:
    client.positions.update({FIRST: 17, SECOND: 0, OTHER: 5})
    assert asyncio.run(partitions.begin("ordering"))
    assert client.positions == {FIRST: 16, SECOND: 0, OTHER: 5}


@pytest.mark.parametrize("held", [(), (OTHER,)])
def test_a_context_that_others_hold_does_not_begin(partitions: Partitions, held: tuple[Any, ...]) -> None:
    partitions._consumer = Client(*held)
    assert not asyncio.run(partitions.begin("ordering"))


def test_a_context_whose_partitions_go_as_it_begins_does_not_begin(partitions: Partitions, client: Client) -> None:
    async def taken_away(place: TopicPartition) -> int:
        client.held.discard(place)
        raise IllegalStateError(place)

    client.position = taken_away  # type: ignore[method-assign]
    assert not asyncio.run(partitions.begin("ordering"))


def test_hints_are_of_the_context_and_behind_the_last_message_looked_at(partitions: Partitions) -> None:
    read(partitions, FIRST, 3, 4, 9)
    read(partitions, OTHER, 1)
    assert partitions.hints("ordering") == {FIRST: 10}


def test_a_hint_is_left_with_the_broker_once(partitions: Partitions, client: Client) -> None:
    for hints in ({FIRST: 10, SECOND: 2}, {FIRST: 10, SECOND: 2}, {FIRST: 12, SECOND: 2}):
        asyncio.run(partitions.written(hints))
    assert client.committed == [{FIRST: 10, SECOND: 2}, {FIRST: 12}]


def test_a_hint_that_gets_lost_is_no_trouble(partitions: Partitions, client: Client) -> None:
    async def refuse(offsets: Mapping[TopicPartition, int]) -> None:
        raise IllegalStateError(offsets)

    client.commit = refuse  # type: ignore[method-assign]
    asyncio.run(partitions.written({FIRST: 10}))


def test_the_lag_counts_what_is_not_written_of_what_has_begun(partitions: Partitions, client: Client) -> None:
    client.positions[FIRST] = 31
    asyncio.run(partitions.begin("ordering"))
    read(partitions, FIRST, 79)
    asyncio.run(partitions.written({SECOND: 100}))
    assert asyncio.run(partitions.lag()) == {("ordering", 0): 70, ("ordering", 1): 0}


def test_a_topic_that_was_made_anew_has_no_lag_below_zero(partitions: Partitions, client: Client) -> None:
    asyncio.run(partitions.written({FIRST: 100}))
    client.ends[FIRST] = 3
    assert asyncio.run(partitions.lag()) == {("ordering", 0): 0}


def test_a_rewind_is_of_the_partitions_that_it_names(partitions: Partitions, client: Client) -> None:
    client.positions.update({FIRST: 17, SECOND: 4})
    asyncio.run(partitions.rewind([FIRST]))
    assert client.positions == {FIRST: 0, SECOND: 4, OTHER: 0}


def test_messages_that_came_too_early_come_again(partitions: Partitions, client: Client) -> None:
    partitions.again(FIRST, [SimpleNamespace(offset=5), SimpleNamespace(offset=6)])
    assert client.positions[FIRST] == 5


def test_where_partitions_come_or_go_nothing_of_them_is_remembered(
    partitions: Partitions, client: Client, shuffles: list[None]
) -> None:
    read(partitions, FIRST, 3)
    asyncio.run(partitions.written({FIRST: 4}))
    partitions.shuffled()
    assert len(shuffles) == 1
    assert partitions.hints("ordering") == {}
    assert asyncio.run(partitions.lag()) == {}
    assert len(client.committed) == 1


def test_who_is_no_member_holds_nothing(partitions: Partitions) -> None:
    partitions._consumer = None
    assert not partitions.is_member
    assert (partitions.held("ordering"), partitions.count("ordering")) == ([], 0)
    assert not asyncio.run(partitions.begin("ordering"))
    asyncio.run(partitions.written({FIRST: 4}))
    asyncio.run(partitions.rewind([FIRST]))
    assert asyncio.run(partitions.lag()) == {}
