"""A rebuild changes nothing that it does not say: equal before and after, or not switched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from events.ordering import InvoiceReceived
from infra.event_store import EventStore
from infra.settings import Settings
from projections import projector as module
from projections.projector import OtherStore, Projector
from projections.rebuild import Rebuilt, rebuild, start_over
from projections.tables import TABLES
from services.embedded import Platform, open_platform
from tests.network import query
from tests.projections.engine import Disturbed, Fragile, Written, catch_up, engine_in, store_in, undisturbed, written
from tests.projections.stored import line, of_order, orders, put


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    found = store_in(tmp_path_factory.mktemp("home"))
    put(found, *orders(10), (InvoiceReceived.TOPIC, b"{}"))
    return found


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, store: EventStore) -> Written:
    return undisturbed(store, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def projector(tmp_path: Path, store: EventStore, expected: Written) -> Iterator[Projector]:
    with engine_in(tmp_path / "analytics") as analytics:
        found = Projector(analytics)
        catch_up(found, store)
        yield found


def generations(projector: Projector) -> dict[str, tuple[list[int], int]]:
    return {table: (projector.generations(table), projector.current(table)) for table in TABLES}


def change(projector: Projector, table: str, what: str) -> None:
    name = f"{table}_g{projector.current(table)}"
    projector.analytics.command(f"alter table {name} {what} settings mutations_sync = 2")


def of(found: list[Rebuilt], table: str) -> Rebuilt:
    return next(one for one in found if one.table == table)


def test_a_rebuild_holds_what_the_generation_before_held_and_takes_its_place(
    projector: Projector, expected: Written
) -> None:
    before = generations(projector)
    seen: list[tuple[str, int, int]] = []
    found = rebuild(projector, lambda *of: seen.append(of))
    assert [(one.table, one.is_equal, one.is_switched, one.differences) for one in found] == [
        ("ledger", True, True, []),
        ("orders", True, True, []),
    ]
    assert written(projector.analytics) == expected
    assert generations(projector) == {table: ([new], new) for table, ((old,), _) in before.items() for new in [old + 1]}
    assert of(found, "ledger").rows == len(expected["ledger"])
    assert seen[-1] == ("orders", 31, 31)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ("ledger", "delete where pos = 7 and line = 1"),
        ("ledger", "update amount = amount + toDecimal64('0.01', 2) where pos = 7 and line = 1"),
        ("ledger", "update business_date = '2022-12-31' where pos = 7"),
        ("ledger", "update label = 'other' where pos = 7"),
        ("ledger", "update jump_lines = 1 where pos = 7 and line = 1"),
        ("ledger", "update reason = '' where kind = 'poison'"),
        ("orders", "update state = 'rejected' where pos = 5"),
        ("orders", "update received_quantity = map() where received > 0"),
    ],
)
def test_a_difference_is_found_and_the_old_generation_stays(projector: Projector, table: str, what: str) -> None:
    change(projector, table, what)
    before, shown = written(projector.analytics), generations(projector)
    found = rebuild(projector)
    assert (of(found, table).is_equal, of(found, table).is_switched) == (False, False)
    assert of(found, table).differences
    assert written(projector.analytics)[table] == before[table]
    assert generations(projector)[table] == shown[table], "the new one is gone"


def test_accepted_changes_are_switched_to_and_told(projector: Projector, expected: Written) -> None:
    change(projector, "ledger", "delete where pos = 7 and line = 1")
    ledger = of(rebuild(projector, accept_changes=True), "ledger")
    assert (ledger.is_equal, ledger.is_switched) == (False, True)
    (told,) = ledger.differences
    assert told.startswith("EUR invoiced: ")
    assert " before, " in told
    assert written(projector.analytics) == expected


def test_where_the_projector_was_stopped_both_generations_are_compared_at_one_position(
    tmp_path: Path, store: EventStore, expected: Written
) -> None:
    with engine_in(tmp_path / "analytics") as analytics:
        projector = Projector(analytics)
        Fragile(analytics, "ledger_g1", is_after=False).fail()
        with pytest.raises(Disturbed):
            catch_up(projector, store)
        assert all(one.is_equal for one in rebuild(projector))
        assert written(analytics) == expected


@pytest.mark.parametrize("table", ["ledger", "orders"])
def test_a_rebuild_that_was_stopped_leaves_what_is_read_right_and_the_next_one_works(
    monkeypatch: pytest.MonkeyPatch, projector: Projector, store: EventStore, expected: Written, table: str
) -> None:
    monkeypatch.setattr(module, "STEP_EVENTS", 12)
    fragile = Fragile(projector.analytics, f"{table}_g2", is_after=True)
    fragile.fail()
    with pytest.raises(Disturbed):
        rebuild(projector)
    assert written(projector.analytics) == expected
    again = Projector(projector.analytics)
    catch_up(again, store)
    assert written(projector.analytics) == expected
    assert 2 in again.generations(table), "it is fed until it is retired"
    assert all(one.is_equal and one.is_switched for one in rebuild(again))
    assert written(projector.analytics) == expected
    assert [len(numbers) for numbers, _ in generations(again).values()] == [1, 1]


def test_events_that_arrive_between_two_rebuilds_are_in_the_second(tmp_path: Path) -> None:
    with open_platform(Settings(home=tmp_path)) as platform:
        put(platform.ordering.store, *orders(3))
        platform.catch_up()
        platform.rebuild(lambda *_: None)
        put(platform.ordering.store, of_order(InvoiceReceived, line("5.00")))
        platform.catch_up()
        found = platform.rebuild(lambda *_: None)
        assert (found["is_equal"], found["is_switched"]) == (True, True)
        assert found["before"] == found["after"]
        assert [row["measure"] for row in found["after"]] == ["ordered", "received", "invoiced"]
        assert platform.finance.reconcile()["is_equal"]


def _ask(platform: Platform) -> str:
    return str(platform.finance.figure(query("volume"))["total"]["amount"])


def test_projections_of_replaced_stores_start_over_from_the_new_ones(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with open_platform(settings) as platform:
        put(platform.ordering.store, of_order(InvoiceReceived, line("5.00")))
        platform.catch_up()
        assert _ask(platform) == "5.00"
    shutil.rmtree(tmp_path / "stores")
    with open_platform(settings) as platform:
        put(platform.ordering.store, of_order(InvoiceReceived, line("7.00")))
        with pytest.raises(OtherStore):
            platform.catch_up()
        assert _ask(platform) == "5.00", "what was projected is still there"
        found = platform.rebuild(lambda *_: None, from_stores=True)
        assert (found["is_equal"], found["is_switched"]) == (True, True)
        assert _ask(platform) == "7.00"
        assert platform.finance.reconcile()["is_equal"]


@pytest.mark.parametrize("at", range(1, 7))
def test_starting_over_may_be_stopped_anywhere(
    monkeypatch: pytest.MonkeyPatch, projector: Projector, store: EventStore, expected: Written, at: int
) -> None:
    """Six statements drop what there was; whichever is the last one, the next start makes the rest right."""
    done, command = [], projector.analytics.command

    def stop(statement: str, *args: Any) -> None:
        command(statement, *args)
        done.append(statement)
        if len(done) == at:
            raise Disturbed(statement)

    monkeypatch.setattr(projector.analytics, "command", stop)
    with pytest.raises(Disturbed):
        start_over(projector, (store,))
    monkeypatch.undo()
    again = Projector(projector.analytics)
    start_over(again, (store,))
    catch_up(again, store)
    assert written(projector.analytics) == expected
