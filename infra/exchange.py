"""Prepared stores take the place of a home's: a folder of SQLite files, or databases of a PostgreSQL server.

What was there is renamed, never deleted, and nothing is renamed while somebody uses it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg.sql import SQL, Identifier

from events.base import Refusal
from infra import pgtools, reader
from infra.manifest import Backup, StoreCopy, engine_of
from infra.settings import Settings
from infra.stored import conninfo

Environment = Mapping[str, str]
LONGEST = 63
"""Characters of a name in PostgreSQL, which cuts the others off without a word."""


class StoresInUse(Refusal):
    """Another process has the stores open."""

    rule = "Stores are exchanged while nobody uses them"
    remedy = "Stop `groupement serve`, and whatever else runs on these stores, and restore again."


class NotAllowed(Refusal):
    """The database user may not create databases."""

    rule = "A restore fills new databases and then exchanges the names"
    remedy = "Give the user CREATEDB (alter role … createdb), or restore as one who has it."


class Place(Protocol):
    """Where stores are prepared, and then take the place of those that are there."""

    def fill(self, store: StoreCopy, backup: Backup) -> Environment:
        """Prepares a store; says how to open it. Raises BackupDamaged, NotAllowed, ToolMissing, ToolFailed."""

    def exchange(self) -> list[str]:
        """Lets the prepared stores be the home's; says where the former ones are. Raises StoresInUse."""


@contextmanager
def prepared(settings: Settings, work: Path, name: str) -> Iterator[Place]:
    """A place to prepare stores in; `work` is a folder of the home's disk, `name` tells what is set aside."""
    if engine_of(settings) == "sqlite":
        yield _Folder(settings, work, name)
        return
    databases = _Databases(settings, work, name)
    try:
        yield databases
    finally:
        databases.forget()


class _Folder:
    def __init__(self, settings: Settings, work: Path, name: str) -> None:
        self._stores = settings.home / "stores"
        self._new = work / "stores"
        self._new.mkdir()
        self._aside = settings.home / "replaced" / name

    def fill(self, store: StoreCopy, backup: Backup) -> Environment:
        """Unpacks a file."""
        path = self._new / f"{store.context}.db"
        backup.unpack(store, path)
        return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path)}

    def exchange(self) -> list[str]:
        """Two renames; whoever is stopped between them finds the stores aside, and may restore again."""
        aside = []
        if any(self._stores.glob("*")):
            for path in self._stores.glob("*.db"):
                _check_unused(path)
            self._aside.mkdir(parents=True)
            self._stores.rename(self._aside / "stores")
            aside = [str(self._aside)]
        self._new.rename(self._stores)
        return aside


def _check_unused(path: Path) -> None:
    # A file leaves its WAL mode only where nobody else has it open; what was in the WAL is then in the file.
    with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as alone:
        try:
            alone.execute("pragma journal_mode = delete")
        except sqlite3.DatabaseError as error:
            # A file that is damaged is what restores are for: it goes aside as it is.
            if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StoresInUse(f"{path.name}: {error}") from error


class _Databases:
    def __init__(self, settings: Settings, work: Path, name: str) -> None:
        self._settings = settings
        self._work = work
        self._name = name.lower()
        self._prepared: dict[str, Environment] = {}
        """Context -> the database that is to be its store."""

    def fill(self, store: StoreCopy, backup: Backup) -> Environment:
        """Fills a new database."""
        path = self._work / store.file
        backup.unpack(store, path)
        environment = self._environment(store.context)
        new = {**environment, "POSTGRES_DBNAME": self._named(environment, "restoring")}
        with self._server(environment) as server:
            try:
                server.execute(SQL("create database {}").format(Identifier(new["POSTGRES_DBNAME"])))
            except psycopg.errors.InsufficientPrivilege as error:
                raise NotAllowed(str(error).strip()) from error
        self._prepared[store.context] = new
        pgtools.run("pg_restore", new, "--exit-on-error", "--no-owner", "--no-privileges", str(path))
        path.unlink()
        reader.allow(new)  # the copy has no privileges in it
        return new

    def exchange(self) -> list[str]:
        """Two renames for each store; where one is in use, those before it get their names back."""
        done: list[tuple[str, str]] = []
        aside: list[str] = []
        with self._server(next(iter(self._prepared.values()))) as server:

            def rename(now: str, then: str) -> None:
                server.execute(SQL("alter database {} rename to {}").format(Identifier(now), Identifier(then)))
                done.append((now, then))

            try:
                for context, new in self._prepared.items():
                    environment = self._environment(context)
                    current, former = environment["POSTGRES_DBNAME"], self._named(environment, "before")
                    with suppress(psycopg.errors.InvalidCatalogName):  # there was no such store
                        rename(current, former)
                        aside.append(f"database {former}")
                    rename(new["POSTGRES_DBNAME"], current)
            except psycopg.errors.ObjectInUse as error:
                for now, then in reversed(done.copy()):
                    rename(then, now)
                raise StoresInUse(str(error).strip()) from error
        self._prepared.clear()
        return aside

    def forget(self) -> None:
        """Drops what was prepared for nothing."""
        for new in self._prepared.values():
            with self._server(new) as server:
                server.execute(SQL("drop database {} with (force)").format(Identifier(new["POSTGRES_DBNAME"])))

    def _environment(self, context: str) -> Environment:
        return self._settings.store_environment(context)

    def _named(self, environment: Environment, what: str) -> str:
        ending = f"_{what}_{self._name}"
        return environment["POSTGRES_DBNAME"][: LONGEST - len(ending)] + ending

    def _server(self, environment: Environment) -> psycopg.Connection[Any]:
        return psycopg.connect(conninfo(environment, "postgres"), autocommit=True)
