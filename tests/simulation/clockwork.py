"""Virtual time: processes take turns in an order that a seed fixes, each up to the next point where others may act.

No threads: a process is a greenlet of ours that runs until it pauses. It may be killed or frozen at every pause, and
the same seed gives the same run.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

Work = Callable[[], None]


class Killed(BaseException):
    """A process ends where it stands, as by SIGKILL: what it had sent is on its way, what it knew is gone."""


class NeverRests(AssertionError):
    """Something was not done though nothing disturbed it any more."""


class Process:
    """One of those that take turns."""

    def __init__(self, name: str, work: Work, hub: Any) -> None:
        self.name = name
        self.is_killed = False
        self.frozen_until = 0.0
        self._greenlet = greenlet(self._run, hub)
        self._work = work

    def _run(self) -> None:
        try:
            self._work()
        except Killed:
            if not self.is_killed:
                raise

    @property
    def is_over(self) -> bool:
        return bool(self._greenlet.dead)

    def take_a_turn(self) -> None:
        self._greenlet.switch()


class Clockwork:
    """Who is next, and what time it is. Whatever a process raises ends the run."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - the same run each time
        self.now = 0.0
        """Seconds since the start."""
        self.turns = 0
        self.story: list[str] = []
        """What happened, a line each."""
        self.faults: Counter[str] = Counter()
        """What went wrong, by kind."""
        self._hub = getcurrent()
        self._due: list[tuple[float, int, Process]] = []
        self._count = 0
        self._running: Process | None = None

    def start(self, name: str, work: Work, delay: float = 0.0) -> Process:
        """Another process."""
        process = Process(name, work, self._hub)
        self._wake(process, delay)
        return process

    def later(self, delay: float, what: Callable[[], None]) -> None:
        """Something that happens by itself: a packet arrives."""
        self.start("later", what, delay)

    def pause(self, mean: float = 0.002) -> None:
        """Lets others act for a time of this mean; nothing happens where no process runs. Raises Killed."""
        process = self._running
        if process is None:
            return
        if not process.is_killed:
            self._wake(process, self.rng.expovariate(1 / mean))
            self._hub.switch()
        if process.is_killed:
            raise Killed

    def kill(self, process: Process) -> None:
        """Ends a process at the pause where it is."""
        process.is_killed, process.frozen_until = True, 0.0
        self._wake(process, 0.0)

    def freeze(self, process: Process, seconds: float) -> None:
        """Lets a process hang where it is, as by SIGSTOP."""
        process.frozen_until = self.now + seconds

    def run(self, until: Callable[[], bool], seconds: float) -> None:
        """Lets them take turns until something is so. Raises NeverRests after this long."""
        end = self.now + seconds
        while not until():
            if self.now > end:
                raise NeverRests(f"after {seconds:.0f} s without any fault")
            at, _, process = heapq.heappop(self._due)
            self.now = max(self.now, at)
            if process.is_over:
                continue
            if process.frozen_until > self.now:
                self._wake(process, process.frozen_until - self.now)
                continue
            self.turns += 1
            self._running = process
            try:
                process.take_a_turn()
            finally:
                self._running = None

    def end(self) -> None:
        """Kills whoever is left."""
        for _, _, process in sorted(self._due, key=lambda due: due[1]):
            if not process.is_over:
                process.is_killed = True
                self._running = process
                process.take_a_turn()
        self._running = None

    def tell(self, what: str) -> None:
        """Adds to the story."""
        who = self._running.name if self._running else "-"
        self.story.append(f"{self.now:8.3f} {who:14} {what}")

    def fault(self, kind: str) -> None:
        """Adds to the story what goes wrong."""
        self.faults[kind] += 1
        self.tell(f"FAULT {kind}")

    def _wake(self, process: Process, delay: float) -> None:
        self._count += 1
        heapq.heappush(self._due, (self.now + delay, self._count, process))
