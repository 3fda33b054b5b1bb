"""A line and its parts: what arrives, goes back or is cancelled in parts adds up to the line, to the cent."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from events.base import Refusal
from events.ordering import Line
from events.values import CENT, LIMIT, plain

ZERO = Decimal(0)
NO_MONEY = Decimal("0.00")
MILLIONTH = Decimal("0.000001")


class TooLarge(Refusal):
    """An amount or a quantity has more digits than the product counts with."""

    rule = "Amounts and quantities have at most 12 digits before the point"
    remedy = "Correct the quantity, or split the document."


class DoubleLine(Refusal):
    """Two lines of a document have the same id."""

    rule = "A line id is unique within its document"
    remedy = "Number the lines 1, 2, 3 …"


def check_distinct(line_ids: Iterable[str]) -> None:
    """Raises DoubleLine where two of the ids are the same."""
    seen: set[str] = set()
    for n, line_id in enumerate(line_ids):
        if line_id in seen:
            msg = f"two lines have the line_id {line_id}"
            raise DoubleLine(msg, pointer=f"/lines/{n}/line_id", line_id=line_id)
        seen.add(line_id)


def within(value: Decimal, what: str, pointer: str = "/lines") -> Decimal:
    """`value`, where it can be written. Raises TooLarge."""
    if value >= LIMIT:
        msg = f"{what} would be {plain(value)}"
        raise TooLarge(msg, pointer=pointer)
    return value


def total(lines: Iterable[Line], what: str) -> Decimal:
    """The sum of the lines' amounts. Raises TooLarge."""
    return within(sum((line.amount for line in lines), NO_MONEY), what)


def sum_by_lot(lines: Iterable[Line]) -> dict[UUID, Decimal]:
    """Amounts of lines, added up by lot."""
    found: dict[UUID, Decimal] = {}
    for line in lines:
        if line.lot_id is not None:
            found[line.lot_id] = found.get(line.lot_id, NO_MONEY) + line.amount
    return found


def part(line: Line, before: Decimal, after: Decimal, pointer: str = "/quantity") -> Line:
    """The part of a line between two cumulative quantities, in ordered units.

    It is positive whichever of the two is larger: the event's kind says the sign. The price stays the line's.
    Raises TooLarge.
    """
    low, high = sorted((before, after))

    def between(whole: Decimal, quantum: Decimal, what: str) -> Decimal:
        return _share(line, whole, high, quantum, what, pointer) - _share(line, whole, low, quantum, what, pointer)

    baseline = line.baseline_amount
    return line.model_copy(
        update={
            "quantity": high - low,
            "base_quantity": between(line.base_quantity, MILLIONTH, "quantity in base units"),
            "amount": between(line.amount, CENT, "amount"),
            "baseline_amount": None if baseline is None else between(baseline, CENT, "baseline"),
        }
    )


def _share(line: Line, whole: Decimal, quantity: Decimal, quantum: Decimal, what: str, pointer: str) -> Decimal:
    """What of a line's total belongs to a cumulative quantity, HALF_UP."""
    if not line.quantity:
        return ZERO
    found = within(whole * quantity / line.quantity, f"the {what} of {plain(quantity)} of line {line.line_id}", pointer)
    return found.quantize(quantum, rounding=ROUND_HALF_UP)
