"""An order: what was ordered, what arrived, what was billed, what was cancelled.

Three independent axes, never one state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid5

from events.base import Event, Refusal, Unknown, cents, plain
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
from services.ordering.commands import (
    ApproveOrder,
    BilledLine,
    CancelOrder,
    OrderedLine,
    ReceiveCreditNote,
    ReceiveInvoice,
    ReceiveOrderLine,
    RejectOrder,
    ReturnOrderLine,
    SubmitOrder,
    WithdrawOrder,
)
from services.ordering.terms import Adhesion, Standing, Terms, valid_on

ZERO = Decimal(0)
NO_MONEY = Decimal("0.00")
MILLIONTH = Decimal("0.000001")


class NoAdhesion(Refusal):
    """The establishment does not adhere to the agreement on the order's day."""

    rule = "An establishment orders only under an agreement to which it adheres"
    remedy = "Ask the group to grant the adhesion, or order under another agreement."


class NotInForce(Refusal):
    """The agreement is not in force on the order's day."""

    rule = "An order is placed while its agreement is in force, last day included"
    remedy = "Order on a day of the agreement, or under its successor."


class NotOnPriceList(Refusal):
    """The item, or its price, is not that of the agreement's list."""

    rule = "An order is placed at a price of the agreement's list"
    remedy = "Order an item of the list, at its price; leave the price out to take the list's."


class SupplierIsSuspended(Refusal):
    """The supplier receives no orders on the order's day."""

    rule = "A suspended supplier receives no order"
    remedy = "Order from another supplier, or wait for the reinstatement."


class SeveralSuppliers(Refusal):
    """The lines belong to lots of more than one supplier."""

    rule = "An order goes to one supplier"
    remedy = "Send one order for each supplier."


class DoubleLine(Refusal):
    """Two lines of a document have the same id."""

    rule = "A line id is unique within its document"
    remedy = "Number the lines 1, 2, 3 …"


class SelfApproval(Refusal):
    """The author of an order tried to decide on its approval."""

    rule = "The author of an order does not approve it (separation of duties)"
    remedy = "Ask another approver."


class WrongState(Refusal):
    """The order is not in the state that the command needs."""

    rule = "Approval, rejection and withdrawal need a waiting order; the rest needs an order that counts"
    remedy = "Read the order; its state says what may follow."


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
    RECORDED = "recorded"


@dataclass(frozen=True)
class OrderLine:
    """A line and what has happened to it, in ordered units and money."""

    line: Line
    received: Decimal = ZERO
    cancelled: Decimal = ZERO
    invoiced: Decimal = ZERO
    billed: Decimal = NO_MONEY

    @property
    def open(self) -> Decimal:
        """What may still arrive."""
        return self.line.quantity - self.received - self.cancelled


@dataclass(frozen=True)
class Order:
    """What decisions need to know of an order."""

    order_id: UUID
    establishment_id: UUID
    currency: str
    commitment: Commitment
    lines: Mapping[str, OrderLine] = field(default_factory=lambda: MappingProxyType({}))
    author: str = ""
    agreement_id: UUID | None = None
    supplier_id: UUID | None = None
    source: str = ""
    number: str = ""
    invoices: Mapping[UUID, Mapping[str, tuple[Decimal, Decimal]]] = field(default_factory=lambda: MappingProxyType({}))
    """Invoice -> line -> quantity and amount that may still be credited."""

    @property
    def counts(self) -> bool:
        """Whether it is, or was, ordered: goods and invoices may arrive."""
        return self.commitment in (Commitment.ORDERED, Commitment.CANCELLED, Commitment.RECORDED)

    def by_lot(self) -> dict[UUID, Decimal]:
        """The order's amount by lot."""
        return sum_by_lot(known.line for known in self.lines.values())


def sum_by_lot(lines: Iterable[Line]) -> dict[UUID, Decimal]:
    """Amounts of lines, added up by lot."""
    found: dict[UUID, Decimal] = {}
    for line in lines:
        if line.lot_id is not None:
            found[line.lot_id] = found.get(line.lot_id, NO_MONEY) + line.amount
    return found


