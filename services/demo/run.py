"""Puts the generated network through the real commands, day by day, with a clock that follows the documents.

The caller opens the platform with a `DemoClock` and hands it over: `open_platform(settings, clock=DemoClock())`. The
clock stands still between two moments of the plan; afterwards open the platform anew to serve with the real time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from itertools import groupby
from typing import Any, Protocol

from events.base import Refusal
from infra.event_store import Accepted, EventStore, Request
from services.demo.network import FOUNDED
from services.demo.orders import Fate, Kind
from services.demo.plan import Plan, Progress, build_plan
from services.demo.script import length, script
from services.demo.steps import Step

DEFAULT = 12_000
"""Orders of a demo where nobody says otherwise."""
SEED = 7
BATCH = 250


class NotADemo(Refusal):
    """The store holds something else than this generated network."""

    rule = "Generated data are never mixed with others"
    remedy = "Choose an empty folder with --home, or the seed and number of orders of the network that is there."


class DemoClock:
    """A clock that tells what it was set to last."""

    def __init__(self) -> None:
        self._now = datetime.combine(FOUNDED, time(5, 0), UTC)

    def __call__(self) -> datetime:
        """The moment that the plan has reached."""
        return self._now

    def set(self, instant: datetime) -> None:
        """Moves to a moment of the plan."""
        self._now = instant


class Context(Protocol):
    """What the demo needs of a context."""

    @property
    def store(self) -> EventStore:
        """Its store."""

    def handle_many(self, requests: Sequence[Request[Any]]) -> list[Accepted]:
        """Runs commands in one transaction."""


class Platform(Protocol):
    """What the demo needs of the embedded run: `Platform` and `Contexts` of `services.embedded` have it."""

    @property
    def membership(self) -> Context:
        """Members and their adhesions."""

    @property
    def suppliers(self) -> Context:
        """Suppliers and their ratings."""

    @property
    def tendering(self) -> Context:
        """Agreements."""

    @property
    def ordering(self) -> Context:
        """Orders."""

    def react(self) -> None:
        """Feeds ordering's reactions from the other logs to their ends."""


@dataclass(frozen=True)
class DemoSummary:
    """What was generated."""

    seed: int
    until: datetime
    """The moment of the last command: what the network looked like then is its current state."""
    counts: dict[str, int]
    commands: int
    repeated: int
    """Commands that had been accepted before: a demo that was interrupted, or runs again."""

    def document(self) -> dict[str, Any]:
        """The summary as JSON, which says that it is generated."""
        return {"generated": True, **asdict(self), "until": self.until.isoformat()}


def build_demo(
    platform: Platform, *, orders: int = DEFAULT, seed: int = SEED, progress: Progress = lambda *_: None
) -> DemoSummary:
    """Runs every command of the plan that was not accepted before.

    Interrupted and run again with the same seed and number of orders it continues; run again after success it changes
    nothing. Raises NotADemo, TooFewOrders.
    """
    clock = platform.ordering.store.clock
    if not isinstance(clock, DemoClock):
        raise TypeError("a generated network needs a platform that was opened with a DemoClock")
    plan = build_plan(seed, orders, progress)
    contexts: dict[str, Context] = {
        "membership": platform.membership,
        "suppliers": platform.suppliers,
        "tendering": platform.tendering,
        "ordering": platform.ordering,
    }
    _check_stores(contexts, next(script(plan)))
    total, done, repeated, is_behind = length(plan), 0, 0, False
    for (at, context), steps in groupby(script(plan), key=lambda step: (step.at, step.context)):
        clock.set(at)
        if context == "ordering" and is_behind:
            platform.react()
        is_behind = context != "ordering"
        requests = [step.request for step in steps]
        for start in range(0, len(requests), BATCH):
            answers = contexts[context].handle_many(requests[start : start + BATCH])
            done, repeated = done + len(answers), repeated + sum(answer.repeated for answer in answers)
            progress("commands", done, total)
    platform.react()
    return DemoSummary(seed, clock(), _counts(plan), total, repeated)


def _check_stores(contexts: dict[str, Context], first: Step) -> None:
    is_this_demo = contexts[first.context].store.first(first.request.receipt_stream()) is not None
    # The first event of a store is its own identity.
    filled = [name for name, context in contexts.items() if context.store.last_pos() > 1]
    if filled and not is_this_demo:
        msg = f"{', '.join(filled)} already hold events that are not of this generated network"
        raise NotADemo(msg)


def _counts(plan: Plan) -> dict[str, int]:
    kinds = Counter(entry.document.kind for entry in plan.entries)
    waiting = sum(entry.order.fate is Fate.WAITING for entry in plan.entries)
    return {
        "establishments": len(plan.network.establishments),
        "sites": len(plan.network.sites),
        "suppliers": len(plan.network.suppliers),
        "ratings": len(plan.ratings),
        "agreements": len(plan.agreements),
        "adhesions": len(plan.adhesions),
        **{f"{kind}s".replace("-", "_"): kinds[kind] for kind in Kind},
        "waiting_for_approval": waiting,
    }
