"""Headline figures over ten and a hundred million ledger rows on a ClickHouse server, and against PostgreSQL.

Each figure is asked as finance asks it, over HTTP. As known at any instant it is held against the plain scan, to the
cent. PostgreSQL gets the same rows (tests/bench/rows.py) and the same questions, and its answers must be the same.
"""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import clickhouse_connect

from infra.clickhouse import Analytics, Server
from infra.local import clickhouse
from projections.ledger.sums import Slice, Sums, counts, sums
from projections.projector import Projector
from tests.bench.rows import in_postgres, sums_there

ROWS, SHARED_ROWS = (10_000_000, 100_000_000), 40_000_000
RUNS, RUNS_THERE, INSTANTS, CHECKED = 21, 3, 21, 5
BYTES_PER_ROW = 250
"""More than a row takes, parts that are merged meanwhile included."""
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
STEP = 1_000_000
PATIENCE_SECONDS = 240.0
"""How long merges may take before the figures are asked all the same, as in an installation that is written to."""
GRANTS = """<clickhouse><users><bench>
  <password/><profile>default</profile><quota>default</quota><default_database>groupement</default_database>
  <grants><query>GRANT ALL ON *.*</query></grants>
</bench></users></clickhouse>"""
SCAN = """
select toString(toYear(business_date)) as year, sum(amount) as amount, sum(baseline_amount) as baseline
from ledger where measure = 'invoiced' and currency = 'EUR' and recorded_at <= {as_of:DateTime64(6, 'UTC')}
group by year
"""
AS_OF = "volume by year as of an instant"


class NoSpace(Exception):
    """The disk is too small for so many rows."""


def measure(sizes: Sequence[int] = ROWS, shared_rows: int = SHARED_ROWS) -> dict[str, Any]:
    """Milliseconds of each question over so many rows, and over `shared_rows` the ratio to PostgreSQL. Raises NoSpace."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o711)
        needed = max(sizes) * BYTES_PER_ROW
        if (free := shutil.disk_usage(home).free) < needed:
            raise NoSpace(f"{max(sizes):,} rows need {needed:,} bytes in {home}, where {free:,} are free")
        users = home / "clickhouse" / "users.d"
        users.mkdir(parents=True)
        (users / "bench.xml").write_text(GRANTS)
        engine = stack.enter_context(clickhouse.running(home / "clickhouse"))
        analytics = stack.enter_context(closing(_server(engine.port)))
        plain = stack.enter_context(closing(_server(engine.port, optimize_use_projections=0)))
        Projector(analytics)
        _fill(analytics, shared_rows)
        here = {name: _timed(partial(_here, analytics, name), RUNS) for name in ASKED}
        with in_postgres(home / "postgres", analytics) as postgres:
            there = {name: _timed(partial(sums_there, postgres, *one), RUNS_THERE) for name, one in ASKED.items()}
            for name, one in ASKED.items():
                assert _cents(_here(analytics, name)) == _cents(sums_there(postgres, *one)), name
        sized = {rows: _questions(analytics, plain, rows) for rows in sizes}
    return {"sizes": sized, "shared_rows": shared_rows, "here": here, "there": there}


def _questions(analytics: Analytics, plain: Analytics, rows: int) -> dict[str, dict[str, float]]:
    _fill(analytics, rows)
    found = {name: _compare(analytics, plain, name) for name in ASKED}
    found[AS_OF] |= _any_instant(analytics, plain)
    counted = _timed(lambda: counts(analytics, ("year",), Slice("invoiced")), RUNS // 3)
    return {**found, "orders counted by year (no roll-up)": {**counted, "ratio": 1.0}}


def _server(port: int, **settings: Any) -> Server:
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=port, username="bench", password="", database="groupement",
        autogenerate_session_id=False, settings=settings,
    )  # fmt: skip
    return Server(client)


def _fill(analytics: Analytics, rows: int) -> None:
    """So many rows and no others, merged as far as the server likes."""
    analytics.command("truncate table ledger_g1")
    told = time.monotonic()
    for start in range(0, rows, STEP):
        count = min(STEP, rows - start)
        analytics.command(ROWS_SQL, {"rows": rows, "from": start, "count": count}, {"async_insert": 0})
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"  {start + count:,} of {rows:,} rows", flush=True)  # noqa: T201 - the person waits for it
    until = time.monotonic() + PATIENCE_SECONDS
    while analytics.rows("select count() as n from system.merges")[0]["n"] and time.monotonic() < until:
        time.sleep(1)
    print(f"  {rows:,} rows are there", flush=True)  # noqa: T201


YEAR = (date(2022, 1, 1), date(2022, 12, 31))
ASKED: dict[str, tuple[str, Slice]] = {
    "volume and savings by year": ("year", Slice("invoiced", currency="EUR")),
    "one year by establishment": ("establishment", Slice("invoiced", *YEAR, currency="EUR")),
    "one year by agreement": ("agreement", Slice("invoiced", *YEAR, currency="EUR")),
    "one year by supplier": ("supplier", Slice("invoiced", *YEAR, currency="EUR")),
    "100 days by establishment": (
        "establishment",
        Slice("invoiced", date(2022, 2, 3), date(2022, 5, 13), currency="EUR"),
    ),
    AS_OF: ("year", Slice("invoiced", currency="EUR", as_of=datetime(2021, 8, 17, 9, 30, tzinfo=UTC))),
}


def _here(analytics: Analytics, question: str) -> list[Sums]:
    by, asked = ASKED[question]
    return sums(analytics, (by,), asked)


def _compare(analytics: Analytics, plain: Analytics, question: str) -> dict[str, float]:
    with_rollups = _timed(partial(_here, analytics, question), RUNS)
    without = _timed(partial(_here, plain, question), RUNS_THERE)
    return {**with_rollups, "ratio": without["median_ms"] / with_rollups["median_ms"]}


def _any_instant(analytics: Analytics, plain: Analytics) -> dict[str, float]:
    """Times over instants of the whole span, some of which are held against the plain scan: equal to the cent."""
    chosen = random.Random(1)  # noqa: S311 - the same instants each time
    began = datetime(2020, 1, 1, tzinfo=UTC)
    instants = [began + timedelta(microseconds=chosen.randrange(94_608_000_000_000)) for _ in range(INSTANTS)]
    instants[:2] = [datetime(2021, 3, 1, tzinfo=UTC), datetime(2021, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)]
    times = []
    for n, instant in enumerate(instants):
        started = time.perf_counter()
        found = sums(analytics, ("year",), Slice("invoiced", currency="EUR", as_of=instant))
        times.append((time.perf_counter() - started) * 1000)
        if n < CHECKED:
            rows = plain.rows(SCAN, {"as_of": instant.replace(tzinfo=None)})
            assert _cents(found) == sorted((row["year"], row["amount"], row["baseline"]) for row in rows), instant
    return {"median_ms": statistics.median(times), "p95_ms": statistics.quantiles(times, n=20)[-1]}


def _cents(found: Sequence[Sums]) -> list[tuple[Any, ...]]:
    return sorted((*one.keys, one.amount, one.baseline_amount) for one in found)


def _timed(ask: Callable[[], object], runs: int) -> dict[str, float]:
    ask()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    return {"median_ms": statistics.median(times), "p95_ms": statistics.quantiles(times, n=20)[-1]}
