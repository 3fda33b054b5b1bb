from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from events.base import Unknown
from events.ordering import CreditNoteReceived, InvoiceReceived
from infra.event_store import Outdated
from services.ordering.app import Ordering
from services.ordering.billing import InvoiceIsKnown, bill_id
from services.ordering.commands import BilledLine
from services.ordering.lines import DoubleLine, TooLarge
from services.ordering.order import BeforeTheOrder, Progress, TooMuch
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    ORDER,
    OTHER,
    SUPPLIER,
    baseline,
    billed,
    credit,
    head,
    invoice,
    line,
    money,
    ordered,
    submit,
)

FA_1 = bill_id(SUPPLIER, "invoice", "FA-1", 2022)


@pytest.fixture
def invoiced(may_order: Scenario) -> Scenario:
    """Ten boxes are billed at 10.20, against a baseline of 12.00."""
    return may_order.given(baseline("12"), submit("10"), invoice(billed("10", "102")))


def test_a_credit_note_takes_away_on_its_own_day(invoiced: Scenario, ordering: Ordering) -> None:
    day = date(2022, 5, 2)
    invoiced.when(credit(FA_1, billed("4", "40.80"), day=day)).then(
        CreditNoteReceived(
            **head(day),
            credit_note_id=bill_id(SUPPLIER, "credit-note", "AV-1", 2022),
            invoice_id=FA_1,
            supplier_id=SUPPLIER,
            number="AV-1",
            net="40.80",
            vat="2",
            gross="42.80",
            lines=(line("4", "40.80", baseline_price="12", baseline_amount="48"),),
        )
    )
    found, _ = ordering.order(ORDER)
    assert (found.billing, found.lines["1"].billed) == (Progress.PARTIAL, money("61.20"))


def test_a_credit_note_on_price_alone_has_no_quantity_and_no_baseline(invoiced: Scenario) -> None:
    invoiced.when(credit(FA_1, billed("0", "2")))
    (part,) = invoiced.only(CreditNoteReceived).lines
    assert (part.quantity, part.base_quantity, part.amount, part.baseline_amount) == tuple(map(money, "0020"))


def test_an_invoice_and_its_credit_notes_cancel_out_to_the_cent(may_order: Scenario) -> None:
    may_order.given(baseline("3.333333"), submit("3"))
    may_order.when(invoice(billed("3", "29.99")))
    left = may_order.only(InvoiceReceived).lines[0].baseline_amount or money("0")
    for n, amount in enumerate(("9.99", "10", "10")):
        may_order.when(credit(FA_1, billed("1", amount), number=f"AV-{n}"))
        left -= may_order.only(CreditNoteReceived).lines[0].baseline_amount or money("0")
    assert left == 0


@pytest.mark.parametrize(
    ("before", "line_", "saying"),
    [
        ([], billed("10.5", "102"), "of the invoice 10 units and 102.00 are left"),
        ([], billed("10", "102.01"), "of the invoice 10 units and 102.00 are left"),
        ([billed("6", "60")], billed("5", "42"), "of the invoice 4 units and 42.00 are left"),
        ([billed("0", "100")], billed("0", "2.01"), "of the invoice 10 units and 2.00 are left"),
    ],
)
def test_no_more_is_credited_than_the_invoice_billed(
    may_order: Scenario, before: list[BilledLine], line_: BilledLine, saying: str
) -> None:
    may_order.given(submit("10"), invoice(billed("10", "102")))
    may_order.given(*(credit(FA_1, *before) for _ in before))
    may_order.when(credit(FA_1, line_, number="AV-2")).then_refused(TooMuch, pointer="/lines/0", saying=saying)


@pytest.mark.parametrize("nothing_or_more", ["0", "1"])
def test_a_line_that_another_invoice_billed_is_refused(may_order: Scenario, nothing_or_more: str) -> None:
    may_order.given(submit("10", ordered("5", "2")), invoice(billed("10", "102")))
    may_order.given(invoice(billed("5", "50", "2"), number="FA-2"))
    may_order.when(credit(FA_1, billed("1", "1"), billed(nothing_or_more, nothing_or_more, "2"))).then_refused(
        Unknown, pointer="/lines/1/line_id", saying="the invoice has no line 2; it has 1"
    )


def test_what_was_credited_may_be_billed_again(invoiced: Scenario, ordering: Ordering) -> None:
    invoiced.given(credit(FA_1, billed("10", "102"))).when(invoice(billed("10", "100"), number="FA-2"))
    assert invoiced.only(InvoiceReceived).lines[0].baseline_amount == money("120")
    assert ordering.order(ORDER)[0].billing is Progress.FULL


def test_an_invoice_that_the_order_does_not_have_is_refused(invoiced: Scenario) -> None:
    invoiced.given(submit("5", order_id=UUID(int=101)))
    invoiced.when(credit(FA_1, billed("1", "10"), order_id=UUID(int=101))).then_refused(Unknown, pointer="/invoice_id")


def test_the_same_credit_note_is_taken_in_once(invoiced: Scenario) -> None:
    invoiced.given(credit(FA_1, billed("1", "10"))).when(credit(FA_1, billed("1", "10"))).then_refused(
        InvoiceIsKnown, pointer="/number", saying="AV-1"
    )


def test_a_credit_note_may_have_the_number_of_an_invoice(invoiced: Scenario) -> None:
    invoiced.when(credit(FA_1, billed("1", "10"), number="FA-1"))
    assert invoiced.only(CreditNoteReceived).number == "FA-1"


def test_two_lines_with_the_same_id_are_refused(invoiced: Scenario) -> None:
    invoiced.when(credit(FA_1, billed("1", "10"), billed("1", "10"))).then_refused(DoubleLine)


def test_a_credit_note_is_not_issued_before_the_order(invoiced: Scenario) -> None:
    invoiced.when(credit(FA_1, billed("1", "10"), day=date(2022, 2, 1))).then_refused(BeforeTheOrder)


def test_a_gross_amount_of_more_than_twelve_digits_is_refused(invoiced: Scenario) -> None:
    invoiced.when(credit(FA_1, billed("1", "10"), vat="999999999990")).then_refused(
        TooLarge, pointer="/vat", saying="1000000000000"
    )


def test_a_credit_note_on_a_version_that_is_no_longer_the_newest_is_refused(invoiced: Scenario) -> None:
    invoiced.when(credit(FA_1, billed("1", "10")), expected_version=1).then_refused(Outdated, saying="the newest is 2")


@pytest.mark.parametrize("scope", [OTHER, SUPPLIER])
def test_who_acts_for_another_is_told_that_it_is_not_known(invoiced: Scenario, scope: UUID) -> None:
    invoiced.when(credit(FA_1, billed("1", "10")), scope=scope).then_refused(Unknown, pointer="/order_id")
