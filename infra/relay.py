"""The relay: carries what a store publishes to its topic, in order, each event at least once.

`Transfer` is the step, without threads or clock: read a page, send it, wait for the broker, note it. `Relay` repeats
it for ever on a real store and a real broker, one relay for each store at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from kafka.errors import KafkaError

from infra.checkpoint import STORE_IS_AWAY, Checkpoint, Checkpoints, Seat, Taken, seat_at
from infra.event_store import EventStore
from infra.kafka import NoSuchTopic, OtherPartitions
from infra.log import BeyondTheEnd, Entry, Log, Mark
from infra.pending import Pending
from infra.topic import BATCH_BYTES, Sent, TailLost, Topic

ENVELOPE_BYTES = 1_000
"""What headers and key add to an event's message, at most."""
AT_ONCE = 1_000
"""Events that are read at once, sent, waited for and noted."""
FOLLOWED = 2 * AT_ONCE
"""Events noted as sent that a relay looks at before it goes on."""
PAGE_SECONDS = 0.05
"""The last page of a log is followed by the next one not sooner than this after it began: single orders would each cost
a message of their own, a commit and an acknowledgement."""
CHECK_SECONDS = 1.0
"""How often the topic is looked after, and requests to send again are answered."""
BROKER_IS_AWAY = (KafkaError, OSError, NoSuchTopic, OtherPartitions, TailLost)
log = logging.getLogger(__name__)


class Source(Protocol):
    """A log of published events, from some position on. `infra.log.Log` is one."""

    read: int
    is_at_end: bool

    def page(self, limit: int = AT_ONCE) -> list[Entry] | None:
        """The next entries; None at the end of the log."""


class Outlet(Protocol):
    """What takes events. `infra.topic.Topic` is one."""

    identity: UUID

    def newest_first(self, lane: int) -> Iterator[Sent]:
        """What a lane holds, from its end backwards."""

    def check(self) -> None:
        """Raises where the outlet no longer holds what it acknowledged."""

    def send(self, entry: Entry) -> Any:
        """Hands an event over; what comes back is for `settle`."""

    def leave(self) -> None:
        """Lets everything that was handed over leave, and does not wait for it."""

    def settle(self, futures: Sequence[Any]) -> None:
        """Returns when all of them have arrived; raises where one has not."""


class Transfer:
    """Carries a log to an outlet, from the last checkpoint on. Whatever it raises ends its use: begin another one."""

    def __init__(
        self,
        open_log: Callable[[Mapping[int, Mark], int], Source],
        lanes: int,
        outlet: Outlet,
        checkpoints: Checkpoints,
    ) -> None:
        self._open_log, self._outlet, self._checkpoints = open_log, outlet, checkpoints
        saved = checkpoints.load()
        if saved is None or saved.topic != outlet.identity:
            saved = Checkpoint(outlet.identity)
        stored = {lane: saved.marks.get(lane, Mark()) for lane in range(lanes)}
        self.marks = {lane: resumed(mark, outlet.newest_first(lane)) for lane, mark in stored.items()}
        """For each lane the last event that was acknowledged."""
        lowered = [mark.pos for lane, mark in self.marks.items() if mark.pos < stored[lane].pos]
        self._log = open_log(self.marks, min([saved.read, *lowered]))
        self.read = self._log.read
        """How far the log has been carried, internal events included."""
        self._ahead: list[Entry] | None = None
        """The next page, where it was read while the one before it was on its way."""

    @property
    def is_at_end(self) -> bool:
        """Whether the log held no more when it was last read."""
        return self._ahead is None and self._log.is_at_end

    def step(self) -> int | None:
        """Carries a page and notes it; how many events it had, None at the end of the log."""
        page, self._ahead = self._ahead, None
        if page is None and (page := self._log.page(AT_ONCE)) is None:
            return None
        read = self._log.read
        *before, last = list(parts(page)) or [[]]
        for part in before:
            self._outlet.settle(self._sent(part))
        futures = self._sent(last)
        if not self._log.is_at_end:
            self._ahead = self._log.page(AT_ONCE)
        self._outlet.settle(futures)
        for entry in page:
            self.marks[entry.lane] = Mark(entry.pos, entry.recorded_at)
        self.read = read
        self._checkpoints.save(Checkpoint(self._outlet.identity, read, dict(self.marks)))
        return len(page)

    def attend(self) -> int:
        """Looks after the outlet, and sends again what readers miss, up to where the lane stands; how many events."""
        self._outlet.check()
        count = 0
        for lane, mark in self._checkpoints.requests().items():
            end = self.marks[lane].pos
            if mark.pos >= end:  # it is on its way
                self._checkpoints.answered(lane, mark)
                continue
            log = self._open_log({**self.marks, lane: mark}, mark.pos)
            while log.read < end and (page := log.page(AT_ONCE)) is not None:
                entries = [entry for entry in page if entry.lane == lane and entry.pos <= end]
                for part in parts(entries):
                    self._outlet.settle(self._sent(part))
                count += len(entries)
            self._checkpoints.answered(lane, mark)
        return count

    def _sent(self, part: Sequence[Entry]) -> list[Any]:
        futures = [self._outlet.send(entry) for entry in part]
        self._outlet.leave()
        return futures


