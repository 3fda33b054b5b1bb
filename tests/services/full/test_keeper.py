"""A process that ends is started again, after a pause that grows, and whoever looks sees it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.local.process import Process
from services.full import keeper as module
from services.full.keeper import Keeper

LIVES = "import pathlib, time; pathlib.Path('up').touch(); time.sleep(600)"
DIES = "import sys; sys.exit('no')"


@contextmanager
def kept(folder: Path, code: str) -> Iterator[tuple[Keeper, list[str]]]:
    """A process that is kept, and every state that was told."""
    states: list[str] = []
    told = threading.Lock()

    def changed(one: Keeper) -> None:
        with told:
            states.append(one.state)

    process = Process("part", [sys.executable, "-c", code], folder, {}, (folder / "up").exists, patience=10)
    found = Keeper(process, "part", 0, changed)
    found.start()
    try:
        yield found, states
    finally:
        found.stop()
        assert found.pid is None
        assert states[-1] == "stopped"


def wait(keeper: Keeper, starts: int, state: str = "up") -> None:
    deadline = time.monotonic() + 60
    while (keeper.starts, keeper.state) != (starts, state):
        assert time.monotonic() < deadline, (keeper.starts, keeper.state)
        time.sleep(0.01)


def test_what_was_killed_is_up_again_as_another_process(tmp_path: Path) -> None:
    with kept(tmp_path, LIVES) as (keeper, states):
        wait(keeper, starts=1)
        first = keeper.pid
        assert first is not None
        os.killpg(first, signal.SIGKILL)
        wait(keeper, starts=2)
        assert keeper.pid not in (None, first)
        assert keeper.restarts == 1
    assert states[:5] == ["starting", "up", "down: it ended, again in 0.5 s", "starting", "up"]


def test_what_never_gets_ready_is_tried_less_and_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.04)
    with kept(tmp_path, DIES) as (keeper, states):
        deadline = time.monotonic() + 60
        while keeper.starts < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
    pauses = [state.rpartition("again in ")[2] for state in states if "again in" in state]
    assert pauses[:4] == ["0.01 s", "0.02 s", "0.04 s", "0.04 s"]
    assert any("ended with 1" in state for state in states), "it says why"


def test_stopping_ends_the_process_and_does_not_start_it_again(tmp_path: Path) -> None:
    with kept(tmp_path, LIVES) as (keeper, _):
        wait(keeper, starts=1)
        pid = keeper.pid
    assert keeper.starts == 1
    assert not Path(f"/proc/{pid}").exists()


def test_stopping_does_not_wait_for_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 600.0)
    with kept(tmp_path, DIES) as (keeper, _):
        deadline = time.monotonic() + 60
        while "again in 600 s" not in keeper.state:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        began = time.monotonic()
    assert time.monotonic() - began < 60
