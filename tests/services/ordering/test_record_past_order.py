from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.base import Event, Unknown
from events.ordering import PastLine, PastOrderCorrected, PastOrderRecorded
from events.tendering import BaselineMethod
from infra.event_store import Request
from services.ordering.app import Ordering
from services.ordering.billing import InvoiceIsKnown
from services.ordering.commands import OrderingCommand, PastOrderLine, RecordPastOrder
from services.ordering.lines import DoubleLine, TooLarge
from services.ordering.order import Commitment, Progress, WrongState
from services.ordering.past_order import (
    NotItsId,
    NotRecorded,
    OnlyTheGroup,
    OtherContent,
    OtherCurrency,
    past_order_id,
)
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    AGREEMENT,
    ESTABLISHMENT,
    OTHER,
    OTHER_SUPPLIER,
    SUPPLIER,
    adheres,
    approve,
    baseline,
    billed,
    cancel,
    credit,
    invoice,
    money,
    receive,
    recorded,
    signed,
    submit,
)

ITEM = UUID(int=41)
ORDER = past_order_id(ESTABLISHMENT, "scms", "SCMS-4")
MARCH, APRIL, MAY = date(2012, 3, 5), date(2012, 4, 2), date(2012, 5, 7)


def asked(line_id: str = "1", ordered_on: date = MARCH, **more: Any) -> PastOrderLine:
    said: dict[str, Any] = {
        "line_id": line_id,
        "agreement_id": AGREEMENT,
        "supplier_id": SUPPLIER,
        "category": "ARV",
        "item": "Nevirapine 30 tabs",
        "label": "Nevirapine",
        "unit": "30 tabs",
        "quantity": "100",
        "unit_price": "5.50",
        "amount": "551.00",
        "baseline_id": ITEM,
        "ordered_on": ordered_on,
        "received_on": MAY,
        "invoiced_on": MAY,
        "invoice_number": f"SCMS-4-{line_id}",
    }
    return PastOrderLine(**{**said, **more})


def record(*lines: PastOrderLine, **more: Any) -> RecordPastOrder:
    said: dict[str, Any] = {
        "order_id": ORDER,
        "establishment_id": ESTABLISHMENT,
        "source": "scms",
        "number": "SCMS-4",
        "currency": "USD",
        "lines": lines or (asked(),),
    }
    return RecordPastOrder(**{**said, **more})


def correct(*lines: PastOrderLine) -> RecordPastOrder:
    return record(*lines, is_correction=True)


def said(line: PastOrderLine, counted_on: date = MARCH, baseline: str | None = "6") -> PastLine:
    """The line as it is recorded."""
    return PastLine(
        **line.model_dump(exclude={"baseline_id"}),
        base_quantity=line.quantity,
        counted_on=counted_on,
        baseline_price=baseline,
        baseline_amount=baseline and money(baseline) * line.quantity,
    )


def document(day: date = MARCH) -> dict[str, Any]:
    return {
        "order_id": ORDER,
        "establishment_id": ESTABLISHMENT,
        "business_date": day,
        "currency": "USD",
        "source": "scms",
        "number": "SCMS-4",
    }


def was_recorded(*lines: PastLine, day: date = MARCH) -> PastOrderRecorded:
    return PastOrderRecorded(**document(day), lines=lines)


def was_corrected(*pairs: tuple[PastLine, PastLine], day: date = MARCH) -> PastOrderCorrected:
    before, after = zip(*pairs, strict=True)
    return PastOrderCorrected(**document(day), reversed_lines=before, lines=after)


FIRST_PRICE = baseline(
    "6",
    "Nevirapine 30 tabs",
    date(2010, 1, 1),
    None,
    baseline_id=ITEM,
    agreement_id=None,
    method=BaselineMethod.FIRST_RECORDED_PRICE,
    currency="USD",
)


@pytest.fixture
def history(nothing: Scenario) -> Scenario:
    """A recorded agreement, and the first recorded price of its item: 6.00."""
    return nothing.given(recorded(), FIRST_PRICE)


def test_an_order_of_the_past_is_recorded_as_it_was(history: Scenario, ordering: Ordering) -> None:
    # Its amount is the source's, not price x quantity; the baseline is.
    history.when(record()).then(was_recorded(said(asked())))
    found, version = ordering.order(ORDER)
    assert (found.commitment, found.receipt, found.billing, version) == (
        Commitment.RECORDED, Progress.FULL, Progress.FULL, 1,
    )  # fmt: skip
    assert history.answer is not None
    assert history.answer.stream_id == ORDER


def test_no_adhesion_ceiling_or_order_of_dates_applies(history: Scenario) -> None:
    line = asked(amount="999999999999.99", received_on=date(2012, 3, 1), invoiced_on=date(2012, 2, 1))
    history.when(record(line)).then(was_recorded(said(line)))


