from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from events.base import Unknown
from events.ordering import OrderLineReceived
from infra.event_store import Outdated
from services.ordering.app import Ordering
from services.ordering.order import BeforeTheOrder, Progress, TooMuch
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    DAY,
    LATER,
    ORDER,
    OTHER,
    SUPPLIER,
    adheres,
    baseline,
    head,
    line,
    lot,
    money,
    price,
    receive,
    revised,
    signed,
    submit,
)


def test_a_part_of_a_line_arrives(ordered_ten: Scenario) -> None:
    ordered_ten.when(receive("4", delivery_note="BL-7")).then(
        OrderLineReceived(**head(LATER), delivery_note="BL-7", lines=(line("4", "40"),))
    )


def test_parts_add_up_to_the_line_to_the_cent(nothing: Scenario) -> None:
    nothing.given(signed(lots=(lot(prices=(price(unit_price="3.333333"),)),)), adheres(), baseline("4.01"), submit("3"))
    amounts, baselines = [], []
    for _ in range(3):
        nothing.when(receive("1"))
        (part,) = nothing.only(OrderLineReceived).lines
        amounts.append(part.amount)
        baselines.append(part.baseline_amount)
    assert amounts == [money("3.33"), money("3.34"), money("3.33")]
    assert baselines == [money("4.01"), money("4.01"), money("4.01")]


def test_parts_add_up_in_base_units_too(nothing: Scenario) -> None:
    boxes = price(base_units="0.333333", unit="crate")
    nothing.given(signed(lots=(lot(prices=(boxes,)),)), adheres(), submit("7"))
    found = []
    for quantity in ("0.5", "2.5", "4"):
        nothing.when(receive(quantity))
        found.append(nothing.only(OrderLineReceived).lines[0].base_quantity)
    assert sum(found) == money("2.333331")


def test_the_price_is_kept_when_the_quantity_changes(ordered_ten: Scenario) -> None:
    # And when the list's price changes after the order.
    ordered_ten.given(revised("11", date(2022, 3, 10))).when(receive("4"))
    (part,) = ordered_ten.only(OrderLineReceived).lines
    assert (part.unit_price, part.amount) == (money("10"), money("40.00"))


def test_more_than_was_ordered_does_not_arrive(ordered_ten: Scenario) -> None:
    ordered_ten.given(receive("8")).when(receive("2.000001")).then_refused(
        TooMuch, pointer="/quantity", saying="2.000001 arrived, 2 of line 1 were expected"
    )


def test_too_much_of_one_line_is_not_made_up_for_by_another(ordered_two_lines: Scenario, ordering: Ordering) -> None:
    # 14 are ordered in all, 10 and 4.
    ordered_two_lines.when(receive("5", "2")).then_refused(TooMuch, saying="4 of line 2")
    ordered_two_lines.given(receive("10"))
    assert ordering.order(ORDER)[0].receipt is Progress.PARTIAL
    ordered_two_lines.given(receive("4", "2"))
    assert ordering.order(ORDER)[0].receipt is Progress.FULL


def test_a_line_that_the_order_does_not_have_is_refused(ordered_two_lines: Scenario) -> None:
    ordered_two_lines.when(receive("1", "7")).then_refused(
        Unknown, pointer="/line_id", saying="has no line 7; it has 1, 2"
    )


def test_nothing_arrives_before_the_order(ordered_ten: Scenario) -> None:
    ordered_ten.when(receive("1", day=date(2022, 2, 28))).then_refused(BeforeTheOrder, pointer="/received_on")
    ordered_ten.when(receive("1", day=DAY))
    assert ordered_ten.only(OrderLineReceived).business_date == DAY


@pytest.mark.parametrize("scope", [OTHER, SUPPLIER])
def test_who_acts_for_another_is_told_that_it_is_not_known(ordered_ten: Scenario, scope: UUID) -> None:
    ordered_ten.when(receive("1"), scope=scope).then_refused(Unknown, pointer="/order_id")


def test_a_receipt_of_a_version_that_is_no_longer_the_newest_is_refused(ordered_ten: Scenario) -> None:
    ordered_ten.given(receive("1")).when(receive("1"), expected_version=1).then_refused(Outdated)
