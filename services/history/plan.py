"""Decides a whole import before its first commit: what is new, known, corrected, or refused.

Pure, but for reading what the services know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from events.tendering import BaselineSet
from events.values import LIMIT, cents
from services.history import identity
from services.history.baselines import first_recorded, is_priced, warn_of_moves
from services.history.known import Known
from services.history.mapping import BaselineRule
from services.history.orders import OrderPlan, compare, grouped
from services.history.refusals import Problem
from services.history.result import Warnings
from services.history.rows import Row, RowReader

Progress = Callable[[str, int, int], None]
"""Step, how much is done, of how much."""
STRIDE = 500


@dataclass(frozen=True)
class Plan:
    """What an import does, and what it refuses."""

    rule: BaselineRule
    orders: list[OrderPlan]
    rows: list[Row]
    """The rows that are accepted, in the file's order."""
    baselines: dict[UUID, Row]
    """Baseline id -> the row whose price becomes the reference price, of the items that have none."""
    recorded: dict[UUID, BaselineSet]
    """Reference prices that were there before."""
    repeated: int
    problems: list[Problem]


def decide(
    rows: Sequence[Row], reader: RowReader, known: Known, rule: BaselineRule, *, correct: bool, progress: Progress
) -> Plan:
    """Compares rows with one another, and with what is known."""
    problems: list[Problem] = []
    found, repeated = grouped(rows, reader.file, problems)
    orders: list[OrderPlan] = []
    for start in range(0, len(found), STRIDE):
        some = {identity.order_id(rows[0]): rows for rows in found[start : start + STRIDE]}
        recorded = known.orders(some)
        orders += [
            compare(rows, reader.file, known, recorded.get(key), problems, correct=correct)
            for key, rows in some.items()
        ]
        progress("deciding", len(orders), len(found))
    first = {} if rule is BaselineRule.NONE else first_recorded(row for order in orders for row in order.rows())
    set_before = known.baselines(first)
    prices = {key: row.unit_price for key, row in first.items()}
    prices |= {key: event.price for key, event in set_before.items()}
    excessive = {
        row.number: reader.too_much(row, price)
        for planned in orders
        for row in (*planned.new, *planned.corrected)
        if is_priced(row)
        and (price := prices.get(identity.baseline_id(row))) is not None
        and cents(price * row.quantity) >= LIMIT
    }
    problems += excessive.values()
    for planned in orders:
        planned.leave_out(excessive)
    accepted = sorted((row for order in orders for row in order.rows()), key=lambda row: row.number)
    return Plan(
        rule=rule,
        orders=sorted((order for order in orders if order.rows()), key=OrderPlan.day),
        rows=accepted,
        baselines={key: row for key, row in first.items() if key not in set_before},
        recorded=set_before,
        repeated=repeated,
        problems=problems,
    )


def warn(plan: Plan, warnings: Warnings) -> None:
    """Counts what is strange in the rows that are accepted."""
    priced = {*plan.baselines, *plan.recorded}
    for row in plan.rows:
        expected = cents(row.unit_price * row.quantity)
        if row.amount != expected:
            example = f"row {row.number}: amount {row.amount}, {row.unit_price} × {row.quantity} is {expected}"
            warnings.add("amount-differs", example)
        if row.received_on is not None and row.received_on < row.ordered_on:
            example = f"row {row.number}: received {row.received_on}, ordered {row.ordered_on}"
            warnings.add("received-before-ordered", example)
        if plan.rule is not BaselineRule.NONE and not (is_priced(row) and identity.baseline_id(row) in priced):
            example = f"row {row.number}: price {row.unit_price}, amount {row.amount}"
            warnings.add("without-baseline", example)
    if plan.rule is not BaselineRule.NONE:
        warn_of_moves(plan.rows, warnings)
        if plan.recorded:
            _warn_of_earlier(plan.rows, plan.recorded, warnings)


def _warn_of_earlier(rows: Iterable[Row], recorded: dict[UUID, BaselineSet], warnings: Warnings) -> None:
    """A recorded reference price never changes, though the file shows an earlier price."""
    for key, row in first_recorded(rows).items():
        held = recorded.get(key)
        if held and row.invoiced_on and row.invoiced_on <= held.valid_from and row.unit_price != held.price:
            example = f"row {row.number}: {row.item}: {row.unit_price} on {row.invoiced_on}"
            warnings.add("baseline-kept", f"{example}, recorded {held.price} on {held.valid_from}")