def share(total: Decimal, quantity: Decimal, of: Decimal) -> Decimal:
    """The part of a line's total that belongs to a cumulative quantity, HALF_UP to the cent."""
    return cents(total * quantity / of) if of else NO_MONEY


def part(line: Line, before: Decimal, after: Decimal) -> Line:
    """The part of a line between two cumulative quantities: parts add up to the line, to the cent.

    The result is positive whichever of the two is larger; the event's kind says the sign.
    """
    low, high = sorted((before, after))
    baseline = line.baseline_amount
    return line.model_copy(
        update={
            "quantity": high - low,
            "base_quantity": _base(line, high) - _base(line, low),
            "amount": share(line.amount, high, line.quantity) - share(line.amount, low, line.quantity),
            "baseline_amount": None
            if baseline is None
            else share(baseline, high, line.quantity) - share(baseline, low, line.quantity),
        }
    )


def _base(line: Line, quantity: Decimal) -> Decimal:
    if not line.quantity:
        return ZERO
    return (line.base_quantity * quantity / line.quantity).quantize(MILLIONTH, rounding=ROUND_HALF_UP)


def evolve(order: Order | None, event: Event) -> Order:
    """The order after one of its events."""
    match event:
        case OrderSubmitted():
            return Order(
                event.order_id,
                event.establishment_id,
                event.currency,
                Commitment.WAITING if event.excess else Commitment.ORDERED,
                {line.line_id: OrderLine(line) for line in event.lines},
                event.actor,
                event.agreement_id,
                event.supplier_id,
                number=event.number,
            )
        case PastOrderRecorded() | PastOrderCorrected():
            known = order or Order(
                event.order_id,
                event.establishment_id,
                event.currency,
                Commitment.RECORDED,
                source=event.source,
                number=event.number,
            )
            return replace(known, lines={**known.lines, **{line.line_id: _past(line) for line in event.lines}})
    if order is None:
        msg = f"{event.TOPIC} without its order"
        raise ValueError(msg)
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


def submit(command: SubmitOrder, terms: Terms, adhesion: Adhesion | None, standing: Standing | None) -> OrderSubmitted:
    """Decides on an order, its ceiling apart: adhesion, dates, prices, supplier. The excess is 0.00 until known.

    Raises NoAdhesion, NotInForce, NotOnPriceList, SupplierIsSuspended, SeveralSuppliers, DoubleLine.
    """
    day = command.ordered_on
    if terms.is_recorded or not terms.is_in_force(day):
        msg = (
            f"agreement {terms.reference} was recorded from history and takes no orders"
            if terms.is_recorded
            else f"agreement {terms.reference} is in force {terms.valid_from} to {terms.valid_to}, not on {day}"
        )
        raise NotInForce(msg, pointer="/ordered_on", ordered_on=day)
    if adhesion is None or not adhesion.allows(day):
        msg = f"establishment {command.establishment_id} does not adhere to {terms.reference} on {day}"
        raise NoAdhesion(msg, pointer="/agreement_id", ordered_on=day)
    if len({line.line_id for line in command.lines}) < len(command.lines):
        raise DoubleLine("two lines have the same line_id", pointer="/lines")
    lines = tuple(_priced(n, asked, terms, day) for n, asked in enumerate(command.lines))
    suppliers = sorted({str(line.supplier_id) for line in lines})
    if len(suppliers) > 1:
        msg = f"the lines belong to {len(suppliers)} suppliers: {', '.join(suppliers)}"
        raise SeveralSuppliers(msg, pointer="/lines")
    if standing is not None and standing.is_suspended(day):
        msg = f"supplier {suppliers[0]} is suspended on {day}"
        raise SupplierIsSuspended(msg, pointer="/lines/0/lot_id", supplier_id=suppliers[0])
    return OrderSubmitted(
        order_id=command.order_id,
        establishment_id=command.establishment_id,
        business_date=day,
        currency=terms.currency,
        agreement_id=command.agreement_id,
        supplier_id=lines[0].supplier_id,
        number=command.number,
        excess=NO_MONEY,
        total=sum((line.amount for line in lines), NO_MONEY),
        lines=lines,
    )


