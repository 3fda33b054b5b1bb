"""An event that cannot be read is a row that says why: it stops nothing, counts nowhere, and figures say so."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from contracts.examples import example
from events.membership import EstablishmentJoined
from events.ordering import (
    CeilingReserved,
    InvoiceReceived,
    OrderRejected,
    OrderSubmitted,
    PastOrderRecorded,
)
from events.suppliers import CsrRatingDeclared, CsrRatingVerified
from events.tendering import AgreementSigned
from infra.event_store import EventStore
from services.embedded import Platform
from services.finance.query import FigureQuery
from services.ordering.inbox import NotTaken
from tests.projections.stored import DAY, GONE, line, of_order, past_line, put, raw, raw_line, rows

SUBMITTED = "ordering.OrderSubmitted.v1"
Stored = tuple[str, bytes]


def store_of(platform: Platform, context: str) -> EventStore:
    return next(store for store in platform.contexts.stores if store.context == context)


def order(**more: Any) -> Stored:
    return raw(of_order(OrderSubmitted), **more)


def order_of(*lines: Any, **more: Any) -> Stored:
    return raw(of_order(OrderSubmitted), lines=lines, **more)


def past(**more: Any) -> Stored:
    event = of_order(PastOrderRecorded, past_line(received_on="2022-04-02", invoiced_on="2022-04-03"))
    return raw(event, lines=[raw_line(**{"counted_on": "2022-04-01", **more})])


def invalid_json() -> bytes:
    return order()[1][:-1]


CASES: dict[str, tuple[Stored, str]] = {
    "an amount of three decimals": (order_of(raw_line(amount="1.999")), 'amount "1.999" is not money'),
    "an amount of 13 digits": (order_of(raw_line(amount="1000000000000")), 'amount "1000000000000" is not money'),
    "an amount of 14 digits": (order_of(raw_line(amount="10000000000000.00")), "is not money"),
    "an amount with an exponent": (order_of(raw_line(amount="1e3")), 'amount "1e3" is not money'),
    "an amount with a sign": (order_of(raw_line(amount="-1.00")), 'amount "-1.00" is not money'),
    "an amount with a plus": (order_of(raw_line(amount="+1.00")), "is not money"),
    "an amount with a comma": (order_of(raw_line(amount="1,00")), "is not money"),
    "an amount with a space": (order_of(raw_line(amount=" 1.00")), "is not money"),
    "an amount with a line end": (order_of(raw_line(amount="1.00\n")), "is not money"),
    "an amount of other digits": (order_of(raw_line(amount="١.٠٠")), "is not money"),  # Arabic-Indic one
    "an amount without digits": (order_of(raw_line(amount=".5")), "is not money"),
    "no number": (order_of(raw_line(amount="NaN")), 'amount "NaN" is not money'),
    "an endless amount": (order_of(raw_line(amount="Infinity")), "is not money"),
    "an empty amount": (order_of(raw_line(amount="")), 'amount "" is not money'),
    "a missing amount": (order_of(raw_line(amount=GONE)), 'amount "" is not money'),
    "a null amount": (order_of(raw_line(amount=None)), 'amount "" is not money'),
    "an amount that is a JSON float": (order_of(raw_line(amount=1.5)), "is a JSON number"),
    "an amount that is a JSON integer": (order_of(raw_line(amount=5)), "is a JSON number"),
    "an amount that is a list": (order_of(raw_line(amount=["1.00"])), "is not money"),
    "a baseline that is a JSON float": (order_of(raw_line(baseline_amount=1.5)), "is a JSON number"),
    "a baseline of three decimals": (order_of(raw_line(baseline_amount="1.999")), "baseline_amount is not money"),
    "an empty baseline": (order_of(raw_line(baseline_amount="")), "baseline_amount is not money"),
    "a baseline that is true": (order_of(raw_line(baseline_amount=True)), "baseline_amount is not money"),
    "a quantity of seven decimals": (order_of(raw_line(base_quantity="1.0000001")), "base_quantity is not a number"),
    "a quantity that is a JSON integer": (order_of(raw_line(base_quantity=30)), "is a JSON number"),
    "a missing quantity": (order_of(raw_line(base_quantity=GONE)), "base_quantity is not a number"),
    "one bad line of two": (order_of(raw_line(), raw_line(amount="x")), 'amount "x" is not money'),
    "a line that is a number": (order_of(raw_line(), 5), 'amount "" is not money'),
    "a line that is null": (order_of(raw_line(), None), 'amount "" is not money'),
    "lines that are no list": (order(lines={"1": raw_line()}), "the event has no lines"),
    "no lines": (order(lines=[]), "the event has no lines"),
    "missing lines": (order(lines=GONE), "the event has no lines"),
    "a missing excess": (order(excess=GONE), "excess is not money"),
    "an excess that is a JSON float": (order(excess=0.0), "is a JSON number"),
    "an excess that is a word": (order(excess="none"), "excess is not money"),
    "an order without an id": (order(order_id="C-1"), "order_id is not an id"),
    "a missing order id": (order(order_id=GONE), "order_id is not an id"),
    "an id that is one digit short": (order(establishment_id=str(uuid4())[:-1]), "establishment_id is not an id"),
    "an agreement that is no id": (order_of(raw_line(agreement_id="A-1")), "is not an id"),
    "a supplier that is no id": (order_of(raw_line(supplier_id=None)), "is not an id"),
    "a lot that is no id": (order_of(raw_line(lot_id="1")), "is not an id"),
    "a line without an id": (order_of(raw_line(line_id=GONE)), "line_id, category or item is missing"),
    "a line without an item": (order_of(raw_line(item=GONE)), "line_id, category or item is missing"),
    "a line without a category": (order_of(raw_line(category=GONE)), "line_id, category or item is missing"),
    "30 February": (order(business_date="2022-02-30"), '"2022-02-30" is not a day'),
    "a short date": (order(business_date="2022-2-3"), '"2022-2-3" is not a day'),
    "a French date": (order(business_date="31/03/2022"), "is not a day"),
    "an instant as a date": (order(business_date="2022-03-31T00:00:00Z"), "is not a day"),
    "days since 1970": (order(business_date=19082), '"19082" is not a day'),
    "a missing date": (order(business_date=GONE), '"" is not a day'),
    "a date before 1990": (order(business_date="1989-12-31"), "is not a day from 1990"),
    "a date after 2100": (order(business_date="2101-01-01"), "is not a day from 1990 to 2100"),
    "a currency in small letters": (order(currency="eur"), "currency is not an ISO 4217 code"),
    "a currency sign": (order(currency="€"), "currency is not an ISO 4217 code"),
    "a missing currency": (order(currency=GONE), "currency is not an ISO 4217 code"),
    "a past line without its day": (past(counted_on=GONE), "is not a day"),
    "a past line received on no day": (past(received_on="2022-02-30"), "is not a day"),
    "a past line invoiced on a number": (past(invoiced_on=20220403), "is not a day"),
    "a rejection of no order": (raw(of_order(OrderRejected), order_id="x"), "order_id is not an id"),
    "an unknown event": (("ordering.OrderFramed.v1", order()[1]), "does not know ordering.OrderFramed.v1"),
    "an unknown version": (("ordering.OrderSubmitted.v2", order()[1]), "does not know ordering.OrderSubmitted.v2"),
    "an event of another context": (("tendering.AgreementSigned.v1", order()[1]), "does not know"),
    "an event without a name": (("", order()[1]), "does not know"),
    "half a JSON document": ((SUBMITTED, invalid_json()), "the bytes are not JSON"),
    "no bytes": ((SUBMITTED, b""), "the bytes are not JSON"),
    "bytes of an image": ((SUBMITTED, b"\x89PNG\r\n\x1a\n\x00\xff\xfe"), "the bytes are not JSON"),
    "a JSON list": ((SUBMITTED, b"[]"), "the event has no event_id"),
    "a JSON list with an id in its place": ((SUBMITTED, b'[           "' + str(uuid4()).encode() + b'"]'), "is not an id"),
    "a JSON number": ((SUBMITTED, b"5"), "the event has no event_id"),
    "a JSON null": ((SUBMITTED, b"null"), "the event has no event_id"),
    "a missing event id": (order(event_id=GONE), "the event has no event_id"),
    "an event id that is none": (order(event_id="1"), "the event has no event_id"),
    "text that is not UTF-8": ((SUBMITTED, order(number="XX")[1].replace(b"XX", b"\xff\xfe")), "the bytes are not JSON"),
}  # fmt: skip
CEILING = CeilingReserved(
    event_id=uuid4(), recorded_at="2022-04-01T08:00:00Z", agreement_id=uuid4(), order_id=uuid4(), currency="EUR", amount="1.00",
    lots=(), reserved="1.00",
)  # fmt: skip
LOT = {"lot_id": str(uuid4()), "amount": "1.00"}
CASES |= {
    "a ceiling without lots": (raw(CEILING), "the event has no lines"),
    "a ceiling's amount of three decimals": (raw(CEILING, lots=[{**LOT, "amount": "1.001"}]), "is not money"),
    "a ceiling of no lot": (raw(CEILING, lots=[{"amount": "1.00"}]), "is not an id"),
    "a ceiling in no currency": (raw(CEILING, currency=GONE, lots=[LOT]), "currency is not an ISO 4217 code"),
    "a ceiling of no agreement": (raw(CEILING, agreement_id="A-1", lots=[LOT]), "is not an id"),
}


@pytest.fixture(scope="module")
def found(platform: Platform) -> tuple[dict[str, int], int]:
    """All of the cases in one step of the projector, with a readable event at the end."""
    store = platform.ordering.store
    positions = put(store, *(stored for stored, _ in CASES.values()))
    (last,) = put(store, of_order(InvoiceReceived, line("7.00")))
    platform.catch_up()
    return dict(zip(CASES, positions, strict=True)), last


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_read_is_one_row_with_its_reason_that_counts_nowhere(
    platform: Platform, found: tuple[dict[str, int], int], name: str
) -> None:
    left = rows(platform, found[0][name])
    assert [(row["kind"], row["measure"], row["amount"], row["quantity"], row["lines"]) for row in left] == [
        ("poison", "", Decimal(0), Decimal(0), 0)
    ]
    assert CASES[name][1] in left[0]["reason"]
    assert left[0]["baseline_amount"] is None
    assert left[0]["type"] == CASES[name][0][0]


def test_the_projector_goes_on_behind_them(platform: Platform, found: tuple[dict[str, int], int]) -> None:
    assert platform.projector.positions()["ordering", 0] == found[1]
    figure = platform.finance.figure(FigureQuery(figure="volume", by=("year",)))
    assert figure["total"]["amount"] == "7.00"
    assert platform.finance.figure(FigureQuery(figure="volume", measure="ordered"))["total"]["amount"] == "0.00"


def test_a_figure_says_that_it_is_not_whole(platform: Platform, found: tuple[dict[str, int], int]) -> None:
    said = platform.finance.figure(FigureQuery(figure="savings"))["incomplete"]
    assert [(one["kind"], one["context"], one["position"]) for one in said] == [
        ("poison", "ordering", pos) for pos in found[0].values()
    ]
    assert said[0]["detail"] == "ordering.OrderSubmitted.v1: " + rows(platform, said[0]["position"])[0]["reason"]


def test_they_are_problems_with_their_event_id(platform: Platform, found: tuple[dict[str, int], int]) -> None:
    problems = {problem.pos: problem for problem in platform.projector.problems()}
    assert set(problems) == set(found[0].values())
    broken = CASES["30 February"][0][1]
    assert str(problems[found[0]["30 February"]].event_id).encode() in broken


def test_they_appear_in_no_list_of_orders(platform: Platform, found: tuple[dict[str, int], int]) -> None:
    assert [row for row in platform.read.orders.page(limit=200).rows if row.number == "C-1"] == []


def test_a_reason_holds_no_more_than_a_few_words_of_the_event(platform: Platform) -> None:
    (pos,) = put(platform.ordering.store, order_of(raw_line(amount="9" * 1_000_000)))
    platform.catch_up()
    assert len(rows(platform, pos)[0]["reason"]) < 100


def test_a_key_within_a_text_is_no_key(platform: Platform) -> None:
    said = 'he wrote "amount":5 and "excess": 1'
    (pos,) = put(platform.ordering.store, order_of(raw_line(label=said)))
    platform.catch_up()
    (row,) = rows(platform, pos)
    assert (row["kind"], row["label"]) == ("fact", said)


def test_what_an_order_does_after_a_poisoned_beginning_does_not_break_the_list(platform: Platform) -> None:
    order_id = uuid4()
    put(platform.ordering.store, order(order_id=str(order_id), business_date="2022-02-30"))
    put(platform.ordering.store, of_order(InvoiceReceived, line("3.00"), order_id=order_id))
    platform.catch_up()
    assert order_id not in {row.order_id for row in platform.read.orders.page(limit=200).rows}


OTHERS: dict[str, tuple[str, Stored, str]] = {
    "a score above 100": (
        "suppliers",
        raw(example(CsrRatingDeclared), scores={"overall": 101}),
        "the overall score is not a number from 0 to 100",
    ),
    "a missing score": ("suppliers", raw(example(CsrRatingDeclared), scores={}), "overall score"),
    "a score that is text": ("suppliers", raw(example(CsrRatingVerified), scores={"overall": "60"}), "overall score"),
    "a rating published on no day": (
        "suppliers",
        raw(example(CsrRatingDeclared), published_on="2022-13-01"),
        "a date is not a day",
    ),
    "a rating of no supplier": ("suppliers", raw(example(CsrRatingDeclared), supplier_id=5), "an identifier is not an id"),
    "a newer version": (
        "suppliers",
        ("suppliers.CsrRatingDeclared.v2", raw(example(CsrRatingDeclared))[1]),
        "does not know suppliers.CsrRatingDeclared.v2",
    ),
    "an establishment that is no id": (
        "membership",
        raw(example(EstablishmentJoined), establishment_id="E-1"),
        "an identifier is not an id",
    ),
    "a maximum that is a word": (
        "tendering",
        raw(example(AgreementSigned), maximum="much"),
        "a maximum is not money in two decimals",
    ),
    "a maximum that is a JSON number": (
        "tendering",
        raw(example(AgreementSigned), maximum=1.5),
        "a maximum is not money in two decimals",
    ),
    "half a document": ("tendering", (AgreementSigned.TOPIC, b'{"event_id":'), "the bytes are not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_events_of_the_other_contexts_are_poison_too_and_no_view_reads_them(platform: Platform, name: str) -> None:
    context, stored, reason = OTHERS[name]
    store = store_of(platform, context)
    (pos,) = put(store, stored)
    for _ in platform.projector.catch_up(store):
        pass
    (row,) = rows(platform, pos, context)
    assert (row["kind"], row["line"]) == ("poison", 0)
    assert reason in row["reason"]
    assert platform.read.agreements.all() == []
    assert platform.read.suppliers.all(DAY) == []
    assert platform.read.establishments.all() == []
    assert pos in {problem.pos for problem in platform.projector.problems() if problem.app == context}


def test_where_ordering_cannot_read_an_agreement_figures_go_on(platform: Platform) -> None:
    put(store_of(platform, "tendering"), (AgreementSigned.TOPIC, b"{}"))
    (pos,) = put(platform.ordering.store, of_order(InvoiceReceived, line("9.00")))
    with pytest.raises(NotTaken):
        platform.catch_up()
    assert rows(platform, pos)[0]["amount"] == Decimal("9.00")
