"""An order: what was ordered, what arrived, what was billed, what was cancelled.

Three independent axes, never one state: commitment, receipt, billing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from events.base import Event, Refusal, Unknown
from events.ordering import (
    CreditNoteReceived,
    InvoiceReceived,
    Line,
    OrderApproved,
    OrderCancelled,
    OrderLineReceived,
    OrderLineReturned,
    OrderRejected,
    OrderSubmitted,
    OrderWithdrawn,
    PastLine,
    PastOrderCorrected,
    PastOrderRecorded,
)
from services.ordering.lines import NO_MONEY, ZERO, sum_by_lot


class WrongState(Refusal):
    """The order is not in the state that the command needs."""

    rule = "Approval, rejection and withdrawal need a waiting order; the rest needs an order that counts"
    remedy = "Read the order; its state says what may follow. A past order changes by a corrected import only."


class BeforeTheOrder(Refusal):
    """A document of the order is dated before the order."""

    rule = "What follows an order is not dated before it"
    remedy = "Correct the date."


class TooMuch(Refusal):
    """More is received, returned, cancelled or credited than there is."""

    rule = "No more arrives than was ordered, no more goes back than came"
    remedy = "Correct the quantity or amount, or order the rest."


class Commitment(StrEnum):
    """Where the order stands as a promise to buy."""

    WAITING = "waiting"
    ORDERED = "ordered"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    """What had not arrived was cancelled; what had arrived is still billed."""
    RECORDED = "recorded"
    """An order of the past, from imported history."""


class Progress(StrEnum):
    """How far receipt or billing has come."""

    NONE = "none"
    PARTIAL = "partial"
    FULL = "full"


@dataclass(frozen=True)
class OrderLine:
    """A line and what has happened to it, in ordered units and money."""

    line: Line
    received: Decimal = ZERO
    cancelled: Decimal = ZERO
    invoiced: Decimal = ZERO
    billed: Decimal = NO_MONEY

    @property
    def wanted(self) -> Decimal:
        """What was ordered and not cancelled."""
        return self.line.quantity - self.cancelled

    @property
    def open(self) -> Decimal:
        """What may still arrive."""
        return self.wanted - self.received


@dataclass(frozen=True)
class Order:
    """What decisions need to know of an order."""

    order_id: UUID
    establishment_id: UUID
    currency: str
    commitment: Commitment
    ordered_on: date
    lines: Mapping[str, OrderLine] = field(default_factory=lambda: MappingProxyType({}))
    author: str = ""
    agreement_id: UUID | None = None
    supplier_id: UUID | None = None
    source: str = ""
    number: str = ""
    invoices: Mapping[UUID, Mapping[str, tuple[Decimal, Decimal]]] = field(default_factory=lambda: MappingProxyType({}))
    """Invoice -> line -> quantity and amount that may still be credited."""

    @property
    def receipt(self) -> Progress:
        """How much of what is wanted has arrived."""
        return _progress((known.received, known.wanted) for known in self.lines.values())

    @property
    def billing(self) -> Progress:
        """How much of what is wanted was billed."""
        return _progress((known.invoiced, known.wanted) for known in self.lines.values())

    def by_lot(self) -> dict[UUID, Decimal]:
        """What was ordered, by lot."""
        return sum_by_lot(known.line for known in self.lines.values())

    def line(self, line_id: str, pointer: str) -> OrderLine:
        """A line of the order. Raises Unknown."""
        known = self.lines.get(line_id)
        if known is None:
            msg = f"order {self.number} has no line {line_id}; it has {', '.join(self.lines)}"
            raise Unknown(msg, pointer=pointer)
        return known

    def check_waits(self) -> None:
        """Raises WrongState where the order does not wait for an approval."""
        if self.commitment is not Commitment.WAITING:
            msg = f"order {self.number} is {self.commitment}; it does not wait for an approval"
            raise WrongState(msg, state=self.commitment)

    def check_counts(self) -> None:
        """Raises WrongState where no goods or invoices may follow."""
        if self.commitment not in (Commitment.ORDERED, Commitment.CANCELLED):
            msg = f"order {self.number} is {self.commitment}"
            raise WrongState(msg, state=self.commitment)

    def document(self, day: date, pointer: str) -> dict[str, Any]:
        """What every later event of the order says first. Raises BeforeTheOrder."""
        if day < self.ordered_on:
            msg = f"{day} is before {self.ordered_on}, the day of order {self.number}"
            raise BeforeTheOrder(msg, pointer=pointer, ordered_on=self.ordered_on)
        return {
            "order_id": self.order_id,
            "establishment_id": self.establishment_id,
            "business_date": day,
            "currency": self.currency,
        }


def _progress(lines: Iterable[tuple[Decimal, Decimal]]) -> Progress:
    # Line by line: too much of one makes up for no other.
    done = [(so_far > 0, so_far >= wanted) for so_far, wanted in lines if so_far or wanted]
    if done and all(is_full for _, is_full in done):
        return Progress.FULL
    return Progress.PARTIAL if any(is_begun for is_begun, _ in done) else Progress.NONE


def evolve(order: Order | None, event: Event) -> Order | None:
    """The order after one of its events; None before the first, and for a stream that is not an order's."""
    match event:
        case OrderSubmitted():
            return Order(
                event.order_id,
                event.establishment_id,
                event.currency,
                Commitment.WAITING if event.excess else Commitment.ORDERED,
                event.business_date,
                {line.line_id: OrderLine(line) for line in event.lines},
                event.actor,
                event.agreement_id,
                event.supplier_id,
                number=event.number,
            )
        case PastOrderRecorded() | PastOrderCorrected():
            lines = {line.line_id: _past(line) for line in event.lines}
            if order is not None:
                return replace(order, lines={**order.lines, **lines})
            return Order(
                event.order_id,
                event.establishment_id,
                event.currency,
                Commitment.RECORDED,
                event.business_date,
                lines,
                source=event.source,
                number=event.number,
            )
    return _followed(order, event) if order else None


