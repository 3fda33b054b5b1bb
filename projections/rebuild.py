"""Rebuild, blue/green: new generations of the derived tables, filled from the raw log, switched to when they agree.

The old generation answers until the new one has the same rows, sums and hashes at the same positions. A projection
whose definition changed on purpose is switched to with `accept_changes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.clickhouse import sql
from infra.event_store import EventStore
from projections.projector import Projector
from projections.tables import RAW, RAW_TABLES, TABLES

Progress = Callable[[str, int, int], None]
"""Called with the table, the events done and the events there are."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did to one table."""

    table: str
    generation: int
    events: int
    rows: int
    is_equal: bool
    """Whether the new generation holds what the old one held: rows, sums and hash."""
    is_switched: bool
    differences: list[str] = field(default_factory=list)


def rebuild(projector: Projector, progress: Progress | None = None, *, accept_changes: bool = False) -> list[Rebuilt]:
    """Builds every derived table again from the raw log and switches to it; the old generation is then dropped.

    Where old and new differ, nothing is switched unless the changes are accepted, and the new one is dropped.
    """
    for app in {app for app, _ in projector.marks()}:
        # Both generations are compared at one position: whoever was stopped may have left the old one behind.
        projector.derive(app)
    return [_rebuild_table(projector, table, progress, accept_changes=accept_changes) for table in TABLES]


def _rebuild_table(projector: Projector, table: str, progress: Progress | None, *, accept_changes: bool) -> Rebuilt:
    old, new = projector.current(table), max(projector.generations(table)) + 1
    lanes = projector.analytics.rows(sql(RAW, "positions.sql"))
    total, done = sum(row["events"] for row in lanes), 0
    projector.create(table, new)
    for app in sorted({row["app"] for row in lanes}):
        for step in projector.steps(table, new, app):
            done += step
            if progress:
                progress(table, done, total)
    before, after = _fingerprint(projector, table, old), _fingerprint(projector, table, new)
    differences = [
        f"{currency or 'no currency'} {measure or 'no measure'}: {_told(before.get((currency, measure)))} before, "
        f"{_told(after.get((currency, measure)))} after"
        for currency, measure in sorted(before.keys() | after.keys())
        if before.get((currency, measure)) != after.get((currency, measure))
    ]
    is_switched = accept_changes or not differences
    if is_switched:
        projector.switch(table, new)
    for generation in projector.generations(table):
        if generation != (new if is_switched else old):
            projector.drop(table, generation)
    rows = sum(row["rows"] for row in after.values())
    return Rebuilt(table, new if is_switched else old, done, rows, not differences, is_switched, differences)


def start_over(projector: Projector, stores: tuple[EventStore, ...]) -> None:
    """Forgets everything that was projected, the raw log included: for projections that belong to other stores."""
    for table in TABLES:
        for generation in projector.generations(table):
            projector.drop(table, generation)
    for table in RAW_TABLES:
        projector.analytics.command(f"drop table if exists {table} sync")
    projector.migrate()
    for store in stores:
        projector.adopt(store.context, store.epoch, store.lanes)


def _fingerprint(projector: Projector, table: str, generation: int) -> dict[tuple[str, str], dict[str, Any]]:
    text = sql(f"projections.{table}", "fingerprint.sql").replace("_gN", f"_g{generation}")
    return {(row["currency"], row["measure"]): row for row in projector.analytics.rows(text)}


def _told(row: dict[str, Any] | None) -> str:
    return "nothing" if row is None else f"{row['rows']} rows, {row['amount_']:.2f}, hash {row['hash']}"
