"""The ledger once more, in Python: which signed facts an event states. What SQL computes is held against this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from events.base import Event
from events.ordering import (
    CreditNoteReceived,
    InvoiceReceived,
    Line,
    OrderApproved,
    OrderCancelled,
    OrderLineReceived,
    OrderLineReturned,
    OrderSubmitted,
    PastLine,
    PastOrderCorrected,
    PastOrderRecorded,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A signed fact. Money to the cent, quantity in base units."""

    measure: str
    currency: str
    establishment_id: UUID
    agreement_id: UUID
    supplier_id: UUID
    business_date: date
    quantity: Decimal
    amount: Decimal
    baseline_amount: Decimal | None
    lines: int


Document = (
    OrderSubmitted
    | OrderApproved
    | OrderCancelled
    | OrderLineReceived
    | OrderLineReturned
    | InvoiceReceived
    | CreditNoteReceived
)


def facts(event: Event) -> Iterator[Fact]:
    """The facts that an event adds to the ledger; none for an order that waits, was rejected or withdrawn."""
    match event:
        case OrderSubmitted() if event.excess:
            return
        case OrderSubmitted() | OrderApproved():
            yield from _document(event, "ordered", 1)
        case OrderCancelled():
            yield from _document(event, "ordered", -1)
        case OrderLineReceived():
            yield from _document(event, "received", 1)
        case OrderLineReturned():
            yield from _document(event, "received", -1)
        case InvoiceReceived():
            yield from _document(event, "invoiced", 1)
        case CreditNoteReceived():
            yield from _document(event, "invoiced", -1)
        case PastOrderRecorded():
            yield from _past(event, event.lines, 1)
        case PastOrderCorrected():
            yield from _past(event, event.reversed_lines, -1)
            yield from _past(event, event.lines, 1)


def _document(event: Document, measure: str, sign: int) -> Iterator[Fact]:
    for line in event.lines:
        yield _fact(event, line, measure, event.business_date, sign, 1)


def _past(event: PastOrderRecorded | PastOrderCorrected, lines: Iterable[PastLine], sign: int) -> Iterator[Fact]:
    for line in lines:
        days = (("ordered", line.counted_on), ("received", line.received_on), ("invoiced", line.invoiced_on))
        for measure, day in days:
            if day is not None:
                yield _fact(event, line, measure, day, sign, sign)


def _fact(
    event: Document | PastOrderRecorded | PastOrderCorrected, line: Line, measure: str, day: date, sign: int, lines: int
) -> Fact:
    return Fact(
        measure,
        event.currency,
        event.establishment_id,
        line.agreement_id,
        line.supplier_id,
        day,
        sign * line.base_quantity,
        sign * line.amount,
        None if line.baseline_amount is None else sign * line.baseline_amount,
        lines,
    )
