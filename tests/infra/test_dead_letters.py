"""Dead letters: in the store with whatever bytes, and in a topic of a real broker as they came."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from infra.dead_letters import (
    LETTERS,
    DeadLetterTopics,
    Letters,
    Message,
    MessageParked,
    MessageSettled,
    evolve,
    foreign,
    headers_of_letter,
    parked,
)
from infra.event_store import EventStore, Transaction, open_store, utc_now
from infra.kafka import NoSuchTopic, headers_of, make_topics, opened, partitions
from infra.local.kafka import Kafka
from infra.log import Entry
from infra.settings import Settings
from tests.broker import delete, messages
from tests.infra.counting import NOON, OPEN, Opened

TOPIC = "counting-dead-letters"
EPOCH = UUID(int=9)


def letter(pos: int, stream: int = 1, raw: bytes = b"{}", source: str = "counting") -> MessageParked:
    entry = Entry(0, pos, pos - 1, UUID(int=stream), 1, Opened.TOPIC, NOON, raw)
    return parked(source, entry, 100 + pos, "newer", "too old")


def message(raw: bytes | None = b"{}", headers: list[tuple[str, bytes]] | None = None) -> Message:
    return Message("counting-events", 1, 17, b"\xff key", raw, headers or [])


def after(*events: MessageParked | MessageSettled) -> Letters:
    letters: Letters | None = None
    for event in events:
        letters = evolve(letters, event)
    return letters or Letters()


def store_of(settings: Settings) -> EventStore:
    store = open_store(
        "reading", [MessageParked, MessageSettled], settings.store_environment("reading"), utc_now
    )  # fmt: skip
    OPEN.append(store)
    return store


def append(store: EventStore, *events: MessageParked | MessageSettled) -> None:
    def work(tx: Transaction) -> None:
        tx.read(LETTERS, evolve)
        tx.append(LETTERS, events, evolve)

    store.run(work)


@pytest.mark.parametrize("raw", [b"", b"\x00\xff\xfe", b'{"a":"\xc3\xa9"}', bytes(range(256)) * 5_000])
def test_a_store_keeps_the_bytes_of_a_letter(each_database: Settings, raw: bytes) -> None:
    one = letter(1, raw=raw)
    append(store_of(each_database), one)
    again = store_of(each_database).state(LETTERS, evolve)[0]
    assert again is not None
    (kept,) = again.open.values()
    assert (kept.raw, kept.entry) == (raw, one.entry)


def test_a_letter_never_leaves_its_store(settings: Settings) -> None:
    store = store_of(settings)
    append(store, letter(1))
    (stored,) = store.recorder.select_events(LETTERS)
    assert stored.topic.startswith("_")


def test_an_aggregate_is_held_by_its_first_open_letter(settings: Settings) -> None:
    events = [letter(1), letter(2), letter(3, stream=2), letter(9, source="other")]
    letters = after(*events)
    assert [held and held.name for held in (letters.holding("counting", UUID(int=n)) for n in (1, 2, 3))] == [
        "counting/0/1", "counting/0/3", None,
    ]  # fmt: skip
    assert [one.name for one in letters.after(letters.open["counting/0/2"])] == ["counting/0/1", "counting/0/2"]
    settled = after(*events, MessageSettled(name="counting/0/1"))
    held = settled.holding("counting", UUID(int=1))
    assert held is not None
    assert held.name == "counting/0/2"
    assert after(*events, *[MessageSettled(name=one.name) for one in events]).open == {}


def test_what_is_no_event_holds_nothing_and_is_known_for_ever() -> None:
    one = foreign("counting", message(), "no headers")
    assert (one.name, one.entry) == ("counting/1/@17", None)
    assert after(one).first == {}
    assert after(one, MessageSettled(name=one.name)).foreign == {one.name}


@given(st.lists(st.tuples(st.sampled_from(["park", "settle"]), st.integers(1, 6), st.integers(1, 3)), max_size=30))
def test_the_first_of_an_aggregate_is_always_the_oldest_that_is_open(steps: list[tuple[str, int, int]]) -> None:
    letters = Letters()
    for what, pos, stream in steps:
        one = letter(pos, stream)
        letters = evolve(letters, one if what == "park" else MessageSettled(name=one.name))
    for number in (1, 2, 3):
        of_stream = [one.name for one in letters.open.values() if one.stream_id == UUID(int=number)]
        held = letters.holding("counting", UUID(int=number))
        assert (held.name if held else None) == (of_stream[0] if of_stream else None)


@pytest.fixture
def topic(broker: Kafka) -> Iterator[str]:
    make_topics(broker.bootstrap, {"counting": 2})
    yield TOPIC
    with closing(opened(KafkaAdminClient, broker.bootstrap)) as admin:
        delete(broker, *partitions(admin, [TOPIC, "counting-events"]))


@pytest.fixture
def topics(broker: Kafka) -> Iterator[DeadLetterTopics]:
    with closing(DeadLetterTopics(broker.bootstrap)) as found:
        yield found


@pytest.mark.full
@pytest.mark.parametrize("raw", [b"", None, b"\x00\xff", os.urandom(3_000_000)])
def test_a_message_lies_in_the_topic_as_it_came(
    broker: Kafka, topic: str, topics: DeadLetterTopics, raw: bytes | None
) -> None:
    came = message(raw, [("traceparent", b"\xff"), ("twice", b"1"), ("twice", b"2")])
    one = foreign("counting", came, "é is no header")
    topics.put(one, came, "reading")
    held = messages(broker, topic)
    (found,) = held[1]
    assert (found.key, found.value, held[0]) == (came.key, raw, [])
    assert found.headers == headers_of_letter(one, came, "reading")
    assert ("dead_letter_reason", "é is no header".encode()) in found.headers


@pytest.mark.full
def test_an_event_keeps_its_headers_and_says_its_position(broker: Kafka, topic: str, topics: DeadLetterTopics) -> None:
    one = letter(7)
    assert one.entry is not None
    came = Message("counting-events", 0, 107, str(uuid4()).encode(), one.raw, headers_of(one.entry, EPOCH))
    topics.put(one, came, "reading")
    (found,) = messages(broker, topic)[0]
    said = dict(found.headers)
    assert (said["pos"], said["dead_letter_pos"], said["dead_letter_offset"]) == (b"7", b"7", b"107")
    assert (said["epoch"], said["dead_letter_reader"]) == (str(EPOCH).encode(), b"reading")


@pytest.mark.full
def test_without_the_topic_nothing_is_written_and_it_is_said(
    topics: DeadLetterTopics, topic: str, broker: Kafka
) -> None:
    delete(broker, topic)
    with pytest.raises((NoSuchTopic, KafkaError)):
        topics.put(foreign("counting", message(), "none"), message(), "reading")
    make_topics(broker.bootstrap, {"counting": 2})
    topics.put(foreign("counting", message(), "none"), message(), "reading")
    assert len(messages(broker, topic)[1]) == 1


@pytest.mark.full
def test_a_broker_that_is_away_is_said_and_found_again(topics: DeadLetterTopics, topic: str, broker: Kafka) -> None:
    one = foreign("counting", message(), "none")
    topics.put(one, message(), "reading")
    broker.process.kill()
    with pytest.raises(KafkaError):
        topics.put(one, message(), "reading")
    broker.process.start()
    other = message()._replace(offset=8)
    topics.put(foreign("counting", other, "none"), other, "reading")
    assert len(messages(broker, topic)[1]) == 2


@pytest.mark.full
def test_the_same_letter_lies_there_once_whoever_puts_it_again(
    broker: Kafka, topic: str, topics: DeadLetterTopics
) -> None:
    came = message()
    one = foreign("counting", came, "none")
    others = [came._replace(offset=8), came._replace(partition=0), came._replace(value=b"made anew"), came]
    readers = ["reading", "reading", "reading", "another"]

    def put_all(through: DeadLetterTopics) -> None:
        through.put(one, came, "reading")
        for other, reader in zip(others, readers, strict=True):
            through.put(foreign("counting", other, "none"), other, reader)

    put_all(topics)
    put_all(topics)
    with closing(DeadLetterTopics(broker.bootstrap)) as restarted:
        put_all(restarted)
    assert {lane: len(found) for lane, found in messages(broker, topic).items()} == {0: 1, 1: 4}
