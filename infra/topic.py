"""A context's topic as its relay sees it: what it ends with, and what is sent to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import datetime
from importlib.util import find_spec
from typing import Any, NamedTuple
from uuid import UUID

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaTimeoutError

from infra.kafka import (
    MESSAGE_BYTES,
    PATIENCE_MS,
    NoSuchTopic,
    UnreadableMessage,
    check_partitions,
    entry_of,
    headers_of,
    let_go,
    opened,
    partitions,
    topic_of,
)
from infra.log import Entry, Mark

DELIVERY_MS = PATIENCE_MS + 5_000
"""How long the producer tries; a page is acknowledged, or has failed, by then."""
BATCH_BYTES = 1_000_000
"""The most of a lane that is sent before it is waited for: one batch, which arrives whole or not at all."""
PRODUCER = {
    "acks": "all",
    # Explicitly: as a default it is dropped without a word where another setting conflicts.
    "enable_idempotence": True,
    "compression_type": "lz4",
    "batch_size": BATCH_BYTES,
    "max_request_size": MESSAGE_BYTES,
    # A batch leaves when `leave` flushes, not before the page is complete.
    "linger_ms": 2_000,
    "delivery_timeout_ms": DELIVERY_MS,
    "max_block_ms": 5_000,
    "allow_auto_create_topics": False,
}
BACK = 500
"""Messages that are read at once on the way back from the end of a partition."""


class TailLost(Exception):
    """The broker no longer has what it acknowledged: the topic was made anew, or cut after a crash."""


class NoChecksums(Exception):
    """A package is missing without which kafka-python is five times slower, silently."""


class Sent(NamedTuple):
    """An event of this store that is in a partition."""

    pos: int
    prev: int
    recorded_at: datetime

    @property
    def mark(self) -> Mark:
        """A reader that has come here."""
        return Mark(self.pos, self.recorded_at)


class Topic:
    """The topic of a store's events, with the one producer that writes to it.

    A topic that is made anew under a page on its way begins with that page, for the broker knows topics by their names:
    its readers see a gap until the relay has filled it again.

    Raises NoSuchTopic, OtherPartitions, TailLost and KafkaError, each of which ends its use: open another one.
    """

    def __init__(self, bootstrap: str, context: str, lanes: int, epoch: UUID) -> None:
        if find_spec("crc32c") is None:
            raise NoChecksums("kafka-python needs the package crc32c; type:\n  pip install crc32c")
        self.name = topic_of(context)
        self._bootstrap, self._lanes, self._epoch = bootstrap, lanes, epoch
        with ExitStack() as opening:
            self._admin = opening.enter_context(opened(KafkaAdminClient, bootstrap))
            self.identity = self._identity()
            self._ends = self._end_offsets()
            self._producer = opened(KafkaProducer, bootstrap, **PRODUCER)
            # Closed after the producer, whose closing ends a flush that nobody answers.
            self._beside = opening.enter_context(ThreadPoolExecutor(1, "flush"))
            opening.callback(let_go, self._producer)
            self._flush: Future[None] | None = None
            self._open = opening.pop_all()

    def close(self) -> None:
        """Lets go of the broker."""
        self._open.close()

    def _identity(self) -> UUID:
        found = partitions(self._admin, [self.name])
        if self.name not in found:
            msg = f"the topic {self.name} is missing: run `groupement migrate`"
            raise NoSuchTopic(msg)
        identity, count = found[self.name]
        check_partitions(self.name, count, self._lanes)
        return identity

    def _end_offsets(self) -> dict[int, int]:
        asked = {TopicPartition(self.name, lane): OffsetSpec.LATEST for lane in range(self._lanes)}
        found = self._admin.list_partition_offsets(asked, timeout_ms=PATIENCE_MS)
        return {place.partition: answer.offset for place, answer in found.items()}

    def check(self) -> None:
        """Raises TailLost where the topic is another one than before, or shorter; and where no broker answers."""
        if self._identity() != self.identity:
            msg = f"the topic {self.name} was deleted and made anew"
            raise TailLost(msg)
        for lane, end in self._end_offsets().items():
            self._note_end(lane, end, end)

    def _note_end(self, lane: int, start: int, end: int) -> None:
        if start < self._ends[lane]:
            msg = f"{self.name}, partition {lane}, ended at {self._ends[lane]} and now at {start}"
            raise TailLost(msg)
        self._ends[lane] = end

    def newest_first(self, lane: int) -> Iterator[Sent]:
        """The events of this epoch of the store that are in a partition, from its end backwards."""
        place = TopicPartition(self.name, lane)
        with closing(opened(KafkaConsumer, self._bootstrap, enable_auto_commit=False)) as consumer:
            consumer.assign([place])
            start, end = consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place]
            while start < end:
                middle = max(start, end - BACK)
                for message in reversed(between(consumer, place, middle, end)):
                    sent = self._sent(message)
                    if sent is not None:
                        yield sent
                end = middle

    def _sent(self, message: Any) -> Sent | None:
        try:
            epoch, entry = entry_of(self.name, message.partition, message.key, message.value, message.headers)
        except UnreadableMessage:
            return None
        return Sent(entry.pos, entry.prev, entry.recorded_at) if epoch == self._epoch else None

    def send(self, entry: Entry) -> Any:
        """Hands an event to the producer; its future is for `settle`."""
        key, headers = str(entry.stream_id).encode(), headers_of(entry, self._epoch)
        try:
            return self._producer.send(self.name, entry.raw, key, headers, entry.lane)
        except ValueError as error:  # the producer has heard that the topic is gone, or smaller
            raise NoSuchTopic(f"the topic {self.name}, partition {entry.lane}, is gone: {error}") from error

    def leave(self) -> None:
        """Lets everything that was handed over leave, and does not wait for it."""
        self._flush = self._beside.submit(self._producer.flush, 2 * DELIVERY_MS / 1_000)

    def settle(self, futures: Sequence[Any]) -> None:
        """Returns when the broker has acknowledged all of them, in the place where they belong."""
        if self._flush is not None:
            self._flush.result()
        acknowledged = [future.get(0) for future in futures]
        for message in acknowledged:
            self._note_end(message.partition, message.offset, message.offset + 1)


def between(consumer: KafkaConsumer, place: TopicPartition, start: int, end: int) -> list[Any]:
    """The messages of a partition between two offsets. Raises KafkaTimeoutError where the broker gives none."""
    consumer.seek(place, start)
    found: list[Any] = []
    # Without a limit it would wait for ever for a broker that does not confirm the position.
    while (position := consumer.position(place, PATIENCE_MS)) is not None and position < end:
        messages = consumer.poll(PATIENCE_MS, max_records=end - position).get(place, [])
        if not messages and consumer.position(place, PATIENCE_MS) == position:
            msg = f"{place.topic}, partition {place.partition}: nothing at offset {position}"
            raise KafkaTimeoutError(msg)
        found += messages
    if position is None:
        msg = f"{place.topic}, partition {place.partition}: nobody confirms the position"
        raise KafkaTimeoutError(msg)
    return found
