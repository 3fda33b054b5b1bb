"""The relay's step on a real log and a topic in memory that may do anything a broker may do."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from infra import relay
from infra.event_store import Request
from infra.log import PAGE, START, Entry, Log, Mark
from infra.relay import ENVELOPE_BYTES, Transfer, parts, resumed
from infra.settings import Settings
from infra.topic import Sent, TailLost
from tests.infra.counting import Counting, Open, build
from tests.infra.partitions import Notes, Partitions, Unacknowledged

LANES = 4


class World:
    """A store, its topic, and the relay's notes; everything may break but the store."""

    def __init__(self, settings: Settings, page: int = PAGE) -> None:
        self.counting: Counting = build(settings, lanes=LANES)
        self.topic, self.notes, self._page = Partitions(LANES), Notes(), page
        self._number = 0

    def publish(self, count: int) -> None:
        ids = [UUID(int=self._number + n) for n in range(count)]
        self._number += count
        self.counting.handle_many([Request(Open(counter_id=one), uuid4(), "officer-1") for one in ids])

    def transfer(self) -> Transfer:
        """A relay that has just started."""
        return Transfer(partial(ShortPages, self._page, self.counting.store), LANES, self.topic.reopened(), self.notes)

    def drain(self, transfer: Transfer | None = None) -> None:
        """Nothing breaks any more, and the relay that runs comes to the end."""
        self.topic.fate = lambda lane: "kept"
        for _ in range(3):
            try:
                transfer = transfer or self.transfer()
                transfer.attend()
                while transfer.step() is not None:
                    pass
            except TailLost:
                transfer = None
            else:
                return

    def published(self, lane: int) -> list[Entry]:
        return [entry for entry in Log(self.counting.store).page(1_000_000) or [] if entry.lane == lane]

    def missing(self) -> list[int]:
        """Positions that a reader of the topic never gets, or not in their order."""
        return [
            entry.pos
            for lane in range(LANES)
            for entry in self.published(lane)[len(self.topic.read(lane)) :]
        ]  # fmt: skip


class ShortPages(Log):
    def __init__(self, limit: int, *log: Any) -> None:
        super().__init__(*log)
        self._limit = limit

    def page(self, limit: int = PAGE) -> list[Entry] | None:
        return super().page(self._limit)


@pytest.fixture
def world(settings: Settings) -> World:
    return World(settings)


def test_what_is_published_arrives_lane_by_lane_in_order_unchanged(world: World) -> None:
    world.publish(40)
    world.drain()
    assert [world.topic.lanes[lane] for lane in range(LANES)] == [world.published(lane) for lane in range(LANES)]
    assert sum(map(len, world.topic.lanes)) == 40


def test_internal_events_never_leave(world: World) -> None:
    world.publish(40)
    world.drain()
    assert {entry.type for lane in world.topic.lanes for entry in lane} == {"counting.Opened.v1"}
    assert world.counting.store.last_pos() > 80, "receipts lie between them"


def test_the_checkpoint_says_how_far_the_log_was_read_and_where_each_lane_stands(world: World) -> None:
    world.publish(40)
    world.drain()
    saved = world.notes.checkpoint
    assert saved is not None
    assert saved.read == world.counting.store.last_pos()
    assert saved.topic == world.topic.identity
    assert saved.marks == {n: Mark(lane[-1].pos, lane[-1].recorded_at) for n, lane in enumerate(world.topic.lanes)}


def test_a_relay_that_starts_again_sends_nothing_twice(world: World) -> None:
    world.publish(20)
    world.drain()
    world.publish(20)
    world.drain()
    assert sum(map(len, world.topic.lanes)) == 40
    assert world.missing() == []


def test_what_is_read_ahead_is_not_noted_as_carried(settings: Settings) -> None:
    world = World(settings, page=6)
    world.publish(20)
    transfer = world.transfer()
    count = transfer.step()
    assert transfer._ahead, "the next page was read while this one was on its way"
    assert count == sum(map(len, world.topic.lanes))
    assert world.notes.checkpoint is not None
    assert transfer.read == world.notes.checkpoint.read < transfer._ahead[0].pos
    world.drain()  # by another relay: this one dies with what it had read
    assert world.missing() == []
    assert sum(map(len, world.topic.lanes)) == 20


def test_a_page_of_few_events_is_not_the_end_of_the_log(settings: Settings) -> None:
    """What lies between them is for nobody else, and who catches up must not pause there."""
    world = World(settings, page=6)
    world.publish(20)
    transfer = world.transfer()
    counts = []
    while (count := transfer.step()) is not None:
        counts.append((count, transfer.is_at_end))
    assert sum(count for count, _ in counts) == 20
    assert all(count < 6 for count, _ in counts)
    assert [is_at_end for _, is_at_end in counts] == [*[False] * (len(counts) - 1), True]