def test_what_neither_arrived_nor_was_billed_is_open(history: Scenario, ordering: Ordering) -> None:
    history.when(record(asked(received_on=None, invoiced_on=None, invoice_number=None)))
    found, _ = ordering.order(ORDER)
    assert (found.receipt, found.billing) == (Progress.NONE, Progress.NONE)


@pytest.mark.parametrize(
    "more", [{"unit_price": "0"}, {"amount": "0"}, {"baseline_id": None}, {"baseline_id": uuid4()}, {"item": "Another"}]
)
def test_a_line_without_price_amount_or_reference_has_no_baseline(history: Scenario, more: dict[str, Any]) -> None:
    history.when(record(asked(**more))).then(was_recorded(said(asked(**more), baseline=None)))


def test_a_reference_price_in_another_currency_is_none(history: Scenario) -> None:
    history.when(record(currency="EUR"))
    assert history.only(PastOrderRecorded).lines[0].baseline_price is None


# Identity


def test_recording_the_same_again_changes_nothing(history: Scenario, ordering: Ordering) -> None:
    end = history.given(record()).when(record()).then()
    assert end.answer is not None
    assert (end.answer.version, end.answer.positions) == (1, ())
    assert ordering.order(ORDER)[1] == 1


def test_the_same_value_written_otherwise_is_the_same(history: Scenario) -> None:
    history.given(record()).when(record(asked(quantity="100.000", unit_price="5.5", amount="551"))).then()


def test_of_several_lines_the_new_ones_are_recorded(history: Scenario) -> None:
    history.given(record()).when(record(asked(), asked("2"))).then(was_recorded(said(asked("2"))))


def test_an_order_counts_on_the_earliest_day_of_its_lines(history: Scenario) -> None:
    lines = asked("1", APRIL), asked("2", MARCH)
    history.when(record(*lines)).then(was_recorded(*(said(line) for line in lines)))


def test_a_line_that_comes_later_counts_on_the_day_of_its_order(history: Scenario) -> None:
    history.given(record(asked("1", MARCH))).when(record(asked("2", APRIL)))
    history.then(was_recorded(said(asked("2", APRIL), counted_on=MARCH)))


def test_a_line_that_comes_later_and_is_earlier_does_not_move_those_before(history: Scenario) -> None:
    history.given(record(asked("1", APRIL))).when(record(asked("2", MARCH)))
    history.then(was_recorded(said(asked("2", MARCH))))


def test_the_id_of_a_past_order_is_that_of_establishment_source_and_number(history: Scenario) -> None:
    for other in ({"order_id": uuid4()}, {"number": "SCMS-5"}, {"source": "other"}, {"establishment_id": OTHER}):
        history.when(record(**other)).then_refused(NotItsId, pointer="/order_id", saying="has the order_id")


def test_ids_of_other_numbers_and_sources_differ() -> None:
    names = [("a", "b:c"), ("a:b", "c"), ("a", "b"), ("", "a:b"), ("b", "a"), ("1:a", ":b"), ("a:", "b")]
    assert len({past_order_id(ESTABLISHMENT, source, number) for source, number in names}) == len(names)
    assert past_order_id(ESTABLISHMENT, "a", "b") != past_order_id(OTHER, "a", "b")


# Conflict and correction


@pytest.mark.parametrize(
    ("changed", "saying"),
    [
        ({"amount": "552"}, "amount: recorded '551.00', now '552.00'"),
        ({"quantity": "1000"}, "quantity: recorded '100', now '1000'"),
        ({"unit_price": "5.55"}, "unit_price: recorded '5.5', now '5.55'"),
        ({"ordered_on": APRIL}, "ordered_on: recorded '2012-03-05', now '2012-04-02'"),
        ({"invoiced_on": None}, "invoiced_on: recorded '2012-05-07', now 'None'"),
        ({"supplier_id": OTHER_SUPPLIER}, f"supplier_id: recorded '{SUPPLIER}', now '{OTHER_SUPPLIER}'"),
        ({"unit": "60 tabs", "label": "NVP"}, "unit: recorded '30 tabs', now '60 tabs'"),
    ],
)
def test_a_line_that_came_before_with_other_content_is_a_conflict_that_names_both_values(
    history: Scenario, changed: dict[str, Any], saying: str
) -> None:
    history.given(record(asked(), asked("2"))).when(record(asked("2"), asked(**changed)))
    history.then_refused(OtherContent, pointer="/lines/1", saying=saying)
    assert history.refusal is not None
    assert "order SCMS-4, line 1 " in history.refusal.detail


def test_a_correction_reverses_what_was_recorded_and_records_what_is_right(
    history: Scenario, ordering: Ordering
) -> None:
    right = asked(amount="5510", quantity="1000")
    history.given(record(asked(), asked("2"))).when(correct(right, asked("2"))).then(
        was_corrected((said(asked()), said(right)))
    )
    assert ordering.order(ORDER)[0].lines["1"].line.amount == money("5510")
    history.when(record(right)).then()


