"""Makes what the processes of the full run need: databases, tables, topics. As often as one likes; refuses first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing

from events.base import Refusal
from infra import reader
from infra.clickhouse import Analytics, open_server
from infra.event_store import EventStore
from infra.kafka import make_topics
from infra.schema import (
    ANALYTICS_VERSION,
    STORE_VERSION,
    analytics_version,
    check,
    create_database,
    note_analytics_version,
    note_store_version,
    store_version,
)
from infra.settings import READER, Settings
from projections.projector import Projector
from projections.tables import TABLES
from services.embedded import open_contexts

CONTEXTS = ("membership", "suppliers", "tendering", "ordering")
READABLE = (
    *TABLES,
    "establishments",
    "adhesions",
    "suppliers",
    "ratings",
    "agreements",
    "lots",
    "lot_maximums",
    "traces",
)
"""What the user of figures must be able to read, besides how far the raw log has come."""


class GrantsMissing(Refusal):
    """ClickHouse's user for reading may not read what answers questions."""

    rule = "Whoever answers questions reads the projections as a user that may do nothing else"
    remedy = "Give the server the users of infra/clickhouse-users.xml; they are part of its configuration."


def migrate(settings: Settings) -> Iterator[str]:
    """Makes what is missing, and says what it did, line by line.

    Looks at everything before it changes anything. Raises NewerSchema, MayNotCreate, NotOnlyReading, OtherPartitions,
    GrantsMissing.
    """
    with ExitStack() as stack:
        analytics = stack.enter_context(closing(open_server(settings))) if settings.clickhouse_host else None
        found = _look(settings, analytics)
        if settings.postgres_host and settings.postgres_finance_password:
            reader.make(settings)
        for context, version in found.items():
            if version is None:
                create_database(settings, context)
        stores = open_contexts(settings).stores
        for store in stores:
            stack.callback(store.close)
            yield _noted(settings, store, is_new=found.get(store.context) in (None, 0))
        yield from _readable(settings)
        yield from _topics(settings, stores)
        if analytics is not None:
            yield from _tables(analytics)


def _look(settings: Settings, analytics: Analytics | None) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    if settings.postgres_host:
        found = {context: store_version(settings, context) for context in CONTEXTS}
        for context, version in found.items():
            check(f"the {context} store", version, STORE_VERSION, is_older_good=True)
    if analytics is not None:
        check("ClickHouse", analytics_version(analytics), ANALYTICS_VERSION, is_older_good=True)
    return found


def _noted(settings: Settings, store: EventStore, *, is_new: bool) -> str:
    """A store that was opened has its tables and its identity."""
    if settings.postgres_host:
        note_store_version(settings, store.context)
    where = f"PostgreSQL, {'made' if is_new else 'as it was'}" if settings.postgres_host else "SQLite"
    return f"store {store.context}: {where}, lanes {store.lanes}, epoch {store.epoch}"


def _readable(settings: Settings) -> Iterator[str]:
    """Of the tables that are there now, and of those that come."""
    if not settings.postgres_host:
        return
    allowed = [reader.allow(settings.store_environment(context)) for context in CONTEXTS]
    if all(allowed):
        yield f"PostgreSQL: user {READER} may read the stores, and nothing else"


def _topics(settings: Settings, stores: Sequence[EventStore]) -> Iterator[str]:
    if settings.kafka_bootstrap:
        made = make_topics(settings.kafka_bootstrap, {store.context: store.lanes for store in stores})
        yield f"topics: {', '.join(made)} made" if made else "topics: as they were"


def _tables(analytics: Analytics) -> Iterator[str]:
    before = analytics_version(analytics)
    projector = Projector(analytics)
    note_analytics_version(analytics)
    state = "made" if before == 0 else "as they were"
    generations = ", ".join(f"{table} {projector.current(table)}" for table in TABLES)
    yield f"ClickHouse: tables {state}, generations: {generations}"
    check_grants(analytics)
    yield f"ClickHouse: user {READER} may read {len(READABLE)} tables and views, and nothing else"


def check_grants(analytics: Analytics) -> None:
    """Looks at what the user for reading may do. Raises GrantsMissing."""
    rows = analytics.rows(
        "select access_type, table from system.grants where user_name = {user:String} and database = currentDatabase()",
        {"user": READER},
    )
    granted = {row["table"] for row in rows if row["access_type"] == "SELECT"}
    if missing := [table for table in READABLE if table not in granted and None not in granted]:
        raise GrantsMissing(f"user {READER} may not read {', '.join(missing)}")
    if more := sorted({row["access_type"] for row in rows} - {"SELECT"}):
        raise GrantsMissing(f"user {READER} may also {', '.join(more)}")
