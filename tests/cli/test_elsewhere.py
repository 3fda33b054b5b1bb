"""Commands that do not work against a server say so, and touch nothing here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ELSEWHERE = {"GROUPEMENT_API": "http://127.0.0.1:9"}
FULL = {"GROUPEMENT_KAFKA_BOOTSTRAP": "127.0.0.1:9", "GROUPEMENT_CLICKHOUSE_HOST": "127.0.0.1"}


def said(home: Path, variables: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "--home", str(home), *arguments],
        env={**os.environ, **variables}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    return done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("import", "orders", "README.md", "--mapping", "README.md"), ("backup", "copy"), ("restore", "README.md"),
        ("audit", "verify"), ("audit", "root"),
    ],
)  # fmt: skip
def test_what_works_on_stores_refuses_those_of_a_server_elsewhere(tmp_path: Path, command: tuple[str, ...]) -> None:
    home = tmp_path / "home"
    assert "NotThroughTheApi" in said(home, ELSEWHERE, *command)
    assert not home.exists(), "nothing was made here instead"


@pytest.mark.parametrize("variables", [ELSEWHERE, FULL], ids=["api", "servers"])
@pytest.mark.parametrize("command", [("demo", "--no-serve"), ("serve",)], ids=["demo", "serve"])
def test_what_runs_in_one_process_refuses_the_settings_of_a_full_run(
    tmp_path: Path, variables: dict[str, str], command: tuple[str, ...]
) -> None:
    refusal = said(tmp_path / "home", variables, *command)
    assert "OnlyEmbedded" in refusal
    assert "groupement full" in refusal
    assert not (tmp_path / "home").exists()


def test_a_gateway_that_does_not_answer_is_told_as_such(tmp_path: Path) -> None:
    for command in (("figures", "volume"), ("reconcile",), ("lag",), ("events",), ("rebuild",)):
        assert "http://127.0.0.1:9 does not answer" in said(tmp_path / "home", ELSEWHERE, *command), command


def test_a_server_that_does_not_answer_is_no_defect(tmp_path: Path) -> None:
    away = {"GROUPEMENT_POSTGRES_HOST": "127.0.0.1", "GROUPEMENT_POSTGRES_PORT": "9"}
    told = said(tmp_path / "home", away, "migrate")
    assert "does not answer" in told
    assert "defect" not in told
