"""A store's table as it lies there: one snapshot, read only, without the library that writes it.

For whoever must neither change what it looks at, nor believe it: audit and backup.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from events.base import Refusal
from infra.event_store import STORE_STREAM, StoreCreated, StoreRestored
from infra.mapper import Language, UnreadableEvent

PAGE = 5_000
BEFORE_ALL = -(2**63)
"""Below every position that a database can hold: a row that was slipped in at -5 is read too."""
LOST = """
select t.rowid from stored_events t not indexed
left join stored_events i indexed by sqlite_autoindex_stored_events_1
    on i.originator_id = t.originator_id and i.originator_version = t.originator_version
where i.rowid is not t.rowid limit ?
"""
FAULTS = 100
LANGUAGE = Language([StoreCreated, StoreRestored])


class NoStore(Refusal):
    """There is no store where the settings look for it."""

    rule = "A store is made by the first command on it; an audit or a backup makes none"
    remedy = "Check --home (or the PostgreSQL settings), or begin with `groupement demo` or `groupement import`."


class Damaged(Exception):
    """The database cannot read its own file any further; `after` is the last position that it could read."""

    def __init__(self, after: int, reason: str) -> None:
        super().__init__(f"unreadable after position {after}: {reason}")
        self.after = after


class Row(NamedTuple):
    """One event, internal ones included. Its values are whatever lies there: not yet known to be of these types."""

    position: int
    stream: str
    """The stream's id, 32 hexadecimal digits."""
    version: int
    name: str
    raw: bytes


class Identity(NamedTuple):
    """One of the timelines that a store has lived: from its creation, or from a restore, to the next restore."""

    epoch: UUID
    lanes: int
    since: int
    """Position of the event that gave the store this epoch."""


class Fault(NamedTuple):
    """What a database finds wrong with its own file; the position where it is that of an event."""

    position: int | None
    detail: str


class SqliteTable:
    """A store in an SQLite file: positions are rowids, which a VACUUM may change and a copy of pages keeps."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        # One character a byte, whatever the bytes: nothing that lies there is unreadable, or read as something else.
        connection.text_factory = lambda text: str(text, "latin-1")
        connection.execute("begin")

    def page(self, after: int, limit: int = PAGE) -> list[Row]:
        """The rows after a position, in the order of positions. Raises Damaged."""
        sql = "select rowid, originator_id, originator_version, topic, state from stored_events not indexed "
        return self._rows(sql + "where rowid > ? order by rowid limit ?", (after, limit), after)

    def stream(self, stream_id: UUID) -> list[Row]:
        """The rows of a stream, found as the services find them. Raises Damaged."""
        sql = "select rowid, originator_id, originator_version, topic, state from stored_events "
        return self._rows(sql + "where originator_id = ? order by originator_version", (stream_id.hex,), 0)

    def end(self) -> tuple[int, int]:
        """The last position, and how many rows there are. Raises Damaged."""
        sql = "select coalesce(max(rowid), 0), count(*) from stored_events not indexed"
        try:
            last, rows = self.connection.execute(sql).fetchone()
        except sqlite3.DatabaseError as error:
            raise Damaged(0, str(error)) from error
        return last, rows

    def faults(self) -> list[Fault]:
        """What SQLite says of its pages, and the events that their own streams do not lead to."""
        try:
            said = [line for (line,) in self.connection.execute(f"pragma integrity_check({FAULTS})") if line != "ok"]
            lost = [position for (position,) in self.connection.execute(LOST, (FAULTS,))]
        except sqlite3.DatabaseError as error:
            return [Fault(None, str(error))]
        return [Fault(position, "its stream does not lead to this event") for position in lost] + [
            Fault(None, line) for line in said
        ]

    def _rows(self, sql: str, values: tuple[Any, ...], after: int) -> list[Row]:
        found: list[Row] = []
        try:
            found.extend(map(Row._make, self.connection.execute(sql, values)))
        except sqlite3.DatabaseError as error:
            if not found:
                raise Damaged(after, str(error)) from error
        # What was read before the damage is worth having; the next page begins with the damage and says so.
        return found


class PostgresTable:
    """A store in PostgreSQL: positions are its notification ids."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        connection.execute("set transaction isolation level repeatable read, read only")

    def page(self, after: int, limit: int = PAGE) -> list[Row]:
        """The rows after a position, in the order of positions. Raises Damaged."""
        return self._rows("where notification_id > %s order by notification_id limit %s", (after, limit), after)

    def stream(self, stream_id: UUID) -> list[Row]:
        """The rows of a stream, found as the services find them. Raises Damaged."""
        return self._rows("where originator_id = %s order by originator_version", (stream_id,), 0)

    def end(self) -> tuple[int, int]:
        """The last position, and how many rows there are. Raises Damaged."""
        sql = "select coalesce(max(notification_id), 0), count(*) from stored_events"
        try:
            last, rows = self.connection.execute(sql).fetchone() or (0, 0)
        except psycopg.errors.UndefinedTable as error:
            msg = f"the database {self.connection.info.dbname} holds no store"
            raise NoStore(msg) from error
        except psycopg.DatabaseError as error:
            raise Damaged(0, str(error)) from error
        return last, rows

    def faults(self) -> list[Fault]:
        """Nothing: PostgreSQL checks its pages itself where checksums are on, and has pg_amcheck for its indexes."""
        return []

    def _rows(self, where: str, values: tuple[Any, ...], after: int) -> list[Row]:
        sql = f"select notification_id, originator_id, originator_version, topic, state from stored_events {where}"
        try:
            found = self.connection.execute(sql, values, binary=True).fetchall()
        except psycopg.DatabaseError as error:
            raise Damaged(after, str(error)) from error
        return [Row(position, stream.hex, version, name, raw) for position, stream, version, name, raw in found]


