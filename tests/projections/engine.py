"""A projector on an engine and a store of its own, and all that it wrote, to be compared with what another run wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.clickhouse import Analytics, open_embedded
from infra.event_store import EventStore
from infra.settings import Settings
from projections.projector import Projector
from services.ordering.app import build

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
