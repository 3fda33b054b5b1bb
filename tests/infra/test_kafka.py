"""Names of topics, their creation, and the form of a message."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import crc32c
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaConfigurationError, KafkaTimeoutError
from kafka.record.util import calc_crc32c

from infra import topic
from infra.event_store import Request
from infra.kafka import (
    OtherPartitions,
    UnreadableMessage,
    dead_letter_topic_of,
    entry_of,
    headers_of,
    let_go,
    make_topics,
    opened,
    partitions,
    topic_of,
)
from infra.local.kafka import Kafka
from infra.log import START, Entry, Log
from infra.settings import Settings
from infra.topic import PRODUCER, NoChecksums, Topic
from tests.broker import delete, messages
from tests.infra.counting import NOON, Add, Open, build

EPOCH = UUID("0b0e7e0a-5a5e-4c70-8a55-6f2a3a1d9e01")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def entries(settings: Settings) -> list[Entry]:
    """What a store with a traced and an untraced command publishes."""
    counting = build(settings, clock=lambda: NOON)
    counting.handle(Request(Open(counter_id=UUID(int=1)), uuid4(), 'o"f,\\ficer', trace_id=TRACE))
    counting.handle(Request(Add(counter_id=UUID(int=1)), uuid4(), "officer-1"))
    return Log(counting.store).page() or []


def test_names_of_topics() -> None:
    assert (topic_of("ordering"), dead_letter_topic_of("ordering")) == ("ordering-events", "ordering-dead-letters")


def test_the_headers_are_those_of_cloudevents_and_ours(entries: list[Entry]) -> None:
    entry = replace(entries[0], pos=7, prev=3, recorded_at=NOON + timedelta(microseconds=5))
    headers = headers_of(entry, EPOCH)
    event_id = headers[1][1].decode()
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(UUID(event_id)).encode(),
        "ce_source": b"/groupement/counting",
        "ce_type": b"counting.Opened.v1",
        "ce_time": b"2022-06-01T12:00:00Z",
        "ce_subject": b"00000000-0000-0000-0000-000000000001",
        "content-type": b"application/json",
        "pos": b"7",
        "prev": b"3",
        "version": b"1",
        "epoch": b"0b0e7e0a-5a5e-4c70-8a55-6f2a3a1d9e01",
        "recorded_at": b"2022-06-01T12:00:00.000005+00:00",
        "traceparent": f"00-{TRACE}-{event_id.replace('-', '')[:16]}-01".encode(),
    }
    assert f'"event_id":"{event_id}"'.encode() in entry.raw
    assert len(headers) == len(dict(headers))


def test_an_event_without_a_trace_has_no_traceparent(entries: list[Entry]) -> None:
    assert "traceparent" not in dict(headers_of(entries[1], EPOCH))


@pytest.mark.parametrize("raw", [b"", b"\xff", b'{"amount":1}'])
def test_bytes_that_are_no_event_travel_too(entries: list[Entry], raw: bytes) -> None:
    entry = replace(entries[0], raw=raw)
    headers = dict(headers_of(entry, EPOCH))
    assert (headers["ce_id"], headers["ce_time"]) == (str(entry.pos).encode(), headers["recorded_at"])


def message(entry: Entry) -> tuple[str, int, bytes, bytes, list[tuple[str, bytes]]]:
    return "counting-events", entry.lane, str(entry.stream_id).encode(), entry.raw, headers_of(entry, EPOCH)


def test_what_was_written_is_read_back(entries: list[Entry]) -> None:
    odd = Entry(7, 9_000_000_000, 0, uuid4(), 3, "counting.Opened.v12", datetime(2031, 1, 2, 3, 4, 5, 6, UTC), b"\xff{")
    for entry in [*entries, odd, replace(odd, recorded_at=START, raw=b"")]:
        assert entry_of(*message(entry)) == (EPOCH, entry)


@pytest.mark.parametrize("name", ["pos", "prev", "version", "epoch", "recorded_at", "ce_type"])
@pytest.mark.parametrize("value", [None, b"", b"x", b"\xff"])
def test_a_message_of_somebody_else_is_told_with_its_place(
    entries: list[Entry], name: str, value: bytes | None
) -> None:
    if name == "ce_type" and value in (b"", b"x"):
        return
    place, lane, key, raw, headers = message(entries[0])
    odd = [(k, v) for k, v in headers if k != name] + ([(name, value)] if value is not None else [])
    with pytest.raises(UnreadableMessage, match="counting-events, partition 0"):
        entry_of(place, lane, key, raw, odd)


@pytest.mark.parametrize("key", [None, b"", b"order 1", b"\xff"])
def test_a_message_needs_the_id_of_an_aggregate_as_its_key(entries: list[Entry], key: bytes | None) -> None:
    place, lane, _, raw, headers = message(entries[0])
    with pytest.raises(UnreadableMessage):
        entry_of(place, lane, key, raw, headers)


def test_checksums_are_not_computed_in_python() -> None:
    assert calc_crc32c(b"groupement") == crc32c.crc32c(b"groupement")
    assert calc_crc32c.__globals__["_crc32c"] is crc32c.crc32c


def test_a_relay_does_not_start_without_the_package_that_computes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic, "find_spec", lambda name: None)
    with pytest.raises(NoChecksums, match="pip install crc32c"):
        Topic("127.0.0.1:1", "counting", 1, EPOCH)


def test_a_producer_is_let_go_of_though_its_broker_hangs_with_what_it_was_sent(broker: Kafka) -> None:
    """The library's own close waits until the broker answers again."""
    make_topics(broker.bootstrap, {"hanging": 1})
    producer = opened(KafkaProducer, broker.bootstrap, **PRODUCER)
    assert producer.partitions_for("hanging-events") == {0}
    broker.process.pause()
    try:
        future = producer.send("hanging-events", b"{}", partition=0)
        began = time.monotonic()
        let_go(producer)
        assert time.monotonic() - began < 10
    finally:
        broker.process.resume()
    assert future.failed()
    delete(broker, "hanging-events", "hanging-dead-letters")


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # pytest would keep the socket that one names
@pytest.mark.parametrize("broker_is", ["mute", "not there"])
def test_where_nobody_answers_nothing_is_left_behind(broker_is: str) -> None:
    """kafka-python itself leaves sockets and a thread behind each time."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)

    def held() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        if broker_is == "mute":
            place.listen()
        before = held()
        # A process that waits makes so little that its garbage collector looks once in a quarter of an hour.
        gc.disable()
        try:
            for kind in 3 * (KafkaAdminClient, KafkaConsumer, KafkaProducer):
                # Not `pytest.raises`: it keeps the error, and so what the error holds.
                try:
                    opened(kind, f"127.0.0.1:{place.getsockname()[1]}", bootstrap_timeout_ms=200)
                except KafkaTimeoutError:
                    continue
                pytest.fail(f"{kind.__name__} found a broker")
            files, threads = held()
            assert threads == before[1]
            assert files - before[0] <= 1, "the last error may hold a socket, until the next one"
        finally:
            gc.enable()


@pytest.fixture
def names(broker: Kafka) -> Iterator[list[str]]:
    """The topics of the contexts `one` and `two`, gone afterwards."""
    found = [name(context) for context in ("one", "two") for name in (topic_of, dead_letter_topic_of)]
    yield found
    with closing(opened(KafkaAdminClient, broker.bootstrap)) as admin:
        delete(broker, *partitions(admin, found))


@pytest.mark.full
def test_topics_have_as_many_partitions_as_their_stores_have_lanes(broker: Kafka, names: list[str]) -> None:
    assert make_topics(broker.bootstrap, {"one": 1, "two": 3}) == sorted(names)
    assert {name: len(messages(broker, name)) for name in names} == dict(zip(names, [1, 1, 3, 3], strict=True))


@pytest.mark.full
def test_topics_are_made_as_often_as_one_likes(broker: Kafka, names: list[str]) -> None:
    make_topics(broker.bootstrap, {"one": 2})
    with closing(opened(KafkaAdminClient, broker.bootstrap)) as admin:
        before = partitions(admin, names)
        assert make_topics(broker.bootstrap, {"one": 2}) == []
        assert make_topics(broker.bootstrap, {"one": 2, "two": 1}) == ["two-dead-letters", "two-events"]
        after = partitions(admin, names)
        assert before.items() < after.items(), "a topic that is there stays the same"


@pytest.mark.full
def test_a_topic_that_does_not_fit_its_store_is_refused(broker: Kafka, names: list[str]) -> None:
    make_topics(broker.bootstrap, {"one": 2})
    with pytest.raises(OtherPartitions, match=r"one-\S+ has 2 partitions, its store 3 lanes.*`groupement migrate`"):
        make_topics(broker.bootstrap, {"one": 3})


@pytest.mark.full
def test_nothing_is_ever_deleted_by_age_or_size_and_the_broker_says_the_time(broker: Kafka, names: list[str]) -> None:
    make_topics(broker.bootstrap, {"one": 1})
    with closing(opened(KafkaAdminClient, broker.bootstrap)) as admin:
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "one-events")])
    text = str(found)
    assert "'retention.ms': {'value': '-1'" in text
    assert "'retention.bytes': {'value': '-1'" in text
    assert "'message.timestamp.type': {'value': 'LogAppendTime'" in text


@pytest.mark.full
@pytest.mark.parametrize("conflict", [{"acks": 1}, {"retries": 0}, {"max_in_flight_requests_per_connection": 6}])
def test_the_producer_refuses_what_would_drop_idempotence_without_a_word(
    broker: Kafka, conflict: dict[str, int]
) -> None:
    with pytest.raises(KafkaConfigurationError):
        opened(KafkaProducer, broker.bootstrap, **{**PRODUCER, **conflict})
    with closing(opened(KafkaProducer, broker.bootstrap, **PRODUCER)) as producer:
        used = producer.config
        assert (used["acks"], used["enable_idempotence"], used["compression_type"]) == (-1, True, "lz4")
