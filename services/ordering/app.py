"""Ordering, put together: commands in, events out. `build` is the only place where its parts meet."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from eventsourcing.persistence import IntegrityError, Tracking

from events.base import AlreadyExists, Event, Refusal, Unknown
from events.ordering import EVENTS, CreditNoteReceived, InvoiceReceived, OrderSubmitted, PastLine
from infra.event_store import Accepted, Clock, EventStore, Request, Transaction, open_store, utc_now
from infra.log import Entry
from infra.mapper import Language
from infra.settings import Settings
from services.ordering import ceiling, order, past_order
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
from services.ordering.order import Order
from services.ordering.reactions import NOTED, adhesion_stream, react, standing_stream, terms_stream
from services.ordering.terms import Terms, evolve_adhesion, evolve_standing, evolve_terms


class BillKnown(Event):
    """Internal: an invoice or credit note with this identity was taken in."""

    TOPIC: ClassVar[str] = "_ordering.BillKnown.v1"
    order_id: UUID


class InvoiceIsKnown(Refusal):
    """An invoice or credit note with this identity was taken in before."""

    rule = "An invoice is taken in once: its identity is supplier, number and year of issue"
    remedy = "Nothing to do if it is the same document; else ask the supplier for a new number."


class BrokenChain(Exception):
    """A message is missing between two that arrived."""


def build(settings: Settings, clock: Clock = utc_now) -> Ordering:
    """The ordering service on the store that the settings name."""
    classes: list[type[Event]] = [*EVENTS, *NOTED, BillKnown]
    store = open_store("ordering", classes, settings.store_environment("ordering"), clock, settings.lanes)
    return Ordering(store)


class Ordering:
    """Commands on orders, and what ordering notes of the other contexts."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self._foreign = Language(NOTED)

    def handle(self, request: Request[OrderingCommand]) -> Accepted:
        """Runs a command, once. Raises Refusal."""
        return self.store.execute(request, self._decide)

    def handle_many(self, requests: Sequence[Request[OrderingCommand]]) -> list[Accepted]:
        """Runs commands in one transaction: all or none. Raises Refusal."""
        return self.store.execute_many(requests, self._decide)

    def order(self, order_id: UUID, scope: UUID | None = None) -> tuple[Order, int]:
        """An order and its version, for whoever may see it. Raises Unknown."""
        found, version = self.store.state(order_id, order.evolve)
        if found is None or scope not in (None, found.establishment_id):
            msg = f"order {order_id} is not known"
            raise Unknown(msg)
        return found, version

    def _decide(self, tx: Transaction, request: Request[OrderingCommand]) -> UUID:
        command = request.command
        match command:
            case SubmitOrder():
                self._submit(tx, request, command)
            case RecordPastOrder():
                self._record_past(tx, command)
            case ApproveOrder():
                self._approve(tx, request, command)
            case RejectOrder():
                known = self._order(tx, request, command.order_id)
                self._append(tx, known, order.reject(known, command, request.actor))
                self._release(tx, known, known.by_lot())
            case WithdrawOrder():
                known = self._order(tx, request, command.order_id)
                self._append(tx, known, order.withdraw(known, command))
                self._release(tx, known, known.by_lot())
            case CancelOrder():
                known = self._order(tx, request, command.order_id)
                cancelled = order.cancel(known, command)
                self._append(tx, known, cancelled)
                self._release(tx, known, order.sum_by_lot(cancelled.lines))
            case ReceiveOrderLine():
                known = self._order(tx, request, command.order_id)
                self._append(tx, known, order.receive(known, command))
            case ReturnOrderLine():
                known = self._order(tx, request, command.order_id)
                self._append(tx, known, order.give_back(known, command))
            case ReceiveInvoice():
                known = self._order(tx, request, command.order_id)
                self._take_bill(tx, known, order.invoice(known, command))
            case ReceiveCreditNote():
                known = self._order(tx, request, command.order_id)
                self._take_bill(tx, known, order.credit(known, command))
        return command.order_id

    def _order(self, tx: Transaction, request: Request[OrderingCommand], order_id: UUID) -> Order:
        known = tx.read(order_id, order.evolve)
        if known is None or request.scope not in (None, known.establishment_id):
            msg = f"order {order_id} is not known"
            raise Unknown(msg)
        tx.expect(order_id)
        return known

    def _append(self, tx: Transaction, known: Order, event: Event) -> None:
        tx.append(known.order_id, [event], order.evolve)

    def _submit(self, tx: Transaction, request: Request[OrderingCommand], command: SubmitOrder) -> None:
        if request.scope not in (None, command.establishment_id):
            msg = f"establishment {command.establishment_id} is not known"
            raise Unknown(msg, pointer="/establishment_id")
        if tx.read(command.order_id, order.evolve) is not None:
            msg = f"order {command.order_id} exists"
            raise AlreadyExists(msg, pointer="/order_id")
        terms = self._terms(tx, command.agreement_id)
        adhesion = tx.read(adhesion_stream(command.establishment_id, command.agreement_id), evolve_adhesion)
        lot = terms.lots.get(command.lines[0].lot_id)
        standing = tx.read(standing_stream(lot.lot.supplier_id), evolve_standing) if lot else None
        submitted = order.submit(command, terms, adhesion, standing)
        stream, by_lot = ceiling.ceiling_stream(terms.agreement_id), order.sum_by_lot(submitted.lines)
        state = tx.read(stream, ceiling.evolve) or ceiling.Ceiling()
        reserved = ceiling.reserve(state, terms, command.order_id, by_lot)
        excess = ceiling.excess(state, terms, by_lot)
        submitted = OrderSubmitted(**{**dict(submitted), "excess": excess})
        tx.append(command.order_id, [submitted], order.evolve)
        tx.append(stream, reserved, ceiling.evolve)

    def _approve(self, tx: Transaction, request: Request[OrderingCommand], command: ApproveOrder) -> None:
        known = self._order(tx, request, command.order_id)
        by_lot, agreement_id = known.by_lot(), known.agreement_id
        terms = self._terms(tx, agreement_id) if agreement_id else Terms(command.order_id)
        state = tx.read(ceiling.ceiling_stream(terms.agreement_id), ceiling.evolve) or ceiling.Ceiling()
        excess = ceiling.excess(ceiling.without(state, by_lot), terms, by_lot)
        self._append(tx, known, order.approve(known, command, excess, request.actor))

    def _terms(self, tx: Transaction, agreement_id: UUID) -> Terms:
        terms = tx.read(terms_stream(agreement_id), evolve_terms)
        if terms is None or not (terms.is_signed or terms.is_recorded):
            msg = f"agreement {agreement_id} is not known"
            raise Unknown(msg, pointer="/agreement_id")
        return terms

    def _release(self, tx: Transaction, known: Order, by_lot: dict[UUID, Decimal]) -> None:
        if known.agreement_id is None:
            return
        stream = ceiling.ceiling_stream(known.agreement_id)
        state = tx.read(stream, ceiling.evolve) or ceiling.Ceiling()
        tx.append(stream, ceiling.release(state, known.agreement_id, known.order_id, by_lot), ceiling.evolve)

    def _take_bill(self, tx: Transaction, known: Order, bill: InvoiceReceived | CreditNoteReceived) -> None:
        identity = bill.credit_note_id if isinstance(bill, CreditNoteReceived) else bill.invoice_id
        if tx.find_single(identity) is not None:
            msg = f"{bill.number} of supplier {bill.supplier_id} in {bill.business_date.year} was taken in before"
            raise InvoiceIsKnown(msg, pointer="/number", number=bill.number)
        self._append(tx, known, bill)
        tx.single(identity, BillKnown(order_id=known.order_id))

    def _record_past(self, tx: Transaction, command: RecordPastOrder) -> None:
        known = tx.read(command.order_id, order.evolve)
        found = past_order.record(known, command, lambda key: tx.read(terms_stream(key), evolve_terms))
        tx.append(command.order_id, found, order.evolve)
        for event in found:
            for line in event.lines:  # type: ignore[attr-defined]
                self._know_past_bill(tx, command.order_id, line)

    def _know_past_bill(self, tx: Transaction, order_id: UUID, line: PastLine) -> None:
        if line.invoice_number is None or line.invoiced_on is None:
            return
        identity = order.bill_id(line.supplier_id, "invoice", line.invoice_number, line.invoiced_on.year)
        if tx.find_single(identity) is None:
            tx.single(identity, BillKnown(order_id=order_id))

    def noted_pos(self, context: str, lane: int) -> int:
        """How far the reactions to a lane of another context have come."""
        return self.store.recorder.max_tracking_id(f"{context}:{lane}") or 0

    def react(self, context: str, entries: Sequence[Entry]) -> None:
        """Notes another context's events, effects and position in one transaction; a repeated one changes nothing.

        Raises BrokenChain where an event is missing before one of these.
        """
        for lane in sorted({entry.lane for entry in entries}):
            self._react_lane(context, lane, [entry for entry in entries if entry.lane == lane])

    def _react_lane(self, context: str, lane: int, entries: Sequence[Entry]) -> None:
        done = self.noted_pos(context, lane)
        new = [entry for entry in entries if entry.pos > done]
        if not new:
            return
        if new[0].prev != done:
            msg = f"{context}, lane {lane}: position {new[0].pos} follows {new[0].prev}, ordering stands at {done}"
            raise BrokenChain(msg)
        tx = Transaction(self.store)
        names = {cls.TOPIC.rpartition(".v")[0] for cls in NOTED}
        for entry in new:
            if entry.type.rpartition(".v")[0] not in names:
                continue
            event = self._foreign.load(entry.type, entry.raw)
            if (place := react(event)) is not None:
                stream, evolve = place
                tx.read(stream, evolve)
                tx.append(stream, [event], evolve)
        try:
            self.store.commit(tx, Tracking(f"{context}:{lane}", new[-1].pos))
        except IntegrityError:
            # Another process noted them first, or our commit's answer was lost: only the stored position tells.
            if self.noted_pos(context, lane) < new[-1].pos:
                self._react_lane(context, lane, entries)
