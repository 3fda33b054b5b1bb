"""A PostgreSQL server of the tests' own: a private folder, a free port, a user that is not root."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.needs import line_to_type, postgres_bin
from infra.settings import Settings

_numbers = count(1)


@dataclass(frozen=True)
class Postgres:
    port: int

    def settings(self, home: Path) -> Settings:
        """Stores in a new database of this server."""
        name = f"test_{next(_numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return Settings(
            home=home,
            postgres_host="127.0.0.1",
            postgres_port=self.port,
            postgres_user="groupement",
            postgres_dbname=name,
        )

    def settings_of(self, home: Path, contexts: Iterable[str]) -> Settings:
        """Stores in new databases of this server, one for each context."""
        pattern = f"test_{next(_numbers)}_{{context}}"
        with self.connect("postgres") as connection:
            for context in contexts:
                connection.execute(f"CREATE DATABASE {pattern.format(context=context)}".encode())
        return Settings(
            home=home,
            postgres_host="127.0.0.1",
            postgres_port=self.port,
            postgres_user="groupement",
            postgres_dbname=pattern,
        )

    def connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(host="127.0.0.1", port=self.port, user="groupement", dbname=name, autocommit=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    binaries = postgres_bin()
    if binaries is None:
        pytest.fail(f"PostgreSQL's server is not installed; type: {line_to_type(['postgresql'])}")
    folder = Path(tempfile.mkdtemp(prefix="groupement-postgres-"))
    user = _unprivileged(folder)
    try:
        with _server(binaries, folder, user) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def each_database(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """An empty home with stores in SQLite, and then in PostgreSQL."""
    if request.param == "sqlite":
        return settings
    server: Postgres = request.getfixturevalue("postgres")
    return server.settings(settings.home)


def _unprivileged(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: the account of its package, else nobody."""
    if os.geteuid() != 0:
        return {}
    account = next(filter(None, map(_account, ("postgres", "nobody"))))
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _account(name: str) -> pwd.struct_passwd | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name)
    return None


@contextlib.contextmanager
def _server(binaries: Path, folder: Path, user: dict[str, Any]) -> Iterator[Postgres]:
    data, log = folder / "data", folder / "log"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "groupement", "--auth=trust", "--encoding=UTF8", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd=folder, **user,
    )  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Postgres(free.getsockname()[1])
    options = {
        "port": server.port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "max_connections": 200,
    }
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, *arguments], stdout=output, stderr=output, cwd=folder, **user
        )
    try:
        _wait(server, process, log)
        yield server
    finally:
        process.send_signal(signal.SIGQUIT)  # at once: the data go with the folder
        process.wait(30)


def _wait(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        with contextlib.suppress(psycopg.OperationalError), server.connect("postgres"):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