def _followed(order: Order, event: Event) -> Order:
    match event:
        case OrderApproved():
            return replace(order, commitment=Commitment.ORDERED)
        case OrderRejected():
            return replace(order, commitment=Commitment.REJECTED)
        case OrderWithdrawn():
            return replace(order, commitment=Commitment.WITHDRAWN)
        case OrderCancelled():
            return _changed(replace(order, commitment=Commitment.CANCELLED), event.lines, "cancelled", 1)
        case OrderLineReceived():
            return _changed(order, event.lines, "received", 1)
        case OrderLineReturned():
            return _changed(order, event.lines, "received", -1)
        case InvoiceReceived():
            creditable = {line.line_id: (line.quantity, line.amount) for line in event.lines}
            order = replace(order, invoices={**order.invoices, event.invoice_id: creditable})
            return _billed(order, event.lines, 1)
        case CreditNoteReceived():
            left = dict(order.invoices[event.invoice_id])
            for line in event.lines:
                quantity, amount = left[line.line_id]
                left[line.line_id] = (quantity - line.quantity, amount - line.amount)
            order = replace(order, invoices={**order.invoices, event.invoice_id: left})
            return _billed(order, event.lines, -1)
    return order


def _past(line: PastLine) -> OrderLine:
    return OrderLine(
        line,
        received=line.quantity if line.received_on else ZERO,
        invoiced=line.quantity if line.invoiced_on else ZERO,
        billed=line.amount if line.invoiced_on else NO_MONEY,
    )


def _changed(order: Order, lines: Iterable[Line], what: str, sign: int) -> Order:
    changed = dict(order.lines)
    for line in lines:
        known = changed[line.line_id]
        update: Any = {what: getattr(known, what) + sign * line.quantity}
        changed[line.line_id] = replace(known, **update)
    return replace(order, lines=changed)


def _billed(order: Order, lines: Iterable[Line], sign: int) -> Order:
    changed = dict(order.lines)
    for line in lines:
        known = changed[line.line_id]
        changed[line.line_id] = replace(
            known, invoiced=known.invoiced + sign * line.quantity, billed=known.billed + sign * line.amount
        )
    return replace(order, lines=changed)
