"""A process that starts before its stores answer waits for them, and says so."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from infra.local.postgres import running
from infra.local.process import free_port


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One that PostgreSQL's account may enter."""
    monkeypatch.delenv("GROUPEMENT_PG_DSN", raising=False)
    found = Path(tempfile.mkdtemp(prefix="groupement-waiting-"))
    found.chmod(0o711)
    yield found
    shutil.rmtree(found, ignore_errors=True)


def started(
    folder: Path, port: int, password: str, waits_for: str = "the stores", **given: str
) -> subprocess.Popen[str]:
    """The process of finance, once it has said that it waits."""
    given |= {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(port), "POSTGRES_PASSWORD": password}
    variables = {f"GROUPEMENT_{name}": value for name, value in given.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "--home", str(folder / "home"), "run", "finance"],
        env={**os.environ, **variables}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline()
    assert f"waiting for {waits_for}" in first, first + process.stderr.read()
    return process


@pytest.mark.postgres
def test_a_process_asks_until_its_stores_answer(folder: Path) -> None:
    port = free_port()
    with running(folder / "postgres", port) as server:
        password = str(conninfo_to_dict(server.dsn)["password"])
    process = started(folder, port, password)
    with running(folder / "postgres", port):
        said = process.communicate(timeout=60)[1]
    # It was heard: there are no stores yet, and that is not waited for.
    assert process.returncode == 1
    assert re.search("NotMigrated.*the membership store is not there", said, re.DOTALL), said


def test_a_process_that_waits_for_its_stores_ends_in_order(folder: Path) -> None:
    process = started(folder, free_port(), "none")
    process.terminate()
    assert (process.communicate(timeout=60)[1], process.returncode) == ("", 0)


def test_a_process_that_shows_figures_waits_for_clickhouse_too(folder: Path) -> None:
    port = free_port()
    with started(
        folder, free_port(), "none", "ClickHouse", CLICKHOUSE_HOST="127.0.0.1", CLICKHOUSE_PORT=str(port)
    ) as process:
        assert process.stderr is not None
        with socket.create_server(("127.0.0.1", port)):
            assert "waiting for the stores" in process.stderr.readline()
        process.terminate()
        assert (process.communicate(timeout=60)[1], process.returncode) == ("", 0)
