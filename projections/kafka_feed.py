"""The projector's feed in the full run: from the topics into the raw log, and from there into the derived tables.

Loops for each context, one behind the other: one appends what has arrived to the raw log, one for each derived table
brings it to where its source is; whose turn it is says `Turns`. Positions are read from the data; an offset in Kafka
is a hint at where to begin to read. Whatever is away is waited for, and `state` says so. What is in memory here may be
lost at any moment.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from aiokafka import TopicPartition
from kafka.errors import KafkaError

from infra.clickhouse import Analytics
from infra.dead_letters import DeadLetterTopics, Message, foreign, tell
from infra.kafka import NoSuchTopic, UnreadableMessage, entry_of, topic_of
from infra.log import Entry
from infra.metrics import shown
from infra.origin import ORIGIN_IS_AWAY, Origin
from projections.intake import Gap, Intake, is_behind
from projections.partitions import BROKER_IS_AWAY, GROUP, Partitions
from projections.patient import PatientProjector
from projections.projected import Lane
from projections.projector import ChainBroken, Projector
from projections.tables import tables_of
from projections.turns import Turns

LOOK_SECONDS = 1.0
"""How often the broker is asked for the ends of the partitions, and what waits tries again."""
PARTS_SECONDS = 5.0
"""How often it is asked whether the engine lost parts: it may have been started again, and nobody noticed."""
DATA_SECONDS = 2.0
"""How often the data are looked at while nothing arrives: somebody may have deleted them."""
ASK_SECONDS = 10.0
"""How long the relay may take to send again before it is asked once more."""
log = logging.getLogger(__name__)


class KafkaFeed:
    """Feeds a projector from the topics of contexts until it is stopped. All its attributes may be read."""

    def __init__(
        self, open_analytics: Callable[[], Analytics], bootstrap: str, contexts: Sequence[str], origin: Origin
    ) -> None:
        self.state = "starting"
        """`projecting`, or what it waits for and why."""
        self.intakes = {context: Intake(context) for context in contexts}
        self.lag: dict[Lane, int] = {}
        """For each lane that is read here the messages that are not in the raw log yet."""
        self.events = self.steps = self.unreadable = 0
        """Since the start: events appended, steps of the raw log, messages that went to the dead letters."""
        self.projector = PatientProjector(open_analytics)
        self._origin = origin
        self._letters = DeadLetterTopics(bootstrap)
        self._partitions = Partitions(bootstrap, contexts, self._shuffled)
        self._waits: dict[str, str] = {}
        self._oldest: dict[str, datetime] = {}
        self._arrived = {context: asyncio.Event() for context in contexts}
        self._turns = Turns(contexts)

    async def run(self, stop: asyncio.Event) -> None:
        """Feeds until `stop` is set; steps on their way are waited for, not for ever. Raises OtherStore."""
        loops = [self._read(), self._look(), self._mend_tables(), stop.wait()]
        loops += [self._append(context) for context in self.intakes]
        loops += [self._derive(context, table) for context, table in self._turns.tables]
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            self._says("stopped")
        except BaseException as defect:
            self._says(f"ended: {defect}")
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._partitions.leave()
            await asyncio.to_thread(self.projector.close)
            await asyncio.to_thread(self._letters.close)

    async def _read(self) -> None:
        """Takes messages, for as long as there are some and room for them."""
        while True:
            try:
                await self._partitions.join()
                self._waits.pop("reading", None)
                while True:
                    resting = [c for c, intake in self.intakes.items() if intake.is_full or not intake.is_ready]
                    for place, messages in (await self._partitions.some(resting)).items():
                        await self._take(place, messages)
            except BROKER_IS_AWAY as error:
                self._waits["reading"] = f"waiting for the broker: {error!r}"
                await self._partitions.leave()
                await asyncio.sleep(LOOK_SECONDS)

    def _shuffled(self) -> None:
        """Another projector may be given the partitions, or this one: what was queued here is forgotten."""
        for intake in self.intakes.values():
            intake.stop()
        self.lag = {}
        self._attend()

    def _attend(self) -> None:
        """Wakes up whoever appends: partitions came, or it is time to try again."""
        for arrived in self._arrived.values():
            arrived.set()

    async def _take(self, place: TopicPartition, messages: Sequence[Any]) -> None:
        intake = self.intakes[self._partitions.context_of(place)]
        if not intake.is_ready:
            # They were on their way when the data turned out to be elsewhere.
            self._partitions.again(place, messages)
            return
        topic, lane = place
        for message in messages:
            try:
                intake.take(*entry_of(topic, lane, message.key, message.value, message.headers))
            except UnreadableMessage as error:
                await self._park(intake.context, message, str(error))
        if intake.is_ready:
            self._partitions.taken(place, messages)
        self._arrived[intake.context].set()

    async def _park(self, context: str, message: Any, reason: str) -> None:
        """It is no event of a store; or one whose place nobody knows, and then the chain tells that it is missing."""
        found = Message(
            message.topic, message.partition, message.offset, message.key, message.value, message.headers
        )  # fmt: skip
        letter = foreign(context, found, reason)
        while True:
            try:
                await self.projector.thread(partial(self._letters.put, letter, found, GROUP))
            except (KafkaError, NoSuchTopic, OSError) as error:
                self._waits["dead letters"] = f"waiting to put a dead letter: {error!r}"
                await asyncio.sleep(LOOK_SECONDS)
            else:
                self._waits.pop("dead letters", None)
                self.unreadable += 1
                tell(log, letter, found)
                return

    async def _append(self, context: str) -> None:
        """Appends what has arrived to the raw log, again and again."""
        intake, arrived = self.intakes[context], self._arrived[context]
        looked_at = time.monotonic()
        while True:
            await arrived.wait()
            arrived.clear()
            began = time.monotonic()
            if not self._partitions.held(context):
                continue
            if not intake.is_ready:
                await self._begin(intake)
            await self._write(intake)
            for gap in list(intake.gaps.values()):
                await self._mend(intake, gap)
            if intake.is_ready and not intake and began - looked_at >= DATA_SECONDS:
                looked_at = began
                await self._compare(intake)
            if not intake.is_full:
                await self._turns.to_append(context, began)

    async def _begin(self, intake: Intake) -> None:
        """Reads from the data where the lanes of a context stand, and binds the data to its store."""
        context = intake.context
        try:
            lives = await self.projector.thread(partial(self._origin.identities, context))
        except ORIGIN_IS_AWAY as error:
            lives, silence = (), str(error)

        def find(projector: Projector) -> Any:
            if lives:
                projector.adopt(context, lives[-1].epoch, lives[-1].lanes)
            marks = {lane: mark for (app, lane), mark in projector.marks().items() if app == context}
            return projector.epochs().get(context), marks

        known, marks = await self.projector.use(context, find)
        if known is None:
            self._waits[context] = f"waiting for the store of {context}: {silence}"
            return
        epoch, lanes = known
        if self._partitions.count(context) != lanes:
            self._waits[context] = f"waiting for the topic of {context}: it must have {lanes} partitions"
            return
        self._waits.pop(context, None)
        if await self._partitions.begin(context):
            intake.begin(epoch, [life.epoch for life in lives[:-1]], marks)
            self._turns.look(context)

    async def _write(self, intake: Intake) -> None:
        hints = self._partitions.hints(intake.context)
        if entries := intake.cut():
            try:
                await self.projector.use(intake.context, lambda projector: _appended(projector, intake, entries))
            except ChainBroken as error:
                # Every entry followed on the one before it: the data are no longer where they were.
                await self._read_again(intake, str(error))
                return
            self.events += len(entries)
            self._oldest.setdefault(intake.context, entries[0].recorded_at)
            self.steps += 1
            self._turns.appended(intake.context)
        await self._partitions.written(hints)

    async def _compare(self, intake: Intake) -> None:
        """What was taken and written must be in the data, and the derived tables must be where the raw log is."""
        context, ends = intake.context, intake.reached
        tables = ["raw_log", *tables_of(context)]

        found = await self.projector.use(context, lambda projector: projector.reached_by(tables, context))
        stands, *derived = found.values()
        if is_behind(stands, ends):
            await self._read_again(intake, f"{context} has come to {ends}, the data say {stands}")
        elif any(is_behind(table, stands) for table in derived):
            self._turns.look(context)

    async def _read_again(self, intake: Intake, reason: str) -> None:
        """Somebody deleted the data: everything is read again that the topic holds."""
        log.warning("the raw log is not where it was: %s", reason)
        intake.stop()
        await self._partitions.rewind(self._partitions.held(intake.context))

    async def _mend(self, intake: Intake, gap: Gap) -> None:
        """A lane misses an event: its partition is read again once, then the relay is asked to send again."""
        if not gap.is_met or (gap.is_rewound and time.monotonic() - gap.asked_at < ASK_SECONDS):
            return
        context, lane, stands, found = intake.context, gap.lane, gap.stands, gap.found
        gap.is_met = False
        if not gap.is_rewound:
            gap.is_rewound = True
            log.warning("%s, lane %d: event %d arrived after %d", context, lane, found.pos, stands.pos)
            await self.projector.use(context, lambda p: p.note_break(context, lane, stands.pos, found))
            await self._partitions.rewind([TopicPartition(topic_of(context), lane)])
            return
        gap.asked_at = time.monotonic()
        log.warning("%s, lane %d: the relay is asked to send again after %d", context, lane, stands.pos)
        try:
            await self.projector.thread(partial(self._origin.ask_again, context, lane, stands))
        except ORIGIN_IS_AWAY as error:
            gap.is_met = True
            log.warning("the store of %s does not answer: %s", context, error)

    async def _derive(self, context: str, table: str) -> None:
        """Brings a derived table to where its source is, again and again."""
        while True:
            async with self._turns.of(context, table):
                oldest = self._oldest.pop(context, None) if table == "ledger" else None
                await self.projector.use(f"{context}, {table}", lambda projector: projector.derive_one(table, context))
                if oldest is not None:
                    shown(context, oldest)

    async def _look(self) -> None:
        """Says what stands still, and learns what is left to read."""
        while True:
            gaps = [
                f"{context}, lane {gap.lane}: waiting for event {gap.found.prev}, which is missing"
                for context, intake in self.intakes.items()
                for gap in intake.gaps.values()
            ]
            troubles = [*self._waits.values(), *self.projector.troubles(), *gaps]
            if troubles or self._partitions.is_member:
                self._says("; ".join(troubles) or "projecting")
            self._attend()
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self.lag = await self._partitions.lag()
            except BROKER_IS_AWAY as error:
                self._waits["ends"] = f"waiting for the broker: {error!r}"
            else:
                self._waits.pop("ends", None)

    async def _mend_tables(self) -> None:
        """Tables that lost parts are made anew; positions then show what is missing."""
        while True:
            await asyncio.sleep(PARTS_SECONDS)
            await self.projector.use("parts", lambda projector: projector.mend())

    def _says(self, state: str) -> None:
        if state != self.state:
            log.info("projector: %s", state)
        self.state = state


def _appended(projector: Projector, intake: Intake, entries: Sequence[Entry]) -> None:
    projector.append(intake.context, entries)