@pytest.mark.parametrize("fate", ["lost", "unanswered"])
def test_nothing_is_noted_before_all_lanes_of_a_page_have_acknowledged(world: World, fate: str) -> None:
    world.publish(20)
    world.drain()
    before = world.notes.checkpoint
    world.publish(20)
    world.topic.fate = lambda lane: fate if lane == 2 else "kept"
    with pytest.raises(Unacknowledged):
        world.transfer().step()
    assert world.notes.checkpoint == before
    world.drain()
    assert world.missing() == []
    assert sum(map(len, world.topic.lanes)) == 40, "what has arrived though nobody knew is not sent again"


def test_a_lane_that_lost_its_end_is_sent_again_from_there_and_no_other_lane_is(world: World) -> None:
    world.publish(40)
    world.drain()
    before = [len(lane) for lane in world.topic.lanes]
    world.topic.cut(1, 3)
    world.drain()
    assert [len(lane) for lane in world.topic.lanes] == before
    assert world.missing() == []


def test_a_topic_that_was_made_anew_gets_everything_again(world: World) -> None:
    world.publish(40)
    world.drain()
    world.topic.make_anew()
    world.publish(1)
    world.drain()
    assert world.missing() == []


def test_a_topic_made_anew_under_a_running_relay_gets_everything_even_if_the_relay_then_dies(world: World) -> None:
    world.publish(40)
    running = world.transfer()
    running.step()
    world.topic.make_anew()
    world.publish(40)
    with pytest.raises(TailLost):
        running.step()
    world.drain()
    assert world.missing() == []


def test_a_lane_that_was_cut_under_a_running_relay_is_filled_though_later_events_lie_above_the_hole(
    world: World,
) -> None:
    world.publish(40)
    running = world.transfer()
    running.step()
    world.topic.cut(1, 3)
    world.publish(40)
    with pytest.raises(TailLost):
        running.step()
    assert world.missing() != []
    world.drain()
    assert world.missing() == []


def test_a_lane_is_sent_again_from_where_a_reader_asks_to_where_it_stands(world: World) -> None:
    world.publish(40)
    world.drain()
    lane = list(world.topic.lanes[1])
    saved = world.notes.checkpoint
    world.notes.asked = {1: Mark(lane[2].pos, lane[2].recorded_at)}
    transfer = world.transfer()
    assert transfer.attend() == len(lane) - 3
    assert world.topic.lanes[1] == lane + lane[3:], "the same positions, predecessors, times and bytes"
    assert sum(map(len, world.topic.lanes)) == 40 + len(lane) - 3, "the other lanes stay as they are"
    assert (world.notes.asked, world.notes.checkpoint) == ({}, saved)
    assert transfer.step() is None


def test_a_request_outlives_a_relay_that_dies_over_it(world: World) -> None:
    world.publish(40)
    world.drain()
    world.notes.asked = asked = {1: Mark()}
    world.topic.fate = lambda lane: "lost"
    with pytest.raises(Unacknowledged):
        world.transfer().attend()
    assert world.notes.requests() == asked


def test_a_request_for_what_is_not_yet_on_its_way_is_answered_by_sending_it_as_usual(world: World) -> None:
    world.publish(4)
    world.notes.asked = {lane: Mark() for lane in range(LANES)}
    transfer = world.transfer()
    assert transfer.attend() == 0
    assert world.notes.asked == {}
    world.drain()
    assert world.missing() == []


def test_the_log_is_not_read_again_from_the_start_for_a_lane_without_events(world: World) -> None:
    world.publish(1)
    world.drain()
    assert world.transfer().read == world.counting.store.last_pos()


def test_parts_keep_the_order_and_are_as_large_as_they_may_be() -> None:
    raws = [b"x" * size for size in (10, 4_000, 3_000, 20_000, 1, 1)]
    entries = [Entry(0, n, n - 1, UUID(int=1), n, "t", START, raw) for n, raw in enumerate(raws, start=1)]
    found = list(parts(entries, 2 * ENVELOPE_BYTES + 4_010))
    assert [[entry.pos for entry in part] for part in found] == [[1, 2], [3], [4], [5, 6]]
    elsewhere = [replace(entry, lane=entry.pos % 2) for entry in entries]
    found = list(parts(elsewhere, 2 * ENVELOPE_BYTES + 4_010))
    assert [[entry.pos for entry in part] for part in found] == [[1, 2, 3], [4, 5], [6]], "so many bytes of a lane"
    assert list(parts([])) == []


def sent(*places: tuple[int, int]) -> list[Sent]:
    """Events of a partition, newest last, as (position, predecessor)."""
    return [Sent(pos, prev, START + timedelta(seconds=pos)) for pos, prev in places]


