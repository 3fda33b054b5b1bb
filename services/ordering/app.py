"""Ordering, put together: commands in, events out. `build` is the only place where its parts meet."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import ClassVar
from uuid import UUID

from events.base import AlreadyExists, Event, Unknown
from events.ordering import EVENTS, CreditNoteReceived, InvoiceReceived, PastLine
from infra.dead_letters import MessageParked, MessageSettled
from infra.event_store import Accepted, Clock, EventStore, Request, Transaction, open_store, utc_now
from infra.log import Entry
from infra.settings import Settings
from services.ordering import approval, billing, ceiling, delivery, order, past_order, submission
from services.ordering.commands import (
    ApproveOrder,
    CancelOrder,
    OrderingCommand,
    ReceiveCreditNote,
    ReceiveInvoice,
    ReceiveOrderLine,
    RecordPastOrder,
    RejectOrder,
    ReturnOrderLine,
    SubmitOrder,
    WithdrawOrder,
)
from services.ordering.inbox import Inbox, check_known
from services.ordering.lines import sum_by_lot
from services.ordering.order import Order
from services.ordering.reactions import NOTED, adhesion_stream, standing_stream, terms_stream
from services.ordering.terms import Terms, evolve_adhesion, evolve_standing, evolve_terms

OrderCommand = (
    ApproveOrder
    | RejectOrder
    | WithdrawOrder
    | CancelOrder
    | ReceiveOrderLine
    | ReturnOrderLine
    | ReceiveInvoice
    | ReceiveCreditNote
)
"""What may be asked of an order that exists."""


class BillKnown(Event):
    """Internal: an invoice or credit note with this identity was taken in."""

    TOPIC: ClassVar[str] = "_ordering.BillKnown.v1"
    order_id: UUID


def build(settings: Settings, clock: Clock = utc_now) -> Ordering:
    """The ordering service on the store that the settings name."""
    classes: list[type[Event]] = [*EVENTS, *NOTED, BillKnown, MessageParked, MessageSettled]
    return Ordering(open_store("ordering", classes, settings.store_environment("ordering"), clock, settings.lanes))


class Ordering:
    """Commands on orders, and what ordering notes of the other contexts."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.inbox = Inbox(store)
        """What other contexts publish, taken in."""

    def handle(self, request: Request[OrderingCommand]) -> Accepted:
        """Runs a command, once. Raises Refusal."""
        return self.store.execute(request, self._decide)

    def handle_many(self, requests: Sequence[Request[OrderingCommand]]) -> list[Accepted]:
        """Runs commands in one transaction: all or none. Raises Refusal."""
        return self.store.execute_many(requests, self._decide)

    def react(self, context: str, entries: Sequence[Entry]) -> None:
        """Notes another context's events, each once, whatever is delivered again.

        Raises BrokenChain, NotTaken.
        """
        self.inbox.take(context, entries)

    def noted_pos(self, context: str, lane: int) -> int:
        """How far the reactions to a lane of another context have come."""
        return self.inbox.pos(context, lane)

    def order(self, order_id: UUID, scope: UUID | None = None) -> tuple[Order, int]:
        """An order and its version, for whoever may see it. Raises Unknown."""
        found, version = self.store.state(order_id, order.evolve)
        return _visible(found, order_id, scope), version

    def _decide(self, tx: Transaction, request: Request[OrderingCommand]) -> UUID:
        match request.command:
            case SubmitOrder() as command:
                self._submit(tx, command, request.scope)
            case RecordPastOrder() as command:
                self._record_past(tx, command, request.scope)
            case _ as command:
                self._change(tx, command, request)
        return request.command.order_id

    def _submit(self, tx: Transaction, command: SubmitOrder, scope: UUID | None) -> None:
        if scope not in (None, command.establishment_id):
            msg = f"establishment {command.establishment_id} is not known"
            raise Unknown(msg, pointer="/establishment_id")
        if tx.read(command.order_id, order.evolve, presume_new=True) is not None:
            msg = f"order {command.order_id} exists"
            raise AlreadyExists(msg, pointer="/order_id")
        tx.expect(command.order_id)
        terms = self._terms(tx, command.agreement_id)
        check_known(tx, "membership", command.establishment_id)
        adhesion = tx.read(adhesion_stream(command.establishment_id, command.agreement_id), evolve_adhesion)
        lot = terms.lots.get(command.lines[0].lot_id)
        if lot:
            check_known(tx, "suppliers", lot.lot.supplier_id)
        standing = tx.read(standing_stream(lot.lot.supplier_id), evolve_standing) if lot else None
        submitted = submission.submit(command, terms, adhesion, standing)
        stream, by_lot = ceiling.ceiling_stream(command.agreement_id), sum_by_lot(submitted.lines)
        state = tx.read(stream, ceiling.evolve) or ceiling.Ceiling()
        reserved = ceiling.reserve(state, terms, command.order_id, by_lot)
        excess = ceiling.excess(state, terms, by_lot)
        tx.append(command.order_id, [submitted.model_copy(update={"excess": excess})], order.evolve)
        tx.append(stream, reserved, ceiling.evolve)

    def _change(self, tx: Transaction, command: OrderCommand, request: Request[OrderingCommand]) -> None:
        known = _visible(tx.read(command.order_id, order.evolve), command.order_id, request.scope)
        tx.expect(command.order_id)
        match command:
            case ApproveOrder():
                self._append(tx, known, approval.approve(known, command, self._excess(tx, known), request.actor))
            case RejectOrder():
                self._append(tx, known, approval.reject(known, command, request.actor))
                self._release(tx, known, known.by_lot())
            case WithdrawOrder():
                self._append(tx, known, approval.withdraw(known, command))
                self._release(tx, known, known.by_lot())
            case CancelOrder():
                cancelled = delivery.cancel(known, command)
                self._append(tx, known, cancelled)
                self._release(tx, known, sum_by_lot(cancelled.lines))
            case ReceiveOrderLine():
                self._append(tx, known, delivery.receive(known, command))
            case ReturnOrderLine():
                self._append(tx, known, delivery.give_back(known, command))
            case ReceiveInvoice():
                self._take_bill(tx, known, billing.invoice(known, command))
            case ReceiveCreditNote():
                self._take_bill(tx, known, billing.credit(known, command))

    def _append(self, tx: Transaction, known: Order, event: Event) -> None:
        tx.append(known.order_id, [event], order.evolve)

    def _terms(self, tx: Transaction, agreement_id: UUID) -> Terms:
        terms = _noted_terms(tx, agreement_id)
        if terms is None or not (terms.is_signed or terms.is_recorded):
            msg = f"agreement {agreement_id} is not known"
            raise Unknown(msg, pointer="/agreement_id")
        return terms

    def _excess(self, tx: Transaction, known: Order) -> Decimal:
        """The excess of a waiting order over the internal limits, as they are now."""
        if known.agreement_id is None:
            return ceiling.ZERO
        by_lot, terms = known.by_lot(), self._terms(tx, known.agreement_id)
        state = tx.read(ceiling.ceiling_stream(known.agreement_id), ceiling.evolve) or ceiling.Ceiling()
        return ceiling.excess(ceiling.without(state, by_lot), terms, by_lot)

    def _release(self, tx: Transaction, known: Order, by_lot: dict[UUID, Decimal]) -> None:
        if known.agreement_id is None:
            return
        stream = ceiling.ceiling_stream(known.agreement_id)
        state = tx.read(stream, ceiling.evolve) or ceiling.Ceiling()
        released = ceiling.release(state, known.agreement_id, known.order_id, known.currency, by_lot)
        tx.append(stream, released, ceiling.evolve)

    def _take_bill(self, tx: Transaction, known: Order, bill: InvoiceReceived | CreditNoteReceived) -> None:
        identity = bill.credit_note_id if isinstance(bill, CreditNoteReceived) else bill.invoice_id
        if tx.find_single(identity) is not None:
            msg = f"{bill.number} of supplier {bill.supplier_id} in {bill.business_date.year} was taken in before"
            raise billing.InvoiceIsKnown(msg, pointer="/number", number=bill.number)
        self._append(tx, known, bill)
        tx.single(identity, BillKnown(order_id=known.order_id))

    def _record_past(self, tx: Transaction, command: RecordPastOrder, scope: UUID | None) -> None:
        if scope is not None:
            msg = f"{scope} may not record the past of establishment {command.establishment_id}"
            raise past_order.OnlyTheGroup(msg)
        known = tx.read(command.order_id, order.evolve, presume_new=True)
        tx.expect(command.order_id)
        found = past_order.record(known, command, partial(_noted_terms, tx))
        tx.append(command.order_id, found, order.evolve)
        for event in found:
            for line in event.lines:
                self._know_past_bill(tx, command.order_id, line)

    def _know_past_bill(self, tx: Transaction, order_id: UUID, line: PastLine) -> None:
        if line.invoice_number is None or line.invoiced_on is None:
            return
        identity = billing.bill_id(line.supplier_id, "invoice", line.invoice_number, line.invoiced_on.year)
        if tx.find_single(identity) is None:
            tx.single(identity, BillKnown(order_id=order_id))


def _visible(found: Order | None, order_id: UUID, scope: UUID | None) -> Order:
    if found is None or scope not in (None, found.establishment_id):
        msg = f"order {order_id} is not known"
        raise Unknown(msg, pointer="/order_id")
    return found


def _noted_terms(tx: Transaction, agreement_id: UUID) -> Terms | None:
    check_known(tx, "tendering", agreement_id)
    return tx.read(terms_stream(agreement_id), evolve_terms)
