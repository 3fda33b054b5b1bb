"""Ordering's reactions on Kafka: a FastStream app whose subscriber feeds the inbox with what other contexts publish.

The store's positions say what was taken in; Kafka's offsets are only where reading begins after a start. While Kafka
or a store is away it waits, and says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import chain, groupby
from typing import Any
from uuid import UUID

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError as AioKafkaError
from faststream.kafka import KafkaMessage
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from infra.checkpoint import STORE_IS_AWAY, ask_again
from infra.dead_letters import DeadLetterTopics, Letters, Message
from infra.event_store import Clock, Contended, EventStore, OutcomeUnknown, open_store, utc_now
from infra.kafka import NoSuchTopic, opened, partitions, topic_of
from infra.log import BeyondTheEnd, Mark
from infra.pending import Pending
from infra.settings import Settings
from services.ordering.app import Ordering
from services.ordering.app import build as build_ordering
from services.ordering.channels import READ, Resume, channels, seek
from services.ordering.intake import Intake, Lane, Rewind, Sources, TryAgain

CHECK_SECONDS = 1.0
"""How often topics and dead letters are looked after."""
ASK_SECONDS = 30.0
"""How often a relay is asked again for the same."""
PATIENCE_SECONDS = 30.0
"""How long the client may take to begin, or to end: neither has a limit of its own."""
PAUSE_SECONDS = 0.5
"""The pause before messages that could not be taken in are tried again; twice as long each time, at most ten times."""
SHOWN = 5
"""Dead letters that alarms name; the others are counted."""
BROKER_IS_AWAY = (KafkaError, AioKafkaError, OSError, NoSuchTopic)
log = logging.getLogger(__name__)


class TopicAnew(Exception):
    """A topic was deleted and made again: the offsets of the old one say nothing."""


class Stores:
    """The stores of the other contexts: each is opened for a question, and closed."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock

    @contextmanager
    def _open(self, context: str) -> Iterator[EventStore]:
        store = open_store(context, (), self._settings.store_environment(context), self._clock)
        try:
            yield store
        finally:
            store.close()

    def identity(self, context: str) -> tuple[UUID, int]:
        """Epoch of a context's store, and the last position in it. Raises STORE_IS_AWAY."""
        with self._open(context) as store:
            return store.epoch, store.last_pos()

    def ask_again(self, context: str, lane: int, mark: Mark) -> None:
        """Asks the context's relay to send a lane again after `mark`. Raises STORE_IS_AWAY."""
        with self._open(context) as store:
            ask_again(store, lane, mark)


def build(settings: Settings, clock: Clock = utc_now) -> Reactions:
    """The reactions on the stores and the broker that the settings name."""
    return Reactions(build_ordering(settings, clock), settings.kafka_bootstrap, Stores(settings, clock))


