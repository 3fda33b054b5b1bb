from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from events.base import Unknown
from events.ordering import InvoiceReceived
from services.ordering.app import Ordering
from services.ordering.billing import InvoiceIsKnown, bill_id
from services.ordering.lines import DoubleLine, TooLarge
from services.ordering.order import BeforeTheOrder, Progress, WrongState
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    LATER,
    ORDER,
    OTHER,
    OTHER_SUPPLIER,
    SECOND_LOT,
    SUPPLIER,
    adheres,
    baseline,
    billed,
    cancel,
    head,
    invoice,
    line,
    lot,
    money,
    ordered,
    receive,
    signed,
    submit,
)

FA_1 = bill_id(SUPPLIER, "invoice", "FA-1", 2022)


def test_an_invoice_counts_as_billed_whatever_price_was_agreed(ordered_ten: Scenario) -> None:
    ordered_ten.when(invoice(billed("10", "101.50"))).then(
        InvoiceReceived(
            **head(LATER),
            invoice_id=FA_1,
            supplier_id=SUPPLIER,
            number="FA-1",
            received_on=LATER,
            net="101.50",
            vat="20",
            gross="121.50",
            lines=(line("10", "101.50"),),
        )
    )


def test_the_baseline_of_what_is_billed_goes_by_quantity_and_adds_up(may_order: Scenario) -> None:
    may_order.given(baseline("12.01"), submit("3"))
    found = []
    for n, amount in enumerate(("10", "11", "9")):
        may_order.when(invoice(billed("1", amount), number=f"FA-{n}"))
        found.append(may_order.only(InvoiceReceived).lines[0].baseline_amount)
    assert found == [money("12.01")] * 3
    may_order.when(invoice(billed("0", "5"), number="FA-freight"))
    assert may_order.only(InvoiceReceived).lines[0].baseline_amount == money("0.00")


def test_more_may_be_billed_than_was_ordered(may_order: Scenario, ordering: Ordering) -> None:
    may_order.given(baseline("12"), submit("10")).when(invoice(billed("12", "120")))
    assert may_order.only(InvoiceReceived).lines[0].baseline_amount == money("144.00")
    assert ordering.order(ORDER)[0].billing is Progress.FULL


def test_too_much_of_one_line_does_not_hide_what_is_not_billed_of_another(
    ordered_two_lines: Scenario, ordering: Ordering
) -> None:
    # 14 are ordered in all, 14 are billed, and yet line 2 is not.
    ordered_two_lines.given(invoice(billed("14", "140")))
    found, _ = ordering.order(ORDER)
    assert found.billing is Progress.PARTIAL
    ordered_two_lines.given(invoice(billed("4", "10", "2"), number="FA-2"))
    assert ordering.order(ORDER)[0].billing is Progress.FULL


def test_what_is_cancelled_need_not_be_billed(ordered_ten: Scenario, ordering: Ordering) -> None:
    assert ordering.order(ORDER)[0].billing is Progress.NONE
    ordered_ten.given(receive("6"), cancel(), invoice(billed("6", "60")))
    assert ordering.order(ORDER)[0].billing is Progress.FULL


def test_an_invoice_that_is_dated_late_counts_on_its_own_date(ordered_ten: Scenario) -> None:
    ordered_ten.when(invoice(billed("10", "100"), day=date(2023, 1, 5)))
    assert ordered_ten.only(InvoiceReceived).business_date == date(2023, 1, 5)


# Identity: supplier, number, year of issue


def test_the_same_invoice_under_another_command_id_is_known(ordered_ten: Scenario) -> None:
    ordered_ten.given(invoice(billed("5", "50"))).when(invoice(billed("5", "50"))).then_refused(
        InvoiceIsKnown, pointer="/number", saying=f"FA-1 of supplier {SUPPLIER} in 2022"
    )


def test_the_same_number_on_another_order_or_day_is_the_same_invoice(ordered_ten: Scenario) -> None:
    ordered_ten.given(submit("5", order_id=UUID(int=101)), invoice(billed("5", "50")))
    other = invoice(billed("5", "50"), day=date(2022, 12, 31), order_id=UUID(int=101))
    ordered_ten.when(other).then_refused(InvoiceIsKnown)


def test_the_same_number_in_another_year_or_of_another_supplier_is_another_invoice(nothing: Scenario) -> None:
    nothing.given(signed(lots=(lot(), lot(SECOND_LOT, "2", supplier_id=OTHER_SUPPLIER))), adheres(), submit("10"))
    second = submit(order_id=UUID(int=101), lines=(ordered("5", lot_id=SECOND_LOT),))
    nothing.given(second, invoice(billed("5", "50")))
    nothing.when(invoice(billed("5", "50"), day=date(2023, 1, 1)))
    assert nothing.only(InvoiceReceived).invoice_id != FA_1
    nothing.when(invoice(billed("5", "50"), order_id=UUID(int=101)))
    assert nothing.only(InvoiceReceived).supplier_id == OTHER_SUPPLIER


# Refusals


def test_a_waiting_order_is_not_billed(waiting: Scenario) -> None:
    waiting.when(invoice(billed("1", "10"))).then_refused(WrongState)


def test_a_line_that_the_order_does_not_have_is_refused(ordered_ten: Scenario) -> None:
    ordered_ten.when(invoice(billed("1", "10"), billed("1", "10", "7"))).then_refused(
        Unknown, pointer="/lines/1/line_id"
    )


def test_two_lines_with_the_same_id_are_refused(ordered_ten: Scenario) -> None:
    ordered_ten.when(invoice(billed("1", "10"), billed("1", "10"))).then_refused(DoubleLine, pointer="/lines/1/line_id")


def test_an_invoice_is_not_issued_before_the_order(ordered_ten: Scenario) -> None:
    ordered_ten.when(invoice(billed("1", "10"), day=date(2022, 2, 28))).then_refused(
        BeforeTheOrder, pointer="/issued_on"
    )


def test_sums_of_more_than_twelve_digits_are_refused(may_order: Scenario) -> None:
    huge = "999999999999"
    may_order.given(baseline("12"), submit("10", ordered("1", "2")))
    may_order.when(invoice(billed("1", huge), billed("1", huge, "2"))).then_refused(TooLarge, pointer="/lines")
    may_order.when(invoice(billed("1", huge), vat="1")).then_refused(TooLarge, pointer="/vat")
    may_order.when(invoice(billed(huge, "1"))).then_refused(TooLarge, pointer="/lines")
    may_order.given(invoice(billed("1", "1"))).when(invoice(billed(huge, "1"), number="FA-2"))
    may_order.then_refused(TooLarge, pointer="/lines/0/quantity")


@pytest.mark.parametrize("scope", [OTHER, SUPPLIER])
def test_who_acts_for_another_is_told_that_it_is_not_known(ordered_ten: Scenario, scope: UUID) -> None:
    ordered_ten.when(invoice(billed("1", "10")), scope=scope).then_refused(Unknown, pointer="/order_id")
