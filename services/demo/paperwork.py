"""The documents of planned orders as commands to ordering."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID, uuid5

from events.values import cents
from infra.event_store import Request
from services.demo.orders import Entry, Kind, Part
from services.ordering.billing import bill_id
from services.ordering.commands import (
    ApproveOrder,
    BilledLine,
    CancelOrder,
    OrderedLine,
    OrderingCommand,
    ReceiveCreditNote,
    ReceiveInvoice,
    ReceiveOrderLine,
    RejectOrder,
    ReturnOrderLine,
    SubmitOrder,
    WithdrawOrder,
)


def requests(root: UUID, entry: Entry) -> Iterator[Request[OrderingCommand]]:
    """The commands of a document, each with an id that follows from the document."""
    order, document = entry
    officer = f"demo-officer-{order.place.establishment_id.hex[:8]}"
    approver = f"demo-approver-{order.place.establishment_id.hex[:8]}"
    actor = approver if document.kind in (Kind.APPROVAL, Kind.REJECTION) else officer
    for n, command in enumerate(_commands(root, entry)):
        command_id = uuid5(root, f"{document.kind}:{order.number}:{document.nth}:{n}")
        yield Request(command, command_id, actor, order.place.establishment_id)


def count(entry: Entry) -> int:
    """How many commands a document needs: goods arrive line by line."""
    return len(entry.document.parts) if entry.document.kind is Kind.RECEIPT else 1


def _commands(root: UUID, entry: Entry) -> Iterator[OrderingCommand]:
    order, document = entry
    order_id, on, number = uuid5(root, f"order:{order.number}"), document.dated, f"{order.number}-{document.nth + 1}"
    match document.kind:
        case Kind.ORDER:
            yield SubmitOrder(
                order_id=order_id,
                establishment_id=order.place.establishment_id,
                agreement_id=order.agreement.agreement_id,
                number=f"BC-{on.year}-{order.number:06}",
                ordered_on=on,
                lines=tuple(
                    OrderedLine(
                        line_id=str(n),
                        lot_id=order.lot.lot_id,
                        item=item.story.code,
                        quantity=quantity,
                        unit_price=price,
                    )
                    for n, (item, price, quantity) in enumerate(
                        zip(order.items, order.prices, order.quantities, strict=True), start=1
                    )
                ),
            )
        case Kind.APPROVAL:
            yield ApproveOrder(order_id=order_id, approved_on=on)
        case Kind.REJECTION:
            yield RejectOrder(order_id=order_id, rejected_on=on, reason="Budget du service épuisé")
        case Kind.WITHDRAWAL:
            yield WithdrawOrder(order_id=order_id, withdrawn_on=on, reason="Besoin revu par le service")
        case Kind.CANCELLATION:
            yield CancelOrder(order_id=order_id, cancelled_on=on, reason="Le fournisseur ne peut pas livrer le reste")
        case Kind.RECEIPT:
            for part in document.parts:
                yield ReceiveOrderLine(
                    order_id=order_id,
                    line_id=_line(part),
                    quantity=part.quantity,
                    received_on=on,
                    delivery_note=f"BL-{number}",
                )
        case Kind.RETURN:
            part = document.parts[0]
            yield ReturnOrderLine(
                order_id=order_id,
                line_id=_line(part),
                quantity=part.quantity,
                returned_on=on,
                reason="Conditionnement endommagé",
            )
        case Kind.INVOICE:
            yield ReceiveInvoice(
                order_id=order_id,
                number=f"F-{number}",
                issued_on=on,
                received_on=document.recorded,
                vat=_vat(entry),
                lines=_billed(entry),
            )
        case Kind.CREDIT_NOTE if document.billed:
            yield ReceiveCreditNote(
                order_id=order_id,
                invoice_id=bill_id(order.lot.supplier_id, "invoice", f"F-{number}", document.billed.year),
                number=f"A-{number}",
                issued_on=on,
                vat=_vat(entry),
                lines=_billed(entry),
            )


def _line(part: Part) -> str:
    return str(part.line + 1)


def _vat(entry: Entry) -> Decimal:
    net = sum((part.amount for part in entry.document.parts), Decimal(0))
    return cents(net * entry.order.agreement.story.vat)


def _billed(entry: Entry) -> tuple[BilledLine, ...]:
    return tuple(
        BilledLine(line_id=_line(part), quantity=part.quantity, amount=part.amount) for part in entry.document.parts
    )
