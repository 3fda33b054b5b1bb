"""The rules of who may import whom, each seen to fail on a planted violation."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("events", "services", "projections", "contracts", "infra")
LINT = Path(sys.executable).parent / "lint-imports"

PLANTED = {
    "an event that knows a service": ("events/ordering.py", "from services.ordering import order"),
    "an event that knows a database": ("events/base.py", "import eventsourcing"),
    "an adapter that knows a projection": ("infra/log.py", "from projections import projector"),
    "a projection that knows a service": ("projections/rebuild.py", "from services.finance import fold"),
    "contracts that know a service": ("contracts/catalogue.py", "from services.ordering import commands"),
    "a context that knows another": ("services/membership/app.py", "from services.ordering import terms"),
    "finance that knows ordering's decisions": ("services/finance/app.py", "from services.ordering import order"),
    "a context that knows the command line": ("services/tendering/app.py", "from services.cli import options"),
    "a decision that does I/O": ("services/ordering/ceiling.py", "from infra import event_store"),
    "a decision that speaks HTTP": ("services/suppliers/supplier.py", "import fastapi"),
    "a command that knows Kafka": ("services/ordering/commands.py", "import kafka"),
}


def _lint(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--no-cache"], cwd=tree, capture_output=True, text=True, timeout=120, check=False,
        env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the code in which a test may plant something."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "*.json", "vendored")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_code_keeps_the_rules(tree: Path) -> None:
    done = _lint(tree)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(tree: Path, name: str) -> None:
    place, line = PLANTED[name]
    file = tree / place
    file.write_text(file.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    done = _lint(tree)
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout
