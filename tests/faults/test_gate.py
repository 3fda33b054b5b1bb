"""The whole platform as processes, under load and under faults: nothing is lost, nothing is doubled, no cent differs."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.campaign import run
from tests.faults.stack import Stack, running

KILLS = 25
SEED = int(os.environ.get("SEED", "20261128"))
HANG_SECONDS = 3.0


@pytest.fixture
def stack() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="groupement-faults-"))
    try:
        with running(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder)


@pytest.mark.full
def test_25_kills_lose_nothing_double_nothing_and_move_no_cent(stack: Stack, tmp_path: Path) -> None:
    report = run(stack, tmp_path, KILLS, SEED, HANG_SECONDS)
    assert report.is_good, f"{report.told()}\n{ends_of_logs(stack)}"
    assert report.verdict.accepted > 200
    assert report.kills >= KILLS


def ends_of_logs(stack: Stack) -> str:
    """What the processes said last."""
    logs = {process.log for process in stack.processes.values() if process.log.exists()}
    return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in sorted(logs))
