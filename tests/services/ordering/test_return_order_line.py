from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from events.base import Unknown
from events.ordering import Line, OrderLineReceived, OrderLineReturned
from infra.event_store import Outdated
from services.ordering.app import Ordering
from services.ordering.order import BeforeTheOrder, Progress, TooMuch, WrongState
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    DAY,
    LATER,
    ORDER,
    OTHER,
    SUPPLIER,
    adheres,
    baseline,
    billed,
    cancel,
    give_back,
    head,
    invoice,
    line,
    lot,
    money,
    price,
    receive,
    signed,
    submit,
)


def returned(quantity: str, amount: str) -> OrderLineReturned:
    return OrderLineReturned(**head(LATER), reason="torn", lines=(line(quantity, amount),))


def test_a_part_of_what_arrived_goes_back_as_a_positive_quantity(ordered_ten: Scenario, ordering: Ordering) -> None:
    ordered_ten.given(receive("4")).when(give_back("3")).then(returned("3", "30"))
    found, _ = ordering.order(ORDER)
    assert (found.lines["1"].received, found.receipt) == (money("1"), Progress.PARTIAL)


def test_what_goes_back_is_what_came_to_the_cent(nothing: Scenario) -> None:
    # 3 boxes for 10.00, against 12.01: the second box costs a cent more, and gives a cent more back.
    boxes = price(unit_price="3.333333", base_units="0.333333")
    nothing.given(signed(lots=(lot(prices=(boxes,)),)), adheres(), baseline("12.01"), submit("3"))
    came: list[Line] = []
    went: list[Line] = []
    for _ in range(3):
        nothing.when(receive("1"))
        came += nothing.only(OrderLineReceived).lines
    for _ in range(3):
        nothing.when(give_back("1"))
        went += nothing.only(OrderLineReturned).lines
    assert [one.amount for one in came] == [money("3.33"), money("3.34"), money("3.33")]
    assert went == came[::-1]


def test_more_than_came_does_not_go_back(ordered_ten: Scenario) -> None:
    ordered_ten.when(give_back("1")).then_refused(TooMuch, pointer="/quantity", saying="0 of line 1 are here")
    ordered_ten.given(receive("4"), give_back("1")).when(give_back("3.000001")).then_refused(
        TooMuch, pointer="/quantity", saying="3.000001 go back, 3 of line 1 are here"
    )
    ordered_ten.when(give_back("3")).then(returned("3", "30"))


def test_what_came_of_one_line_does_not_go_back_as_another(ordered_two_lines: Scenario) -> None:
    ordered_two_lines.given(receive("4")).when(give_back("1", "2")).then_refused(TooMuch, saying="0 of line 2 are here")


def test_what_went_back_may_arrive_again(ordered_ten: Scenario, ordering: Ordering) -> None:
    ordered_ten.given(receive("10"), give_back("10"))
    assert ordering.order(ORDER)[0].receipt is Progress.NONE
    ordered_ten.when(receive("10")).then(OrderLineReceived(**head(LATER), lines=(line("10", "100"),)))


def test_a_return_gives_nothing_back_to_the_ceiling_nor_to_the_bill(ordered_ten: Scenario, ordering: Ordering) -> None:
    # The promise to buy stands, and a bill is changed by a credit note only.
    ordered_ten.given(receive("10"), invoice(billed("10", "100"))).when(give_back("10")).then(returned("10", "100"))
    assert ordering.order(ORDER)[0].billing is Progress.FULL


def test_what_came_of_a_cancelled_order_goes_back_too(ordered_ten: Scenario) -> None:
    ordered_ten.given(receive("6"), cancel()).when(give_back("6")).then(returned("6", "60"))


def test_nothing_goes_back_of_an_order_that_waits(waiting: Scenario) -> None:
    waiting.when(give_back("1")).then_refused(WrongState, saying="PO-100 is waiting")


def test_a_line_that_the_order_does_not_have_is_refused(ordered_two_lines: Scenario) -> None:
    ordered_two_lines.when(give_back("1", "7")).then_refused(Unknown, pointer="/line_id", saying="it has 1, 2")


def test_nothing_goes_back_before_the_order(ordered_ten: Scenario) -> None:
    ordered_ten.given(receive("5", day=DAY)).when(give_back("1", day=date(2022, 2, 28))).then_refused(
        BeforeTheOrder, pointer="/returned_on"
    )
    ordered_ten.when(give_back("1", day=DAY))
    assert ordered_ten.only(OrderLineReturned).business_date == DAY


@pytest.mark.parametrize("scope", [OTHER, SUPPLIER])
def test_who_acts_for_another_is_told_that_it_is_not_known(ordered_ten: Scenario, scope: UUID) -> None:
    ordered_ten.given(receive("5")).when(give_back("1"), scope=scope).then_refused(Unknown, pointer="/order_id")


def test_a_return_of_a_version_that_is_no_longer_the_newest_is_refused(ordered_ten: Scenario) -> None:
    ordered_ten.given(receive("5")).when(give_back("1"), expected_version=1).then_refused(Outdated)
