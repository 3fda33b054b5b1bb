"""The partitions that Kafka's group gives to this projector, and how far it has read and written them.

All partitions of a context or none. Nothing here is more than a hint: positions are in the data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalOperation, IllegalStateError, KafkaError

from infra.assignor import WholeTopics
from infra.kafka import topic_of
from projections.projected import Lane

GROUP = "projector"
WAIT_SECONDS = 0.1
"""How long to wait for messages where none are there."""
AT_ONCE = 2_000
"""Messages that are taken before anything else gets its turn."""
PATIENCE_SECONDS = 5
CONSUMER: Mapping[str, Any] = {
    "group_id": GROUP,
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "partition_assignment_strategy": (WholeTopics,),
    # What is fetched and not yet taken: compressed, perhaps a tenth of what it holds.
    "fetch_max_bytes": 16_000_000,
    "max_partition_fetch_bytes": 4_000_000,
    "fetch_max_wait_ms": 100,
    "metadata_max_age_ms": 10_000,
    "request_timeout_ms": 15_000,
}
BROKER_IS_AWAY = (KafkaError, OSError, asyncio.TimeoutError)
NOT_HELD = (KafkaError, IllegalStateError, IllegalOperation, asyncio.TimeoutError)
"""What the client raises of a partition that was given to somebody else meanwhile."""


class Partitions:
    """A member of the group; `on_shuffle` is called when partitions come or go."""

    def __init__(self, bootstrap: str, contexts: Sequence[str], on_shuffle: Callable[[], None]) -> None:
        self._bootstrap, self._on_shuffle = bootstrap, on_shuffle
        self._topics = {topic_of(context): context for context in contexts}
        self._consumer: Any = None
        self._read: dict[TopicPartition, int] = {}
        self._written: dict[TopicPartition, int] = {}

    async def join(self) -> None:
        """Joins the group. Raises BROKER_IS_AWAY; then `leave` and join again."""
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, **CONSUMER)
        self._consumer.subscribe(list(self._topics), listener=_Shuffled(self.shuffled))
        await self._consumer.start()

    async def leave(self) -> None:
        """Leaves the group, so that others need not wait until this member is missed."""
        self.shuffled()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(*BROKER_IS_AWAY):
                await asyncio.wait_for(consumer.stop(), 2 * PATIENCE_SECONDS)

    def shuffled(self) -> None:
        """What was read here belongs to others now, or begins anew."""
        self._read, self._written = {}, {}
        self._on_shuffle()

    @property
    def is_member(self) -> bool:
        """Whether the group was joined, or is being joined."""
        return self._consumer is not None

    def context_of(self, place: TopicPartition) -> str:
        """The context whose events a partition holds."""
        return self._topics[place.topic]

    def held(self, context: str) -> list[TopicPartition]:
        """The partitions of a context, where they are this member's."""
        held = self._consumer.assignment() if self._consumer else ()
        return [place for place in held if place.topic == topic_of(context)]

    def count(self, context: str) -> int:
        """How many partitions a context's topic has."""
        return len(self._consumer.partitions_for_topic(topic_of(context)) or ()) if self._consumer else 0

    async def some(self, resting: Collection[str]) -> dict[TopicPartition, list[Any]]:
        """The next messages, of all contexts but those that rest. Raises BROKER_IS_AWAY."""
        paused = self._consumer.paused()
        for place in self._consumer.assignment():
            if self.context_of(place) in resting:
                self._consumer.pause(place)
            elif place in paused:
                self._consumer.resume(place)
        found: dict[TopicPartition, list[Any]] = await self._consumer.getmany(
            timeout_ms=int(1_000 * WAIT_SECONDS), max_records=AT_ONCE
        )
        return found

    def taken(self, place: TopicPartition, messages: Sequence[Any]) -> None:
        """Notes that these messages were looked at."""
        self._read[place] = messages[-1].offset + 1

    def again(self, place: TopicPartition, messages: Sequence[Any]) -> None:
        """Lets these messages come again."""
        with suppress(*NOT_HELD):
            self._consumer.seek(place, messages[0].offset)

    async def begin(self, context: str) -> bool:
        """Goes one message before the hints; whether the partitions are held.

        Where a hint lies beyond the data, that message does not follow on them, though nothing new may arrive.
        """
        places = self.held(context)
        try:
            for place in places:
                offset = max(0, await asyncio.wait_for(self._consumer.position(place), PATIENCE_SECONDS) - 1)
                self._consumer.seek(place, offset)
                self._written[place] = offset
        except (*NOT_HELD, AttributeError):
            return False
        return places != [] and places == self.held(context)

    async def rewind(self, places: Iterable[TopicPartition]) -> None:
        """Reads partitions again from their beginning."""
        with suppress(*NOT_HELD, AttributeError):
            await self._consumer.seek_to_beginning(*places)

    def hints(self, context: str) -> dict[TopicPartition, int]:
        """Where to go on, once what was taken so far is written."""
        return {place: self._read[place] for place in self.held(context) if place in self._read}

    async def written(self, hints: Mapping[TopicPartition, int]) -> None:
        """Leaves hints with the broker; one that gets lost costs nothing but reading again."""
        new = {place: offset for place, offset in hints.items() if self._written.get(place) != offset}
        self._written.update(new)
        if new:
            with suppress(*NOT_HELD, AttributeError):
                await self._consumer.commit(new)

    async def lag(self) -> dict[Lane, int]:
        """For each lane that is held the messages that are not written yet. Raises BROKER_IS_AWAY."""
        held = self._consumer.assignment() if self._consumer else ()
        if not held:
            return {}
        try:
            ends = await asyncio.wait_for(self._consumer.end_offsets(held), PATIENCE_SECONDS)
        except (IllegalStateError, AttributeError):  # it was given to somebody else, or the group was left, meanwhile
            return {}
        return {
            (self.context_of(place), place.partition): max(0, end - self._written[place])
            for place, end in ends.items()
            if place in self._written
        }


class _Shuffled(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, shuffled: Callable[[], None]) -> None:
        self._shuffled = shuffled

    def on_partitions_revoked(self, revoked: object) -> None:  # noqa: ARG002
        """Somebody else may write from now on; a step on its way is harmless."""
        self._shuffled()

    def on_partitions_assigned(self, assigned: object) -> None:  # noqa: ARG002
        """Where they stand is found in the data."""
        self._shuffled()
