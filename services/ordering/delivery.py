"""What arrives of an order, what goes back, and what is cancelled because it no longer need arrive."""

from __future__ import annotations

from events.ordering import OrderCancelled, OrderLineReceived, OrderLineReturned
from events.values import plain
from services.ordering.commands import CancelOrder, ReceiveOrderLine, ReturnOrderLine
from services.ordering.lines import part, total
from services.ordering.order import Order, TooMuch


def receive(order: Order, command: ReceiveOrderLine) -> OrderLineReceived:
    """Takes in a part of a line. Raises WrongState, Unknown, TooMuch, BeforeTheOrder."""
    order.check_counts()
    known = order.line(command.line_id, "/line_id")
    if command.quantity > known.open:
        msg = f"{plain(command.quantity)} arrived, {plain(known.open)} of line {command.line_id} were expected"
        raise TooMuch(msg, pointer="/quantity", expected=plain(known.open))
    return OrderLineReceived(
        **order.document(command.received_on, "/received_on"),
        delivery_note=command.delivery_note,
        lines=(part(known.line, known.received, known.received + command.quantity),),
    )


def give_back(order: Order, command: ReturnOrderLine) -> OrderLineReturned:
    """Sends a received part back. Raises WrongState, Unknown, TooMuch, BeforeTheOrder."""
    order.check_counts()
    known = order.line(command.line_id, "/line_id")
    if command.quantity > known.received:
        msg = f"{plain(command.quantity)} go back, {plain(known.received)} of line {command.line_id} are here"
        raise TooMuch(msg, pointer="/quantity", received=plain(known.received))
    return OrderLineReturned(
        **order.document(command.returned_on, "/returned_on"),
        reason=command.reason,
        lines=(part(known.line, known.received, known.received - command.quantity),),
    )


def cancel(order: Order, command: CancelOrder) -> OrderCancelled:
    """Cancels what has not arrived. Raises WrongState, TooMuch where all of it has, BeforeTheOrder."""
    order.check_counts()
    # Receipts fill a line from below, cancellations from above: so both, and what goes back, add up to the line.
    lines = tuple(part(known.line, known.received, known.wanted) for known in order.lines.values() if known.open)
    if not lines:
        raise TooMuch("nothing of the order is left to cancel: all of it has arrived or was cancelled")
    return OrderCancelled(
        **order.document(command.cancelled_on, "/cancelled_on"),
        reason=command.reason,
        total=total(lines, "the cancelled total"),
        lines=lines,
    )
