"""A topic that loses, repeats, forgets to answer and is made anew, while several readers follow it."""

from __future__ import annotations

from collections.abc import Sequence

from infra.log import Entry
from infra.topic import TailLost
from tests.infra.partitions import Partitions, Unacknowledged
from tests.simulation.clockwork import Clockwork, Killed

LATE = "a batch arrives after its sender is dead"


class SimulatedTopic(Partitions):
    """Partitions over a network: batches travel, and one that was sent arrives though its sender is dead."""

    def __init__(self, clockwork: Clockwork, lanes: int) -> None:
        super().__init__(lanes)
        self.offsets: dict[tuple[str, int], int] = {}
        """Reader and lane -> the offset that it acknowledged."""
        self._clockwork = clockwork

    def check(self) -> None:
        if self._known != self.identity or any(
            len(lane) < end for lane, end in zip(self.lanes, self._ends, strict=True)
        ):
            raise TailLost
        self._ends = [len(lane) for lane in self.lanes]

    def settle(self, futures: Sequence[Entry]) -> None:
        trouble: Exception | None = None
        lanes = sorted({entry.lane for entry in futures})
        batches = {lane: [entry for entry in futures if entry.lane == lane] for lane in lanes}
        for lane in lanes:
            fate = self.fate(lane)
            try:
                self._clockwork.pause(2.0 if fate == "late" else 0.002)
            except Killed:
                self._clockwork.later(self._clockwork.rng.expovariate(1), lambda: self._arrive(batches))
                raise
            trouble = self._append(lane, batches.pop(lane), fate) or trouble
        self._clockwork.pause()
        if trouble is not None:
            raise trouble

    def _append(self, lane: int, batch: list[Entry], fate: str) -> Exception | None:
        """What its sender learns of a batch."""
        start = len(self.lanes[lane])
        if fate != "lost":
            self.lanes[lane] += batch * (2 if fate == "twice" else 1)
            if start < self._ends[lane]:
                return TailLost()
            self._ends[lane] = len(self.lanes[lane])
        return Unacknowledged() if fate in ("lost", "unanswered") else None

    def _arrive(self, batches: dict[int, list[Entry]]) -> None:
        self._clockwork.fault(LATE)
        for lane, batch in batches.items():
            self.lanes[lane] += batch

    def fetch(self, lane: int, offset: int, limit: int) -> list[Entry]:
        """Messages of a lane from an offset on; none where it ends before."""
        self._clockwork.pause()
        return self.lanes[lane][offset : offset + limit]
