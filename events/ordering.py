"""Ordering speaks: orders, what arrived, what was billed, and what is left of a ceiling.

Amounts in these events are never negative: the sign of a fact is the event's (a credit note takes away).
"""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from events.base import Event, Value
from events.values import (
    AgreementId,
    Amount,
    BusinessDate,
    Code,
    Currency,
    EstablishmentId,
    Item,
    LotId,
    Price,
    Quantity,
    Reason,
    SupplierId,
    Text,
)

OrderId = Annotated[UUID, Field(description="The purchase order.")]
InvoiceId = Annotated[UUID, Field(description="Identity of the invoice, made of supplier, number and year of issue.")]


class Line(Value):
    """One line of a document, complete: whoever reads it needs no other event.

    Where a document covers a part of an order's line, amount and baseline are
    round(line total x cumulative quantity / ordered quantity) - already booked, so that the parts add up to the line.
    """

    line_id: Code
    """Identity of the line within its order."""
    agreement_id: AgreementId
    lot_id: LotId | None = None
    """The lot of the agreement; null for imported history."""
    supplier_id: SupplierId
    category: Code
    """CPV code, or the category of the imported source."""
    item: Item
    label: Text
    """Name of the item."""
    unit: Text
    """The ordered unit, such as "box of 10"."""
    quantity: Quantity
    """In ordered units."""
    base_quantity: Quantity
    """In base units of the item: what the ledger counts."""
    unit_price: Price
    """Per ordered unit, net of VAT."""
    amount: Amount
    """Net of VAT, after line discount, before rebates."""
    baseline_price: Price | None = None
    """Reference price per base unit, net of VAT, as it was on the order's day; null where there is none."""
    baseline_amount: Amount | None = None
    """Baseline price x base quantity, HALF_UP to the cent; null where there is none."""


class PastLine(Line):
    """A line of imported history with the days on which it was received and invoiced."""

    ordered_on: BusinessDate
    """The line's own order day, as the source states it."""
    counted_on: BusinessDate
    """The day on which it counts as ordered: the earliest of its order's lines known at the time."""
    received_on: BusinessDate | None = None
    """Day of the whole receipt; null where the source has none."""
    invoiced_on: BusinessDate | None = None
    """Day of the invoice, which is for the whole line; null where the source has none."""
    invoice_number: Code | None = None
    """The supplier's number, or one that the import made of order and line."""


class LotAmount(Value):
    """A part of an amount that belongs to a lot."""

    lot_id: LotId
    amount: Amount
    """The lot's part, net of VAT."""


class _OrderEvent(Event):
    """What every event of an order says first."""

    order_id: OrderId
    establishment_id: EstablishmentId
    business_date: BusinessDate
    """The document's own day in Paris: it decides the period in which the fact counts."""
    currency: Currency


class OrderSubmitted(_OrderEvent):
    """An establishment submitted an order. It counts as ordered unless it waits for an approval."""

    TOPIC: ClassVar[str] = "ordering.OrderSubmitted.v1"
    agreement_id: AgreementId
    supplier_id: SupplierId
    number: Code
    """The establishment's own order number."""
    excess: Amount
    """Part above an internal limit, which needs an approval; 0.00 where none is needed."""
    total: Amount
    """Sum of the lines, net of VAT."""
    lines: tuple[Line, ...]


class OrderApproved(_OrderEvent):
    """Someone else approved the excess of an order over an internal limit: from here on the order counts."""

    TOPIC: ClassVar[str] = "ordering.OrderApproved.v1"
    excess: Amount
    """The excess as computed again at the approval."""
    total: Amount
    """Sum of the lines, net of VAT."""
    lines: tuple[Line, ...]


class OrderRejected(_OrderEvent):
    """The approval of an order was refused; it never counted."""

    TOPIC: ClassVar[str] = "ordering.OrderRejected.v1"
    total: Amount
    """What was asked for, net of VAT."""
    reason: Reason


class OrderWithdrawn(_OrderEvent):
    """The establishment took back an order that waited for its approval; it never counted."""

    TOPIC: ClassVar[str] = "ordering.OrderWithdrawn.v1"
    total: Amount
    """What was asked for, net of VAT."""
    reason: Reason


class OrderCancelled(_OrderEvent):
    """What was not yet received of an order is cancelled, on the cancellation's own day."""

    TOPIC: ClassVar[str] = "ordering.OrderCancelled.v1"
    reason: Reason
    total: Amount
    """Sum of what is cancelled, net of VAT."""
    lines: tuple[Line, ...]
    """What is cancelled, as positive quantities and amounts."""


