"""Two small generated networks, built once, in stores of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.settings import Settings
from services.demo.run import DemoClock, DemoSummary, build_demo
from services.embedded import Contexts, open_contexts
from tests.demo.facts import SMALL, Facts


def open_demo(home: Path) -> Contexts:
    """The four contexts on a folder, with a clock that the demo moves."""
    return open_contexts(Settings(home=home), DemoClock())


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[DemoSummary, Facts]]:
    """Seed -> what its small network says of itself, and what its stores hold."""
    known: dict[int, tuple[DemoSummary, Facts]] = {}

    def build(seed: int) -> tuple[DemoSummary, Facts]:
        if seed not in known:
            home = tmp_path_factory.mktemp(f"seed-{seed}")
            known[seed] = (build_demo(open_demo(home), orders=SMALL, seed=seed), Facts(home))
        return known[seed]

    return build


@pytest.fixture
def facts(built: Callable[[int], tuple[DemoSummary, Facts]]) -> Facts:
    """What the stores of one small network hold."""
    return built(7)[1]
