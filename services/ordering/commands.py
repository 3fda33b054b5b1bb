"""What may be asked of ordering."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from events.base import Command
from events.values import Amount, Code, Currency, DocumentDate, GivenId, PositiveQuantity, Price, Quantity, Text


class OrderedLine(Command):
    """A line as the establishment orders it."""

    line_id: Code
    """Identity of the line within the order."""
    lot_id: UUID
    item: Code
    quantity: PositiveQuantity
    """In ordered units of the price list."""
    unit_price: Price | None = None
    """Where given, it must be the price of the list on the order's day."""


class SubmitOrder(Command):
    """An establishment orders under an agreement."""

    order_id: GivenId
    establishment_id: UUID
    agreement_id: UUID
    number: Code
    """The establishment's own order number."""
    ordered_on: DocumentDate
    """The order's day; an instant is taken as its day in Paris."""
    lines: tuple[OrderedLine, ...] = Field(min_length=1, max_length=5000)


class ApproveOrder(Command):
    """Someone else than the author approves what passes an internal limit."""

    order_id: UUID
    approved_on: DocumentDate


class RejectOrder(Command):
    """Someone else than the author refuses the approval."""

    order_id: UUID
    rejected_on: DocumentDate
    reason: Text


class WithdrawOrder(Command):
    """The establishment takes back an order that waits for its approval."""

    order_id: UUID
    withdrawn_on: DocumentDate
    reason: Text


class CancelOrder(Command):
    """What was not yet received of an order is cancelled."""

    order_id: UUID
    cancelled_on: DocumentDate
    reason: Text


class ReceiveOrderLine(Command):
    """A part of a line arrived."""

    order_id: UUID
    line_id: Code
    quantity: PositiveQuantity
    """In ordered units."""
    received_on: DocumentDate
    delivery_note: Code | None = None


class ReturnOrderLine(Command):
    """A received part of a line went back to the supplier."""

    order_id: UUID
    line_id: Code
    quantity: PositiveQuantity
    returned_on: DocumentDate
    reason: Text


class BilledLine(Command):
    """A line as a supplier bills or credits it."""

    line_id: Code
    quantity: Quantity
    """In ordered units; 0 on a credit note on price alone."""
    amount: Amount
    """Net of VAT, as billed."""


class ReceiveInvoice(Command):
    """A supplier's invoice for an order arrived."""

    order_id: UUID
    number: Code
    issued_on: DocumentDate
    received_on: DocumentDate
    vat: Amount
    lines: tuple[BilledLine, ...] = Field(min_length=1, max_length=5000)


class ReceiveCreditNote(Command):
    """A supplier's credit note on an invoice of an order arrived."""

    order_id: UUID
    invoice_id: UUID
    number: Code
    issued_on: DocumentDate
    vat: Amount
    lines: tuple[BilledLine, ...] = Field(min_length=1, max_length=5000)


class PastOrderLine(Command):
    """A line of imported history."""

    line_id: Code
    agreement_id: UUID
    supplier_id: UUID
    category: Code
    item: Code
    label: Text
    unit: Text
    quantity: Quantity
    unit_price: Price
    amount: Amount
    """As the source states it, not price x quantity."""
    baseline_id: UUID | None = None
    """The item's recorded reference price; null where it has none. A zero price or amount never has one."""
    ordered_on: DocumentDate
    received_on: DocumentDate | None = None
    invoiced_on: DocumentDate | None = None
    invoice_number: Code | None = None


class RecordPastOrder(Command):
    """Lines of an order of the past are recorded from a source, as they were."""

    order_id: UUID
    """`past_order_id` of establishment, source and number."""
    establishment_id: UUID
    source: Code
    number: Code
    currency: Currency
    lines: tuple[PastOrderLine, ...] = Field(min_length=1, max_length=5000)
    is_correction: bool = False
    """Whether lines that were recorded with other content are to be corrected; else they are refused."""


OrderingCommand = (
    SubmitOrder
    | ApproveOrder
    | RejectOrder
    | WithdrawOrder
    | CancelOrder
    | ReceiveOrderLine
    | ReturnOrderLine
    | ReceiveInvoice
    | ReceiveCreditNote
    | RecordPastOrder
)