def _priced(n: int, asked: OrderedLine, terms: Terms, day: date) -> Line:
    lot = terms.lots.get(asked.lot_id)
    listed = lot.items.get(asked.item) if lot else None
    if lot is None or listed is None:
        msg = f"{asked.item} is not on the price list of {terms.reference}, lot {asked.lot_id}"
        raise NotOnPriceList(msg, pointer=f"/lines/{n}/item", item=asked.item)
    price = valid_on(lot.prices[asked.item], day) or ZERO
    if asked.unit_price is not None and asked.unit_price != price:
        msg = f"{asked.item} costs {plain(price)} on {day}, not {plain(asked.unit_price)}"
        raise NotOnPriceList(msg, pointer=f"/lines/{n}/unit_price", price=plain(price))
    base_quantity = (asked.quantity * listed.base_units).quantize(MILLIONTH, rounding=ROUND_HALF_UP)
    baseline = terms.baseline(asked.lot_id, asked.item, day)
    return Line(
        line_id=asked.line_id,
        agreement_id=terms.agreement_id,
        lot_id=asked.lot_id,
        supplier_id=lot.lot.supplier_id,
        category=lot.lot.category,
        item=asked.item,
        label=listed.label,
        unit=listed.unit,
        quantity=asked.quantity,
        base_quantity=base_quantity,
        unit_price=price,
        amount=cents(price * asked.quantity),
        baseline_price=baseline,
        baseline_amount=None if baseline is None else cents(baseline * base_quantity),
    )


def _document(order: Order, day: date) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "establishment_id": order.establishment_id,
        "business_date": day,
        "currency": order.currency,
    }


def _waiting(order: Order) -> None:
    if order.commitment is not Commitment.WAITING:
        msg = f"order {order.number} is {order.commitment}; it does not wait for an approval"
        raise WrongState(msg, state=order.commitment)


def approve(order: Order, command: ApproveOrder, excess: Decimal, actor: str) -> OrderApproved:
    """Approves the excess, as computed again now. Raises WrongState, SelfApproval."""
    _waiting(order)
    _someone_else(order, actor)
    lines = tuple(known.line for known in order.lines.values())
    total = sum((line.amount for line in lines), NO_MONEY)
    return OrderApproved(**_document(order, command.approved_on), excess=excess, total=total, lines=lines)


def reject(order: Order, command: RejectOrder, actor: str) -> OrderRejected:
    """Refuses the approval. Raises WrongState, SelfApproval."""
    _waiting(order)
    _someone_else(order, actor)
    total = sum(order.by_lot().values(), NO_MONEY)
    return OrderRejected(**_document(order, command.rejected_on), total=total, reason=command.reason)


def _someone_else(order: Order, actor: str) -> None:
    if actor == order.author:
        msg = f"{actor} submitted order {order.number}"
        raise SelfApproval(msg)


def withdraw(order: Order, command: WithdrawOrder) -> OrderWithdrawn:
    """Takes back a waiting order. Raises WrongState."""
    _waiting(order)
    total = sum(order.by_lot().values(), NO_MONEY)
    return OrderWithdrawn(**_document(order, command.withdrawn_on), total=total, reason=command.reason)


def cancel(order: Order, command: CancelOrder) -> OrderCancelled:
    """Cancels what has not arrived. Raises WrongState, TooMuch where all of it has."""
    _ordered(order)
    lines = tuple(
        part(known.line, known.received + known.cancelled, known.line.quantity)
        for known in order.lines.values()
        if known.open
    )
    if not lines:
        raise TooMuch("nothing of the order is left to cancel: all of it has arrived or was cancelled")
    total = sum((line.amount for line in lines), NO_MONEY)
    return OrderCancelled(**_document(order, command.cancelled_on), reason=command.reason, total=total, lines=lines)


def _ordered(order: Order) -> None:
    if not order.counts:
        msg = f"order {order.number} is {order.commitment}"
        raise WrongState(msg, state=order.commitment)


def _line(order: Order, line_id: str, pointer: str) -> OrderLine:
    known = order.lines.get(line_id)
    if known is None:
        msg = f"order {order.number} has no line {line_id}; it has {', '.join(order.lines)}"
        raise Unknown(msg, pointer=pointer)
    return known


