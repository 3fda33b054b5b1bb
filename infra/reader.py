"""The login that reads the stores in PostgreSQL and may do nothing else: what `finance` is in ClickHouse too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from events.base import Refusal
from infra.settings import READER, Settings
from infra.stored import conninfo

LOCK = "select pg_advisory_xact_lock(hashtext('groupement_reader'))"
"""Two that migrate at once wait for one another."""
ROLE = """
select concat_ws(', ', case when rolsuper then 'do all' end, case when rolbypassrls then 'see all' end,
    case when rolcreatedb then 'create databases' end, case when rolcreaterole then 'create roles' end)
from pg_roles where rolname = %s
"""
GRANTS: tuple[LiteralString, ...] = (
    # What PostgreSQL lets everybody do, the second up to version 14.
    "revoke temporary on database {database} from public",
    "revoke create on schema public from public",
    "grant connect on database {database} to {reader}",
    "grant usage on schema public to {reader}",
    "grant select on all tables in schema public to {reader}",
    # Tables that come later, such as the relay's: those of whoever runs this, who is the one that makes them.
    "alter default privileges in schema public grant select on tables to {reader}",
)
MAY = """
select privilege || ' ' || relname
from pg_class, unnest(array['insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as privilege
where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')
    and has_table_privilege(%(reader)s, pg_class.oid, privilege)
union all
select 'create tables' where has_schema_privilege(%(reader)s, 'public', 'create')
    or has_database_privilege(%(reader)s, current_database(), 'create')
    or has_database_privilege(%(reader)s, current_database(), 'temporary')
order by 1
"""
"""What the login may do in a database besides reading, whoever gave it that."""


class NotOnlyReading(Refusal):
    """The login for reading may do more than that, or may not be made."""

    rule = "Whoever answers questions reads the stores as a login that may do nothing else"
    remedy = f"As a superuser of PostgreSQL: take from the role {READER} what is named, or give the user CREATEROLE."


def make(settings: Settings) -> None:
    """Makes the login where it is missing, and gives it the password of the settings. Raises NotOnlyReading."""
    with psycopg.connect(conninfo(settings.store_environment("postgres"), "postgres")) as server:
        server.execute(LOCK)
        if more := _may(server):
            # A role of this name that is somebody else's: its password stays.
            raise NotOnlyReading(f"role {READER} may {more}")
        # As the server keeps it: neither the statement nor a log of it holds the password itself.
        secret = server.pgconn.encrypt_password(
            settings.postgres_finance_password.encode(), READER.encode(), b"scram-sha-256"
        )
        statement = SQL("create role {} login password {}") if more is None else SQL("alter role {} login password {}")
        try:
            server.execute(statement.format(Identifier(READER), Literal(secret.decode())))
        except psycopg.errors.InsufficientPrivilege as error:
            raise NotOnlyReading(f"role {READER}: {error}".strip()) from error


def allow(environment: Mapping[str, str]) -> bool:
    """Lets the login read a store, where the server has it; whether it has. Raises NotOnlyReading.

    `environment` holds the `eventsourcing` library's variables for the store.
    """
    with psycopg.connect(conninfo(environment)) as store:
        store.execute(LOCK)
        if _may(store) is None:
            return False
        names = {"database": Identifier(environment["POSTGRES_DBNAME"]), "reader": Identifier(READER)}
        try:
            for grant in GRANTS:
                store.execute(SQL(grant).format(**names))
        except psycopg.errors.InsufficientPrivilege as error:
            raise NotOnlyReading(f"database {environment['POSTGRES_DBNAME']}: {error}".strip()) from error
        if more := [what for (what,) in store.execute(MAY, {"reader": READER})]:
            raise NotOnlyReading(f"role {READER} may {', '.join(more)} in {environment['POSTGRES_DBNAME']}")
        return True


def _may(connection: psycopg.Connection[Any]) -> str | None:
    """What the login may do on the whole server; None where it is not there."""
    found = connection.execute(ROLE, (READER,)).fetchone()
    return None if found is None else str(found[0])