class OrderLineReceived(_OrderEvent):
    """A part of an order's line arrived."""

    TOPIC: ClassVar[str] = "ordering.OrderLineReceived.v1"
    delivery_note: Code | None = None
    """The supplier's number of the delivery; null where none came."""
    lines: tuple[Line, ...]
    """One line: the received part."""


class OrderLineReturned(_OrderEvent):
    """A received part of an order's line went back to the supplier."""

    TOPIC: ClassVar[str] = "ordering.OrderLineReturned.v1"
    reason: Reason
    lines: tuple[Line, ...]
    """One line: the returned part, as positive quantity and amount."""


class _Bill(_OrderEvent):
    """What an invoice and a credit note say alike."""

    invoice_id: InvoiceId
    supplier_id: SupplierId
    number: Code
    """The supplier's own number of the document."""
    net: Amount
    """Sum of the lines, net of VAT."""
    vat: Amount
    """VAT as the document states it."""
    gross: Amount
    """Net and VAT together."""
    lines: tuple[Line, ...]
    """Amounts as the document states them, whatever price was agreed."""


class InvoiceReceived(_Bill):
    """A supplier's invoice arrived. It counts as billed, whole, disputed or not.

    Identity: supplier, number, year of issue. `business_date` is its date of issue.
    """

    TOPIC: ClassVar[str] = "ordering.InvoiceReceived.v1"
    received_on: BusinessDate
    """Day on which the establishment received it; the payment delay starts here at the earliest."""


class CreditNoteReceived(_Bill):
    """A supplier's credit note on an invoice arrived; it takes away on its own day.

    Quantities and amounts are positive: what is taken away. One on price alone has quantity 0 and baseline 0.00.
    """

    TOPIC: ClassVar[str] = "ordering.CreditNoteReceived.v1"
    credit_note_id: UUID
    """Identity of the credit note, made of supplier, number and year of issue."""


class PastOrderRecorded(_OrderEvent):
    """Lines of an order of the past were recorded from imported history, with their receipts and invoices."""

    TOPIC: ClassVar[str] = "ordering.PastOrderRecorded.v1"
    source: Code
    """Name of the imported source; identity of a line: establishment, source, order number, line id."""
    number: Code
    """The order number in the source."""
    lines: tuple[PastLine, ...]


class PastOrderCorrected(_OrderEvent):
    """Lines of imported history were wrong: the recorded facts are reversed and the right ones take their place.

    Reversal and new fact count on the days of the facts that they correct, and so restate those periods.
    """

    TOPIC: ClassVar[str] = "ordering.PastOrderCorrected.v1"
    source: Code
    """Name of the imported source."""
    number: Code
    """The order number in the source."""
    reversed_lines: tuple[PastLine, ...]
    """The lines as they were recorded before: what is reversed."""
    lines: tuple[PastLine, ...]
    """The lines as they are right, in the same order."""


class _CeilingChange(Event):
    """What an order takes from an agreement's ceiling, or gives back."""

    agreement_id: AgreementId
    order_id: OrderId
    currency: Currency
    amount: Amount
    """What is taken or given back, net of VAT."""
    lots: tuple[LotAmount, ...]
    """The same amount by lot."""
    reserved: Amount
    """All reservations of the agreement after this event, net of VAT."""


class CeilingReserved(_CeilingChange):
    """An order took its part of an agreement's ceiling."""

    TOPIC: ClassVar[str] = "ordering.CeilingReserved.v1"


class CeilingReleased(_CeilingChange):
    """A rejected, withdrawn or cancelled order gave back its part of the ceiling."""

    TOPIC: ClassVar[str] = "ordering.CeilingReleased.v1"


class CeilingApproached(Event):
    """Reservations passed 80, 90 or 100 % of a maximum for the first time."""

    TOPIC: ClassVar[str] = "ordering.CeilingApproached.v1"
    agreement_id: AgreementId
    lot_id: LotId | None = None
    """The lot whose maximum is approached; null: the agreement's."""
    currency: Currency
    percent: int
    """The threshold that was passed: 80, 90 or 100, in % of the maximum."""
    reserved: Amount
    """Reservations of the agreement or lot, net of VAT."""
    maximum: Amount
    """Maximum of the agreement or lot, net of VAT."""


EVENTS: tuple[type[Event], ...] = (
    OrderSubmitted,
    OrderApproved,
    OrderRejected,
    OrderWithdrawn,
    OrderCancelled,
    OrderLineReceived,
    OrderLineReturned,
    InvoiceReceived,
    CreditNoteReceived,
    PastOrderRecorded,
    PastOrderCorrected,
    CeilingReserved,
    CeilingReleased,
    CeilingApproached,
)
