"""The generated network leaves the published figures, and no figure is written down: they follow from its documents."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from events.values import cents
from services.demo.orders import Kind
from services.demo.plan import Plan, build_plan
from services.demo.purchases import TooFewOrders
from services.demo.run import DemoSummary
from tests.demo.facts import SMALL, Facts

TOLERANCE = Decimal("0.0005")
VOLUME, GROWTH, SAVINGS = Decimal(1_100_000_000), Decimal("0.33"), Decimal(72_000_000)


def quiet(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def assert_near(found: Decimal, target: Decimal) -> None:
    assert abs(found / target - 1) <= TOLERANCE, f"{found} is not near {target}"


@pytest.mark.parametrize("seed", [7, 2024])
def test_what_the_stores_hold_adds_up_to_the_published_figures(
    built: Callable[[int], tuple[DemoSummary, Facts]], seed: int
) -> None:
    volume, saved = built(seed)[1].invoiced()
    assert_near(volume["2022"], VOLUME)
    assert_near(volume["2022"] / volume["2020"] - 1, GROWTH)
    assert_near(saved["2022"], SAVINGS)
    assert sorted(volume) == ["2020", "2021", "2022"]


@pytest.mark.parametrize(("seed", "orders"), [(1, SMALL), (2, 900), (3, 2_500), (99, 6_000)])
def test_any_seed_and_size_is_calibrated(seed: int, orders: int) -> None:
    plan = build_plan(seed, orders, quiet)
    volume, saved = planned(plan)
    assert_near(volume[2022], VOLUME)
    assert_near(volume[2022] / volume[2020] - 1, GROWTH)
    assert_near(saved, SAVINGS)
    assert sum(entry.document.kind is Kind.ORDER for entry in plan.entries) == orders


def planned(plan: Plan) -> tuple[dict[int, Decimal], Decimal]:
    """Invoiced by year, and saved in 2022, by the plan's documents."""
    volume, saved = dict.fromkeys((2020, 2021, 2022), Decimal(0)), Decimal(0)
    for order, document in plan.entries:
        sign = {Kind.INVOICE: 1, Kind.CREDIT_NOTE: -1}.get(document.kind, 0)
        year = document.dated.year
        for part in document.parts if sign else ():
            volume[year] += sign * part.amount
            item = order.items[part.line].story
            price = plan.reference_prices.get((order.lot.lot_id, item.code))
            if year == 2022 and price is not None:
                saved += sign * (cents(price * part.quantity * item.base_units) - part.amount)
    return volume, saved


def test_too_few_orders_are_refused_with_the_number_that_is_needed() -> None:
    with pytest.raises(TooFewOrders, match=r"100 orders were asked for, at least [0-9]+ are needed"):
        build_plan(7, 100, quiet)


def test_two_seeds_are_two_networks() -> None:
    one, other = build_plan(7, SMALL, quiet), build_plan(8, SMALL, quiet)
    assert {e.establishment_id for e in one.network.establishments}.isdisjoint(
        e.establishment_id for e in other.network.establishments
    )
    assert [order.quantities for order, _ in one.entries] != [order.quantities for order, _ in other.entries]
