"""The load on the embedded run, in this process: small and quick, for faults that need no other process."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from infra.settings import Settings
from services import web
from services.embedded import Platform, open_platform
from tests.faults.group import Group
from tests.faults.journal import Journal, read
from tests.faults.load import Ask, Buyer, Sender, market
from tests.faults.oracle import Evidence, Verdict, judge, noted, published, read_projections

SEED = 11
ESTABLISHMENTS = 3
STEPS = 60


def straight(client: TestClient, cuts: Callable[[], bool] = lambda: False) -> Ask:
    """Asks without a network; an answer that is cut has happened all the same."""

    def ask(method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, Any]:
        answer = client.request(method, path, json=body if method == "POST" else None, headers=headers)
        if cuts():
            raise ConnectionError("cut after the answer")
        return answer.status_code, answer.json()

    return ask


def evidence(platform: Platform, journal: Path) -> Evidence:
    """What a platform holds, when it has caught up."""
    platform.catch_up()
    stores = {store.context: published(store) for store in platform.contexts.stores}
    found = Evidence(*read(journal), stores)
    read_projections(platform.analytics, found)
    ordering = platform.ordering.store.recorder.select_notifications(1, 10_000_000)
    found.knowledge = noted(ordering, [context for context in stores if context != "ordering"])
    return found


@contextmanager
def opened(home: Path) -> Iterator[Platform]:
    with open_platform(Settings(home=home)) as platform:
        yield platform


def buy(platform: Platform, journal: Path, steps: int = STEPS, cut_share: float = 0.1) -> Verdict:
    """Lets everybody buy for some steps, and judges."""
    rng = random.Random(SEED)  # noqa: S311
    client = TestClient(web.create_app(platform), raise_server_exceptions=False)
    known = market(SEED)
    is_open = False
    with Journal(journal) as written:
        ask = straight(client, lambda: is_open and rng.random() < cut_share)
        sender = Sender(ask, written, platform.settings, threading.Event())
        group = Group(sender, known, SEED)
        group.open(ESTABLISHMENTS)
        platform.react()
        is_open = True
        buyers = [Buyer(sender, known, establishment, SEED) for establishment in known.establishments]
        for n in range(steps):
            buyers[n % len(buyers)].step()
            if n % 20 == 0:
                group.step()
                platform.react()
    return judge(evidence(platform, journal))
