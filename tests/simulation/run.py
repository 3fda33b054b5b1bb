"""One run: an opening, a time in which everything may break, and the quiet after it, when everything must be right."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from infra.clickhouse import Analytics
from tests.simulation.check import check, left, published
from tests.simulation.clockwork import NeverRests
from tests.simulation.trouble import Trouble
from tests.simulation.world import LANES, World

TROUBLE_SECONDS = 20.0
QUIET_SECONDS = 400.0
OPERATIONS = 30
Plant = Callable[[World], AbstractContextManager[None]]


@dataclass
class Outcome:
    """What a run was."""

    seed: int
    faults: Counter[str]
    """Faults by kind."""
    events: int
    turns: int
    error: AssertionError | None
    story: list[str]

    def verdict(self) -> str:
        """One line: what was wrong, or that nothing was."""
        verdict = f"{type(self.error).__name__}: {self.error}" if self.error else "everything is there once"
        return (
            f"seed {self.seed}: {self.events} events, {self.turns} turns, {sum(self.faults.values())} faults; {verdict}"
        )

    def faults_told(self) -> list[str]:
        """A line for each kind of fault."""
        return [f"{count:5} {kind}" for kind, count in sorted(self.faults.items())]


def run(
    seed: int,
    plant: Plant = lambda _: nullcontext(),
    analytics: Analytics | None = None,
    seconds: float = TROUBLE_SECONDS,
    operations: int = OPERATIONS,
) -> Outcome:
    """A run of a seed, with a fault planted in the pipeline or without; on the engine's twin, or on an engine."""
    random.seed(seed)  # the store's jitter
    world = World(seed, analytics)
    trouble = Trouble(world)
    error: AssertionError | None = None
    try:
        with world.sleeping(), plant(world):
            live(world, trouble, seconds, operations)
    except AssertionError as found:
        error = found
    finally:
        events = sum(len(entries) for context in LANES for entries in published(world, context).values())
        world.close()
    return Outcome(seed, world.clockwork.faults, events, world.clockwork.turns, error, world.clockwork.story)


def live(world: World, trouble: Trouble, seconds: float, operations: int) -> None:
    """Raises AssertionError where anything is wrong in the end, or never comes to rest."""
    clockwork = world.clockwork
    for name in world.parts():
        world.start(name)
    world.waiting += world.desk.opening()
    clockwork.start("buyers", partial(buy, world, operations, seconds / operations))
    clockwork.start("trouble", partial(trouble.work, seconds))
    clockwork.run(lambda: trouble.is_over, 10 * seconds)
    clockwork.tell("quiet")
    try:
        clockwork.run(every_second(world, lambda: not left(world)), QUIET_SECONDS)
    except NeverRests as never:
        raise NeverRests(f"{never}: {'; '.join(left(world))}") from None
    check(world)


def every_second(world: World, ask: Callable[[], bool]) -> Callable[[], bool]:
    """Asks at most once a second."""
    next_time = 0.0

    def asked() -> bool:
        nonlocal next_time
        if world.clockwork.now < next_time:
            return False
        next_time = world.clockwork.now + 1.0
        return ask()

    return asked


def buy(world: World, operations: int, every: float) -> None:
    for _ in range(operations):
        world.clockwork.pause(every)
        world.waiting.append(world.desk.next())
