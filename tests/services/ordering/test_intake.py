"""The step of the reactions, with messages in whatever order and condition; and through FastStream's own test broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from faststream.kafka import KafkaBroker, KafkaMessage, TestKafkaBroker

from events.membership import AdhesionGranted
from infra.dead_letters import Letters, Message, MessageParked, headers_of_letter
from infra.kafka import headers_of, topic_of
from infra.log import START, BeyondTheEnd, Entry, Mark
from infra.settings import Settings
from services.ordering.app import Ordering, build
from services.ordering.channels import channels
from services.ordering.intake import ATTEMPTS, Intake, Lane, Rewind, TryAgain
from services.ordering.reactions import adhesion_stream
from tests.scenario import NOW
from tests.services.ordering.facts import AGREEMENT, adheres, revised, signed

EPOCH, OTHER_EPOCH = UUID(int=7), UUID(int=8)
LANE = Lane("membership", 0)


class Away(Exception):
    """A server that is not there."""


@dataclass
class Stores:
    """The stores that messages come from."""

    epoch: UUID = EPOCH
    end: int = 1_000_000
    asked: list[tuple[str, int, Mark]] = field(default_factory=list)
    is_away: bool = False

    def identity(self, context: str) -> tuple[UUID, int]:
        return self.epoch, self.end

    def ask_again(self, context: str, lane: int, mark: Mark) -> None:
        if self.is_away:
            raise Away
        self.asked.append((context, lane, mark))


@dataclass
class Outlet:
    """Where dead letters are put."""

    held: list[tuple[MessageParked, Message]] = field(default_factory=list)
    is_away: bool = False

    def put(self, letter: MessageParked, message: Message, reader: str) -> None:
        if self.is_away:
            raise Away
        self.held.append((letter, message))


@dataclass
class World:
    ordering: Ordering
    stores: Stores = field(default_factory=Stores)
    outlet: Outlet = field(default_factory=Outlet)

    def __post_init__(self) -> None:
        self.intake = Intake(self.ordering.inbox, self.stores, self.outlet)

    def take(self, *messages: Message) -> None:
        self.intake.take(*LANE, messages)

    @property
    def letters(self) -> Letters:
        return self.ordering.inbox.letters()

    def assert_each_noted_once(self, messages: list[Message]) -> None:
        for message in messages:
            event = AdhesionGranted.model_validate_json(message.value or b"")
            stream = adhesion_stream(event.establishment_id, event.agreement_id)
            assert len(self.ordering.store.events(stream)) == 1


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    ordering = build(settings)
    yield World(ordering)
    ordering.store.close()


def messages(count: int = 6, epoch: UUID = EPOCH) -> list[Message]:
    """A partition with the adhesions of so many establishments, two positions apart."""
    return [message(n, establishment=UUID(int=1_000 + n), epoch=epoch) for n in range(count)]


def message(n: int, *, establishment: UUID | None = None, epoch: UUID = EPOCH, **more: Any) -> Message:
    who = establishment or uuid4()
    raw = adheres(establishment_id=who).stamped(uuid4(), NOW, "tester", "").model_dump_json().encode()
    entry = Entry(0, 2 * n + 2, 2 * n, who, 1, AdhesionGranted.TOPIC, NOW.replace(minute=n), raw)
    entry = replace(entry, **more)
    return Message(topic_of("membership"), 0, n, str(who).encode(), entry.raw, headers_of(entry, epoch))


def test_messages_are_taken_in_once_however_often_they_come(world: World) -> None:
    sent = messages()
    world.take(*sent[:3])
    world.take(*sent)
    world.take(*sent[2:], *sent)
    world.take(sent[0], sent[0])
    world.assert_each_noted_once(sent)
    assert (world.ordering.noted_pos(*LANE), world.intake.counts["taken"]) == (12, 6)


def test_a_partition_with_a_hole_is_read_again_once_and_then_its_relay_is_asked(world: World) -> None:
    sent = messages()
    with pytest.raises(Rewind, match="something after position 4 is missing"):
        world.take(*sent[:2], *sent[3:])
    assert world.ordering.noted_pos(*LANE) == 4, "what comes before the hole is taken in"
    world.take(*sent[:2])
    world.take(*sent[3:])
    assert world.stores.asked == [("membership", 0, Mark(4, NOW.replace(minute=1)))]
    assert world.intake.waiting == {LANE: Mark(4, NOW.replace(minute=1))}
    world.take(*sent[4:], message(9))
    assert len(world.stores.asked) == 1
    world.take(*sent[2:])
    assert (world.ordering.noted_pos(*LANE), world.intake.waiting) == (12, {})
    world.assert_each_noted_once(sent)


def test_what_was_sent_again_is_found_behind_what_does_not_follow(world: World) -> None:
    sent = messages()
    with pytest.raises(Rewind):
        world.take(sent[0], *sent[2:])
    world.take(sent[0], *sent[2:], *sent[1:])
    assert world.ordering.noted_pos(*LANE) == 12
    assert world.stores.asked == [], "the partition had it all the time"


def test_a_lane_whose_last_event_is_not_in_the_partition_is_asked_for_from_its_beginning(world: World) -> None:
    world.take(*messages(2))
    another = World(world.ordering, world.stores)
    for _ in range(2):
        try:
            another.take(message(5))
        except Rewind:
            continue
    assert world.stores.asked == [("membership", 0, Mark(0, START))]


def test_a_lane_that_another_process_took_further_is_asked_for_from_its_beginning(world: World) -> None:
    sent = messages(2)
    world.take(sent[0])
    World(world.ordering).take(*sent)
    with pytest.raises(Rewind):
        world.take(message(5))
    world.take(message(5))
    assert world.stores.asked == [("membership", 0, Mark(0, START))], "the times of its last event are not known here"


def test_a_relay_whose_store_is_away_is_asked_later(world: World) -> None:
    world.stores.is_away = True
    with pytest.raises(Rewind):
        world.take(message(3))
    with pytest.raises(Away):
        world.take(message(3))
    assert world.intake.waiting == {}
    world.stores.is_away = False
    world.take(message(3))
    world.intake.ask_again()
    assert [place[:2] for place in world.stores.asked] == [LANE, LANE]


def test_each_hole_is_looked_for(world: World) -> None:
    sent = messages()
    for have in ([0, 2, 4], [0, 1, 2, 4], [0, 1, 2, 4]):
        try:
            world.take(*[sent[n] for n in have])
        except Rewind:
            continue
    assert world.intake.counts["rewound"] == 2
    assert [mark.pos for _, _, mark in world.stores.asked] == [6]


def test_what_a_store_was_before_it_was_restored_is_left_out(world: World) -> None:
    world.take(*messages(2))
    world.stores.epoch = OTHER_EPOCH
    world.take(*messages(2), *messages(4, epoch=OTHER_EPOCH), *messages(6))
    assert world.ordering.noted_pos(*LANE) == 8
    assert world.intake.counts["dropped"] == 6


def test_a_store_that_ends_before_what_ordering_has_is_not_followed(world: World) -> None:
    world.take(*messages(3))
    world.stores.epoch, world.stores.end = OTHER_EPOCH, 5
    with pytest.raises(BeyondTheEnd, match="restore all stores from one backup"):
        world.take(*messages(4, epoch=OTHER_EPOCH))


def test_a_message_that_is_no_event_of_a_store_is_parked_once_and_nothing_waits_for_it(world: World) -> None:
    sent = messages(2)
    odd = Message(topic_of("membership"), 0, 77, b"\xff", b"\x00\xff", [*sent[0].headers, ("epoch", None)])  # type: ignore[list-item]
    world.take(sent[0], odd, sent[1])
    world.take(odd, odd)
    assert world.ordering.noted_pos(*LANE) == 4
    assert list(world.letters.open) == ["membership/0/@77"]
    ((letter, message),) = world.outlet.held
    assert (letter.kind, letter.raw, message) == ("foreign", b"\x00\xff", odd)
    (settled,) = world.ordering.inbox.retry()
    assert (settled.is_settled, settled.answer) == (True, "no event of a store: nothing depends on it")
    world.take(odd)
    assert world.letters.open == {}, "it is not parked again when the partition is read again"


def test_an_event_of_a_newer_version_is_parked_at_once(world: World) -> None:
    sent = messages(3)
    sent[1] = message(1, type="membership.AdhesionGranted.v9")
    world.take(*sent)
    assert list(world.letters.open) == ["membership/0/4"]
    assert [(letter.name, put.offset) for letter, put in world.outlet.held] == [("membership/0/4", 1)]
    assert world.ordering.noted_pos(*LANE) == 6


def test_the_log_says_which_request_a_parked_event_came_from(world: World, caplog: pytest.LogCaptureFixture) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    newer = message(0, type="membership.AdhesionGranted.v9")
    known = [header for header in newer.headers if header[0] != "traceparent"]
    world.take(newer._replace(headers=[*known, ("traceparent", f"00-{trace}-00f067aa0ba902b7-01".encode())]))
    (line,) = [line for line in caplog.records if "parked" in line.getMessage()]
    (letter,) = world.letters.open.values()
    assert vars(line)["trace_id"] == trace
    assert letter.name in line.getMessage()
    assert letter.reason in line.getMessage()


def test_an_event_that_the_code_fails_on_is_tried_again_before_it_is_parked(world: World) -> None:
    world.ordering.inbox.take("tendering", [of_tendering(signed(), 1, 0)])
    lost = of_tendering(revised("11", NOW.date(), item="NO-SUCH-ITEM"), 2, 1)
    sent = Message("tendering-events", 0, 5, str(lost.stream_id).encode(), lost.raw, headers_of(lost, EPOCH))
    for attempt in range(1, ATTEMPTS):
        with pytest.raises(TryAgain, match=f"attempt {attempt} of {ATTEMPTS}.*NO-SUCH-ITEM"):
            world.intake.take("tendering", 0, [sent])
        assert world.letters.open == {}
    world.intake.take("tendering", 0, [sent])
    assert list(world.letters.open) == ["tendering/0/2"]


def of_tendering(event: Any, pos: int, prev: int) -> Entry:
    raw = event.stamped(uuid4(), NOW, "tester", "").model_dump_json().encode()
    return Entry(0, pos, prev, AGREEMENT, pos, event.TOPIC, NOW, raw)


def test_where_no_dead_letter_can_be_written_the_position_stays(world: World) -> None:
    world.outlet.is_away = True
    sent = [message(0), message(1, raw=b"{}")]
    for _ in range(2):
        with pytest.raises(Away):
            world.take(*sent)
    assert (world.ordering.noted_pos(*LANE), world.letters.open) == (2, {})
    world.outlet.is_away = False
    world.take(*sent)
    assert (world.ordering.noted_pos(*LANE), list(world.letters.open)) == (4, ["membership/0/4"])


def test_a_dead_letter_says_who_parked_it_and_why_and_where_it_lay(world: World) -> None:
    odd = message(0, raw=b"\x00\xff")
    world.take(odd)
    ((letter, put),) = world.outlet.held
    headers = headers_of_letter(letter, put, "ordering")
    assert headers[: len(odd.headers)] == odd.headers
    assert put.value == b"\x00\xff"
    added = dict(headers[len(odd.headers) :])
    assert added.pop("dead_letter_reason").startswith(
        b"the store holds a membership.AdhesionGranted.v1 that is not one"
    )
    assert added == {
        "dead_letter_reader": b"ordering",
        "dead_letter_kind": b"unreadable",
        "dead_letter_topic": b"membership-events",
        "dead_letter_partition": b"0",
        "dead_letter_offset": b"0",
        "dead_letter_pos": b"2",
    }


def test_faststream_hands_over_messages_as_they_lie_whatever_their_headers(world: World) -> None:
    """Its own parser decodes headers as text; where that fails, the message would be passed by without a word."""
    seen: list[Any] = []

    async def handle(batch: KafkaMessage) -> None:
        seen.extend(batch.raw_message)
        await batch.ack()

    async def send() -> None:
        app, subscriber = channels("127.0.0.1:1", handle)
        broker = cast("KafkaBroker", app.broker)
        async with TestKafkaBroker(broker):
            await broker.publish(b'{"a":', topic_of("suppliers"), headers={"content-type": "application/json"})
            (record,) = seen
            await subscriber.process_message((replace(record, headers=(("reply_to", b"\xff"), ("x", None))),))

    asyncio.run(send())
    assert [one.value for one in seen] == [b'{"a":', b'{"a":']
    assert seen[1].headers == (("reply_to", b"\xff"), ("x", None))
