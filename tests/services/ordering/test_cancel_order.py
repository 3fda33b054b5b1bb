from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from events.base import Unknown
from events.ordering import CeilingReleased, LotAmount, OrderCancelled, OrderLineReceived
from infra.event_store import Outdated
from services.ordering.app import Ordering
from services.ordering.order import BeforeTheOrder, Commitment, Progress, TooMuch
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    AGREEMENT,
    LATER,
    LOT,
    MASKS,
    ORDER,
    OTHER,
    SUPPLIER,
    adheres,
    baseline,
    cancel,
    give_back,
    head,
    line,
    lot,
    money,
    price,
    receive,
    signed,
    submit,
)


def released(amount: str, after: str) -> CeilingReleased:
    lots = (LotAmount(lot_id=LOT, amount=amount),)
    return CeilingReleased(
        agreement_id=AGREEMENT, order_id=ORDER, currency="EUR", amount=amount, lots=lots, reserved=after
    )


def cancelled(total: str, *lines: object, day: date = LATER) -> OrderCancelled:
    return OrderCancelled(**head(day), reason="no longer needed", total=total, lines=lines)


def test_what_has_not_arrived_is_cancelled_and_given_back(ordered_two_lines: Scenario, ordering: Ordering) -> None:
    masks = line("4", "10", "2", item=MASKS, label="Masks", unit_price="2.5")
    ordered_two_lines.given(receive("6")).when(cancel()).then(
        cancelled("50", line("4", "40"), masks), released("50", "60")
    )
    found, _ = ordering.order(ORDER)
    assert (found.commitment, found.receipt) == (Commitment.CANCELLED, Progress.FULL)


def test_a_line_that_has_arrived_is_not_in_the_cancellation(ordered_two_lines: Scenario) -> None:
    ordered_two_lines.given(receive("4", "2")).when(cancel())
    assert [part.line_id for part in ordered_two_lines.only(OrderCancelled).lines] == ["1"]


def test_where_all_has_arrived_there_is_nothing_to_cancel(ordered_ten: Scenario) -> None:
    ordered_ten.given(receive("10")).when(cancel()).then_refused(TooMuch, saying="nothing of the order is left")


def test_what_was_cancelled_is_not_cancelled_again_and_does_not_arrive(ordered_ten: Scenario) -> None:
    ordered_ten.given(receive("6"), cancel()).when(cancel()).then_refused(TooMuch)
    ordered_ten.when(receive("1")).then_refused(TooMuch, pointer="/quantity", saying="1 arrived, 0 of line 1")


def test_what_goes_back_after_a_cancellation_may_arrive_again_or_be_cancelled_too(ordered_ten: Scenario) -> None:
    ordered_ten.given(receive("6"), cancel(), give_back("2"), receive("1")).when(cancel())
    ordered_ten.then(cancelled("10", line("1", "10")), released("10", "50"))


def test_cancelled_parts_and_received_parts_add_up_to_the_line(nothing: Scenario) -> None:
    # 3 boxes for 10.00: parts of 3.33, 3.34 and 3.33, whatever happens in between.
    nothing.given(signed(lots=(lot(prices=(price(unit_price="3.333333"),)),)), adheres(), baseline("4"), submit("3"))
    nothing.given(receive("2"), cancel(), give_back("1")).when(cancel())
    assert [part.amount for part in nothing.only(OrderCancelled).lines] == [money("3.34")]
    nothing.given().when(cancel()).then_refused(TooMuch)


def test_the_cancellation_counts_on_its_own_day_and_not_before_the_order(ordered_ten: Scenario) -> None:
    ordered_ten.when(cancel(date(2022, 2, 28))).then_refused(BeforeTheOrder, pointer="/cancelled_on")
    ordered_ten.when(cancel(date(2023, 1, 2))).then(
        cancelled("100", line("10", "100"), day=date(2023, 1, 2)), released("100", "0")
    )


def test_what_is_released_may_be_ordered_again(nothing: Scenario) -> None:
    nothing.given(signed(maximum="1000"), adheres(), submit("100"), receive("40"), cancel())
    nothing.when(submit("60", order_id=UUID(int=101)))
    assert nothing.refusal is None


@pytest.mark.parametrize("scope", [OTHER, SUPPLIER])
def test_who_acts_for_another_is_told_that_it_is_not_known(ordered_ten: Scenario, scope: UUID) -> None:
    ordered_ten.when(cancel(), scope=scope).then_refused(Unknown, pointer="/order_id")


def test_a_cancellation_of_a_version_that_is_no_longer_the_newest_is_refused(ordered_ten: Scenario) -> None:
    ordered_ten.given(receive("1")).when(cancel(), expected_version=1).then_refused(Outdated)


def test_a_cancellation_of_what_costs_nothing_releases_nothing(nothing: Scenario) -> None:
    nothing.given(signed(lots=(lot(prices=(price(unit_price="0"),)),)), adheres(), submit("3"))
    nothing.when(receive("1"))
    assert nothing.only(OrderLineReceived).lines[0].amount == money("0.00")
    nothing.when(cancel())
    assert [type(event) for event in nothing.published()] == [OrderCancelled]
