"""Exactly once in effect: whatever stops the projector, and whoever else writes, the same rows come out."""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import clickhouse_connect
import pytest

from events.ordering import InvoiceReceived, OrderSubmitted
from infra.clickhouse import Analytics, raw_batch, sql
from infra.event_store import EventStore
from infra.log import BeyondTheEnd, Entry, Log
from infra.settings import Settings
from projections import projector as module
from projections.projector import ChainBroken, OtherStore, Projector
from projections.tables import RAW, rows_sql
from services.embedded import open_platform
from services.finance.query import FigureQuery
from tests.projections.engine import (
    EACH_ENGINE,
    Disturbed,
    Fragile,
    Written,
    catch_up,
    engine_in,
    engine_of,
    store_in,
    undisturbed,
    written,
)
from tests.projections.stored import AT, GONE, as_bytes, line, of_order, orders, put, raw_line

MOMENTS = [(table, is_after) for table in ("raw_log", "ledger_g1", "orders_g1") for is_after in (False, True)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    """Thirty orders, received and invoiced."""
    found = store_in(tmp_path_factory.mktemp("home"))
    put(found, *orders(30))
    return found


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, store: EventStore) -> Written:
    """What a projector writes that nobody disturbs."""
    return undisturbed(store, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_EVENTS", 40)


@pytest.fixture(params=EACH_ENGINE)
def analytics(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Analytics]:
    with engine_of(request.param, tmp_path / "analytics") as found:
        yield found


def entries(store: EventStore) -> list[Entry]:
    return Log(store).page(100_000) or []


@pytest.mark.parametrize(("table", "is_after"), MOMENTS)
def test_a_projector_that_is_stopped_at_an_insert_goes_on_where_it_stood(
    tmp_path: Path, store: EventStore, expected: Written, small_steps: None, table: str, is_after: bool
) -> None:
    with engine_in(tmp_path / "analytics") as analytics:
        fragile = Fragile(analytics, table, is_after=is_after)
        steps = Projector(analytics).catch_up(store)
        next(steps)
        fragile.fail()
        with pytest.raises(Disturbed):
            list(steps)
        assert written(analytics) != expected
        catch_up(Projector(analytics), store)
        assert written(analytics) == expected


def test_an_insert_that_fails_again_and_again_is_tried_until_it_works(
    tmp_path: Path, store: EventStore, expected: Written, small_steps: None
) -> None:
    with engine_in(tmp_path / "analytics") as analytics:
        fragile = Fragile(analytics, "ledger_g1", is_after=True)
        for _ in range(3):
            fragile.fail()
            with pytest.raises(Disturbed):
                catch_up(Projector(analytics), store)
        catch_up(Projector(analytics), store)
        assert written(analytics) == expected


KILLS = 10


def _catch_up_slowly(home: Path, folder: Path, is_running: Any) -> None:
    module.STEP_EVENTS = 10
    with engine_in(folder) as analytics:
        found = Projector(analytics)
        is_running.set()
        catch_up(found, store_in(home))


def test_a_projector_killed_ten_times_writes_what_one_that_lives_writes(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "analytics"
    store = store_in(home)
    put(store, *orders(150))
    processes = get_context("forkserver")
    processes.set_forkserver_preload(["services.ordering.app", "infra.clickhouse"])
    chance = random.Random(20220331)  # noqa: S311 - no secret
    reached = []
    for _ in range(KILLS):
        is_running = processes.Event()
        process = processes.Process(target=_catch_up_slowly, args=(home, folder, is_running))
        process.start()
        assert is_running.wait(30)
        time.sleep(chance.uniform(0.0, 0.8))
        process.kill()
        process.join()
        (folder / "groupement-killed.rows").touch()
        with engine_in(folder) as analytics:
            assert not list(folder.glob("*.rows")), "a batch of a killed process is left"
            reached.append(Projector(analytics).positions().get(("ordering", 0), 0))
    assert len(set(reached)) > 2, f"some were killed in the middle: {reached}"
    assert reached == sorted(reached)
    with engine_in(folder) as analytics:
        catch_up(Projector(analytics), store)
        found = written(analytics)
    assert found == undisturbed(store, tmp_path / "undisturbed")


def test_the_same_batch_again_changes_nothing(store: EventStore, analytics: Analytics) -> None:
    projector = Projector(analytics)
    batch = entries(store)
    projector.append("ordering", batch[:60])
    projector.append("ordering", batch[:60])
    projector.append("ordering", batch[20:80])
    projector.append("ordering", batch[:10])
    projector.derive("ordering")
    once = written(analytics)
    assert [row["pos"] for row in once["raw_log"]] == [entry.pos for entry in batch[:80]]
    projector.derive("ordering")
    assert written(analytics) == once


def events_of_membership(count: int) -> list[Entry]:
    raw = b'{"event_id":"' + str(uuid4()).encode() + b'"}'
    return [Entry(0, n + 1, n, uuid4(), 1, "membership.SiteOpened.v1", AT, raw) for n in range(count)]


def tiny_orders(count: int) -> list[Entry]:
    raw = of_order(OrderSubmitted, line()).model_dump_json().encode()
    return [Entry(0, n + 1, n, uuid4(), 1, OrderSubmitted.TOPIC, AT, raw) for n in range(count)]


def _insert_from_zero(analytics: Analytics, batch: list[Entry], statement: str) -> None:
    rows = ((("ordering", 0, e.pos, e.prev, e.stream_id, e.version, e.type, e.recorded_at, e.raw)) for e in batch)
    analytics.insert_raw(statement, raw_batch(rows), {"app": "ordering", "start": 0}, "ordering:0")


MANY = 70_000
"""More than the 65,409 rows that the engine reads as one chunk: it adds the number of chunks to a token."""


@pytest.mark.parametrize("longer", [9, MANY])
def test_of_two_who_saw_the_same_start_the_token_lets_one_write(analytics: Analytics, longer: int) -> None:
    """The guard alone is not enough: both may have read the same position before either wrote."""
    Projector(analytics)
    unguarded = sql(RAW, "insert.sql").replace("where (select sum(pos)", "where true or (select sum(pos)")
    assert unguarded != sql(RAW, "insert.sql")
    _insert_from_zero(analytics, events_of_membership(5), unguarded)
    _insert_from_zero(analytics, events_of_membership(longer), unguarded)
    assert [row["pos"] for row in written(analytics)["raw_log"]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("lengths", [(3, 40), (3, MANY)])
@pytest.mark.parametrize(("table", "app"), [("ledger", "ordering"), ("ledger", "membership"), ("orders", "ordering")])
def test_the_token_lets_one_write_a_table_also_where_the_other_read_more_parts(
    tmp_path: Path, analytics: Analytics, table: str, app: str, lengths: tuple[int, int]
) -> None:
    projector = Projector(analytics)
    batch = events_of_membership(MANY) if app == "membership" else tiny_orders(MANY if MANY in lengths else 40)
    for part in (batch[:2], batch[:5], batch[:30], batch):
        projector.append(app, part)
    projector.derive(app)
    text = rows_sql(table, app)
    assert text is not None
    guard = re.compile(
        rf"\(select sum\(pos\) from \(select max\(pos\) as pos from {table}_gN where app = {{app:String}} group by lane\)\)"
        r"\s*= {start:UInt64}"
    )
    assert len(guard.findall(text)) == 1
    projector.create(table, 2)
    for upto in lengths:
        place = {"app": app, "from": 0, "upto": upto, "starts": [0], "ends": [upto], "start": 0}
        analytics.insert_once(guard.sub("true", text).replace("_gN", "_g2"), place, f"{app}:0")
    found = analytics.rows(f"select max(pos) as last, uniqExact(pos) as events from {table}_g2")
    assert found == [{"last": lengths[0], "events": lengths[0]}]


def test_the_guard_lets_nobody_write_from_where_the_lane_no_longer_stands(
    store: EventStore, analytics: Analytics
) -> None:
    """The token alone is not enough: the engine forgets tokens after a while."""
    Projector(analytics)
    _insert_from_zero(analytics, entries(store)[:5], sql(RAW, "insert.sql"))
    analytics.command("alter table raw_log modify setting non_replicated_deduplication_window = 0")
    _insert_from_zero(analytics, entries(store)[:9], sql(RAW, "insert.sql"))
    assert [row["pos"] for row in written(analytics)["raw_log"]] == [e.pos for e in entries(store)[:5]]


def test_two_projectors_with_steps_of_different_length_write_each_event_once(
    tmp_path: Path, store: EventStore, expected: Written
) -> None:
    barrier, troubles = Barrier(2), []

    def project(analytics: Analytics, length: int) -> None:
        projector, log = Projector(analytics), Log(store)
        barrier.wait(30)
        try:
            while page := log.page(length):
                projector.append("ordering", page)
                projector.derive("ordering")
        except Exception as trouble:  # noqa: BLE001 - told below
            troubles.append(trouble)

    with engine_in(tmp_path / "analytics") as one:
        Projector(one)
        two = Analytics(clickhouse_connect.get_client(interface="chdb", path=str(tmp_path / "analytics" / "chdb")))
        threads = [Thread(target=project, args=args) for args in ((one, 9), (two, 14))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        two.close()
        found = written(one)
    assert troubles == []
    assert [row["prev"] for row in found["raw_log"]] == [0, *(row["pos"] for row in found["raw_log"])][:-1]
    assert found == expected


def test_a_step_of_a_hundred_thousand_lines_is_one_part_in_each_table(tmp_path: Path, analytics: Analytics) -> None:
    store = store_in(tmp_path / "home")
    lines = [raw_line(line_id=str(n), label="-", unit=GONE, unit_price=GONE, baseline_price=GONE) for n in range(2_500)]
    head = of_order(OrderSubmitted, line()).model_dump(mode="json")
    for _ in range(40):
        found = as_bytes({**head, "event_id": str(uuid4()), "order_id": str(uuid4()), "lines": lines})
        put(store, (OrderSubmitted.TOPIC, found))
    assert catch_up(Projector(analytics), store) == [40]
    parts = analytics.rows(
        "select table, count() as parts, sum(rows) as rows from system.parts "
        "where database = currentDatabase() and table in ('raw_log', 'ledger_g1', 'orders_g1') group by table"
    )
    assert {row["table"]: (row["parts"], row["rows"]) for row in parts} == {
        "raw_log": (1, 40),
        "ledger_g1": (1, 100_000),
        "orders_g1": (1, 41),
    }


def test_a_step_of_a_hundred_thousand_events_is_one_part(analytics: Analytics) -> None:
    projector = Projector(analytics)
    projector.append("membership", events_of_membership(100_000))
    projector.derive("membership")
    parts = analytics.rows(
        "select table, rows from system.parts where table in ('raw_log', 'ledger_g1') order by table"
    )
    assert [(row["table"], row["rows"]) for row in parts] == [("ledger_g1", 100_000), ("raw_log", 100_000)]


def test_steps_end_at_a_number_of_events_and_at_a_number_of_bytes_but_take_one_event_at_least(
    store: EventStore, analytics: Analytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    projector = Projector(analytics)
    projector.append("ordering", entries(store)[:12])
    monkeypatch.setattr(module, "STEP_EVENTS", 5)
    assert list(projector.steps("ledger", 1, "ordering")) == [5, 5, 2]
    projector.create("ledger", 2)
    monkeypatch.setattr(module, "STEP_BYTES", 1)
    assert list(projector.steps("ledger", 2, "ordering")) == [1] * 12


def test_a_missing_event_stops_its_lane_and_figures_say_so_until_it_arrives(tmp_path: Path) -> None:
    with open_platform(Settings(home=tmp_path)) as platform:
        store, projector = platform.ordering.store, platform.projector
        put(store, *orders(2))
        batch = entries(store)
        for _ in range(3):
            with pytest.raises(ChainBroken, match="event 3 follows 2, the last one here is 0"):
                projector.append("ordering", batch[1:])
        assert [(p.kind, p.pos) for p in projector.problems()] == [("chain", 0)]
        projector.append("ordering", batch[:2])
        assert projector.problems() == [], "it arrived"
        with pytest.raises(ChainBroken, match="event 6 follows 5, the last one here is 4"):
            projector.append("ordering", [*batch[2:3], batch[4]])
        assert projector.marks()["ordering", 0].pos == batch[1].pos, "nothing of a broken batch is taken"
        (problem,) = platform.finance.figure(FigureQuery(figure="volume"))["incomplete"]
        assert problem == {
            "kind": "chain",
            "context": "ordering",
            "lane": 0,
            "position": 3,
            "detail": "event 5 is missing: 6 arrived after 3",
        }
        assert platform.analytics.rows("select count() as n from chain_breaks") == [{"n": 2}], "each is noted once"
        platform.catch_up()
        assert platform.finance.figure(FigureQuery(figure="volume"))["incomplete"] is None


def test_projections_of_another_store_are_refused_and_left_as_they_are(tmp_path: Path, store: EventStore) -> None:
    with engine_in(tmp_path / "analytics") as analytics:
        projector = Projector(analytics)
        catch_up(projector, store)
        before = written(analytics)
        other = store_in(tmp_path / "other")
        put(other, *orders(60))
        with pytest.raises(OtherStore, match=r"another ordering store .* run `groupement rebuild --from-stores`"):
            catch_up(projector, other)
        assert written(analytics) == before


def test_a_store_that_lost_its_end_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    database = home / "stores" / "ordering.db"
    store = store_in(home)
    put(store, *orders(1))
    store.close()
    shutil.copy(database, tmp_path / "backup.db")
    store = store_in(home)
    put(store, *orders(1))
    with engine_in(tmp_path / "analytics") as analytics:
        catch_up(Projector(analytics), store)
        store.close()
        shutil.copy(tmp_path / "backup.db", database)
        with pytest.raises(BeyondTheEnd, match=r"position 7 of ordering .* end 4: .* run `groupement rebuild"):
            catch_up(Projector(analytics), store_in(home))


def test_four_lanes_have_four_positions_and_the_figures_of_one(tmp_path: Path) -> None:
    events = list(orders(30))
    figures, positions = [], []
    for lanes in (1, 4):
        with open_platform(Settings(home=tmp_path / str(lanes), lanes=lanes)) as platform:
            put(platform.ordering.store, *events)
            platform.catch_up()
            asked = [
                FigureQuery(figure="volume", by=("month", "establishment")),
                FigureQuery(figure="savings", by=("year",)),
            ]
            found = [platform.finance.figure(query) for query in asked]
            positions.append(found[0]["positions"]["ordering"])
            figures.append([{**figure, "positions": None} for figure in found])
            assert platform.finance.reconcile()["is_equal"]
    assert figures[0] == figures[1]
    assert figures[0][0]["rows"]
    assert len(positions[0]) == 1
    assert len(positions[1]) == 4
    assert max(positions[1]) == positions[0][0]
    assert len(set(positions[1])) == 4


def test_events_of_one_lane_that_stand_behind_another_are_not_lost(tmp_path: Path, analytics: Analytics) -> None:
    store = store_in(tmp_path / "home", lanes=4)
    projector = Projector(analytics)
    put(store, *orders(10))
    behind = entries(store)
    first = behind[-1].lane
    projector.adopt(store.context, store.epoch, store.lanes)
    projector.append("ordering", [entry for entry in behind if entry.lane == first])
    catch_up(projector, store)
    assert {row["pos"] for row in written(analytics)["ledger"]} == {entry.pos for entry in behind}


def test_the_clock_of_a_lane_never_goes_back(store: EventStore, analytics: Analytics) -> None:
    catch_up(Projector(analytics), store)
    known = [row["recorded_at"] for row in written(analytics)["ledger"]]
    said = [event.recorded_at for event in orders(30)]
    assert known == sorted(known)
    assert said != sorted(said), "the events' own clocks cross"


def test_a_view_that_is_missing_and_a_table_that_is_missing_come_back(store: EventStore, analytics: Analytics) -> None:
    catch_up(Projector(analytics), store)
    before = written(analytics)
    analytics.command("drop view ledger")
    analytics.command("drop table orders_g1 sync")
    catch_up(Projector(analytics), store)
    assert written(analytics) == before


def test_an_order_is_in_the_list_only_where_the_ledger_could_read_it(store: EventStore, analytics: Analytics) -> None:
    projector = Projector(analytics)
    name, raw = InvoiceReceived.TOPIC, b'{"event_id":"00000000-0000-4000-8000-000000000001"}'
    bad = Entry(0, 1, 0, uuid4(), 1, name, AT, raw)
    projector.append("ordering", [bad])
    assert list(projector.steps("orders", 1, "ordering")) == [], "the orders wait for the ledger"
    projector.derive("ordering")
    assert written(analytics)["orders"] == []
