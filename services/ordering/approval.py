"""Approval of an order that passes an internal limit: by someone else than its author, for the excess."""

from __future__ import annotations

from decimal import Decimal

from events.base import Refusal
from events.ordering import OrderApproved, OrderRejected, OrderWithdrawn
from services.ordering.commands import ApproveOrder, RejectOrder, WithdrawOrder
from services.ordering.lines import total
from services.ordering.order import Order


class SelfApproval(Refusal):
    """The author of an order tried to decide on its approval."""

    rule = "The author of an order does not approve it (separation of duties)"
    remedy = "Ask another approver."


def approve(order: Order, command: ApproveOrder, excess: Decimal, actor: str) -> OrderApproved:
    """Approves the excess, as computed again now. Raises WrongState, SelfApproval, BeforeTheOrder."""
    _check_may_decide(order, actor)
    lines = tuple(known.line for known in order.lines.values())
    return OrderApproved(
        **order.document(command.approved_on, "/approved_on"),
        excess=excess,
        total=total(lines, "the order's total"),
        lines=lines,
    )


def reject(order: Order, command: RejectOrder, actor: str) -> OrderRejected:
    """Refuses the approval. Raises WrongState, SelfApproval, BeforeTheOrder."""
    _check_may_decide(order, actor)
    return OrderRejected(
        **order.document(command.rejected_on, "/rejected_on"), total=_total(order), reason=command.reason
    )


def withdraw(order: Order, command: WithdrawOrder) -> OrderWithdrawn:
    """Takes back a waiting order. Raises WrongState, BeforeTheOrder."""
    order.check_waits()
    return OrderWithdrawn(
        **order.document(command.withdrawn_on, "/withdrawn_on"), total=_total(order), reason=command.reason
    )


def _total(order: Order) -> Decimal:
    return total((known.line for known in order.lines.values()), "the order's total")


def _check_may_decide(order: Order, actor: str) -> None:
    order.check_waits()
    if actor == order.author:
        msg = f"{actor} submitted order {order.number}"
        raise SelfApproval(msg)
