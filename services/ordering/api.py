"""Orders over HTTP. An establishment's officer orders for its own, an approver decides on what passes a limit."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest

from events.base import Unknown, Value
from events.ordering import Line
from events.values import Code, Quantity, SignedAmount
from infra.auth import Caller, Role
from infra.http import REFUSED, SCOPE, CallerOf, Does, add_commands, etag
from infra.paging import PAGE, Cursor, Limit, cursor_of, link_next, place_of
from infra.positions import AT_LEAST, WAIT_SECONDS, Behind, not_reached, positions_in, waited
from projections.orders.reader import OrderRow, Orders
from services.ordering.app import Ordering
from services.ordering.commands import (
    ApproveOrder,
    CancelOrder,
    ReceiveCreditNote,
    ReceiveInvoice,
    ReceiveOrderLine,
    RejectOrder,
    ReturnOrderLine,
    SubmitOrder,
    WithdrawOrder,
)
from services.ordering.order import Commitment, Order

router = APIRouter(prefix="/orders", tags=["orders"])

COMMANDS = (
    Does("submit_order", "", SubmitOrder, "order_id", {"establishment_id": SCOPE}),
    Does("withdraw_order", "/{order_id}/withdraw", WithdrawOrder, on_seen=True),
    Does("cancel_order", "/{order_id}/cancel", CancelOrder, on_seen=True),
    Does("approve_order", "/{order_id}/approve", ApproveOrder, on_seen=True),
    Does("reject_order", "/{order_id}/reject", RejectOrder, on_seen=True),
    Does("receive_order_line", "/{order_id}/receive", ReceiveOrderLine),
    Does("return_order_line", "/{order_id}/return", ReturnOrderLine),
    Does("receive_invoice", "/{order_id}/invoice", ReceiveInvoice),
    Does("receive_credit_note", "/{order_id}/credit-note", ReceiveCreditNote),
)


class OrderLineView(Value):
    """A line of an order, and what has happened to it in ordered units and money."""

    line: Line
    received: Quantity
    cancelled: Quantity
    invoiced: Quantity
    billed: SignedAmount


class Creditable(Value):
    """What may still be credited of a line of an invoice."""

    line_id: Code
    quantity: Quantity
    amount: SignedAmount


class InvoiceView(Value):
    """An invoice of an order."""

    invoice_id: UUID
    creditable: tuple[Creditable, ...]


class OrderView(Value):
    """An order as it is now; its version is the ETag."""

    order_id: UUID
    version: int
    establishment_id: UUID
    agreement_id: UUID | None
    supplier_id: UUID | None
    number: str
    source: str | None
    """Name of the imported source; null for an order placed here."""
    currency: str
    commitment: Commitment
    lines: tuple[OrderLineView, ...]
    invoices: tuple[InvoiceView, ...]


class OrderPage(Value):
    """A page of orders, the newest day first."""

    rows: list[OrderRow]
    next: str | None
    """Cursor of the next page; null at the end. Also as Link, rel="next"."""


def _ordering(request: HttpRequest) -> Ordering:
    found: Ordering = request.app.state.platform.ordering
    return found


def _orders(request: HttpRequest) -> Orders:
    found: Orders = request.app.state.platform.read.orders
    return found


async def knows(
    request: HttpRequest,
    at_least: Annotated[
        str | None,
        Query(description="A position token: the command is decided when ordering knows what it names of the others."),
    ] = None,
) -> None:
    """The parameter `at_least` of a command: what other contexts published is known first. Raises NotReached."""
    ordering = _ordering(request)
    wanted = [place for place in positions_in(at_least or "") if place.context != ordering.store.context]

    def behind() -> list[Behind]:
        found = [Behind(place, ordering.noted_pos(place.context, place.lane)) for place in wanted]
        return [one for one in found if one.lag > 0]

    # A thread is for those who have something to wait for.
    if wanted and (found := await run_in_threadpool(waited, behind, WAIT_SECONDS)):
        raise not_reached("ordering has", found)


add_commands(router, COMMANDS, _ordering, "services.ordering", [Depends(knows)])


@router.get("", dependencies=[AT_LEAST], responses=REFUSED)
def list_orders(
    request: HttpRequest,
    response: Response,
    who: CallerOf,
    establishment: UUID | None = None,
    supplier: UUID | None = None,
    agreement: UUID | None = None,
    state: Annotated[
        Literal["waiting", "ordered", "rejected", "withdrawn", "cancelled", "recorded"] | None, Query()
    ] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> OrderPage:
    """The orders that the caller may see, the newest day first."""
    if who.scope is not None:
        # A filter on another tenant finds nothing, as one on a tenant that does not exist.
        own = supplier if who.role is Role.SUPPLIER else establishment
        if own not in (None, who.scope):
            return OrderPage(rows=[], next=None)
        establishment, supplier = (establishment, who.scope) if who.role is Role.SUPPLIER else (who.scope, supplier)
    found = _orders(request).page(establishment, supplier, state, agreement, place_of(cursor), limit)
    following = cursor_of(found.next_cursor) if found.next_cursor else None
    link_next(request, response, following)
    return OrderPage(rows=found.rows, next=following)


@router.get("/{order_id}", responses=REFUSED)
def read_order(request: HttpRequest, response: Response, who: CallerOf, order_id: UUID) -> OrderView:
    """An order with its lines, as its own service knows it: never behind."""
    scope = None if who.role is Role.SUPPLIER else who.scope
    order, version = _ordering(request).order(order_id, scope)
    if not _is_of(order, who):
        raise Unknown(f"order {order_id} is not known", pointer="/order_id")
    response.headers["ETag"] = etag(version)
    return _view(order, version)


def _is_of(order: Order, who: Caller) -> bool:
    """Whether a supplier looks at an order to itself; an imported order may go to several, and then to none of them."""
    suppliers = {known.line.supplier_id for known in order.lines.values()}
    return who.role is not Role.SUPPLIER or suppliers == {who.scope}


def _view(order: Order, version: int) -> OrderView:
    return OrderView(
        order_id=order.order_id,
        version=version,
        establishment_id=order.establishment_id,
        agreement_id=order.agreement_id,
        supplier_id=order.supplier_id,
        number=order.number,
        source=order.source or None,
        currency=order.currency,
        commitment=order.commitment,
        lines=tuple(
            OrderLineView(
                line=known.line,
                received=known.received,
                cancelled=known.cancelled,
                invoiced=known.invoiced,
                billed=known.billed,
            )
            for known in order.lines.values()
        ),
        invoices=tuple(
            InvoiceView(
                invoice_id=invoice_id,
                creditable=tuple(
                    Creditable(line_id=line_id, quantity=quantity, amount=amount)
                    for line_id, (quantity, amount) in left.items()
                ),
            )
            for invoice_id, left in order.invoices.items()
        ),
    )