@pytest.mark.parametrize(
    ("stored", "held", "goes_on_at"),
    [
        pytest.param(5, [(2, 0), (5, 2)], 5, id="as noted"),
        pytest.param(5, [], 0, id="the partition is empty"),
        pytest.param(5, [(2, 0)], 2, id="its end is lost"),
        pytest.param(5, [(2, 0), (5, 2), (7, 5), (8, 7)], 8, id="more was sent than noted"),
        pytest.param(5, [(2, 0), (5, 2), (7, 5), (8, 7), (7, 5), (8, 7)], 8, id="and sent twice"),
        pytest.param(5, [(2, 0), (5, 2), (8, 7)], 5, id="more was sent, after a hole"),
        pytest.param(5, [(2, 0), (8, 7)], 2, id="the end is lost, and more was sent after it"),
        pytest.param(5, [(2, 0), (5, 2), (8, 7), (7, 5), (8, 7)], 8, id="a hole that was filled"),
        pytest.param(5, [(2, 0), (5, 2), (2, 0)], 5, id="sent again in part"),
        pytest.param(7, [(2, 0), (7, 5)], 2, id="the end is lost, and what was noted was sent again after it"),
        pytest.param(5, [(8, 7)], 0, id="nothing of what was noted"),
        pytest.param(0, [(2, 0), (5, 2)], 5, id="nothing was noted"),
    ],
)
def test_where_a_lane_goes_on(stored: int, held: list[tuple[int, int]], goes_on_at: int) -> None:
    at = START + timedelta(seconds=stored)
    expected = Mark(goes_on_at, START + timedelta(seconds=goes_on_at))
    assert resumed(Mark(stored, at), reversed(sent(*held))) == expected


LIFE = {"publish": 8, "step": 20, "attend": 3, "kill": 3, "cut": 3, "make anew": 1, "ask": 1}
"""What may happen, and how often."""


def live(world: World, seed: int) -> Transfer | None:
    """A relay's life: events, batches lost or not answered, ends cut, topics made anew, and the relay killed."""
    rng = random.Random(seed)  # noqa: S311 - the same life each time
    transfer: Transfer | None = None
    for _ in range(40):
        world.topic.fate = lambda _: rng.choices(["kept", "unanswered", "lost"], [8, 1, 1])[0]
        what = rng.choices(list(LIFE), list(LIFE.values()))[0]
        try:
            match what:
                case "publish":
                    world.publish(rng.randrange(1, 12))
                case "kill":
                    transfer = None
                case "cut":
                    world.topic.cut(rng.randrange(LANES), rng.randrange(1, 6))
                case "make anew":
                    world.topic.make_anew()
                case "ask":
                    lane = rng.randrange(LANES)
                    had = rng.choice([Mark(), *(Mark(e.pos, e.recorded_at) for e in world.topic.read(lane))])
                    world.notes.asked[lane] = had
                case "attend":
                    transfer = transfer or world.transfer()
                    transfer.attend()
                case "step":
                    transfer = transfer or world.transfer()
                    transfer.step()
        except (Unacknowledged, TailLost):
            transfer = None
    return transfer


def broken(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    def never(self: Partitions, futures: Any) -> None:
        with suppress(Unacknowledged):
            settle(self, futures)

    def from_the_end(stored: Mark, newest_first: Iterable[Sent]) -> Mark:
        return next((one.mark for one in newest_first), Mark())

    settle = Partitions.settle
    match fault:
        case "checkpoint before the future":
            monkeypatch.setattr(Partitions, "settle", never)
        case "the tail is not looked at":
            monkeypatch.setattr(relay, "resumed", lambda stored, newest_first: stored)
        case "the tail is believed":
            monkeypatch.setattr(relay, "resumed", from_the_end)
        case "ends are not compared":
            monkeypatch.setattr(Partitions, "check", lambda self: None)


def lives(settings: Settings, seeds: range) -> list[int]:
    """Seeds of lives after which a reader misses something."""
    found = []
    for seed in seeds:
        world = World(Settings(home=settings.home / str(seed)), page=7)
        world.drain(live(world, seed))
        if world.missing():
            found.append(seed)
        world.counting.store.close()
    return found


def test_whatever_breaks_a_reader_gets_every_event_in_order(settings: Settings) -> None:
    assert lives(settings, range(300)) == []


@pytest.mark.parametrize(
    "fault",
    [
        "checkpoint before the future",
        "the tail is not looked at",
        "the tail is believed",
        "ends are not compared",
    ],
)
def test_these_lives_would_show_a_fault(settings: Settings, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    broken(monkeypatch, fault)
    assert lives(settings, range(100)) != []
