"""What of a context's messages is written next: in each lane only what follows on what is there already.

Pure: no broker, no engine, no clock. Messages come at least once, late, again, or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from infra.log import Entry, Mark
from projections.projector import STEP_BYTES, STEP_EVENTS, OtherStore


@dataclass(slots=True)
class Gap:
    """A lane misses something: it waits for the event that follows on `stands`."""

    lane: int
    stands: Mark
    """The last event before it."""
    found: Entry
    """What arrived in its place."""
    is_rewound: bool = False
    """Whether the partition is being read again, or was."""
    asked_at: float = float("-inf")
    """When the relay was asked last, in the caller's time."""
    is_met: bool = True
    """Whether something that does not follow arrived since the caller last did something about it."""


class Intake:
    """The queue of one context, all of its lanes."""

    def __init__(self, context: str) -> None:
        self.context = context
        self.gaps: dict[int, Gap] = {}
        """The lanes that stand still."""
        self.skipped = 0
        """Messages of a former life of the store, from before a restore."""
        self._marks: dict[int, Mark] = {}
        self._epoch: UUID | None = None
        self._former: frozenset[UUID] = frozenset()
        self._queue: list[Entry] = []
        self._bytes = 0

    @property
    def is_ready(self) -> bool:
        """Whether it knows where the lanes stand."""
        return self._epoch is not None

    @property
    def is_full(self) -> bool:
        """Whether a step's worth is queued."""
        return len(self._queue) >= STEP_EVENTS or self._bytes >= STEP_BYTES

    @property
    def reached(self) -> dict[int, int]:
        """How far each lane has come, with what is queued."""
        return {lane: mark.pos for lane, mark in self._marks.items()}

    def __len__(self) -> int:
        return len(self._queue)

    def stop(self) -> None:
        """Forgets everything: somebody else may write now."""
        self._epoch = None
        self._queue, self._bytes = [], 0
        self._marks, self.gaps = {}, {}

    def begin(self, epoch: UUID, former: Collection[UUID], marks: Mapping[int, Mark]) -> None:
        """Begins from where the data stand. `former`: the epochs that the store had before a restore."""
        self.stop()
        self._epoch, self._former, self._marks = epoch, frozenset(former), dict(marks)

    def take(self, epoch: UUID, entry: Entry) -> None:
        """Queues a message if it follows; drops it if it is there, or if something before it is missing.

        Raises OtherStore.
        """
        if epoch != self._epoch:
            self._refuse(epoch)
            return
        lane = entry.lane
        mark = self._marks.get(lane) or Mark()
        if entry.pos <= mark.pos:
            return
        if entry.prev == mark.pos:
            self._queue.append(entry)
            self._bytes += len(entry.raw)
            self._marks[lane] = Mark(entry.pos, entry.recorded_at)
            if self.gaps:
                self.gaps.pop(lane, None)
        elif (gap := self.gaps.get(lane)) is None:
            self.gaps[lane] = Gap(lane, mark, entry)
        else:
            gap.is_met = True

    def _refuse(self, epoch: UUID) -> None:
        if epoch not in self._former:
            msg = (
                f"the topic carries events of another {self.context} store ({epoch}, the projections are of "
                f"{self._epoch}): run `groupement rebuild --from-stores`"
            )
            raise OtherStore(msg)
        self.skipped += 1

    def cut(self) -> list[Entry]:
        """Takes out what is queued."""
        queue, self._queue, self._bytes = self._queue, [], 0
        return queue


def is_behind(stands: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    """Whether any lane stands before where it ends."""
    return any(stands.get(lane, 0) < end for lane, end in ends.items())
