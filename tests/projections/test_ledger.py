"""Which signed facts an event leaves in the ledger: measure, sign, day, quantity, baseline, lines."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.examples import EXAMPLES
from events.base import Event
from events.ordering import (
    CeilingApproached,
    CeilingReleased,
    CeilingReserved,
    CreditNoteReceived,
    InvoiceReceived,
    LotAmount,
    OrderApproved,
    OrderCancelled,
    OrderLineReceived,
    OrderLineReturned,
    OrderRejected,
    OrderSubmitted,
    OrderWithdrawn,
    PastOrderCorrected,
    PastOrderRecorded,
)
from services.embedded import Platform
from tests.projections.stored import (
    AGREEMENT,
    DAY,
    LOT,
    SUPPLIER,
    line,
    of_order,
    past_line,
    projected,
    put,
    rows,
)

Row = dict[str, Any]
FACT = ("measure", "business_date", "quantity", "amount", "baseline_amount", "lines")


def facts(found: list[Row]) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in FACT) for row in found if row["kind"] == "fact"]


@pytest.mark.parametrize(
    ("cls", "measure", "sign"),
    [
        (OrderSubmitted, "ordered", 1),
        (OrderApproved, "ordered", 1),
        (OrderCancelled, "ordered", -1),
        (OrderLineReceived, "received", 1),
        (OrderLineReturned, "received", -1),
        (InvoiceReceived, "invoiced", 1),
        (CreditNoteReceived, "invoiced", -1),
    ],
)
def test_an_event_of_an_order_counts_by_its_kind_on_its_own_day(
    platform: Platform, cls: type[Event], measure: str, sign: int
) -> None:
    event = of_order(cls, line("120.10", "150.20"), business_date=date(2022, 1, 31))
    assert facts(projected(platform, event)) == [
        (measure, date(2022, 1, 31), sign * Decimal(30), sign * Decimal("120.10"), sign * Decimal("150.20"), 1)
    ]


def test_each_line_is_a_row_that_says_where_it_belongs(platform: Platform) -> None:
    order_id, establishment_id, other = uuid4(), uuid4(), uuid4()
    event = of_order(
        OrderSubmitted,
        line(),
        line("7.00", None, line_id="2", item="BEVA", category="33690000", lot_id=None, supplier_id=other),
        order_id=order_id,
        establishment_id=establishment_id,
        number="C-77",
    )
    one, two = projected(platform, event)
    assert [one["line"], two["line"]] == [1, 2]
    for row in (one, two):
        assert (row["order_id"], row["establishment_id"], row["agreement_id"]) == (
            order_id,
            establishment_id,
            AGREEMENT,
        )
        assert (row["document"], row["currency"], row["type"]) == ("C-77", "EUR", OrderSubmitted.TOPIC)
        assert (row["event_id"], row["recorded_at"].replace(tzinfo=UTC)) == (event.event_id, event.recorded_at)
    assert (one["lot_id"], one["supplier_id"], one["item"], one["category"]) == (LOT, SUPPLIER, "TRAS-150", "33652100")
    assert (two["lot_id"], two["supplier_id"], two["item"], two["category"]) == (UUID(int=0), other, "BEVA", "33690000")
    assert two["baseline_amount"] is None


@pytest.mark.parametrize("amount", ["0.01", "1.00", "999999999999.99"])
def test_an_order_that_needs_an_approval_does_not_count(platform: Platform, amount: str) -> None:
    (row,) = projected(platform, of_order(OrderSubmitted, excess=amount))
    assert (row["kind"], row["measure"], row["amount"]) == ("excluded", "", Decimal("120.00"))
    assert row["reason"] == "needs an approval: counts from its approval on"


def test_an_approval_counts_on_its_own_day_once(platform: Platform) -> None:
    order_id = uuid4()
    found = projected(
        platform,
        of_order(OrderSubmitted, excess="20.00", order_id=order_id, business_date=date(2022, 1, 10)),
        of_order(OrderApproved, excess="20.00", order_id=order_id, business_date=date(2022, 2, 3)),
    )
    assert facts(found) == [
        ("ordered", date(2022, 2, 3), Decimal(30), Decimal("120.00"), Decimal("150.00"), 1),
    ]


@pytest.mark.parametrize(("cls", "word"), [(OrderRejected, "rejected"), (OrderWithdrawn, "withdrawn")])
def test_a_rejected_or_withdrawn_order_never_counts_and_leaves_its_reason(
    platform: Platform, cls: type[Event], word: str
) -> None:
    (row,) = projected(platform, of_order(cls))
    assert (row["kind"], row["amount"], row["lines"]) == ("excluded", Decimal(0), 0)
    assert row["reason"] == f"{word}: the order never counted"


def test_a_credit_note_on_price_alone_takes_away_money_and_nothing_else(platform: Platform) -> None:
    note = line("15.00", "0.00", quantity="0", base_quantity="0")
    (row,) = projected(platform, of_order(CreditNoteReceived, note))
    assert facts([row]) == [("invoiced", DAY, Decimal(0), Decimal("-15.00"), Decimal("0.00"), 1)]
    assert row["jump_lines"] == 0, "there is no price where nothing is counted"


def test_a_past_order_is_ordered_received_and_invoiced_each_on_its_day(platform: Platform) -> None:
    days: dict[str, Any] = {
        "counted_on": date(2010, 1, 5),
        "received_on": date(2010, 2, 6),
        "invoiced_on": date(2010, 3, 7),
    }
    found = projected(platform, of_order(PastOrderRecorded, past_line(**days, invoice_number="F-9"), number="PO-1"))
    assert facts(found) == [
        (measure, day, Decimal(30), Decimal("120.00"), Decimal("150.00"), 1)
        for measure, day in zip(("ordered", "received", "invoiced"), days.values(), strict=True)
    ]
    assert [row["document"] for row in found] == ["PO-1", "PO-1", "F-9"]
    assert len({row["line"] for row in found}) == 3
    assert {row["first_price_lines"] for row in found} == {1}


@pytest.mark.parametrize(
    ("days", "measures"),
    [
        ({}, ["ordered"]),
        ({"received_on": DAY}, ["ordered", "received"]),
        ({"invoiced_on": DAY}, ["ordered", "invoiced"]),
    ],
)
def test_what_the_source_does_not_date_is_no_fact(
    platform: Platform, days: dict[str, Any], measures: list[str]
) -> None:
    found = projected(platform, of_order(PastOrderRecorded, past_line(**days)))
    assert [row["measure"] for row in found] == measures


def test_a_past_order_counts_on_the_day_of_its_earliest_line_whatever_its_own(platform: Platform) -> None:
    late = past_line(line_id="2", ordered_on=date(2010, 9, 9), counted_on=date(2010, 1, 5))
    (row,) = projected(platform, of_order(PastOrderRecorded, late))
    assert row["business_date"] == date(2010, 1, 5)


def test_a_correction_restates_the_periods_of_what_it_corrects(platform: Platform) -> None:
    wrong = past_line("120.00", None, received_on=date(2010, 2, 1), counted_on=date(2010, 1, 1))
    right = past_line("12.00", "15.00", received_on=date(2010, 3, 1), counted_on=date(2010, 1, 1))
    event = of_order(PastOrderCorrected, right, reversed_lines=(wrong,), business_date=date(2010, 1, 1))
    assert sorted(facts(projected(platform, event)), key=str) == sorted(
        [
            ("ordered", date(2010, 1, 1), Decimal(-30), Decimal("-120.00"), None, -1),
            ("received", date(2010, 2, 1), Decimal(-30), Decimal("-120.00"), None, -1),
            ("ordered", date(2010, 1, 1), Decimal(30), Decimal("12.00"), Decimal("15.00"), 1),
            ("received", date(2010, 3, 1), Decimal(30), Decimal("12.00"), Decimal("15.00"), 1),
        ],
        key=str,
    )


@pytest.mark.parametrize(("cls", "sign"), [(CeilingReserved, 1), (CeilingReleased, -1)])
def test_a_ceiling_is_reserved_by_lot_on_the_day_in_paris_on_which_it_is_known(
    platform: Platform, cls: type[CeilingReserved | CeilingReleased], sign: int
) -> None:
    other = uuid4()
    event = cls(
        event_id=uuid4(),
        # Later than all that this module recorded before: a lane's time never decreases.
        recorded_at=datetime(2030, 1, 31, 23, 30, tzinfo=UTC),
        agreement_id=AGREEMENT,
        order_id=uuid4(),
        currency="EUR",
        amount="30.00",
        lots=(LotAmount(lot_id=LOT, amount="10.50"), LotAmount(lot_id=other, amount="19.50")),
        reserved="30.00",
    )
    found = projected(platform, event)
    assert facts(found) == [
        ("reserved", date(2030, 2, 1), Decimal(0), sign * Decimal("10.50"), None, 1),
        ("reserved", date(2030, 2, 1), Decimal(0), sign * Decimal("19.50"), None, 1),
    ]
    assert [row["lot_id"] for row in found] == [LOT, other]
    assert {(row["agreement_id"], row["currency"]) for row in found} == {(AGREEMENT, "EUR")}


def test_a_warning_about_a_ceiling_is_known_and_moves_nothing(platform: Platform) -> None:
    event = CeilingApproached(
        event_id=uuid4(), recorded_at=DAY.isoformat() + "T08:00:00Z", agreement_id=AGREEMENT, currency="EUR",
        percent=80, reserved="80.00", maximum="100.00",
    )  # fmt: skip
    (row,) = projected(platform, event)
    assert (row["kind"], row["amount"], row["agreement_id"]) == ("nothing", Decimal(0), AGREEMENT)


@pytest.mark.parametrize(
    ("amount", "baseline", "quantity"),
    [
        ("0.10", "0.20", "0.000001"),
        ("0.30", "0.07", "0.1"),
        ("999999999999.99", "999999999999.98", "999999999999.999999"),
        ("1.15", "2.675", "1234567.891011"),
        ("0.00", "0.01", "7"),
    ],
)
def test_money_arrives_digit_for_digit(platform: Platform, amount: str, baseline: str, quantity: str) -> None:
    baseline = baseline[: baseline.index(".") + 3]
    (row,) = projected(platform, of_order(InvoiceReceived, line(amount, baseline, base_quantity=quantity)))
    assert (f"{row['amount']}", f"{row['baseline_amount']}") == (amount, baseline)
    assert row["quantity"] == Decimal(quantity)


def test_tenths_add_up_as_they_do_on_paper(platform: Platform) -> None:
    establishment_id = uuid4()
    put(
        platform.ordering.store,
        *(
            of_order(InvoiceReceived, line(amount), establishment_id=establishment_id)
            for amount in ("0.10", "0.20", "999999999999.99", "999999999999.99")
        ),
    )
    platform.catch_up()
    (total,) = platform.analytics.rows(
        "select sum(amount) as amount from ledger where establishment_id = {id:UUID}", {"id": str(establishment_id)}
    )
    assert total["amount"] == Decimal("2000000000000.28")


@pytest.mark.parametrize(
    ("amount", "baseline", "jumps"),
    [
        ("10.00", "1.00", 0),
        ("10.01", "1.00", 1),
        ("1.00", "10.00", 0),
        ("1.00", "10.01", 1),
        ("5.00", None, 0),
    ],
)
def test_a_price_ten_times_its_baseline_is_no_jump_and_a_cent_more_is_one(
    platform: Platform, amount: str, baseline: str | None, jumps: int
) -> None:
    (row,) = projected(platform, of_order(InvoiceReceived, line(amount, baseline)))
    assert row["jump_lines"] == jumps


def test_an_order_of_five_thousand_lines_is_five_thousand_rows(platform: Platform) -> None:
    lines = [line(f"{n}.{n % 100:02}", None, line_id=str(n)) for n in range(1, 5001)]
    found = projected(platform, of_order(OrderSubmitted, *lines))
    assert [row["line"] for row in found] == list(range(1, 5001))
    assert sum(row["amount"] for row in found) == sum(one.amount for one in lines)


@pytest.mark.parametrize("context", ["membership", "suppliers", "tendering", "ordering"])
def test_every_published_event_leaves_at_least_one_row_and_none_of_them_is_poison(
    platform: Platform, context: str
) -> None:
    store = next(store for store in platform.contexts.stores if store.context == context)
    examples = [example for example in EXAMPLES if example.context() == context]
    found = put(store, *examples)
    platform.catch_up()
    left = {pos: rows(platform, pos, context) for pos in found}
    for pos, example in zip(found, examples, strict=True):
        assert left[pos], example.TOPIC
        assert not [row["reason"] for row in left[pos] if row["kind"] == "poison"], example.TOPIC
    assert platform.projector.problems() == []
