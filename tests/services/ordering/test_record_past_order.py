from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.base import Event, Unknown
from events.ordering import PastOrderRecorded
from infra.event_store import Request
from services.ordering.app import Ordering
from services.ordering.billing import InvoiceIsKnown
from services.ordering.commands import OrderingCommand
from services.ordering.lines import DoubleLine, TooLarge
from services.ordering.order import Commitment, Progress, WrongState
from services.ordering.past_order import (
    NotItsId,
    NotRecorded,
    OnlyTheGroup,
    past_order_id,
)
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    ESTABLISHMENT,
    OTHER,
    SUPPLIER,
    adheres,
    approve,
    billed,
    cancel,
    credit,
    invoice,
    receive,
    signed,
    submit,
)
from tests.services.ordering.past import (
    APRIL,
    MARCH,
    ORDER,
    asked,
    record,
    said,
    was_recorded,
)


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
