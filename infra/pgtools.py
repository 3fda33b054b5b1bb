"""PostgreSQL's own programs, on the database of a store."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from events.base import Refusal


class ToolMissing(Refusal):
    """PostgreSQL's own programs are not installed."""

    rule = "Stores in PostgreSQL are copied by pg_dump and pg_restore"
    remedy = "Install them: sudo apt-get install -y postgresql-client"


class ToolFailed(Refusal):
    """One of PostgreSQL's own programs stopped."""

    rule = "Stores in PostgreSQL are copied by pg_dump and pg_restore"
    remedy = "Read what it said; its version must not be below the server's."


def run(name: str, environment: Mapping[str, str], *arguments: str) -> None:
    """Runs a program on the database that the library's variables name. Raises ToolMissing, ToolFailed."""
    if (program := shutil.which(name)) is None:
        raise ToolMissing(f"{name} is not installed")
    place = {
        "host": environment["POSTGRES_HOST"],
        "port": environment["POSTGRES_PORT"],
        "username": environment["POSTGRES_USER"],
        "dbname": environment["POSTGRES_DBNAME"],
    }
    options = [f"--{option}={value}" for option, value in place.items()]
    # The password is no argument: any user of the machine can read those.
    secret = {**os.environ, "PGPASSWORD": environment["POSTGRES_PASSWORD"]}
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [program, *options, "--no-password", *arguments], env=secret, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ToolFailed(f"{name}: {done.stderr.strip()[-1_000:]}")
