"""At a size where it matters, each headline question is answered from its roll-up, and gives what the rows give."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from infra.clickhouse import Analytics
from projections.ledger.sums import Slice, fill, parts, sums
from projections.projector import Projector
from tests.projections.engine import EACH_ENGINE, engine_of

ROWS = 400_000
SYNTHETIC = f"""
insert into ledger_g1
select
    'ordering', 0, number + 1, 1, 'fact', ['ordered', 'received', 'invoiced'][number % 3 + 1],
    'ordering.InvoiceReceived.v1', toUUID('00000000-0000-4000-8000-000000000001'),
    toDateTime64('2020-01-01 00:00:00', 6, 'UTC') + toIntervalSecond(number * 230),
    toDate('2020-01-01') + number % 1096, 'EUR', reinterpretAsUUID(toUInt128(number % 64 + 1)),
    reinterpretAsUUID(toUInt128(number % 30 + 1)), reinterpretAsUUID(toUInt128(number % 90 + 1)),
    reinterpretAsUUID(toUInt128(number % 200 + 1)), toString(number % 40), toString(number % 900), 'label',
    reinterpretAsUUID(toUInt128(number)), toString(number), '1', 1,
    toDecimal64(number % 1000, 2), if(number % 5 = 0, null, toDecimal64(number % 1100, 2)), 1, 0, 0, ''
from numbers({ROWS})
"""
YEAR = (date(2022, 1, 1), date(2022, 12, 31))
AS_OF = datetime(2022, 8, 17, 9, 30, tzinfo=UTC)
CENTRE = (UUID(int=1),)


@pytest.fixture(scope="module", params=EACH_ENGINE)
def analytics(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analytics]:
    with engine_of(request.param, tmp_path_factory.mktemp("analytics")) as found:
        Projector(found)
        found.command(SYNTHETIC)
        yield found


def read_from(analytics: Analytics, text: str, parameters: dict[str, Any]) -> str:
    """The plan of a query, as text."""
    return "\n".join(str(row["explain"]) for row in analytics.rows("explain indexes = 1 " + text, parameters))


@pytest.mark.parametrize(
    ("by", "asked", "roll_up"),
    [
        (("year",), Slice("invoiced"), "_month"),
        (("month",), Slice("ordered", currency="EUR"), "_month"),
        ((), Slice("invoiced", *YEAR), "_month"),
        (("establishment",), Slice("invoiced", *YEAR), "by_establishment_month"),
        (("year", "establishment"), Slice("received"), "by_establishment_month"),
        (("year",), Slice("invoiced", establishment_ids=CENTRE), "by_establishment_month"),
        (("establishment",), Slice("invoiced", date(2022, 3, 5), date(2022, 4, 17)), "by_establishment_day"),
        ((), Slice("invoiced", date(2022, 3, 5), date(2022, 4, 17)), "by_establishment_day"),
        (("agreement",), Slice("invoiced", *YEAR), "by_agreement_month"),
        (("lot",), Slice("invoiced"), "by_agreement_month"),
        (("year",), Slice("invoiced", agreement_ids=CENTRE), "by_agreement_month"),
        (("supplier",), Slice("invoiced"), "by_supplier_month"),
        (("category",), Slice("invoiced", *YEAR), "by_supplier_month"),
        (("year", "supplier"), Slice("invoiced"), "by_supplier_month"),
        (("quarter",), Slice("invoiced", supplier_ids=CENTRE), "by_supplier_month"),
    ],
)
def test_a_headline_question_reads_its_roll_up(
    analytics: Analytics, by: tuple[str, ...], asked: Slice, roll_up: str
) -> None:
    ((conditions, parameters),) = parts(asked)
    plan = read_from(analytics, fill("sums.sql", by, conditions), parameters)
    assert "ReadFromMergeTree (by_" in plan, plan
    assert roll_up in plan, plan
    assert "ledger_g1)" not in plan, "nothing is read from the rows"


def test_as_of_an_instant_whole_months_are_read_from_the_roll_up_and_one_month_by_its_index(
    analytics: Analytics,
) -> None:
    before, month = parts(Slice("invoiced", as_of=AS_OF))
    assert "ReadFromMergeTree (by_" in read_from(analytics, fill("sums.sql", ("establishment",), before[0]), before[1])
    plan = read_from(analytics, fill("sums.sql", ("establishment",), month[0]), month[1])
    assert "Name: known" in plan
    read, whole = plan.rsplit("Granules: ", 1)[1].split("\n")[0].split("/")
    assert int(read) * 8 < int(whole), plan


def test_how_far_a_table_has_come_is_read_without_its_rows(analytics: Analytics) -> None:
    for text in (
        "select app, lane, max(pos) as pos from ledger group by app, lane",
        "select max(pos) as pos from ledger_g1 where app = 'ordering' and lane = 0",
        "select countIf(kind = 'poison') as n from ledger group by app, lane",
    ):
        assert "(positions)" in read_from(analytics, text, {}), text


@pytest.mark.parametrize("asked", [Slice("invoiced"), Slice("invoiced", *YEAR), Slice("invoiced", as_of=AS_OF)])
@pytest.mark.parametrize("by", [("year",), ("establishment",), ("agreement", "lot"), ("supplier", "category")])
def test_a_roll_up_gives_what_the_rows_give(analytics: Analytics, by: tuple[str, ...], asked: Slice) -> None:
    found = {(one.currency, one.keys): one for one in sums(analytics, by, asked)}
    analytics.command("set optimize_use_projections = 0")
    plain = {(one.currency, one.keys): one for one in sums(analytics, by, asked)}
    analytics.command("set optimize_use_projections = 1")
    assert found == plain
    assert found