Stored = SqliteTable | PostgresTable
"""The table of one store, as it was at the first question."""


def pages(stored: Stored, after: int = BEFORE_ALL) -> Iterator[list[Row]]:
    """The rows after a position. Raises Damaged."""
    while page := stored.page(after):
        yield page
        after = page[-1].position


def identities(stored: Stored) -> list[Identity]:
    """Every epoch of a store, the one in force last. Raises Damaged, UnreadableEvent."""
    found = []
    for row in stored.stream(STORE_STREAM):
        event = LANGUAGE.load(row.name, row.raw)
        if isinstance(event, StoreCreated):
            found.append(Identity(event.epoch, event.lanes, row.position))
    if not found:
        msg = "the store does not say which one it is"
        raise UnreadableEvent(msg)
    return found


@contextmanager
def open_stored(environment: Mapping[str, str]) -> Iterator[Stored]:
    """The table of the store that the library's variables name. Raises NoStore."""
    if environment["PERSISTENCE_MODULE"].endswith("sqlite"):
        path = Path(environment["SQLITE_DBNAME"])
        if not path.exists():
            msg = f"there is no store at {path}"
            raise NoStore(msg)
        with closing(_read_only(path)) as connection:
            yield SqliteTable(connection)
        return
    try:
        connecting = psycopg.connect(conninfo(environment))
    except psycopg.OperationalError as error:
        msg = f"no store answers at {environment['POSTGRES_HOST']}: {error}"
        raise NoStore(msg) from error
    with connecting as connected:
        yield PostgresTable(connected)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def conninfo(environment: Mapping[str, str], dbname: str | None = None) -> str:
    """How psycopg and PostgreSQL's own tools reach a store's database, or another one of its server."""
    return psycopg.conninfo.make_conninfo(
        host=environment["POSTGRES_HOST"],
        port=environment["POSTGRES_PORT"],
        user=environment["POSTGRES_USER"],
        password=environment["POSTGRES_PASSWORD"] or None,
        dbname=dbname or environment["POSTGRES_DBNAME"],
        connect_timeout=environment["POSTGRES_CONNECT_TIMEOUT"],
    )
