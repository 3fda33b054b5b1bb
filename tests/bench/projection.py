"""The projector against inserting the same bytes from files with the same SQL into the same tables."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from infra.clickhouse import Analytics, open_embedded, raw_batch, sql
from infra.event_store import EventStore
from infra.log import Log
from infra.memory import collect_seldom
from infra.settings import Settings
from projections.projector import Projector, batches
from projections.tables import RAW, TABLES
from services.ordering.app import build
from tests.bench.synthetic import fill

EVENTS = 150_000
RUNS = 3


def measure(events: int = EVENTS) -> dict[str, Any]:
    """Events a second of both, medians of alternating runs, and their ratio (aim: 0.6 at least)."""
    with tempfile.TemporaryDirectory() as folder:
        collect_seldom()  # as the command does
        home = Path(folder)
        store = build(Settings(home=home)).store
        fill(store, events)
        ours, theirs = [], []
        for n in range(RUNS):
            ours.append(_ours(store, home / f"ours-{n}"))
            theirs.append(_theirs(store, home / f"theirs-{n}"))
    return {
        "events": events,
        "projector_events_per_second": events / statistics.median(ours),
        "insert_events_per_second": events / statistics.median(theirs),
        "ratio": statistics.median(theirs) / statistics.median(ours),
    }


def _ours(store: EventStore, folder: Path) -> float:
    analytics = open_embedded(folder)
    projector = Projector(analytics)
    started = time.perf_counter()
    for _ in projector.catch_up(store):
        pass
    seconds = time.perf_counter() - started
    analytics.close()
    return seconds


def _theirs(store: EventStore, folder: Path) -> float:
    """The same bytes, prepared as RowBinary files outside the time, inserted in the same steps by the same SQL."""
    analytics = open_embedded(folder)
    Projector(analytics)  # creates the tables
    files = []
    for entries in batches(Log(store)):
        rows = raw_batch((store.context, e.lane, e.pos, e.prev, e.stream_id, e.version, e.type, e.recorded_at, e.raw)
                         for e in entries)  # fmt: skip
        files.append((entries[0].prev, entries[-1].pos, rows))
    started = time.perf_counter()
    for start, upto, rows in files:
        _insert(analytics, store.context, start, upto, rows)
    seconds = time.perf_counter() - started
    analytics.close()
    return seconds


def _insert(analytics: Analytics, app: str, start: int, upto: int, rows: bytes) -> None:
    place = {"app": app, "start": start, "from": start, "upto": upto, "starts": [start], "ends": [upto]}
    analytics.insert_raw(sql(RAW, "insert.sql"), rows, place, f"{start}")
    for table in TABLES:
        statement = sql(f"projections.{table}", "rows.sql").replace("_gN", "_g1")
        analytics.insert_once(statement, place, f"{start}")