def test_a_correction_counts_on_the_day_of_what_it_corrects(history: Scenario) -> None:
    history.given(record(asked("1", APRIL)), record(asked("2", MARCH)))
    right = asked("1", APRIL, amount="1")
    history.when(correct(right)).then(was_corrected((said(asked("1", APRIL), APRIL), said(right, APRIL)), day=APRIL))


def test_a_line_whose_order_day_was_wrong_counts_on_the_right_day_and_so_do_those_that_took_it(
    history: Scenario,
) -> None:
    # 2002 was a slip of the pen, and line 2 counted on it as well.
    slip = asked("1", date(2002, 3, 5))
    history.given(record(slip, asked("2", APRIL)))
    history.when(correct(asked("1", MAY))).then(
        was_corrected(
            (said(slip, slip.ordered_on), said(asked("1", MAY), APRIL)),
            (said(asked("2", APRIL), slip.ordered_on), said(asked("2", APRIL), APRIL)),
            day=APRIL,
        )
    )


def test_a_correction_may_bring_new_lines(history: Scenario) -> None:
    right = asked(amount="1")
    history.given(record()).when(correct(right, asked("2"))).then(
        was_recorded(said(asked("2"))), was_corrected((said(asked()), said(right)))
    )


def test_a_correction_that_changes_nothing_records_nothing(history: Scenario) -> None:
    history.given(record()).when(correct(asked())).then()


def test_an_order_has_one_currency(history: Scenario) -> None:
    history.given(record())
    for command in (record(asked("2"), currency="EUR"), record(currency="EUR", is_correction=True)):
        history.when(command).then_refused(OtherCurrency, pointer="/currency", saying="recorded in USD, now EUR")


# Refusals


@pytest.mark.parametrize("scope", [ESTABLISHMENT, OTHER, SUPPLIER])
def test_only_the_group_records_history(history: Scenario, scope: UUID) -> None:
    history.when(record(), scope=scope).then_refused(OnlyTheGroup)


def test_an_agreement_that_is_not_known_is_refused(history: Scenario) -> None:
    line = asked("2", agreement_id=uuid4())
    history.when(record(asked(), line)).then_refused(Unknown, pointer="/lines/1/agreement_id")


def test_an_agreement_that_was_signed_takes_no_past(nothing: Scenario) -> None:
    nothing.given(signed()).when(record()).then_refused(
        NotRecorded, pointer="/lines/0/agreement_id", saying="2021-GLOVES"
    )


def test_two_lines_with_the_same_id_are_refused(history: Scenario) -> None:
    history.when(record(asked(), asked())).then_refused(DoubleLine, pointer="/lines/1/line_id")


def test_a_baseline_of_more_than_twelve_digits_is_refused(history: Scenario) -> None:
    history.when(record(asked(quantity="999999999999"))).then_refused(TooLarge, pointer="/lines/0/quantity")


@pytest.mark.parametrize(
    "command",
    [
        receive("1", order_id=ORDER),
        cancel(order_id=ORDER),
        approve(order_id=ORDER),
        invoice(billed("1", "5"), order_id=ORDER),
        credit(uuid4(), billed("1", "5"), order_id=ORDER),
    ],
)
def test_a_past_order_changes_by_a_corrected_import_only(history: Scenario, command: OrderingCommand) -> None:
    history.given(record()).when(command, actor="approver-1").then_refused(WrongState, saying="recorded")


# Invoices of the past are known


def test_an_invoice_of_the_past_is_not_taken_in_again(history: Scenario) -> None:
    live = UUID(int=2)
    history.given(signed(agreement_id=live), adheres(agreement_id=live), submit("10", agreement_id=live))
    paid = asked(invoiced_on=date(2022, 1, 31), invoice_number="FA-1")
    history.given(record(paid)).when(invoice(billed("10", "100"))).then_refused(InvoiceIsKnown)


def test_an_invoice_may_cover_several_lines_and_orders_of_the_past(history: Scenario, ordering: Ordering) -> None:
    second = past_order_id(ESTABLISHMENT, "scms", "SCMS-5")
    lines = asked("1", invoice_number="FA-1"), asked("2", invoice_number="FA-1")
    commands = [record(*lines), record(*lines, order_id=second, number="SCMS-5")]
    ordering.handle_many([Request(command, uuid4(), "import") for command in commands])
    third = past_order_id(ESTABLISHMENT, "scms", "SCMS-6")
    history.when(record(*lines, order_id=third, number="SCMS-6"))
    assert len(history.only(PastOrderRecorded).lines) == 2


def test_lines_of_one_order_in_one_batch_see_one_another(history: Scenario, ordering: Ordering) -> None:
    commands = [record(asked("1", MARCH)), record(asked("2", APRIL)), record(asked("1", MARCH))]
    answers = ordering.handle_many([Request(command, uuid4(), "import") for command in commands])
    assert [answer.version for answer in answers] == [1, 2, 2]
    found: list[Event] = history.published()
    assert [event.model_dump()["business_date"] for event in found] == [MARCH, MARCH]
