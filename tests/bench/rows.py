"""The ledger's rows in PostgreSQL, set up as its documentation says: loaded by COPY, one index that holds all that the
questions read, vacuumed and analysed, memory to work in, parallel queries on every core."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from infra.clickhouse import Analytics
from infra.local import postgres
from projections.ledger.sums import Slice, Sums

OPTIONS = (
    "shared_buffers=4GB", "work_mem=512MB", "maintenance_work_mem=2GB", "effective_cache_size=12GB",
    "max_wal_size=16GB", "checkpoint_timeout=30min", "wal_level=minimal", "max_wal_senders=0", "random_page_cost=1.1",
    f"max_parallel_workers_per_gather={os.cpu_count()}", "min_parallel_index_scan_size=0",
)  # fmt: skip
COLUMNS = (
    "measure", "currency", "business_date", "recorded_at", "establishment_id", "agreement_id", "supplier_id",
    "quantity", "amount", "baseline_amount", "lines", "first_price_lines", "jump_lines",
)  # fmt: skip
TABLE = """
create table ledger (
    recorded_at timestamptz not null, establishment_id uuid not null, agreement_id uuid not null,
    supplier_id uuid not null, business_date date not null, lines smallint not null, first_price_lines smallint not null,
    jump_lines smallint not null, measure text not null, currency text not null, quantity numeric(18, 6) not null,
    amount numeric(18, 2) not null, baseline_amount numeric(18, 2)
)
"""
INDEX = f"create index on ledger (measure, currency, business_date) include ({', '.join(COLUMNS[3:])})"
QUERY = """
select {key} as key, currency, sum(amount), sum(quantity), sum(lines), sum(baseline_amount),
    sum(amount) filter (where baseline_amount is not null), sum(lines) filter (where baseline_amount is not null),
    sum(first_price_lines), sum(jump_lines)
from ledger
where measure = %(measure)s and currency = %(currency)s and business_date between %(first)s and %(last)s
    and recorded_at <= %(as_of)s
group by 1, 2
"""
KEYS = {"year": "extract(year from business_date)::int::text"} | {
    name: f"{name}_id::text" for name in ("establishment", "agreement", "supplier")
}
Connection = psycopg.Connection[Any]


@contextmanager
def in_postgres(folder: Path, analytics: Analytics) -> Iterator[Connection]:
    """A server with the rows of ClickHouse's ledger. Raises Missing, NotReady."""
    with postgres.running(folder, options=OPTIONS) as server, server.connect() as connection:
        connection.execute(TABLE)
        with connection.transaction(), connection.cursor() as cursor:
            # Emptied in the transaction that fills it: so PostgreSQL need not log every row.
            cursor.execute("truncate ledger")
            with cursor.copy(f"copy ledger ({', '.join(COLUMNS)}) from stdin") as copy:
                stream = analytics._client.raw_stream(f"select {', '.join(COLUMNS)} from ledger", fmt="TabSeparated")
                with stream:
                    while block := stream.read(1 << 20):
                        copy.write(block)
        print("  rows are in PostgreSQL", flush=True)  # noqa: T201 - the person waits for it
        connection.execute(INDEX)
        connection.execute("vacuum (analyze) ledger")
        print("  indexed and vacuumed", flush=True)  # noqa: T201
        yield connection


def sums_there(connection: Connection, by: str, asked: Slice) -> list[Sums]:
    """As `projections.ledger.sums.sums`, by one key, of rows in PostgreSQL."""
    values = {
        "measure": asked.measure,
        "currency": asked.currency,
        "first": asked.first or date(1, 1, 1),
        "last": asked.last or date(9999, 12, 31),
        "as_of": asked.as_of or datetime(9999, 1, 1, tzinfo=UTC),
    }
    rows = connection.execute(QUERY.format(key=KEYS[by]).encode(), values)
    return [_sums(row) for row in rows]


def _sums(row: Sequence[Any]) -> Sums:
    key, currency, *rest = (Decimal(0) if one is None else one for one in row)
    found: Any = [(key,), currency, *rest]
    return Sums(*found)
