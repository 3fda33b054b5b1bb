"""ClickHouse over HTTP: the same rows, figures and positions as the embedded engine, exactly once, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from infra.clickhouse import Analytics, Server, open_server, raw_batch, sql
from infra.event_store import EventStore
from infra.local import clickhouse
from infra.log import Entry, Log
from infra.settings import Settings
from projections.agreements.reader import Agreements
from projections.establishments.reader import Establishments
from projections.ledger.sums import Slice, sums
from projections.orders.reader import Orders
from projections.projected import Projected
from projections.projector import Projector
from projections.rebuild import rebuild
from projections.suppliers.reader import Suppliers
from projections.tables import RAW
from services.demo.run import DemoClock, build_demo
from services.embedded import Contexts, open_contexts
from services.finance.app import Finance
from services.finance.query import FigureQuery
from tests.bench.synthetic import START, fill
from tests.demo.facts import SMALL
from tests.projections.engine import catch_up, engine_in, store_in, undisturbed, written

pytestmark = pytest.mark.full
EVENTS = 3_000
QUESTIONS = [
    FigureQuery(figure="volume", by=("year", "establishment")),
    FigureQuery(figure="volume", by=("month",), measure="ordered", as_of="2025-06-30"),
    FigureQuery(figure="growth", by=("agreement",)),
    FigureQuery(figure="savings", by=("supplier", "category")),
    FigureQuery(figure="csr"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clickhouse.ClickHouse]:
    with clickhouse.running(tmp_path_factory.mktemp("clickhouse")) as found:
        yield found


@pytest.fixture
def analytics(server: clickhouse.ClickHouse) -> Iterator[Server]:
    """An empty database."""
    found = open_server(Settings(**server.settings("projector")))
    for kind in ("view", "table"):
        rows = found.rows(
            "select name from system.tables where database = currentDatabase() and (engine = 'View') = {is_view:Bool}",
            {"is_view": kind == "view"},
        )
        for row in rows:
            found.command(f"drop {kind} {row['name']} sync")
    yield found
    found.close()


@pytest.fixture(scope="module")
def log_of_orders(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    """Orders, receipts and invoices of three lines each, in four lanes."""
    store = store_in(tmp_path_factory.mktemp("home"), lanes=4)
    fill(store, EVENTS)
    return store


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """A small generated purchasing network."""
    contexts = open_contexts(Settings(home=tmp_path_factory.mktemp("network")), DemoClock())
    build_demo(contexts, orders=SMALL, seed=7)
    return contexts


def entries(store: EventStore) -> list[Entry]:
    return Log(store).page(100_000) or []


def test_rows_sums_and_positions_are_those_of_the_embedded_engine(
    tmp_path: Path, analytics: Server, log_of_orders: EventStore
) -> None:
    asked = Slice("invoiced", as_of=START.replace(hour=8, minute=20))

    def told(found: Analytics) -> dict[str, Any]:
        projector = Projector(found)
        assert sum(catch_up(projector, log_of_orders)) == EVENTS
        by = ("year", "establishment")
        return {
            **written(found),
            "sums": sorted(sums(found, by, Slice("ordered")), key=lambda one: one.keys),
            "as known": sorted(sums(found, by, asked), key=lambda one: one.keys),
            "marks": projector.marks(),
            "positions": projector.positions(),
        }

    ours = told(analytics)
    with engine_in(tmp_path / "embedded") as embedded:
        theirs = told(embedded)
    assert len(ours["raw_log"]) == EVENTS
    assert len(ours["marks"]) == 4
    assert ours["as known"]
    assert ours == theirs


def test_a_step_is_one_part_in_each_table(analytics: Server, tmp_path: Path) -> None:
    store = store_in(tmp_path)
    fill(store, 20_000)
    assert catch_up(Projector(analytics), store) == [20_000]
    parts = analytics.rows(
        "select table, count() as parts, sum(rows) as rows from system.parts "
        "where active and table in ('raw_log', 'ledger_g1', 'orders_g1') group by table"
    )
    assert {row["table"]: (row["parts"], row["rows"]) for row in parts} == {
        "raw_log": (1, 20_000), "ledger_g1": (1, 60_000), "orders_g1": (1, 20_001),
    }  # fmt: skip


def _insert_from_zero(analytics: Server, batch: list[Entry], statement: str, step: int = 0) -> None:
    rows = ((("ordering", 0, e.pos, e.prev, e.stream_id, e.version, e.type, e.recorded_at, e.raw)) for e in batch)
    analytics.insert_raw(statement, raw_batch(rows), {"app": "ordering", "start": 0}, f"ordering:{step}")


UNGUARDED = sql(RAW, "insert.sql").replace("where (select sum(pos)", "where true or (select sum(pos)")


def test_the_same_batch_under_the_same_token_is_kept_once(analytics: Server, log_of_orders: EventStore) -> None:
    Projector(analytics)
    assert sql(RAW, "insert.sql") != UNGUARDED
    batches = [entries(log_of_orders)[n : n + 100] for n in range(0, 3_000, 100)]
    for n, batch in enumerate(batches):
        for _ in range(2):
            _insert_from_zero(analytics, batch, UNGUARDED, n)
    assert analytics.rows("select count() as n, uniqExact(pos) as u from raw_log") == [{"n": 3_000, "u": 3_000}]


@pytest.mark.parametrize("longer", [9, 70_000])
def test_of_two_who_saw_the_same_start_the_token_lets_one_write(analytics: Server, longer: int) -> None:
    """A longer batch arrives in more chunks; the guard alone is not enough."""
    Projector(analytics)
    stream, at = uuid4(), START
    batch = [Entry(0, n + 1, n, stream, 1, "ordering.OrderSubmitted.v1", at, b"{}") for n in range(longer)]
    _insert_from_zero(analytics, batch[:5], UNGUARDED)
    _insert_from_zero(analytics, batch, UNGUARDED)
    assert analytics.rows("select max(pos) as last, count() as n from raw_log") == [{"last": 5, "n": 5}]


def test_the_guard_lets_nobody_write_from_where_the_lane_no_longer_stands(
    analytics: Server, log_of_orders: EventStore
) -> None:
    Projector(analytics)
    _insert_from_zero(analytics, entries(log_of_orders)[:5], sql(RAW, "insert.sql"))
    _insert_from_zero(analytics, entries(log_of_orders)[:9], sql(RAW, "insert.sql"), 5)
    assert analytics.rows("select count() as n from raw_log") == [{"n": 5}]


def test_projectors_at_once_with_steps_of_different_length_write_each_event_once(
    tmp_path: Path, server: clickhouse.ClickHouse, analytics: Server
) -> None:
    store = store_in(tmp_path / "home")
    fill(store, 600)
    Projector(analytics)
    barrier, troubles = Barrier(3), []

    def project(length: int) -> None:
        own = open_server(Settings(**server.settings("projector")))
        projector, log = Projector(own), Log(store)
        barrier.wait(30)
        try:
            while page := log.page(length):
                projector.append("ordering", page)
                projector.derive("ordering")
        except Exception as trouble:  # noqa: BLE001 - told below
            troubles.append(trouble)
        own.close()

    threads = [Thread(target=project, args=(length,)) for length in (29, 47, 64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert troubles == []
    assert written(analytics) == undisturbed(store, tmp_path / "embedded")


def test_killed_between_steps_the_server_has_what_it_had_and_the_projector_goes_on(
    tmp_path: Path, log_of_orders: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.projector.STEP_EVENTS", 1_200)
    with clickhouse.running(tmp_path / "server") as server:
        analytics = open_server(Settings(**server.settings("projector")))
        steps = Projector(analytics).catch_up(log_of_orders)
        done = next(steps)
        server.process.kill()
        server.process.start()
        assert analytics.rows("select count() as n from raw_log") == [{"n": done}]
        catch_up(Projector(analytics), log_of_orders)
        found = written(analytics)
        analytics.close()
    assert found == undisturbed(log_of_orders, tmp_path / "embedded")


def test_a_rebuild_on_the_server_finds_what_was_there(analytics: Server, log_of_orders: EventStore) -> None:
    projector = Projector(analytics)
    catch_up(projector, log_of_orders)
    before = written(analytics)
    assert [(one.is_equal, one.generation) for one in rebuild(projector)] == [(True, 2), (True, 2)]
    assert written(analytics) == before


def test_finance_answers_everything_as_the_embedded_engine_does_with_no_right_but_to_read(
    tmp_path: Path, server: clickhouse.ClickHouse, analytics: Server, network: Contexts
) -> None:
    def told(found: Analytics) -> list[Any]:
        finance = Finance(Projected(found), network.stores)
        day = START.date().replace(year=2026)
        return [
            *(finance.figure(question) for question in QUESTIONS),
            *(finance.explain(question, 20) for question in QUESTIONS),
            finance.reconcile(),
            Orders(found).page(limit=100),
            Agreements(found).all(), Agreements(found).labels(), Agreements(found).lot_labels(),
            Establishments(found).all(), Establishments(found).adhesions(),
            Suppliers(found).all(day),
        ]  # fmt: skip

    for store in network.stores:
        catch_up(Projector(analytics), store)
    reader = open_server(Settings(**server.settings("finance")))
    ours = told(reader)
    reader.close()
    with engine_in(tmp_path / "embedded") as embedded:
        for store in network.stores:
            catch_up(Projector(embedded), store)
        theirs = told(embedded)
    assert ours[0]["rows"]
    assert ours == theirs


FORBIDDEN = {
    "insert": "insert into ledger_g1 select * from ledger_g1",
    "insert into the view": "insert into ledger select * from ledger",
    "insert raw": "insert into raw_log select * from raw_log",
    "create": "create table own (n UInt8) engine = MergeTree order by n",
    "create a view": "create view own as select 1",
    "replace a view": "create or replace view ledger as select 1 as amount",
    "drop": "drop table ledger_g1",
    "empty": "truncate table raw_log",
    "delete": "alter table ledger_g1 delete where true",
    "more": "set readonly = 0",
    "kill": "kill query where true",
    "files": "select * from file('/etc/hosts', 'LineAsString', 'line String')",
    "network": "select * from url('http://127.0.0.1/', 'LineAsString', 'line String')",
    "raw": "select raw from raw_log",
    "raw, all": "select * from raw_log",
    "a generation": "select count() from ledger_g1",
    "grants": "grant select on raw_log to finance",
    "users": "create user own",
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_finance_may_not(server: clickhouse.ClickHouse, analytics: Server, statement: str) -> None:
    Projector(analytics)
    reader = open_server(Settings(**server.settings("finance")))
    with pytest.raises(DatabaseError, match=r"ACCESS_DENIED|READONLY|Cannot modify"):
        reader.command(statement)
    reader.close()


@pytest.mark.parametrize("name", ["files", "network", "users", "grants"])
def test_the_projector_may_not_leave_its_database(analytics: Server, name: str) -> None:
    Projector(analytics)
    with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
        analytics.command(FORBIDDEN[name])