def receive(order: Order, command: ReceiveOrderLine) -> OrderLineReceived:
    """Takes in a part of a line. Raises WrongState, Unknown, TooMuch."""
    _ordered(order)
    known = _line(order, command.line_id, "/line_id")
    if command.quantity > known.open:
        msg = f"{plain(command.quantity)} arrived, {plain(known.open)} of line {command.line_id} were expected"
        raise TooMuch(msg, pointer="/quantity", expected=plain(known.open))
    return OrderLineReceived(
        **_document(order, command.received_on),
        delivery_note=command.delivery_note,
        lines=(part(known.line, known.received, known.received + command.quantity),),
    )


def give_back(order: Order, command: ReturnOrderLine) -> OrderLineReturned:
    """Sends a received part back. Raises WrongState, Unknown, TooMuch."""
    _ordered(order)
    known = _line(order, command.line_id, "/line_id")
    if command.quantity > known.received:
        msg = f"{plain(command.quantity)} go back, {plain(known.received)} of line {command.line_id} are here"
        raise TooMuch(msg, pointer="/quantity", received=plain(known.received))
    return OrderLineReturned(
        **_document(order, command.returned_on),
        reason=command.reason,
        lines=(part(known.line, known.received, known.received - command.quantity),),
    )


def bill_id(supplier_id: UUID, kind: str, number: str, year: int) -> UUID:
    """Identity of an invoice or credit note: supplier, number, year of issue."""
    return uuid5(supplier_id, f"{kind}:{year}:{number}")


def invoice(order: Order, command: ReceiveInvoice) -> InvoiceReceived:
    """Takes an invoice as billed, whatever price was agreed. Raises WrongState, Unknown, DoubleLine."""
    _ordered(order)
    _distinct(command.lines)
    lines = tuple(_billed_line(order, n, billed, 1) for n, billed in enumerate(command.lines))
    net = sum((line.amount for line in lines), NO_MONEY)
    supplier_id = lines[0].supplier_id
    return InvoiceReceived(
        **_document(order, command.issued_on),
        invoice_id=bill_id(supplier_id, "invoice", command.number, command.issued_on.year),
        supplier_id=supplier_id,
        number=command.number,
        received_on=command.received_on,
        net=net,
        vat=command.vat,
        gross=net + command.vat,
        lines=lines,
    )


def _distinct(lines: Iterable[BilledLine]) -> None:
    ids = [line.line_id for line in lines]
    if len(set(ids)) < len(ids):
        raise DoubleLine("two lines have the same line_id", pointer="/lines")


def _billed_line(order: Order, n: int, billed: BilledLine, sign: int) -> Line:
    known = _line(order, billed.line_id, f"/lines/{n}/line_id")
    after = known.invoiced + sign * billed.quantity
    return part(known.line, known.invoiced, after).model_copy(update={"amount": billed.amount})


def credit(order: Order, command: ReceiveCreditNote) -> CreditNoteReceived:
    """Takes a credit note on an invoice. Raises WrongState, Unknown, DoubleLine, TooMuch."""
    _ordered(order)
    _distinct(command.lines)
    creditable = order.invoices.get(command.invoice_id)
    if creditable is None:
        msg = f"order {order.number} has no invoice {command.invoice_id}"
        raise Unknown(msg, pointer="/invoice_id")
    for n, line in enumerate(command.lines):
        quantity, amount = creditable.get(line.line_id, (ZERO, NO_MONEY))
        if line.quantity > quantity or line.amount > amount:
            msg = (
                f"line {line.line_id}: {plain(line.quantity)} units and {line.amount} are credited, "
                f"of the invoice {plain(quantity)} units and {amount} are left"
            )
            raise TooMuch(msg, pointer=f"/lines/{n}", quantity=plain(quantity), amount=amount)
    lines = tuple(_billed_line(order, n, billed, -1) for n, billed in enumerate(command.lines))
    net = sum((line.amount for line in lines), NO_MONEY)
    supplier_id = lines[0].supplier_id
    return CreditNoteReceived(
        **_document(order, command.issued_on),
        credit_note_id=bill_id(supplier_id, "credit-note", command.number, command.issued_on.year),
        invoice_id=command.invoice_id,
        supplier_id=supplier_id,
        number=command.number,
        net=net,
        vat=command.vat,
        gross=net + command.vat,
        lines=lines,
    )
