"""Ordering speaks: orders, what arrived, what was billed, and what is left of a ceiling.

Amounts in these events are never negative: the sign of a fact is the event's (a credit note takes away).
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from events.base import Amount, BusinessDate, Code, Currency, Event, Price, Quantity, Text, Value


class Line(Value):
    """One line of a document, complete: whoever reads it needs no other event.

    Where a document covers a part of an order's line, amount and baseline are
    round(line total x cumulative quantity / ordered quantity) - already booked, so that the parts add up to the line.
    """

    line_id: Code
    """Identity of the line within its order."""
    agreement_id: UUID
    lot_id: UUID | None = None
    supplier_id: UUID
    category: Code
    """CPV code, or the category of the imported source."""
    item: Code
    label: Text
    unit: Text
    quantity: Quantity
    """In ordered units."""
    base_quantity: Quantity
    """In base units of the item: what the ledger counts."""
    unit_price: Price
    """Per ordered unit."""
    amount: Amount
    """Net of VAT, after line discount, before rebates."""
    baseline_price: Price | None = None
    """Reference price per base unit, as it was on the order's day; null where there is none."""
    baseline_amount: Amount | None = None
    """Baseline price x base quantity, HALF_UP to the cent; null where there is none."""


class PastLine(Line):
    """A line of imported history with the days on which it was received and invoiced."""

    ordered_on: BusinessDate
    """The line's own order day, as the source states it."""
    counted_on: BusinessDate
    """The day on which it counts as ordered: the earliest of its order's lines known at the time."""
    received_on: BusinessDate | None = None
    invoiced_on: BusinessDate | None = None
    invoice_number: Code | None = None


class LotAmount(Value):
    """A part of an amount that belongs to a lot."""

    lot_id: UUID
    amount: Amount


class _OrderEvent(Event):
    """What every event of an order says first."""

    order_id: UUID
    establishment_id: UUID
    business_date: BusinessDate
    """The document's own day in Paris: it decides the period in which the fact counts."""
    currency: Currency


class OrderSubmitted(_OrderEvent):
    """An establishment submitted an order. It counts as ordered unless it waits for an approval."""

    TOPIC: ClassVar[str] = "ordering.OrderSubmitted.v1"
    agreement_id: UUID
    supplier_id: UUID
    number: Code
    """The establishment's own order number."""
    excess: Amount
    """Part above an internal limit, which needs an approval; 0.00 where none is needed."""
    total: Amount
    lines: tuple[Line, ...]


class OrderApproved(_OrderEvent):
    """Someone else approved the excess of an order over an internal limit: from here on the order counts."""

    TOPIC: ClassVar[str] = "ordering.OrderApproved.v1"
    excess: Amount
    """The excess as computed again at the approval."""
    total: Amount
    lines: tuple[Line, ...]


class OrderRejected(_OrderEvent):
    """The approval of an order was refused; it never counted."""

    TOPIC: ClassVar[str] = "ordering.OrderRejected.v1"
    total: Amount
    reason: Text


class OrderWithdrawn(_OrderEvent):
    """The author took back an order that waited for its approval; it never counted."""

    TOPIC: ClassVar[str] = "ordering.OrderWithdrawn.v1"
    total: Amount
    reason: Text


class OrderCancelled(_OrderEvent):
    """What was not yet received of an order is cancelled, on the cancellation's own day."""

    TOPIC: ClassVar[str] = "ordering.OrderCancelled.v1"
    reason: Text
    total: Amount
    lines: tuple[Line, ...]
    """What is cancelled, as positive quantities and amounts."""


class OrderLineReceived(_OrderEvent):
    """A part of an order's line arrived."""

    TOPIC: ClassVar[str] = "ordering.OrderLineReceived.v1"
    delivery_note: Code | None = None
    lines: tuple[Line, ...]
    """One line: the received part."""


class OrderLineReturned(_OrderEvent):
    """A received part of an order's line went back to the supplier."""

    TOPIC: ClassVar[str] = "ordering.OrderLineReturned.v1"
    reason: Text
    lines: tuple[Line, ...]
    """One line: the returned part, as positive quantity and amount."""


class InvoiceReceived(_OrderEvent):
    """A supplier's invoice arrived. It counts as billed, whole, disputed or not.

    Identity: supplier, number, year of issue. `business_date` is its date of issue.
    """

    TOPIC: ClassVar[str] = "ordering.InvoiceReceived.v1"
    invoice_id: UUID
    supplier_id: UUID
    number: Code
    received_on: BusinessDate
    net: Amount
    vat: Amount
    gross: Amount
    lines: tuple[Line, ...]
    """Amounts as billed, whatever price was agreed."""


class CreditNoteReceived(_OrderEvent):
    """A supplier's credit note on an invoice arrived; it takes away on its own day.

    A credit note on price alone has quantity 0 and baseline 0.00.
    """

    TOPIC: ClassVar[str] = "ordering.CreditNoteReceived.v1"
    credit_note_id: UUID
    invoice_id: UUID
    supplier_id: UUID
    number: Code
    net: Amount
    vat: Amount
    gross: Amount
    lines: tuple[Line, ...]
    """Positive quantities and amounts: what is taken away."""


class PastOrderRecorded(_OrderEvent):
    """Lines of an order of the past were recorded from imported history, with their receipts and invoices."""

    TOPIC: ClassVar[str] = "ordering.PastOrderRecorded.v1"
    source: Code
    """Name of the imported source; identity of a line: establishment, source, order number, line id."""
    number: Code
    lines: tuple[PastLine, ...]


class PastOrderCorrected(_OrderEvent):
    """Lines of imported history were wrong: the recorded facts are reversed and the right ones take their place.

    Reversal and new fact count on the days of the facts that they correct, and so restate those periods.
    """

    TOPIC: ClassVar[str] = "ordering.PastOrderCorrected.v1"
    source: Code
    number: Code
    reversed_lines: tuple[PastLine, ...]
    lines: tuple[PastLine, ...]


class CeilingReserved(Event):
    """An order took its part of an agreement's ceiling."""

    TOPIC: ClassVar[str] = "ordering.CeilingReserved.v1"
    agreement_id: UUID
    order_id: UUID
    amount: Amount
    lots: tuple[LotAmount, ...]
    reserved: Amount
    """All reservations of the agreement after this one."""


class CeilingReleased(Event):
    """A rejected, withdrawn or cancelled order gave back its part of the ceiling."""

    TOPIC: ClassVar[str] = "ordering.CeilingReleased.v1"
    agreement_id: UUID
    order_id: UUID
    amount: Amount
    lots: tuple[LotAmount, ...]
    reserved: Amount
    """All reservations of the agreement after this one."""


class CeilingApproached(Event):
    """Reservations passed 80, 90 or 100 % of a maximum for the first time."""

    TOPIC: ClassVar[str] = "ordering.CeilingApproached.v1"
    agreement_id: UUID
    lot_id: UUID | None = None
    percent: int
    reserved: Amount
    maximum: Amount


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
