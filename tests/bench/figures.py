"""Headline figures over ten million ledger rows, and the same queries without the roll-ups."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from infra.clickhouse import Analytics, open_embedded
from projections.ledger.sums import Slice, counts, sums
from projections.projector import Projector

ROWS = 10_000_000
RUNS = 21
ROWS_SQL = """
insert into ledger_g1
select
    'ordering', 0, number + 1, 1, 'fact', ['ordered', 'received', 'invoiced'][number % 3 + 1],
    'ordering.InvoiceReceived.v1', toUUID('00000000-0000-0000-0000-000000000001'),
    toDateTime64('2020-01-01 00:00:00', 6, 'UTC') + toIntervalSecond(intDiv(number * 94608000, {rows:UInt64})),
    toDate('2020-01-01') + intDiv(number * 1095, {rows:UInt64}), 'EUR',
    reinterpretAsUUID(toFixedString(concat('establishment', leftPad(toString(cityHash64(number) % 64), 3, '0')), 16)),
    reinterpretAsUUID(toFixedString(concat('agreement', leftPad(toString(cityHash64(number, 1) % 300), 7, '0')), 16)),
    reinterpretAsUUID(toFixedString(concat('lot', leftPad(toString(cityHash64(number, 1) % 300), 13, '0')), 16)),
    reinterpretAsUUID(toFixedString(concat('supplier', leftPad(toString(cityHash64(number, 2) % 200), 8, '0')), 16)),
    toString(33000000 + cityHash64(number, 2) % 40), toString(cityHash64(number, 3) % 5000), 'label',
    reinterpretAsUUID(toFixedString(leftPad(toString(intDiv(number, 9)), 16, '0'), 16)),
    toString(intDiv(number, 3)), '1', number % 100, (number % 100000) / 100, (number % 110000) / 100, 1, 0, 0, ''
from numbers({from:UInt64}, {count:UInt64})
"""
STEP = 500_000


def measure(rows: int = ROWS) -> dict[str, Any]:
    """Milliseconds, median and p95, of each headline question, and the ratio without roll-ups in the same run."""
    with tempfile.TemporaryDirectory() as folder:
        analytics = open_embedded(Path(folder) / "analytics")
        Projector(analytics)
        for start in range(0, rows, STEP):
            count = min(STEP, rows - start)
            analytics.command(ROWS_SQL, {"rows": rows, "from": start, "count": count}, {"async_insert": 0})
        analytics.command("optimize table ledger_g1 final")
        found = {name: _compare(analytics, ask) for name, ask in QUESTIONS.items()}
        found["orders counted by year (no roll-up)"] = {
            **_timed(lambda: counts(analytics, ("year",), Slice("invoiced")), RUNS // 3),
            "ratio": 1.0,
        }
        analytics.close()
    return {"rows": rows, "questions": found}


Ask = Callable[[Analytics], object]
QUESTIONS: dict[str, Ask] = {
    "volume and savings by year": lambda a: sums(a, ("year",), Slice("invoiced", currency="EUR")),
    "one year by establishment": lambda a: sums(
        a, ("establishment",), Slice("invoiced", date(2022, 1, 1), date(2022, 12, 31), currency="EUR")
    ),
    "one year by agreement": lambda a: sums(
        a, ("agreement",), Slice("invoiced", date(2022, 1, 1), date(2022, 12, 31), currency="EUR")
    ),
    "one year by supplier": lambda a: sums(
        a, ("supplier",), Slice("invoiced", date(2022, 1, 1), date(2022, 12, 31), currency="EUR")
    ),
    "100 days by establishment": lambda a: sums(
        a, ("establishment",), Slice("invoiced", date(2022, 2, 3), date(2022, 5, 13), currency="EUR")
    ),
    "volume by year as of an instant": lambda a: sums(
        a, ("year",), Slice("invoiced", currency="EUR", as_of=datetime(2021, 8, 17, 9, 30, tzinfo=UTC))
    ),
}


def _compare(analytics: Analytics, ask: Ask) -> dict[str, float]:
    with_rollups = _timed(lambda: ask(analytics), RUNS)
    analytics.command("set optimize_use_projections = 0")
    without = _timed(lambda: ask(analytics), RUNS // 3)
    analytics.command("set optimize_use_projections = 1")
    return {**with_rollups, "ratio": without["median_ms"] / with_rollups["median_ms"]}


def _timed(ask: Callable[[], object], runs: int) -> dict[str, float]:
    ask()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    return {"median_ms": statistics.median(times), "p95_ms": statistics.quantiles(times, n=20)[-1]}
