"""The two ways along a topic, into the engine and into ordering: the product's own steps, driven without threads.

What projections/kafka_feed.py and services/ordering/consumer.py do with a broker and an event loop is done here in
turns: fetch, take, write, acknowledge, and mend where something is missing. Offsets are hints, the chain decides.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from infra.dead_letters import Message, MessageParked
from infra.kafka import headers_of, topic_of
from infra.log import Entry, Mark
from projections.intake import Gap, is_behind
from projections.intake import Intake as Queue
from projections.projector import ChainBroken, Projector
from projections.tables import tables_of
from services.ordering.app import Ordering
from services.ordering.intake import Intake, Rewind, TryAgain
from tests.simulation.clockwork import Clockwork
from tests.simulation.stores import Database
from tests.simulation.topic import SimulatedTopic

PATIENCE = 3.0
"""Seconds until somebody asks again for what is missing."""


class Follower:
    """A process's way through one topic: from one message before the acknowledged offsets on."""

    name = ""
    acknowledges_first = False
    """A fault to plant: what was fetched counts as done, whatever comes of it, and reading goes on right there."""
    starts_at_the_end = False
    """Another one: who never read begins with what is new."""

    def __init__(self, clockwork: Clockwork, database: Database, topic: SimulatedTopic) -> None:
        self.clockwork, self.database, self.topic = clockwork, database, topic
        self.offsets: dict[int, int] = {}
        self.begin()

    def begin(self) -> None:
        """Goes to the hints. Where one lies beyond the data, the message before it does not follow on them."""
        back = 0 if self.acknowledges_first or self.starts_at_the_end else 1
        for lane in range(self.database.lanes):
            unknown = len(self.topic.lanes[lane]) if self.starts_at_the_end else 0
            self.offsets[lane] = max(0, self.topic.offsets.get((self.name, lane), unknown) - back)

    def fetch(self, lane: int, limit: int) -> list[Entry]:
        """The next messages of a lane; an offset that the topic does not have any more is set to its beginning."""
        if self.offsets[lane] > len(self.topic.lanes[lane]):
            self.offsets[lane] = 0
        found = self.topic.fetch(lane, self.offsets[lane], limit)
        if self.acknowledges_first and found:
            self.acknowledge(lane, self.offsets[lane] + len(found))
        return found

    def acknowledge(self, lane: int, offset: int) -> None:
        self.topic.offsets[self.name, lane] = offset

    def turn(self, limit: int) -> bool:
        """Takes what there is; whether there was anything."""
        raise AssertionError


class Projecting(Follower):
    """From a topic into the raw log, and from there into the tables."""

    name = "projector"

    def __init__(self, clockwork: Clockwork, database: Database, topic: SimulatedTopic, projector: Projector) -> None:
        self._projector = projector
        self._queue = Queue(database.context)
        super().__init__(clockwork, database, topic)
        projector.derive(database.context)  # whoever was stopped after the raw log left the tables behind

    def begin(self) -> None:
        super().begin()
        marks = {lane: mark for (app, lane), mark in self._projector.marks().items() if app == self.database.context}
        self._queue.begin(self.database.truth.epoch, (), marks)

    def turn(self, limit: int) -> bool:
        before = dict(self.offsets)
        for lane in self.offsets:
            for entry in (found := self.fetch(lane, limit)):
                self._queue.take(self.database.truth.epoch, entry)
            self.offsets[lane] += len(found)
        self._write()
        for gap in list(self._queue.gaps.values()):
            self._mend(gap)
        if before == self.offsets:
            self._compare()
        return before != self.offsets

    def _write(self) -> None:
        hints = dict(self.offsets)
        if entries := self._queue.cut():
            try:
                self._projector.append(self.database.context, entries)
            except ChainBroken:
                # Every entry followed on the one before it: the data are no longer where they were.
                self._read_again()
                return
            self._projector.derive(self.database.context)
        for lane, offset in hints.items():
            self.acknowledge(lane, offset)

    def _compare(self) -> None:
        context = self.database.context
        tables = ["raw_log", *tables_of(context)]
        stands, *derived = (self._projector.reached(name, context) for name in tables)
        if is_behind(stands, self._queue.reached):
            self._read_again()
        elif any(is_behind(table, stands) for table in derived):
            self._projector.derive(context)

    def _read_again(self) -> None:
        self.begin()
        self.offsets = dict.fromkeys(self.offsets, 0)

    def _mend(self, gap: Gap) -> None:
        if not gap.is_met or (gap.is_rewound and self.clockwork.now - gap.asked_at < PATIENCE):
            return
        gap.is_met = False
        context, lane = self.database.context, gap.lane
        self.clockwork.tell(f"{context} {lane}: {gap.found.pos} came after {gap.stands.pos}, rewound {gap.is_rewound}")
        if not gap.is_rewound:
            gap.is_rewound = True
            self._projector.note_break(context, lane, gap.stands.pos, gap.found)
            self.offsets[lane] = 0
            return
        gap.asked_at = self.clockwork.now
        self.database.ask_again(lane, gap.stands)


class Reacting(Follower):
    """From a topic into ordering's own knowledge."""

    name = "reactions"

    def __init__(self, clockwork: Clockwork, database: Database, topic: SimulatedTopic, ordering: Ordering) -> None:
        self._intake = Intake(ordering.inbox, _Sources(database), _Letters())
        self._next_asking = clockwork.now + PATIENCE
        self._identity = topic.identity
        super().__init__(clockwork, database, topic)

    def turn(self, limit: int) -> bool:
        if self._identity != self.topic.identity:
            # Made anew, with as many messages as were read of the old one, it would look as if it had been read.
            self._identity = self.topic.identity
            self.offsets = dict.fromkeys(self.offsets, 0)
        if self.clockwork.now >= self._next_asking:
            self._next_asking = self.clockwork.now + PATIENCE
            self._intake.ask_again()
        something = [self._lane(lane, limit) for lane in self.offsets]
        return any(something)

    def _lane(self, lane: int, limit: int) -> bool:
        context, offset = self.database.context, self.offsets[lane]
        found = self.fetch(lane, limit)
        offset = self.offsets[lane]
        messages = [self._message(entry, offset + n) for n, entry in enumerate(found)]
        if not messages:
            return False
        try:
            self._intake.take(context, lane, messages)
        except Rewind as missing:
            self.clockwork.tell(f"{missing}; rewinds")
            self.offsets[lane] = 0
        except TryAgain as again:
            raise AssertionError(f"nothing that is published fails here: {again}") from again
        else:
            self.offsets[lane] = offset + len(messages)
            self.acknowledge(lane, self.offsets[lane])
        return True

    def _message(self, entry: Entry, offset: int) -> Message:
        headers = headers_of(entry, self.database.truth.epoch)
        return Message(
            topic_of(self.database.context), entry.lane, offset, str(entry.stream_id).encode(), entry.raw, headers
        )


class _Sources:
    def __init__(self, database: Database) -> None:
        self._database = database

    def identity(self, context: str) -> tuple[UUID, int]:
        return self._database.truth.epoch, self._database.truth.last_pos()

    def ask_again(self, context: str, lane: int, mark: Mark) -> None:
        self._database.ask_again(lane, mark)


class _Letters:
    def put(self, letter: MessageParked, message: Message, reader: str) -> None:
        raise AssertionError(f"nothing that is published is parked: {letter}")


Open = Callable[[], list[Follower]]
