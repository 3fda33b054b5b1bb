"""The engine's twin does with guard and token what the engine does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from uuid import UUID

import pytest

from infra.clickhouse import Analytics, raw_batch, sql
from projections.projector import Projector
from projections.tables import RAW
from tests.projections.engine import engine_in
from tests.simulation.clockwork import Clockwork
from tests.simulation.warehouse import Row, Warehouse, rows_of

AT = datetime(2026, 3, 2, 8, 0, 1, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analytics]:
    with engine_in(tmp_path_factory.mktemp("analytics")) as found:
        yield found


@pytest.fixture(params=["engine", "twin"])
def projector(request: pytest.FixtureRequest) -> Projector:
    if request.param == "twin":
        return Projector(Warehouse(Clockwork(0)))
    analytics: Analytics = request.getfixturevalue("engine")
    analytics.command("drop table if exists raw_log sync")
    return Projector(analytics)


def row(lane: int, pos: int, prev: int) -> Row:
    return Row("ordering", lane, pos, prev, UUID(int=pos), 1, "ordering.OrderApproved.v1", AT, b"{}" * pos)


FIRST = [row(0, 2, 0), row(1, 3, 0)]
LATER = [row(0, 5, 2), row(1, 6, 3), row(1, 7, 6)]


def write(projector: Projector, rows: list[Row], start: int, token: str | None = None) -> None:
    parameters = {"app": "ordering", "start": start}
    projector.analytics.insert_raw(sql(RAW, "insert.sql"), raw_batch(rows), parameters, token or f"ordering:{start}")


def after_an_early_one(projector: Projector) -> None:
    """A step that its guard stops, then one under the same token that it lets through."""
    write(projector, LATER, 4, "early")
    assert projector.reached("raw_log", "ordering") == {0: 2, 1: 3}
    write(projector, LATER, 5, "early")


def test_a_batch_reads_back_as_it_was_written() -> None:
    assert list(rows_of(raw_batch(FIRST + LATER))) == FIRST + LATER


@pytest.mark.parametrize(
    ("what", "then"),
    [
        pytest.param(lambda p: None, {0: 2, 1: 3}, id="nothing more"),
        pytest.param(lambda p: write(p, LATER, 5), {0: 5, 1: 7}, id="the next step"),
        pytest.param(lambda p: write(p, LATER[:2], 5), {0: 5, 1: 6}, id="a shorter one"),
        pytest.param(lambda p: write(p, FIRST, 0), {0: 2, 1: 3}, id="the same step again"),
        pytest.param(lambda p: write(p, LATER, 0), {0: 2, 1: 3}, id="other rows under its token"),
        pytest.param(lambda p: write(p, FIRST, 0, "other"), {0: 2, 1: 3}, id="its rows under another token"),
        pytest.param(lambda p: write(p, LATER, 4), {0: 2, 1: 3}, id="a step from where nobody stands"),
        pytest.param(after_an_early_one, {0: 5, 1: 7}, id="a token that wrote nothing is free"),
    ],
)
def test_an_insert_is_a_compare_and_set(
    projector: Projector, what: Callable[[Projector], object], then: Mapping[int, int]
) -> None:
    write(projector, FIRST, 0)
    what(projector)
    assert projector.reached("raw_log", "ordering") == then
    assert {lane: mark.pos for (_, lane), mark in projector.marks().items()} == then


@pytest.mark.parametrize("events", [1, 2, 100])
def test_a_step_of_a_table_takes_the_log_in_its_order(projector: Projector, events: int) -> None:
    write(projector, FIRST, 0)
    write(projector, LATER, 5)
    span = {"app": "ordering", "from": 2, "to": 7, "starts": [2, 3], "ends": [5, 6]}
    limits = {"events": events, "bytes": 1_000_000}
    found = projector.analytics.rows(sql(RAW, "next.sql"), {**span, **limits})[0]
    assert found == {"upto": [5, 6, 6][min(events, 3) - 1], "events": min(events, 2)}
