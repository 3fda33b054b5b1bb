"""The FastStream app of ordering's reactions, and the topics that the platform has: `AsyncAPI` is made of it.

What differs from FastStream's defaults, and why: its producer waits for one copy only and its admin client creates
topics with one partition, so it has neither; it acknowledges before the handler runs, so acknowledging is manual; it
begins at the newest message; it answers whom a header names; it decodes headers, and skips a message where it cannot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.specification import AsyncAPI

from events import CONTEXTS
from infra.kafka import dead_letter_topic_of, topic_of

READ = ("membership", "suppliers", "tendering")
"""The contexts whose events ordering takes in."""
GROUP = "ordering"
"""The consumer group: one for each service."""
BATCH = 500
"""Messages that are taken in at once, at most."""
COMMITTED_SECONDS = 5.0
"""How long the broker may take to say what was acknowledged of a partition."""
HOST = "kafka:9092"
"""Where the containers find the broker."""
log = logging.getLogger(__name__)

Handler = Callable[[KafkaMessage], Awaitable[None]]


async def _as_they_lie(records: Any, parse: Callable[[Any], Awaitable[KafkaMessage]]) -> KafkaMessage:
    """The messages of a batch with their own headers, which need not be text."""
    message = await parse(tuple(replace(record, headers=()) for record in records))
    message.raw_message = tuple(records)
    return message


async def _whole(message: KafkaMessage) -> KafkaMessage:
    """The handler reads the bytes itself: what cannot be decoded must reach it too."""
    return message


def channels(
    bootstrap: str, handle: Handler, listener: ConsumerRebalanceListener | None = None
) -> tuple[FastStream, Any]:
    """The app whose subscriber gives `handle` what other contexts publish, in batches; and that subscriber."""
    broker = KafkaBroker(
        bootstrap.split(","),
        client_id=GROUP,
        consumer_only=True,
        allow_auto_create_topics=False,
        metadata_max_age_ms=5_000,
        request_timeout_ms=10_000,
        apply_types=False,
        logger=log,
        log_level=logging.DEBUG,
    )
    subscriber = broker.subscriber(
        *map(topic_of, READ),
        batch=True,
        max_records=BATCH,
        batch_timeout_ms=50,
        group_id=GROUP,
        auto_offset_reset="earliest",
        # Another process takes over from one that was killed after six seconds; brokers allow no less.
        session_timeout_ms=6_000,
        heartbeat_interval_ms=1_500,
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        parser=_as_they_lie,
        decoder=_whole,
        listener=listener,
        title="ordering-reactions",
    )
    subscriber(handle)
    for context, events in CONTEXTS.items():
        for topic in (topic_of(context), dead_letter_topic_of(context)):
            broker.publisher(topic, title=topic, schema=reduce(or_, events))
    return FastStream(broker, logger=log, specification=AsyncAPI(title="groupement", version="1")), subscriber


def described() -> dict[str, Any]:
    """The app as FastStream describes it, in AsyncAPI 3."""

    async def take(message: KafkaMessage) -> None:
        """Nothing: nobody sends."""

    app, _ = channels(HOST, take)
    found: dict[str, Any] = app.schema.to_specification().to_jsonable()
    return found


def seek(consumer: Any, place: TopicPartition, offset: int) -> None:
    """Goes on from an offset, unless the partition was given to another process: that begins where the store says."""
    with suppress(IllegalStateError):
        consumer.seek(place, offset)


class Resume(ConsumerRebalanceListener):  # type: ignore[misc]
    """Begins one message before the acknowledged offset: one that does not follow shows what is missing before it."""

    def __init__(self, is_anew: set[str]) -> None:
        self._is_anew = is_anew
        self.subscriber: Any = None

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing: positions are in the store."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Seeks."""
        for place in assigned:
            offset = None
            if place.topic not in self._is_anew:
                # The group stands still until this returns. From the beginning on, nothing is taken in twice.
                with suppress(TimeoutError):
                    committed = self.subscriber.consumer.committed(place)
                    offset = await asyncio.wait_for(committed, COMMITTED_SECONDS)
            seek(self.subscriber.consumer, place, max(0, (offset or 0) - 1))
