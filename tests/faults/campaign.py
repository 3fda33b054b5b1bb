"""A run: buyers at work, faults among them in an order that a seed fixes, then quiet, then the oracle."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.kafka import entry_of, topic_of
from infra.local.kafka import Kafka
from services.embedded import Contexts, open_contexts
from tests.broker import messages
from tests.faults.deeds import TARGETS, WEIGHTS, Deeds, never
from tests.faults.group import Group
from tests.faults.journal import Journal, read
from tests.faults.load import Buyer, Market, Sender, market, over_http
from tests.faults.oracle import Evidence, Verdict, judge, noted, published, read_projections
from tests.faults.stack import Stack, is_caught_up

ESTABLISHMENTS = 6
BREATH = 1.0
"""Seconds between two faults, on average."""
REST_SECONDS = 180.0
"""How long everything may take to come to rest after the last fault."""
Say = Callable[[str], None]


@dataclass
class Report:
    """What a run was, and what the oracle says."""

    seed: int
    kills: int
    verdict: Verdict
    fired: Counter[str]
    missing: list[str]
    """Kinds of faults that never had an effect: the run is void."""
    not_possible: list[str] = field(default_factory=list)
    seconds: float = 0
    rest_seconds: float = 0
    """From the last fault until everything had come everywhere."""
    tries: int = 0
    ended_by_itself: Counter[str] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        return self.verdict.is_clean and not self.missing

    def told(self) -> str:
        """Lines for people."""
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(self.fired.items()))
        lines = [
            f"seed {self.seed}: {self.kills} kills in {self.seconds:.0f} s, at rest {self.rest_seconds:.0f} s after",
            f"faults: {faults}",
            self.verdict.told(),
            f"messages sent twice {self.verdict.repeated_messages}, requests {self.tries}",
            f"0 of {self.kills} kills lost or doubled anything: at 95 % fewer than {300 / self.kills:.1f} in 100 do"
            if self.verdict.is_clean
            else "NOT CLEAN",
        ]
        lines += [f"ended by itself: {name}, {count} times" for name, count in self.ended_by_itself.items()]
        lines += [f"void: {kind} never happened" for kind in self.missing]
        lines += [f"not possible on this machine: {kind}" for kind in self.not_possible]
        return "\n".join(lines)


def plan(rng: random.Random, kills: int, others: int) -> list[tuple[str, str]]:
    """The faults in their order: so many kills, every target among them, and each other kind so often."""
    targets = list(TARGETS)
    targets += rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=max(0, kills - len(targets)))
    found = [("kill", target) for target in targets[:kills]]
    found += [("hang", rng.choice(list(TARGETS))) for _ in range(2 * others)]
    found += [
        (deed, "") for deed in ("cut", "fill_the_disk", "delete_clickhouse", "delete_topic") for _ in range(others)
    ]
    rng.shuffle(found)
    return found


def run(stack: Stack, folder: Path, kills: int, seed: int, hang_seconds: float, say: Say = lambda _: None) -> Report:
    """Runs and judges."""
    began, journal, stop = time.monotonic(), folder / "journal", threading.Event()
    rng = random.Random(seed)  # noqa: S311 - the same faults each time
    deeds = Deeds(stack, rng, hang_seconds)
    known = market(seed)
    with Journal(journal) as written, over_http(stack.url) as ask:
        sender = Sender(ask, written, stack.settings, stop)
        group = Group(sender, known, seed)
        group.open(ESTABLISHMENTS)
        with at_work(sender, group, known, seed, stop):
            for n, (deed, target) in enumerate(plan(rng, kills, max(1, kills // 50)), 1):
                say(f"{time.monotonic() - began:6.0f} s  {n}: {deed} {target}")
                getattr(deeds, deed)(*filter(None, [target]))
                deeds.look()
                time.sleep(rng.expovariate(1 / BREATH))
        deeds.mend()
        last = time.monotonic()
        settle(Sender(ask, written, stack.settings, threading.Event()), journal, rng)
    outcomes, seen = read(journal)
    evidence = gather(stack, Evidence(outcomes, seen, {}))
    return Report(
        seed,
        sum(count for kind, count in deeds.fired.items() if kind.endswith(" killed")),
        judge(evidence),
        deeds.fired,
        never(deeds.fired, is_small_disk=stack.is_small_disk),
        [] if stack.is_small_disk else ["disk of ClickHouse full (mounting is not allowed)"],
        time.monotonic() - began,
        time.monotonic() - last,
        sum(outcome.tries for outcome in outcomes),
        deeds.ended_by_itself,
    )


def settle(sender: Sender, journal: Path, rng: random.Random) -> None:
    """Most of those who never had an answer ask once more; a few leave it at that."""
    for outcome in read(journal)[0]:
        if outcome.answer == "unknown" and rng.random() < 0.8:
            sender.send(outcome.asked, sender.who_asks(outcome.asked))


@contextmanager
def at_work(sender: Sender, group: Group, known: Market, seed: int, stop: threading.Event) -> Iterator[None]:
    """Everybody buys while the block runs, each in a thread."""
    steps = [partial(_work, Buyer(sender, known, one, seed).step, stop, 0.03) for one in known.establishments]
    threads = [threading.Thread(target=step) for step in [*steps, partial(_work, group.step, stop, 0.5)]]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _work(step: Callable[[], None], stop: threading.Event, pause: float) -> None:
    while not stop.wait(pause):
        step()


def gather(stack: Stack, evidence: Evidence) -> Evidence:
    """What there is when everything has come everywhere, or after REST_SECONDS."""
    contexts = open_contexts(stack.settings)
    try:
        evidence.stores = {store.context: published(store) for store in contexts.stores}
        _rest(stack, contexts, evidence)
        broker = Kafka(stack.settings.kafka_bootstrap, stack.processes["kafka"])
        for context in evidence.stores:
            held = messages(broker, topic_of(context))
            evidence.topics[context] = {
                lane: [entry_of(topic_of(context), lane, one.key, one.value, one.headers)[1] for one in found]
                for lane, found in held.items()
            }
        with closing(stack.analytics()) as analytics:
            read_projections(analytics, evidence)
        stored = contexts.ordering.store.recorder.select_notifications(1, 10_000_000)
        evidence.knowledge = noted(stored, [context for context in evidence.stores if context != "ordering"])
    finally:
        for store in contexts.stores:
            store.close()
    return evidence


def _rest(stack: Stack, contexts: Contexts, evidence: Evidence) -> None:
    ends = {(context, entry.lane): entry.pos for context, entries in evidence.stores.items() for entry in entries}
    foreign = {place: pos for place, pos in ends.items() if place[0] != "ordering"}
    until = time.monotonic() + REST_SECONDS
    while time.monotonic() < until:
        with suppress(ClickHouseError, OSError):
            if is_caught_up(stack, ends) and all(
                contexts.ordering.noted_pos(*place) == pos for place, pos in foreign.items()
            ):
                return
        time.sleep(0.2)
