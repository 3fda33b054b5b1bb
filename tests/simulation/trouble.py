"""What may go wrong in a run: each seed has a mixture of its own, and in the end everything is mended."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.simulation.topic import LATE
from tests.simulation.world import World

FATES = {
    "engine": {"unanswered": 2, "lost": 1, "late": 2},
    "broker": {"unanswered": 2, "lost": 1, "twice": 1, "late": 2},
    "store": {"unanswered": 2, "overtaken": 2, "away": 1},
}
"""What may become of an insert, of a batch of a lane, of a commit, and how often compared with one another."""
RATES = {"engine": 0.3, "broker": 0.4, "store": 0.15}
"""How many of them fail at most: each run has its own share of it."""


class Trouble:
    """What may go wrong: each run has its own mixture, and ends with everything mended."""

    def __init__(self, world: World) -> None:
        self.is_over = False
        self._world, self._clockwork, self._rng = world, world.clockwork, world.rng
        self._may = {name: self._rng.random() ** 2 for name in (*DEEDS, *FATES) if self._rng.random() < 0.6}
        world.warehouse.fate = partial(self._fate, "engine")
        for topic in world.topics.values():
            topic.fate = lambda lane: self._fate("broker")
        for database in world.databases.values():
            database.fate = partial(self._fate, "store")

    def _fate(self, of: str) -> str:
        if self.is_over or self._rng.random() > RATES[of] * self._may.get(of, 0.0):
            return "kept"
        fate = self._rng.choices(list(FATES[of]), list(FATES[of].values()))[0]
        self._clockwork.fault(f"{of}: {fate}")
        return fate

    def work(self, seconds: float) -> None:
        """Does something about every second, for so long."""
        end = self._clockwork.now + seconds
        kinds = {name: weight for name, weight in self._may.items() if name in DEEDS}
        while self._clockwork.now < end:
            self._clockwork.pause(0.8)
            if kinds:
                name = self._rng.choices(list(kinds), list(kinds.values()))[0]
                self._clockwork.fault(name)
                DEEDS[name](self)
        self.is_over = True

    def _some_process(self) -> str:
        return self._rng.choice(list(self._world.processes))

    def kill(self) -> None:
        name = self._some_process()
        self._clockwork.tell(f"kills {name}")
        self._clockwork.kill(self._world.processes[name])
        self._world.start(name, self._rng.uniform(0, 2))

    def freeze(self) -> None:
        name, seconds = self._some_process(), self._rng.uniform(0.5, 15)
        self._clockwork.tell(f"freezes {name} for {seconds:.1f} s")
        self._clockwork.freeze(self._world.processes[name], seconds)

    def cut(self) -> None:
        topic = self._rng.choice(list(self._world.topics.values()))
        topic.cut(self._rng.randrange(len(topic.lanes)), self._rng.randrange(1, 8))

    def make_anew(self) -> None:
        self._rng.choice(list(self._world.topics.values())).make_anew()

    def forget_offsets(self) -> None:
        self._rng.choice(list(self._world.topics.values())).offsets.clear()

    def crash_the_store(self) -> None:
        self._rng.choice(list(self._world.databases.values())).crash()

    def wipe(self) -> None:
        self._world.warehouse.wipe()


DEEDS: dict[str, Callable[[Trouble], None]] = {
    "a process is killed": Trouble.kill,
    "a process hangs": Trouble.freeze,
    "a partition loses its end": Trouble.cut,
    "a topic is made anew": Trouble.make_anew,
    "acknowledged offsets are lost": Trouble.forget_offsets,
    "a store crashes": Trouble.crash_the_store,
    "the engine's data are deleted": Trouble.wipe,
}
KINDS = (*DEEDS, *(f"{of}: {fate}" for of, fates in FATES.items() for fate in fates), LATE)
"""All that must have happened in some run, or the runs prove nothing."""
