"""Relay, projector and reactions under virtual time: whatever breaks in whatever order, in the end everything is there
once, and nothing else is."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from infra.clickhouse import open_embedded
from tests.simulation.run import Outcome, run
from tests.simulation.trouble import KINDS

SEEDS = range(500)


def outcomes(seeds: Iterable[int]) -> list[Outcome]:
    with multiprocessing.get_context("forkserver").Pool(os.cpu_count()) as pool:
        return pool.map(run, seeds, chunksize=5)


def told(outcome: Outcome) -> str:
    last = "\n".join(outcome.story[-40:])
    return f"{outcome.verdict()}\nalone: python -m tests.simulation {outcome.seed}\n{last}"


def test_whatever_breaks_everything_comes_once_and_nothing_goes_back() -> None:
    found = outcomes(SEEDS)
    wrong = [outcome for outcome in found if outcome.error]
    assert not wrong, f"{len(wrong)} of {len(found)} runs; {told(wrong[0])}"
    fired = sum((outcome.faults for outcome in found), Counter[str]())
    never = [kind for kind in KINDS if not fired[kind]]
    assert not never, f"the run is void: {never} never happened"
    assert sum(outcome.events for outcome in found) > 30 * len(found)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_is_one_story_whatever_process_tells_it(hash_seed: str) -> None:
    story = run(7)
    said = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "7"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines()[: len(story.story)] == story.story


def test_the_same_holds_on_the_real_engine(tmp_path: Path) -> None:
    analytics = open_embedded(tmp_path)
    try:
        wrong = [
            outcome for seed in range(3) if (outcome := run(seed, analytics=analytics, seconds=4, operations=8)).error
        ]
        assert not wrong, told(wrong[0])
    finally:
        analytics.close()
