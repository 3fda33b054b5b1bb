"""The version of what lies in a server: kept where it lies, so that older code refuses what newer code has made."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from events.base import Refusal
from infra.clickhouse import Analytics
from infra.settings import Settings
from infra.stored import conninfo

STORE_VERSION = 1
"""Of the tables of a store in PostgreSQL."""
ANALYTICS_VERSION = 1
"""Of the tables in ClickHouse; what is derived in them has generations of its own (`groupement rebuild`)."""
STORE_TABLE = "create table if not exists groupement_schema (version integer not null)"
ANALYTICS_TABLE = (
    "create table if not exists schema_version (version UInt32, migrated_at DateTime default now()) "
    "engine = MergeTree order by version"
)


class NewerSchema(Refusal):
    """What lies there was made by a newer version of groupement."""

    rule = "Older code does not touch what newer code has made: it would not know what it breaks"
    remedy = "Install the newer version, or restore a backup from before it."


class NotMigrated(Refusal):
    """What the process needs is not there, or not as this version needs it."""

    rule = "Databases, topics and tables are made by `groupement migrate`, before the processes that use them start"
    remedy = "Run `groupement migrate` with the same settings."


class MayNotCreate(Refusal):
    """The database user may not create a database."""

    rule = "Each context has a database of its own"
    remedy = "Give the user CREATEDB, or create the databases for it."


def store_version(settings: Settings, context: str) -> int | None:
    """The version of a store in PostgreSQL; 0 where it has none yet, None where there is no database."""
    try:
        with psycopg.connect(conninfo(settings.store_environment(context)), connect_timeout=5) as connection:
            if connection.execute("select to_regclass('groupement_schema')").fetchone() == (None,):
                return 0
            found = connection.execute("select max(version) from groupement_schema").fetchone()
            return int(found[0] or 0) if found else 0
    except psycopg.OperationalError:
        if not _exists(settings, context):
            return None
        raise


def analytics_version(analytics: Analytics) -> int:
    """The version of the tables in ClickHouse; 0 where they have none yet."""
    found = analytics.rows(
        "select count() as n from system.tables where database = currentDatabase() and name = 'schema_version'"
    )
    if not found[0]["n"]:
        return 0
    return int(analytics.rows("select max(version) as version from schema_version")[0]["version"])


def check(what: str, found: int | None, known: int, *, is_older_good: bool = False) -> None:
    """Refuses a version that this code does not know. Raises NewerSchema, NotMigrated."""
    if found is not None and found > known:
        raise NewerSchema(f"{what} has schema {found}, this version of groupement knows {known}", found=found)
    if not is_older_good and (found is None or found < known):
        state = "is not there" if found is None else f"has schema {found}, this version of groupement needs {known}"
        raise NotMigrated(f"{what} {state}")


def create_database(settings: Settings, context: str) -> None:
    """Makes the empty database of a context. Raises MayNotCreate."""
    name = settings.store_environment(context)["POSTGRES_DBNAME"]
    with _server(settings, context) as server:
        try:
            server.execute(SQL("create database {}").format(Identifier(name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another process was faster
        except psycopg.errors.InsufficientPrivilege as error:
            raise MayNotCreate(f"database {name}: {error}".strip()) from error


def note_store_version(settings: Settings, context: str) -> None:
    """Notes that a store is as this code needs it."""
    with psycopg.connect(conninfo(settings.store_environment(context)), connect_timeout=5) as connection:
        # Two that migrate at once: the second one waits here, and finds the version noted.
        connection.execute("select pg_advisory_xact_lock(hashtext('groupement_schema'))")
        connection.execute(STORE_TABLE)
        connection.execute(
            "insert into groupement_schema select %(v)s where not exists "
            "(select from groupement_schema where version >= %(v)s)",
            {"v": STORE_VERSION},
        )


def note_analytics_version(analytics: Analytics) -> None:
    """Notes that the tables are as this code needs them."""
    if not analytics_version(analytics):
        analytics.define(ANALYTICS_TABLE)
    if analytics_version(analytics) < ANALYTICS_VERSION:
        analytics.command(
            f"insert into schema_version (version) values ({ANALYTICS_VERSION})", None, {"async_insert": 0}
        )


def _exists(settings: Settings, context: str) -> bool:
    with _server(settings, context) as server:
        name = settings.store_environment(context)["POSTGRES_DBNAME"]
        return server.execute("select from pg_database where datname = %s", (name,)).fetchone() is not None


def _server(settings: Settings, context: str) -> psycopg.Connection[Any]:
    environment = settings.store_environment(context)
    return psycopg.connect(conninfo(environment, "postgres"), autocommit=True, connect_timeout=5)
