"""What ordering does with the messages of a partition: the step of its reactions, without threads, clock or broker.

Whatever is delivered twice, late, or in the wrong order changes nothing; what is missing is looked for in the
partition once, then asked for; what cannot be taken in is parked. Nothing is skipped without a dead letter.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from infra.dead_letters import Message, MessageParked, foreign, parked, tell
from infra.kafka import UnreadableMessage, entry_of
from infra.log import BeyondTheEnd, Entry, Mark
from services.ordering.inbox import Inbox, NotTaken

log = logging.getLogger(__name__)
ATTEMPTS = 5
"""How often an event that the code fails on is tried before it is parked."""


class Sources(Protocol):
    """The stores that the messages come from, as far as their readers need them."""

    def identity(self, context: str) -> tuple[UUID, int]:
        """Epoch of a context's store, and the last position in it."""

    def ask_again(self, context: str, lane: int, mark: Mark) -> None:
        """Asks the context's relay to send a lane again after `mark`."""


class Outlet(Protocol):
    """Where dead letters lie for others to see. `infra.dead_letters.DeadLetterTopics` is one."""

    def put(self, letter: MessageParked, message: Message, reader: str) -> None:
        """Returns when the letter is there; raises where it is not."""


class Rewind(Exception):
    """A message is missing: the partition is to be read again from its beginning."""


class TryAgain(Exception):
    """The code failed on an event: it is to be tried again after a pause."""

    def __init__(self, reason: str, attempt: int) -> None:
        super().__init__(f"attempt {attempt} of {ATTEMPTS}: {reason}")
        self.attempt = attempt


class Lane(NamedTuple):
    """A lane of another context."""

    context: str
    number: int


class Arrived(NamedTuple):
    """An event of the source's present epoch, and the message that brought it."""

    entry: Entry
    message: Message


class Intake:
    """Takes in messages of partitions, each from the position on that ordering's store has."""

    def __init__(self, inbox: Inbox, sources: Sources, outlet: Outlet, reader: str = "ordering") -> None:
        self._inbox, self._sources, self._outlet, self._reader = inbox, sources, outlet, reader
        self.counts: Counter[str] = Counter()
        """Since the start: events `taken` in, messages `parked`, events `failed` on, partitions `rewound`, lanes that
        were `asked` for, and messages `dropped` that are of a store as it was before it was restored."""
        self.waiting: dict[Lane, Mark] = {}
        """Lanes whose relay was asked to send again, with the last event that ordering has of them."""
        self._looked_for: dict[Lane, int] = {}
        self._marks: dict[Lane, Mark] = {}
        self._failures: dict[Lane, tuple[int, int]] = {}
        self._epochs: dict[str, UUID] = {}
        self._past: set[UUID] = set()

    def take(self, context: str, number: int, messages: Sequence[Message]) -> None:
        """Takes in messages of one partition, in their order.

        Raises Rewind, TryAgain, BeyondTheEnd where ordering has come further than the context's store, and whatever
        says that a store or a broker is away: then the same messages are to be given again.
        """
        lane = Lane(context, number)
        arrived = list(self._arrived(lane, messages))
        start = self._inbox.pos(*lane)
        fitting = list(following(arrived, start))
        self._take_in(lane, fitting)
        reached = fitting[-1].entry.pos if fitting else start
        for entry, _ in arrived:
            if entry.pos == reached:
                self._marks[lane] = Mark(entry.pos, entry.recorded_at)
        if any(entry.pos > reached for entry, _ in arrived):
            self._miss(lane, reached)
        elif fitting:
            self.waiting.pop(lane, None)
            self._looked_for.pop(lane, None)

    def _arrived(self, lane: Lane, messages: Iterable[Message]) -> Iterator[Arrived]:
        """The events among the messages; what is no event of a store is parked, as nothing can follow it."""
        for message in messages:
            try:
                epoch, entry = entry_of(
                    message.topic, message.partition, message.key, message.value, message.headers
                )  # fmt: skip
            except UnreadableMessage as error:
                self._park(foreign(lane.context, message, str(error)), message)
                continue
            if self._is_present(lane, epoch):
                yield Arrived(entry, message)
            else:
                self.counts["dropped"] += 1

    def _is_present(self, lane: Lane, epoch: UUID) -> bool:
        """Whether an epoch is the present one of the source's store, and not one before a restore."""
        if epoch == self._epochs.get(lane.context):
            return True
        if epoch in self._past:
            return False
        present, end = self._sources.identity(lane.context)
        if (reached := self._inbox.pos(*lane)) > end:
            msg = (
                f"ordering has taken in {lane.context} up to position {reached}, its store ends at {end}: "
                "it was restored alone; restore all stores from one backup"
            )
            raise BeyondTheEnd(msg)
        self._epochs[lane.context] = present
        if epoch != present:
            self._past.add(epoch)
        return epoch == present

    def _take_in(self, lane: Lane, fitting: Sequence[Arrived]) -> None:
        entries = [entry for entry, _ in fitting]
        messages = {entry.pos: message for entry, message in fitting}
        while True:
            try:
                self._inbox.take(lane.context, entries)
            except NotTaken as found:
                self._give_up(lane, found, messages[found.entry.pos])
            else:
                self.counts["taken"] += len(entries)
                return

    def _give_up(self, lane: Lane, found: NotTaken, message: Message) -> None:
        """Parks an event; one that the code failed on only after some attempts. Raises TryAgain."""
        entry = found.entry
        if found.kind == "defect":
            pos, attempts = self._failures.get(lane, (entry.pos, 0))
            attempts = attempts + 1 if pos == entry.pos else 1
            self._failures[lane] = (entry.pos, attempts)
            self.counts["failed"] += 1
            if attempts < ATTEMPTS:
                raise TryAgain(str(found), attempts) from found
        # What cannot be read will not be readable in a second: no further attempts.
        self._park(parked(lane.context, entry, message.offset, found.kind, found.reason), message)

    def _park(self, letter: MessageParked, message: Message) -> None:
        if self._inbox.has_parked(letter):
            return
        # The topic first: a crash in between leaves a second copy there, and never a letter that nobody sees.
        self._outlet.put(letter, message, self._reader)
        self._inbox.park(letter)
        self.counts["parked"] += 1
        tell(log, letter, message)

    def _miss(self, lane: Lane, reached: int) -> None:
        """Something between `reached` and what has arrived is missing. Raises Rewind, once for each position."""
        if self._looked_for.get(lane) != reached:
            self._looked_for[lane] = reached
            self.waiting.pop(lane, None)
            self.counts["rewound"] += 1
            raise Rewind(f"{lane.context}, lane {lane.number}: something after position {reached} is missing")
        if lane not in self.waiting:
            # Without the mark of that position the lane is asked for from its beginning, so that its times are right.
            mark = self._marks.get(lane, Mark())
            self._ask(lane, mark if mark.pos == reached else Mark())

    def ask_again(self) -> None:
        """Asks once more for what is waited for: a relay may have answered while the topic was away."""
        for lane, mark in list(self.waiting.items()):
            self._ask(lane, mark)

    def _ask(self, lane: Lane, mark: Mark) -> None:
        self._sources.ask_again(*lane, mark)
        self.waiting[lane] = mark
        self.counts["asked"] += 1


def following(arrived: Iterable[Arrived], pos: int) -> Iterator[Arrived]:
    """What follows a position without a hole; repetitions, and what lies behind a hole, are left out."""
    for one in arrived:
        if one.entry.prev == pos and one.entry.pos > pos:
            yield one
            pos = one.entry.pos
