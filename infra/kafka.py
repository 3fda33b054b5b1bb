"""Kafka as every process sees it: names of topics, their creation, and the form of a message (CloudEvents 1.0 binary).

A message's value is the stored JSON, untouched; what a reader must know besides it stands in headers.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaTimeoutError, TopicAlreadyExistsError, for_code

from infra.log import Entry

MESSAGE_BYTES = 64_000_000
"""The largest message: well above an order of 5,000 lines whose labels are as long as they may be."""
TOPIC = {
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": str(MESSAGE_BYTES),
    # The broker's clock: with the relay's, a broker whose clock is an hour behind would refuse every message.
    "message.timestamp.type": "LogAppendTime",
}
"""Settings of a new topic. Nothing relies on the retention."""
PATIENCE_MS = 10_000
"""How long one answer of a broker may take."""
CLOSING_SECONDS = 2
_HEAD = re.compile(
    rb'\{"event_id":"([0-9a-f-]{36})","recorded_at":"([^"]{10,40})"'
    rb'(?:,"actor":"(?:[^"\\]|\\.)*","trace_id":"([0-9a-f]{32})")?'
)
Headers = Sequence[tuple[str, bytes]]
Client = TypeVar("Client", KafkaAdminClient, KafkaConsumer, KafkaProducer)


class OtherPartitions(Exception):
    """A topic has another number of partitions than its store has lanes."""


class NoSuchTopic(Exception):
    """A topic is missing."""


class UnreadableMessage(ValueError):
    """A message that the relay did not write: its headers do not say what it is."""


def topic_of(context: str) -> str:
    """The topic of what a context publishes."""
    return f"{context}-events"


def dead_letter_topic_of(context: str) -> str:
    """The topic of what could not be read of a context's events."""
    return f"{context}-dead-letters"


def headers_of(entry: Entry, epoch: UUID) -> list[tuple[str, bytes]]:
    """The headers of an event's message.

    `ce_time` is the event's own time, `recorded_at` the lane's running maximum. Bytes that are no event travel too:
    they take the position as their id, and the lane's time.
    """
    recorded_at = entry.recorded_at.isoformat(timespec="microseconds").encode()
    head = _HEAD.match(entry.raw)
    event_id, at, trace_id = head.groups() if head else (b"%d" % entry.pos, recorded_at, None)
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id),
        ("ce_source", _source(entry.type)),
        ("ce_type", entry.type.encode()),
        ("ce_time", at),
        ("ce_subject", str(entry.stream_id).encode()),
        ("content-type", b"application/json"),
        ("pos", b"%d" % entry.pos),
        ("prev", b"%d" % entry.prev),
        ("version", b"%d" % entry.version),
        ("epoch", _epoch_text(epoch)),
        ("recorded_at", recorded_at),
    ]
    if trace_id:
        headers.append(("traceparent", b"00-" + trace_id + b"-" + event_id.replace(b"-", b"")[:16] + b"-01"))
    return headers


def entry_of(
    topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers
) -> tuple[UUID, Entry]:
    """The epoch of the store that a message comes from, and its event. Raises UnreadableMessage."""
    said = dict(headers)
    try:
        at = datetime.fromisoformat(said["recorded_at"].decode())
        # Positional, and with few calls: the projector does this for each message.
        return _epoch(said["epoch"]), Entry(
            partition,
            int(said["pos"]),
            int(said["prev"]),
            UUID(bytes=bytes.fromhex((key or b"").decode().replace("-", ""))),
            int(said["version"]),
            _type(said["ce_type"]),
            at if at.tzinfo is UTC else at.astimezone(UTC),
            value or b"",
        )
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        msg = f"a message of {topic}, partition {partition}, is not the relay's: {error!r}"
        raise UnreadableMessage(msg) from error


@lru_cache(64)
def _epoch_text(epoch: UUID) -> bytes:
    return str(epoch).encode()


@lru_cache(1_024)
def _source(name: str) -> bytes:
    return b"/groupement/" + name.partition(".")[0].encode()


@lru_cache(64)
def _epoch(raw: bytes) -> UUID:
    return UUID(raw.decode())


@lru_cache(1_024)
def _type(raw: bytes) -> str:
    return raw.decode()


def opened(kind: type[Client], bootstrap: str, **settings: Any) -> Client:
    """A client of kafka-python. Raises KafkaTimeoutError where no broker answers.

    The library leaves sockets and a thread behind where it cannot reach a broker: within a quarter of an hour that was
    all the files that a process may have open (measured).
    """
    made: list[Any] = []

    def network(**configuration: Any) -> Any:
        made.append(kind.DEFAULT_CONFIG["kafka_client"](**configuration))
        return made[-1]

    settings = {
        "request_timeout_ms": PATIENCE_MS,
        "bootstrap_timeout_ms": PATIENCE_MS // 2,
        "reconnect_backoff_max_ms": 1_000,
        **settings,
    }
    try:
        return kind(bootstrap_servers=bootstrap.split(","), kafka_client=network, **settings)
    except BaseException:
        for one in made:
            one.close()
        # Nobody has the socket of a connect that failed, but its own error, in a cycle.
        gc.collect()
        raise


def let_go(producer: KafkaProducer) -> None:
    """Closes a producer within seconds; what its broker has not acknowledged by then has failed.

    The library's own `close` waits for that without an end: no batch expires while it waits for a new producer id.
    """
    try:
        producer.close(CLOSING_SECONDS)
    except KafkaTimeoutError:
        producer._sender.force_close()  # noqa: SLF001 - `close` comes to it only after its flush, which has just failed
        producer.close(CLOSING_SECONDS)


def partitions(admin: KafkaAdminClient, topics: Sequence[str]) -> dict[str, tuple[UUID, int]]:
    """Identity and number of partitions of those of the topics that exist. Made anew, one has another identity."""
    return {
        found["name"]: (UUID(str(found["topic_id"])), len(found["partitions"]))
        for found in admin.describe_topics(list(topics))
        if not found["error_code"]
    }


def make_topics(bootstrap: str, lanes: Mapping[str, int], replication: int = -1) -> list[str]:
    """Creates what is missing of the topics of contexts with so many lanes, and says which; as often as one likes.

    `replication` -1 leaves the number of copies to the broker. Raises OtherPartitions where a topic is there and does
    not fit its store, and KafkaError.
    """
    wanted = {name(context): count for context, count in lanes.items() for name in (topic_of, dead_letter_topic_of)}
    with closing(opened(KafkaAdminClient, bootstrap)) as admin:
        missing = sorted(wanted.keys() - partitions(admin, list(wanted)).keys())
        if missing:
            asked = {
                name: {"num_partitions": wanted[name], "replication_factor": replication, "configs": TOPIC}
                for name in missing
            }
            for answer in admin.create_topics(asked, raise_errors=False)["topics"]:
                # Another process may make the same topics at the same moment.
                if answer["error_code"] not in (0, TopicAlreadyExistsError.errno):
                    raise for_code(answer["error_code"])(f"{answer['name']}: {answer['error_message']}")
            admin.wait_for_topics(missing)
        for name, (_, count) in partitions(admin, list(wanted)).items():
            check_partitions(name, count, wanted[name])
    return missing


def check_partitions(topic: str, count: int, lanes: int) -> None:
    """Raises OtherPartitions where a topic does not fit the lanes of its store."""
    if count != lanes:
        msg = (
            f"the topic {topic} has {count} partitions, its store {lanes} lanes: "
            "delete the topic and run `groupement migrate`; the relay fills it again"
        )
        raise OtherPartitions(msg)
