from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = ("--orders", "1500", "--seed", "11")


def run_in(home: Path, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs the command as a user does: a process of its own, in a folder of its own."""
    command = [sys.executable, "-c", "from services.cli import main; main()", "--home", str(home), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a small generated network; tests only read it."""
    home = tmp_path_factory.mktemp("demo") / "home"
    run_in(home, "demo", "--no-serve", *SMALL)
    return home


@pytest.fixture
def run(demo_home: Path) -> Run:
    """Runs the command on the demo's home."""

    def call(*arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        return run_in(demo_home, *arguments, expect=expect)

    return call
