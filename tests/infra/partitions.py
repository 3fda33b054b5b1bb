"""A topic in memory that behaves as badly as a real one may: it loses, forgets to answer, is cut and made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from uuid import uuid4

from infra.checkpoint import Checkpoint
from infra.log import Entry, Mark
from infra.topic import Sent, TailLost


class Unacknowledged(Exception):
    """The broker did not confirm a batch: it may have it, or not."""


Fate = Callable[[int], str]
"""What becomes of the batch of a lane: `kept`, `unanswered` (kept, but nobody learns it) or `lost`."""


class Partitions:
    """Takes what it is sent when it is waited for, one batch for each lane."""

    def __init__(self, lanes: int) -> None:
        self.identity = uuid4()
        self.lanes: list[list[Entry]] = [[] for _ in range(lanes)]
        self.fate: Fate = lambda lane: "kept"
        self._ends = [0] * lanes
        self._known = self.identity

    def newest_first(self, lane: int) -> Iterator[Sent]:
        for entry in reversed(self.lanes[lane]):
            yield Sent(entry.pos, entry.prev, entry.recorded_at)

    def check(self) -> None:
        if self._known != self.identity or self._ends != [len(lane) for lane in self.lanes]:
            raise TailLost

    def send(self, entry: Entry) -> Entry:
        return entry

    def leave(self) -> None:
        """A batch arrives when it is waited for."""

    def settle(self, futures: Sequence[Entry]) -> None:
        fates = {lane: self.fate(lane) for lane in sorted({entry.lane for entry in futures})}
        shorter = False
        for lane, fate in fates.items():
            batch = [entry for entry in futures if entry.lane == lane]
            if fate != "lost":
                shorter |= len(self.lanes[lane]) < self._ends[lane]
                self.lanes[lane] += batch
                self._ends[lane] = len(self.lanes[lane])
        if shorter:
            raise TailLost
        if set(fates.values()) - {"kept"}:
            raise Unacknowledged

    def reopened(self) -> Partitions:
        """As another producer finds it."""
        self._ends, self._known = [len(lane) for lane in self.lanes], self.identity
        return self

    def cut(self, lane: int, count: int) -> None:
        """The broker loses the end of a partition."""
        del self.lanes[lane][max(0, len(self.lanes[lane]) - count) :]

    def make_anew(self) -> None:
        """Somebody deletes the topic and makes it again."""
        self.identity = uuid4()
        for lane in self.lanes:
            lane.clear()

    def read(self, lane: int) -> list[Entry]:
        """What a reader takes who drops what it has and what does not follow on it."""
        found: list[Entry] = []
        for entry in self.lanes[lane]:
            if entry.prev == (found[-1].pos if found else 0):
                found.append(entry)
        return found


class Notes:
    """Checkpoints in memory."""

    def __init__(self) -> None:
        self.checkpoint: Checkpoint | None = None
        self.asked: dict[int, Mark] = {}

    def load(self) -> Checkpoint | None:
        return self.checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    def requests(self) -> dict[int, Mark]:
        return dict(self.asked)

    def answered(self, lane: int, mark: Mark) -> None:
        if self.asked.get(lane) == mark:
            del self.asked[lane]
