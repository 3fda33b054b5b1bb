"""What is billed of an order, and credited: as the supplier bills it, whatever price was agreed."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from events.base import Refusal, Unknown
from events.ordering import CreditNoteReceived, InvoiceReceived, Line
from events.values import derived_id, plain
from services.ordering.commands import BilledLine, ReceiveCreditNote, ReceiveInvoice
from services.ordering.lines import check_distinct, part, total, within
from services.ordering.order import Order, TooMuch


class InvoiceIsKnown(Refusal):
    """An invoice or credit note with this identity was taken in before."""

    rule = "An invoice is taken in once: its identity is supplier, number and year of issue"
    remedy = "Nothing to do if it is the same document; else ask the supplier for a new number."


def bill_id(supplier_id: UUID, kind: str, number: str, year: int) -> UUID:
    """Identity of an invoice or credit note: supplier, number, year of issue."""
    return derived_id(supplier_id, f"{kind}:{year}:{number}")


def invoice(order: Order, command: ReceiveInvoice) -> InvoiceReceived:
    """Takes an invoice as billed. Raises WrongState, Unknown, DoubleLine, TooLarge, BeforeTheOrder."""
    order.check_counts()
    check_distinct(line.line_id for line in command.lines)
    lines = tuple(_billed(order, n, billed, 1) for n, billed in enumerate(command.lines))
    supplier_id, net = lines[0].supplier_id, total(lines, "the invoice's net")
    return InvoiceReceived(
        **order.document(command.issued_on, "/issued_on"),
        invoice_id=bill_id(supplier_id, "invoice", command.number, command.issued_on.year),
        supplier_id=supplier_id,
        number=command.number,
        received_on=command.received_on,
        net=net,
        vat=command.vat,
        gross=_gross(net, command.vat),
        lines=lines,
    )


def credit(order: Order, command: ReceiveCreditNote) -> CreditNoteReceived:
    """Takes a credit note on an invoice. Raises WrongState, Unknown, DoubleLine, TooMuch, TooLarge, BeforeTheOrder."""
    order.check_counts()
    check_distinct(line.line_id for line in command.lines)
    creditable = order.invoices.get(command.invoice_id)
    if creditable is None:
        msg = f"order {order.number} has no invoice {command.invoice_id}"
        raise Unknown(msg, pointer="/invoice_id")
    for n, line in enumerate(command.lines):
        if line.line_id not in creditable:
            msg = f"the invoice has no line {line.line_id}; it has {', '.join(creditable)}"
            raise Unknown(msg, pointer=f"/lines/{n}/line_id")
        quantity, amount = creditable[line.line_id]
        if line.quantity > quantity or line.amount > amount:
            msg = (
                f"line {line.line_id}: {plain(line.quantity)} units and {line.amount:.2f} are credited, "
                f"of the invoice {plain(quantity)} units and {amount:.2f} are left"
            )
            raise TooMuch(msg, pointer=f"/lines/{n}", quantity=plain(quantity), amount=amount)
    lines = tuple(_billed(order, n, billed, -1) for n, billed in enumerate(command.lines))
    supplier_id, net = lines[0].supplier_id, total(lines, "the credit note's net")
    return CreditNoteReceived(
        **order.document(command.issued_on, "/issued_on"),
        credit_note_id=bill_id(supplier_id, "credit-note", command.number, command.issued_on.year),
        invoice_id=command.invoice_id,
        supplier_id=supplier_id,
        number=command.number,
        net=net,
        vat=command.vat,
        gross=_gross(net, command.vat),
        lines=lines,
    )


def _billed(order: Order, n: int, billed: BilledLine, sign: int) -> Line:
    """The billed part of a line: its baseline goes by quantity, its amount is as billed."""
    known, place = order.line(billed.line_id, f"/lines/{n}/line_id"), f"/lines/{n}"
    within(known.billed + sign * billed.amount, f"what is billed of line {billed.line_id}", f"{place}/amount")
    after = within(
        known.invoiced + sign * billed.quantity, f"the billed quantity of line {billed.line_id}", f"{place}/quantity"
    )
    return part(known.line, known.invoiced, after, f"{place}/quantity").model_copy(update={"amount": billed.amount})


def _gross(net: Decimal, vat: Decimal) -> Decimal:
    return within(net + vat, "the gross amount", "/vat")
