from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from events.base import Unknown
from events.ordering import InvoiceReceived
from infra.event_store import Outdated
from services.ordering.app import Ordering
from services.ordering.billing import InvoiceIsKnown, bill_id
from services.ordering.commands import BilledLine
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
    price,
    receive,
    signed,
    submit,
)

FA_1 = bill_id(SUPPLIER, "invoice", "FA-1", 2022)
HUGE = "999999999999"


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


@pytest.mark.parametrize(
    ("lines", "vat", "pointer", "saying"),
    [
        ([billed("1", HUGE), billed("1", HUGE, "2")], "0", "/lines", "the invoice's net would be 1999999999998"),
        ([billed("1", HUGE)], "1", "/vat", "the gross amount would be 1000000000000"),
        # At its price of 10.00, and at its reference of 2,000.00.
        ([billed("0", "1"), billed("100000000000", "1", "2")], "0", "/lines/1/quantity", "the amount of 100000000000"),
        ([billed("500000000", "1")], "0", "/lines/0/quantity", "the baseline of 500000000 of line 1"),
    ],
)
def test_what_makes_more_than_twelve_digits_is_refused(
    may_order: Scenario, lines: list[BilledLine], vat: str, pointer: str, saying: str
) -> None:
    may_order.given(baseline("2000"), submit("10", ordered("1", "2")))
    may_order.when(invoice(*lines, vat=vat)).then_refused(TooLarge, pointer=pointer, saying=saying)


def test_what_makes_more_than_twelve_digits_with_the_invoices_before_is_refused(may_order: Scenario) -> None:
    may_order.given(submit("10", ordered("10", "2")), invoice(billed("1", HUGE, "2"), vat="0"))
    may_order.when(invoice(billed("1", "1"), billed("1", "1", "2"), number="FA-2"))
    may_order.then_refused(TooLarge, pointer="/lines/1/amount", saying="billed of line 2 would be 1000000000000")
    may_order.when(invoice(billed("1", "1"), billed(HUGE, "0", "2"), number="FA-2"))
    may_order.then_refused(TooLarge, pointer="/lines/1/quantity", saying="quantity of line 2 would be 1000000000000")
    may_order.when(invoice(billed("1", "1"), billed("1", "0.99", "2"), number="FA-2"))
    assert may_order.refusal is None


def test_a_billed_part_of_a_crate_of_millions_is_refused_where_its_units_cannot_be_written(nothing: Scenario) -> None:
    crates = price(unit_price="0.01", base_units="1000000", unit="crate")
    nothing.given(signed(lots=(lot(prices=(crates,)),)), adheres(), submit("1"))
    nothing.when(invoice(billed("1000000", "1"))).then_refused(
        TooLarge, pointer="/lines/0/quantity", saying="the quantity in base units of 1000000 of line 1"
    )


def test_an_invoice_on_a_version_that_is_no_longer_the_newest_is_refused(ordered_ten: Scenario) -> None:
    ordered_ten.given(receive("1")).when(invoice(billed("1", "10")), expected_version=1).then_refused(Outdated)


@pytest.mark.parametrize("scope", [OTHER, SUPPLIER])
def test_who_acts_for_another_is_told_that_it_is_not_known(ordered_ten: Scenario, scope: UUID) -> None:
    ordered_ten.when(invoice(billed("1", "10")), scope=scope).then_refused(Unknown, pointer="/order_id")
