"""The baseline rule of imported history, `first-recorded-price`: the gap to the first known price.

Of the lines with the same item, across agreements, with price and amount above zero, the unit price of the earliest
(invoice date, then numeric line id). Refused rows never count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from uuid import UUID

from services.history.identity import baseline_id
from services.history.result import Warnings
from services.history.rows import Row

LARGE_MOVE = 10
"""A price that moved by more than this factor within an item makes savings doubtful."""


def first_recorded(rows: Iterable[Row]) -> dict[UUID, Row]:
    """Baseline id -> the row whose unit price is the item's reference price."""
    first: dict[UUID, Row] = {}
    for row in rows:
        if is_priced(row) and row.invoiced_on is not None:
            key = baseline_id(row)
            if key not in first or _age(row) < _age(first[key]):
                first[key] = row
    return first


def is_priced(row: Row) -> bool:
    """Whether something was paid: else the line has no baseline and no saving."""
    return row.unit_price > 0 and row.amount > 0


def _age(row: Row) -> tuple[date, bool, int, str]:
    """Sorts by invoice date, then by line id: as numbers, before those that are none."""
    is_number = row.line_id.isascii() and row.line_id.isdigit()
    return row.invoiced_on or date.max, not is_number, int(row.line_id) if is_number else 0, row.line_id


def warn_of_moves(rows: Iterable[Row], warnings: Warnings) -> None:
    """Warns of every item whose highest price is more than ten times its lowest."""
    prices: dict[UUID, list[tuple[Decimal, int]]] = defaultdict(list)
    items: dict[UUID, Row] = {}
    for row in rows:
        if is_priced(row):
            key = baseline_id(row)
            prices[key].append((row.unit_price, row.number))
            items[key] = row
    for key, found in prices.items():
        (low, low_row), (high, high_row) = min(found), max(found)
        if high > LARGE_MOVE * low:
            warnings.add("price-moves", f"{items[key].item}: {low} (row {low_row}) to {high} (row {high_row})")
