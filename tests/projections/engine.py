"""Engines, the embedded one and a server; a projector on one of them and a store of its own, and all that it wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.clickhouse import Analytics, open_embedded, open_server
from infra.event_store import EventStore, utc_now
from infra.local import clickhouse
from infra.settings import Settings
from projections.projector import Projector
from services.embedded import Platform, open_contexts
from services.ordering.app import build

EACH_ENGINE = ("chdb", pytest.param("server", marks=pytest.mark.full))
"""Parameters of a fixture: its tests run on the embedded engine, and on a server over HTTP."""
Written = dict[str, list[dict[str, Any]]]


def store_in(home: Path, lanes: int = 1) -> EventStore:
    return build(Settings(home=home, lanes=lanes)).store


@contextmanager
def engine_in(folder: Path) -> Iterator[Analytics]:
    analytics = open_embedded(folder)
    try:
        yield analytics
    finally:
        analytics.close()


@contextmanager
def engine_of(kind: str, folder: Path) -> Iterator[Analytics]:
    """An engine of EACH_ENGINE, empty."""
    with ExitStack() as stack:
        if kind == "server":
            server = stack.enter_context(clickhouse.running(folder))
            yield stack.enter_context(closing(open_server(Settings(**server.settings("projector")))))
        else:
            yield stack.enter_context(engine_in(folder))


@contextmanager
def platform_of(kind: str, home: Path) -> Iterator[Platform]:
    """A platform without a past, on an engine of EACH_ENGINE."""
    with engine_of(kind, home / "analytics") as analytics:
        yield Platform(open_contexts(Settings(home=home), utc_now), analytics, utc_now)


def catch_up(projector: Projector, store: EventStore) -> list[int]:
    return list(projector.catch_up(store))


def written(analytics: Analytics) -> Written:
    """Every row of the raw log and of the tables that are read. Where a step of the orders ended is not told."""
    return {
        "raw_log": analytics.rows("select * from raw_log order by app, lane, pos"),
        "ledger": analytics.rows("select * from ledger order by app, lane, pos, line"),
        "orders": analytics.rows("select * from orders where order_id != toUUIDOrZero('') order by app, lane, pos"),
    }


def undisturbed(store: EventStore, folder: Path) -> Written:
    """What a projector writes that nobody disturbs, in one step."""
    with engine_in(folder) as analytics:
        catch_up(Projector(analytics), store)
        return written(analytics)


class Disturbed(Exception):
    """What a test did to an insert."""


class Fragile:
    """An engine whose inserts into one table fail, before or after they happened, as often as it is told."""

    def __init__(self, analytics: Analytics, table: str, *, is_after: bool) -> None:
        self._insert = f"insert into {table}"
        self._is_after = is_after
        self._command = analytics.command
        self.failures = 0
        analytics.command = self.command  # type: ignore[method-assign, assignment]

    def fail(self, times: int = 1) -> None:
        self.failures = times

    def command(self, statement: str, *args: Any) -> None:
        is_hit = self._insert in statement and self.failures > 0
        if is_hit:
            self.failures -= 1
        if not is_hit or self._is_after:
            self._command(statement, *args)
        if is_hit:
            raise Disturbed(statement)
