"""Dead letters: messages that a service could not take in, kept until it can.

A letter is an internal event in the service's own store, written in the transaction that moves the lane's position
past the message: the store is the truth about what is still open. The topic `<context>-dead-letters` holds the message
once more, as it came, for whoever watches topics.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Hashable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple
from uuid import UUID

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from pydantic import ConfigDict

from events.base import Event, Refusal
from events.values import Instant, derived_id
from infra.event_store import NAMESPACE
from infra.kafka import Headers, NoSuchTopic, dead_letter_topic_of, let_go, opened, partitions
from infra.log import Entry
from infra.telemetry import trace_of
from infra.topic import DELIVERY_MS, PRODUCER, between

LETTERS = derived_id(NAMESPACE, "dead-letters")
"""The stream of a store that says which letters are open."""
PREFIX = "dead_letter_"
"""What the headers begin with that a dead letter adds to those of its message."""
Kind = Literal["newer", "unreadable", "defect", "behind", "foreign"]
"""Why a message was parked: it is of a newer version than the code reads; it is not what it says; taking it in failed
each time; an earlier message of the same aggregate is parked; it is no event of a store at all."""


class NoSuchLetter(Refusal):
    """No open dead letter has this name."""

    rule = "A dead letter is named by context, lane and position, such as tendering/0/1234"
    remedy = "See `groupement dead-letters list`."


class Message(NamedTuple):
    """A message of a topic, as it lies there."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class MessageParked(Event):
    """Internal: a message of another context was put aside, untouched."""

    TOPIC: ClassVar[str] = "_store.MessageParked.v1"
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    source: str
    """Context whose message it is."""
    lane: int
    offset: int
    """Where the message lies in its partition; after a topic was made anew, where it lay."""
    kind: Kind
    reason: str
    pos: int | None
    """Its place in its context's log; null for what is no event of a store."""
    prev: int
    stream_id: UUID | None
    """The aggregate; null for what is no event of a store."""
    version: int
    type: str
    sent_at: Instant | None
    """`recorded_at` of the message: the running maximum of its lane."""
    raw: bytes

    @property
    def name(self) -> str:
        """What people call the letter."""
        return f"{self.source}/{self.lane}/{f'@{self.offset}' if self.pos is None else self.pos}"

    @property
    def entry(self) -> Entry | None:
        """The event, as the message carried it; None for what is none."""
        if self.pos is None or self.stream_id is None or self.sent_at is None:
            return None
        return Entry(
            self.lane, self.pos, self.prev, self.stream_id, self.version, self.type, self.sent_at, self.raw
        )  # fmt: skip


class MessageSettled(Event):
    """Internal: a parked message was taken in, or needs not to be."""

    TOPIC: ClassVar[str] = "_store.MessageSettled.v1"
    name: str


def parked(context: str, entry: Entry, offset: int, kind: Kind, reason: str) -> MessageParked:
    """The letter of an event that could not be taken in."""
    return MessageParked(
        source=context,
        lane=entry.lane,
        offset=offset,
        kind=kind,
        reason=reason,
        pos=entry.pos,
        prev=entry.prev,
        stream_id=entry.stream_id,
        version=entry.version,
        type=entry.type,
        sent_at=entry.recorded_at,
        raw=entry.raw,
    )


def foreign(context: str, message: Message, reason: str) -> MessageParked:
    """The letter of a message that is no event of a store."""
    return MessageParked(
        source=context,
        lane=message.partition,
        offset=message.offset,
        kind="foreign",
        reason=reason,
        pos=None,
        prev=0,
        stream_id=None,
        version=0,
        type="",
        sent_at=None,
        raw=message.value or b"",
    )


Held = tuple[str, UUID]
"""Context and aggregate."""


@dataclass(frozen=True)
class Letters:
    """The open letters of a store, in the order in which they were parked."""

    open: Mapping[str, MessageParked] = field(default_factory=lambda: MappingProxyType({}))
    first: Mapping[Held, str] = field(default_factory=lambda: MappingProxyType({}))
    """For each aggregate with an open letter the name of its first."""
    foreign: frozenset[str] = frozenset()
    """Names of all letters, settled ones too, that are no event of a store: no position says that they were seen."""

    def holding(self, context: str, stream_id: UUID) -> MessageParked | None:
        """The first open letter of an aggregate: nothing later of it may be taken in before."""
        name = self.first.get((context, stream_id))
        return self.open[name] if name else None

    def after(self, letter: MessageParked) -> Iterator[MessageParked]:
        """The open letters of a letter's aggregate, in their order; of what is no event, itself."""
        for one in self.open.values():
            if one is letter or (one.stream_id and (one.source, one.stream_id) == (letter.source, letter.stream_id)):
                yield one