def parts(entries: Iterable[Entry], most: int = BATCH_BYTES) -> Iterator[list[Entry]]:
    """Entries in parts of at most so many bytes for a lane, or of one entry of it: each leaves as one batch a lane."""
    part: list[Entry] = []
    sizes: dict[int, int] = {}
    for entry in entries:
        size = sizes.get(entry.lane, 0) + len(entry.raw) + ENVELOPE_BYTES
        if size > most and entry.lane in sizes:
            yield part
            part, sizes = [], {}
            size = len(entry.raw) + ENVELOPE_BYTES
        part.append(entry)
        sizes[entry.lane] = size
    if part:
        yield part


def resumed(stored: Mark, newest_first: Iterable[Sent]) -> Mark:
    """Where a lane goes on: the last event up to which the partition surely holds everything.

    That may be less than was stored, for a broker may lose its end, and what arrived after that lies above a hole; or
    more, which was sent and not noted. A hole lies before the last part that was sent, so it is enough to follow the
    chain through a few pages of what was stored, and all that lies after them.
    """
    held: list[Sent] = []
    noted = 0
    mark = Mark()
    for sent in newest_first:
        held.append(sent)
        noted += sent.pos <= stored.pos
        if noted > FOLLOWED:
            mark = sent.mark
            break
    for sent in reversed(held):
        if sent.prev == mark.pos:
            mark = sent.mark
    return mark


class Relay:
    """Carries a store to its topic until it is stopped, whatever breaks meanwhile. All its attributes may be read."""

    def __init__(self, store: EventStore, bootstrap: str) -> None:
        self.store = store
        self.bootstrap = bootstrap
        self._phase = "starting"
        self._pending = Pending()
        self.sent = self.pages = self.errors = 0
        """Since the start: events acknowledged, pages of them, and what went wrong on the way."""
        self.marks: dict[int, Mark] = {}
        """For each lane the last event acknowledged; empty while another relay is active."""
        self.lag: dict[int, int] = {}
        """For each lane the positions from there to the end of the log, 0 where nothing is left to carry."""

    @property
    def state(self) -> str:
        """`relaying`, or what it waits for and why."""
        slow = self._pending.slow().values()
        return f"waiting: a page is on its way for {max(slow):.0f} s" if slow else self._phase

    def run(self, stop: threading.Event) -> None:
        """Relays until `stop` is set; a page on its way is waited for, 30 seconds at most."""
        try:
            while not stop.is_set():
                self._take_a_seat(stop)
        except BaseException as defect:
            self._says(f"ended: {defect!r}")
            raise
        self._says("stopped")

    def _take_a_seat(self, stop: threading.Event) -> None:
        try:
            with seat_at(self.store) as seat:
                while not stop.is_set():
                    self._serve(seat, stop)
        except Taken:
            self.marks, self.lag = {}, {}
            self._wait(stop, "waiting: another relay is active", 0.2)
        except (*STORE_IS_AWAY, BeyondTheEnd) as error:
            self.errors += 1
            self._wait(stop, f"waiting for the store: {error}", 1)

    def _serve(self, seat: Seat, stop: threading.Event) -> None:
        try:
            topic = Topic(self.bootstrap, self.store.context, self.store.lanes, self.store.epoch)
            with closing(topic):
                self._carry(topic, seat, stop)
        except BROKER_IS_AWAY as error:
            self.errors += 1
            if (saved := seat.load()) is not None:
                self._measure(saved.read, saved.marks)
            self._wait(stop, f"waiting for the broker: {error}", 1)

    def _carry(self, topic: Topic, seat: Seat, stop: threading.Event) -> None:
        transfer = Transfer(partial(Log, self.store), self.store.lanes, topic, seat)
        self._says("relaying")
        next_check = 0.0
        while not stop.is_set():
            if time.monotonic() >= next_check:
                self.sent += transfer.attend()
                self._measure(transfer.read, transfer.marks)
                next_check = time.monotonic() + CHECK_SECONDS
            began = time.monotonic()
            with self._pending.doing("page"):
                count = transfer.step()
            if count is None:
                self._measure(transfer.read, transfer.marks)
                seat.wait(CHECK_SECONDS / 2)
            else:
                self.sent += count
                self.pages += 1
                if transfer.is_at_end:
                    stop.wait(PAGE_SECONDS - (time.monotonic() - began))

    def _measure(self, read: int, marks: Mapping[int, Mark]) -> None:
        end = self.store.last_pos()
        self.marks = dict(marks)
        self.lag = {lane: end - max(read, mark.pos) for lane, mark in marks.items()}

    def _wait(self, stop: threading.Event, state: str, seconds: float) -> None:
        self._says(state)
        stop.wait(seconds)

    def _says(self, state: str) -> None:
        if state != self._phase:
            log.info("relay of %s: %s", self.store.context, state)
        self._phase = state