class Reactions:
    """Takes in what other contexts publish until it is stopped. All that is public may be read from other threads."""

    def __init__(self, ordering: Ordering, bootstrap: str, sources: Sources) -> None:
        self.ordering = ordering
        self.letters: Letters | None = None
        """The open dead letters, as of the last look; None before the first one."""
        self.lag: dict[Lane, int] = {}
        """For each lane that is read here, the messages between what was taken in and the partition's end."""
        self._bootstrap = bootstrap
        self._topics = DeadLetterTopics(bootstrap)
        self._intake = Intake(ordering.inbox, sources, self._topics)
        self._one_at_a_time = asyncio.Lock()
        self._phase = "starting"
        self._troubles: dict[str, str] = {}
        self._pending = Pending()
        self._failures = 0
        self._identities: dict[str, UUID] = {}
        self._stop = asyncio.Event()

    @property
    def state(self) -> str:
        """`reacting`, or what it waits for and why."""
        waiting = (_waiting(lane, mark) for lane, mark in list(self._intake.waiting.items()))
        slow = (f"waiting: {what} not taken in yet, after {took:.0f} s" for what, took in self._pending.slow().items())
        return next(chain(list(self._troubles.values()), slow, waiting), self._phase)

    @property
    def alarms(self) -> tuple[str, ...]:
        """What somebody should look at: dead letters, and lanes of which something is missing."""
        waiting = [_waiting(lane, mark) for lane, mark in list(self._intake.waiting.items())]
        letters = list((self.letters or Letters()).open.values())
        named = [f"dead letter {letter.name}: {letter.reason}" for letter in letters[:SHOWN]]
        more = [f"{len(letters) - SHOWN} dead letters more: groupement dead-letters list"] * (len(letters) > SHOWN)
        return (*waiting, *named, *more)

    @property
    def health(self) -> str:
        """The state, and what somebody should look at."""
        return "; ".join(dict.fromkeys((self.state, *self.alarms)))

    @property
    def problems(self) -> tuple[tuple[str, str], ...]:
        """Kind and context of each alarm: `chain` where something is missing, `dead letter`."""
        chains = [("chain", lane.context) for lane in list(self._intake.waiting)]
        letters = list((self.letters or Letters()).open.values())
        return (*chains, *(("dead letter", letter.source) for letter in letters))

    @property
    def counts(self) -> dict[str, int]:
        """What was done since the start. See `Intake.counts`."""
        return dict(self._intake.counts)

    async def run(self, stop: asyncio.Event) -> None:
        """Reacts until `stop` is set; what is being taken in is finished."""
        self._stop = stop
        while not stop.is_set():
            try:
                await self._react()
            except TopicAnew as anew:
                log.warning("reactions of ordering: %s", anew)
            except BROKER_IS_AWAY as error:
                await self._wait("broker", f"waiting for the broker: {error}")
            except (*STORE_IS_AWAY, OutcomeUnknown, Contended) as error:
                await self._wait("store", f"waiting for the store: {error}")
        await asyncio.to_thread(self._topics.close)
        self._troubles.clear()
        self._phase = "stopped"

    async def _wait(self, kind: str, state: str) -> None:
        self._troubles[kind] = state
        log.warning("reactions of ordering: %s", state)
        await self._pause(1.0)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _react(self) -> None:
        with closing(await asyncio.to_thread(opened, KafkaAdminClient, self._bootstrap)) as admin:
            found = await asyncio.to_thread(_identities, admin)
            is_anew = {name for name, identity in self._identities.items() if found[name] != identity}
            self._identities = found
            # What was too new for the code that ran here before may be readable now.
            retried = await asyncio.to_thread(self.ordering.inbox.retry)
            self._intake.counts["settled"] += sum(one.is_settled for one in retried)
            listener = Resume(is_anew)
            app, listener.subscriber = channels(self._bootstrap, self._handle, listener)
            try:
                await asyncio.wait_for(app.start(), PATIENCE_SECONDS)
                self._phase = "reacting"
                self._troubles.clear()
                await self._look_after(admin, listener.subscriber)
            finally:
                # What is left of it then harms nobody: one message is taken in at a time, positions are in the store.
                with suppress(TimeoutError):
                    await asyncio.wait_for(app.stop(), PATIENCE_SECONDS)

    async def _look_after(self, admin: KafkaAdminClient, subscriber: Any) -> None:
        """Until it is to stop. Raises TopicAnew, NoSuchTopic."""
        next_asking = ASK_SECONDS
        while not self._stop.is_set():
            await self._pause(CHECK_SECONDS)
            next_asking -= CHECK_SECONDS
            try:
                found = await asyncio.to_thread(_identities, admin)
                await self._measure(subscriber.consumer)
                self.letters = await asyncio.to_thread(self.ordering.inbox.letters)
                if next_asking <= 0:
                    async with self._one_at_a_time:
                        await asyncio.to_thread(self._intake.ask_again)
                    next_asking = ASK_SECONDS
            except (KafkaError, OSError) as error:
                self._troubles["broker"] = f"waiting for the broker: {error}"
            except STORE_IS_AWAY as error:
                self._troubles["store"] = f"waiting for the store: {error}"
            else:
                self._troubles.pop("broker", None)
                self._troubles.pop("store", None)
                if found != self._identities:
                    raise TopicAnew(f"of {', '.join(found)} one was deleted and made anew")

    async def _measure(self, consumer: Any) -> None:
        lag = {}
        for place in consumer.assignment():
            end = consumer.highwater(place)
            if end is not None:
                lag[lane_of(place)] = max(0, end - await consumer.position(place))
        self.lag = lag

    async def _handle(self, message: KafkaMessage) -> None:
        """Takes in a batch. Never raises: FastStream would go on with the next one."""
        failed = False
        for place, records in groupby(message.raw_message, lambda one: TopicPartition(one.topic, one.partition)):
            failed |= not await self._take(message.consumer, place, list(records))
        # The offsets of all partitions are acknowledged, each as far as it was taken in: what failed was sought back.
        with suppress(AioKafkaError):
            await message.ack()
        if failed:
            await self._pause(PAUSE_SECONDS * 2 ** min(self._failures, 5))

    async def _take(self, consumer: Any, place: TopicPartition, records: Sequence[ConsumerRecord[Any, Any]]) -> bool:
        """Takes in messages of one partition, or seeks back to where they begin; whether they were."""
        lane = lane_of(place)
        messages = [Message(r.topic, r.partition, r.offset, r.key, r.value, r.headers) for r in records]
        try:
            with self._pending.doing(f"messages of {lane.context}, lane {lane.number},"):
                async with self._one_at_a_time:
                    await asyncio.to_thread(self._intake.take, *lane, messages)
        except Rewind as missing:
            log.warning("reactions of ordering: %s; reading again from the beginning", missing)
            seek(consumer, place, 0)
            return True
        except Exception as error:
            # Whatever it is, what was not taken in must come again, and the process must go on and say so.
            if not isinstance(error, EXPECTED):
                log.exception("reactions of ordering fail on %s, lane %d", *lane)
            self._troubles[str(lane)] = _said(error)
            seek(consumer, place, records[0].offset)
            self._failures += 1
            return False
        self._troubles.pop(str(lane), None)
        self._failures = 0
        return True


EXPECTED = (*STORE_IS_AWAY, *BROKER_IS_AWAY, OutcomeUnknown, Contended, TryAgain, BeyondTheEnd)


def _said(error: Exception) -> str:
    match error:
        case TryAgain() | BeyondTheEnd():
            return f"waiting: {error}"
        case OutcomeUnknown() | Contended():
            return f"waiting for the store: {error.detail}"
    if isinstance(error, STORE_IS_AWAY):
        return f"waiting for the store: {error}"
    if isinstance(error, BROKER_IS_AWAY):
        return f"waiting for the broker: {error}"
    return f"waiting: {type(error).__name__}: {error}"


def _waiting(lane: Lane, mark: Mark) -> str:
    return f"waiting for the relay of {lane.context} to send lane {lane.number} again after position {mark.pos}"


def lane_of(place: TopicPartition) -> Lane:
    """The lane that a partition carries."""
    return Lane(CONTEXT_OF[place.topic], place.partition)


CONTEXT_OF = {topic_of(context): context for context in READ}


def _identities(admin: KafkaAdminClient) -> dict[str, UUID]:
    """The identity of each topic that is read. Raises NoSuchTopic."""
    names = list(CONTEXT_OF)
    found = partitions(admin, names)
    if missing := [name for name in names if name not in found]:
        raise NoSuchTopic(f"the topic {missing[0]} is missing: run `groupement migrate`")
    return {name: found[name][0] for name in names}