def evolve(letters: Letters | None, event: Event) -> Letters:
    """The letters after one was parked or settled."""
    known, strangers = (dict(letters.open), letters.foreign) if letters else ({}, frozenset[str]())
    match event:
        case MessageParked():
            known[event.name] = event
            strangers |= {event.name} if event.pos is None else set()
        case MessageSettled():
            known.pop(event.name, None)
    first: dict[Held, str] = {}
    for name, one in known.items():
        if one.stream_id:
            first.setdefault((one.source, one.stream_id), name)
    return Letters(known, first, strangers)


def headers_of_letter(letter: MessageParked, message: Message, reader: str) -> list[tuple[str, bytes]]:
    """The message's own headers, as they came, and who parked it, why, and where it lay."""
    said = {
        "reader": reader,
        "kind": letter.kind,
        "reason": letter.reason,
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "pos": "" if letter.pos is None else letter.pos,
    }
    return [*message.headers, *((PREFIX + name, str(value).encode()) for name, value in said.items())]


def tell(log: logging.Logger, letter: MessageParked, message: Message) -> None:
    """Warns that a message was parked.

    Outside of any request: the trace is that of the request which caused the message, where its headers name one.
    """
    parent = next((value for name, value in message.headers if name == "traceparent"), None) or b""
    told = {"dead_letter": letter.name, "kind": letter.kind, "trace_id": trace_of(parent.decode(errors="replace"))}
    log.warning("parked as dead letter %s: %s", letter.name, letter.reason, extra=told)


class DeadLetterTopics:
    """Writes messages to the dead-letter topics of their contexts, each once. One thread at a time."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: Any = None
        self._consumer: Any = None
        self._read: dict[TopicPartition, int] = {}
        self._known: dict[TopicPartition, set[Hashable]] = {}

    def put(self, letter: MessageParked, message: Message, reader: str) -> None:
        """Returns when the broker has the message; one that the same reader has put there already changes nothing.

        Raises KafkaError and NoSuchTopic.
        """
        place = TopicPartition(dead_letter_topic_of(letter.source), message.partition)
        headers = headers_of_letter(letter, message, reader)
        try:
            if self._producer is None:
                self._open(place.topic)
            if _identity(message.key, message.value, headers) in self._there(place):
                return
            sent = self._producer.send(place.topic, message.value, message.key, headers, place.partition)
            sent.get(DELIVERY_MS / 1_000)
        except ValueError as error:
            self.close()
            raise NoSuchTopic(f"the topic {place.topic}, partition {place.partition}, is missing: {error}") from error
        except BaseException:
            self.close()
            raise

    def _open(self, topic: str) -> None:
        # Asked for topics, the consumer waits without a limit of time.
        with closing(opened(KafkaAdminClient, self._bootstrap)) as admin:
            if topic not in partitions(admin, [topic]):
                raise NoSuchTopic(f"the topic {topic} is missing: run `groupement migrate`")
        self._producer = opened(KafkaProducer, self._bootstrap, **{**PRODUCER, "linger_ms": 0})
        self._consumer = opened(KafkaConsumer, self._bootstrap, enable_auto_commit=False)

    def _there(self, place: TopicPartition) -> Collection[Hashable]:
        """The letters of a partition. What is new since the last look is read: others put letters there too."""
        self._consumer.assign([place])
        known, start = self._known.get(place, set()), self._read.get(place, 0)
        first, end = self._consumer.beginning_offsets([place])[place], self._consumer.end_offsets([place])[place]
        if end < start:  # it was made anew
            known, start = set(), 0
        for found in between(self._consumer, place, max(start, first), end):
            known.add(_identity(found.key, found.value, found.headers))
        self._known[place], self._read[place] = known, end
        return known

    def close(self) -> None:
        """Lets go of the broker."""
        producer, self._producer = self._producer, None
        consumer, self._consumer = self._consumer, None
        if producer is not None:
            let_go(producer)
        if consumer is not None:
            consumer.close()


def _identity(key: bytes | None, value: bytes | None, headers: Headers) -> Hashable:
    """What makes a letter the same one: who read it, where it lay, and what it was; a topic may be made anew."""
    said = dict(headers)
    where = tuple(said.get(PREFIX + name) for name in ("reader", "topic", "partition", "offset"))
    return where, key, None if value is None else sha256(value).digest()
