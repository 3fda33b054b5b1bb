"""PostgreSQL on this machine: Debian's binaries, a private folder, a port and a password of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from infra.local.needs import line_to_type, postgres_bin
from infra.local.process import Missing, Process, free_port

USER = "groupement"
ACCOUNTS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root: the account of its package, else the one that owns nothing."""


class NotReachable(Exception):
    """The account that runs PostgreSQL cannot enter the folder that it is given."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server, and how to reach it as a user who may create databases."""

    dsn: str
    process: Process | None
    """None where GROUPEMENT_PG_DSN names the server: it is not ours to end."""
    finance_password: str = field(default_factory=secrets.token_urlsafe, repr=False)
    """For the user who may only read, whom `groupement migrate` makes: another one for each start."""

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection in autocommit."""
        return psycopg.connect(self.dsn, dbname=database, autocommit=True, connect_timeout=5)


@contextlib.contextmanager
def running(folder: Path, port: int | None = None, options: Sequence[str] = ()) -> Iterator[Postgres]:
    """A server on a folder, which keeps the data; `options` are `name=value` as in postgresql.conf.

    Raises Missing, NotReachable, PortInUse, NotReady.
    """
    if given := os.environ.get("GROUPEMENT_PG_DSN"):
        yield Postgres(given, None)
        return
    port = port or free_port()
    binaries, account = _binaries(), _account()
    password = _initialised(folder, binaries, account)
    dsn = f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres"

    def answers() -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(dsn, connect_timeout=2):
            return True
        return False

    ours = (f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200")
    process = Process(
        "postgres",
        [binaries / "postgres", "-D", folder / "data", *(part for one in (*ours, *options) for part in ("-c", one))],
        folder,
        {"PostgreSQL": port},
        answers,
        account=account,
        goodbye=signal.SIGINT,  # ends connections, then itself, with everything on disk
    )
    process.start()
    try:
        yield Postgres(dsn, process)
    finally:
        process.stop()


def _binaries() -> Path:
    found = postgres_bin()
    if found is None:
        raise Missing(f"PostgreSQL's server is not installed; type:\n  {line_to_type(['postgresql'])}")
    return found


def _account() -> dict[str, Any]:
    """What subprocess.Popen needs to run as somebody who is not root; nothing where we are not."""
    if os.geteuid() != 0:
        return {}
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    raise Missing(f"PostgreSQL does not run as root, and has no account here; type:\n  useradd --system {ACCOUNTS[0]}")


def _initialised(folder: Path, binaries: Path, account: dict[str, Any]) -> str:
    """The password of a folder with a data directory in it, made where there is none yet."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "password"
    if not (folder / "data" / "PG_VERSION").exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe())
        if account:
            for path in (folder, kept):
                os.chown(path, account["user"], account["group"])
        made = subprocess.run(  # noqa: S603 - Debian's binary
            [binaries / "initdb", "-D", folder / "data", "-U", USER, "--auth=scram-sha-256", "--pwfile", kept,
             "--encoding=UTF8", "--no-locale"],
            cwd=folder, capture_output=True, text=True, check=False, **account,
        )  # fmt: skip
        if made.returncode:
            msg = f"initdb failed in {folder}; its account must be able to enter every folder above:\n{made.stderr}"
            raise NotReachable(msg)
    return kept.read_text()
