"""Rows become orders: each is compared with the lines that are recorded, and asked for as commands."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from events.ordering import PastLine
from services.history import identity
from services.history.known import Known
from services.history.mapping import BaselineRule
from services.history.refusals import Problem, shown
from services.history.rows import Row
from services.ordering.commands import PastOrderLine, RecordPastOrder
from services.ordering.order import Order
from services.ordering.past_order import OtherContent, difference

MOST_LINES = 1000
"""Lines in one command: a larger order is recorded by several."""


@dataclass
class OrderPlan:
    """What an import does with one order."""

    version: int = 0
    """Events that the order has before."""
    new: list[Row] = field(default_factory=list)
    known: list[Row] = field(default_factory=list)
    """Recorded before, as they are."""
    corrected: list[Row] = field(default_factory=list)

    def rows(self) -> list[Row]:
        """All of its accepted rows."""
        return [*self.new, *self.known, *self.corrected]

    def leave_out(self, numbers: Container[int]) -> None:
        """Refuses the rows with these numbers."""
        self.new = [row for row in self.new if row.number not in numbers]
        self.corrected = [row for row in self.corrected if row.number not in numbers]

    def day(self) -> tuple[date, str]:
        """Its first day and its number: orders are recorded in the order of their days."""
        rows = self.rows()
        return min(row.ordered_on for row in rows), rows[0].order_number

    def commands(self, rule: BaselineRule) -> Iterator[RecordPastOrder]:
        """What records the new rows, then corrects the changed ones; the earliest first, so that the day is right."""
        for rows, is_correction in ((self.new, False), (self.corrected, True)):
            in_time = sorted(rows, key=lambda row: row.ordered_on)
            for start in range(0, len(in_time), MOST_LINES):
                yield _command(in_time[start : start + MOST_LINES], rule, is_correction=is_correction)


def grouped(rows: Iterable[Row], file: str, problems: list[Problem]) -> tuple[list[list[Row]], int]:
    """The rows of each order, and how many rows were repetitions of others.

    A row that repeats another's identity with other content, or its order's number in another currency, is a problem.
    """
    orders: dict[tuple[str, str, str], dict[str, Row]] = {}
    repeated = 0
    for row in rows:
        order = orders.setdefault((row.establishment, row.source, row.order_number), {})
        first = next(iter(order.values()), row)
        same = order.setdefault(row.line_id, row)
        if same is not row and same._replace(number=row.number) == row:
            repeated += 1
        elif same is not row:
            pairs = {name: (str(getattr(same, name)), str(getattr(row, name))) for name in Row._fields[1:]}
            changes = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
            detail = f"line {row.line_id} of order {row.order_number} is also in row {same.number}: {_both(changes)}"
            problems.append(_conflict(file, row, changes, detail, "Keep one of the two rows"))
        elif row.currency != first.currency:
            del order[row.line_id]
            problems.append(_other_currency(file, row, first.currency))
    return [list(order.values()) for order in orders.values()], repeated


def compare(
    rows: Sequence[Row],
    file: str,
    known: Known,
    recorded: tuple[Order | None, int] | None,
    problems: list[Problem],
    *,
    correct: bool,
) -> OrderPlan:
    """What is to be done with the rows of an order, in view of what is recorded of it: the order and its version."""
    order, version = recorded or (None, 0)
    if order is None:
        return OrderPlan(new=list(rows))
    plan = OrderPlan(version)
    for row in rows:
        state = order.lines.get(row.line_id)
        before = state.line if state else None
        if order.currency != row.currency:
            problems.append(_other_currency(file, row, order.currency))
        elif not isinstance(before, PastLine):
            plan.new.append(row)
        elif not (changes := difference(before, _as_recorded(row))):
            plan.known.append(row)
        elif correct:
            plan.corrected.append(row)
        else:
            named = _named(changes, row, known)
            detail = f"line {row.line_id} of order {row.order_number} was recorded before: {_both(named)}"
            problems.append(_conflict(file, row, named, detail, OtherContent.remedy.rstrip(".")))
    return plan


def _line(row: Row, rule: BaselineRule) -> PastOrderLine:
    return PastOrderLine(
        line_id=row.line_id,
        agreement_id=identity.agreement_id(row),
        supplier_id=identity.supplier_id(row),
        category=row.category,
        item=row.item,
        label=row.label,
        unit=row.unit,
        quantity=row.quantity,
        unit_price=row.unit_price,
        amount=row.amount,
        baseline_id=None if rule is BaselineRule.NONE else identity.baseline_id(row),
        ordered_on=row.ordered_on,
        received_on=row.received_on,
        invoiced_on=row.invoiced_on,
        invoice_number=row.invoice_number,
    )


def _command(rows: Sequence[Row], rule: BaselineRule, *, is_correction: bool) -> RecordPastOrder:
    return RecordPastOrder(
        order_id=identity.order_id(rows[0]),
        establishment_id=identity.establishment_id(rows[0]),
        source=rows[0].source,
        number=rows[0].order_number,
        currency=rows[0].currency,
        lines=tuple(_line(row, rule) for row in rows),
        is_correction=is_correction,
    )


def _as_recorded(row: Row) -> PastLine:
    """The line as it would be recorded, but for what the domain computes."""
    asked = _line(row, BaselineRule.NONE)
    return PastLine(**dict(asked), base_quantity=row.quantity, counted_on=row.ordered_on)


def _named(changes: dict[str, tuple[str, str]], row: Row, known: Known) -> dict[str, tuple[str, str]]:
    """Differences with names in place of identifiers, each said once."""
    names = {"supplier_id": ("supplier", row.supplier), "agreement_id": ("agreement", row.agreement)}
    found = {}
    for field_name, (before, after) in changes.items():
        if field_name in names:
            name, now = names[field_name]
            found[name] = (known.name(before), now)
        elif field_name != "base_quantity":
            found[field_name] = (before, after)
    return found


def _both(changes: dict[str, tuple[str, str]]) -> str:
    return "; ".join(f"{name} {shown(before)!r}, now {shown(after)!r}" for name, (before, after) in changes.items())


def _conflict(file: str, row: Row, changes: dict[str, tuple[str, str]], detail: str, remedy: str) -> Problem:
    value = shown(", ".join(after for _, after in changes.values()))
    return Problem(file, row.number, ", ".join(changes), value, detail, OtherContent.rule.rstrip("."), remedy)


def _other_currency(file: str, row: Row, currency: str) -> Problem:
    detail = f"order {row.order_number} is in {currency}, this line in {row.currency}"
    rule, remedy = "An order has one currency", "Correct the currency, or give the line an order number of its own"
    return Problem(file, row.number, "currency", row.currency, detail, rule, remedy)
