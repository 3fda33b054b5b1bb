"""Exact sums of the ledger: how much was ordered, received, invoiced or reserved, by which keys, as known when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from infra.clickhouse import Analytics, sql

NO_ID = UUID(int=0)
MONTH = "toStartOfMonth(business_date)"
KEYS: Mapping[str, str] = {
    "year": f"toString(toYear({MONTH}))",
    "quarter": f"concat(toString(toYear({MONTH})), '-Q', toString(toQuarter({MONTH})))",
    "month": f"formatDateTime({MONTH}, '%Y-%m')",
    "establishment": "toString(establishment_id)",
    "agreement": "toString(agreement_id)",
    "lot": "toString(lot_id)",
    "supplier": "toString(supplier_id)",
    "category": "category",
    "item": "item",
}
"""What a figure may be asked by -> its expression; the months are written as the roll-ups write them."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Which facts of the ledger are asked. Days are included; None and empty mean all."""

    measure: str
    first: date | None = None
    last: date | None = None
    establishment_ids: tuple[UUID, ...] = ()
    agreement_ids: tuple[UUID, ...] = ()
    supplier_ids: tuple[UUID, ...] = ()
    currency: str | None = None
    as_of: datetime | None = None
    """Only facts that were recorded up to this instant."""
    upto: tuple[tuple[int, int], ...] = ()
    """Lane and position of ordering up to which facts count: for a figure beside a projector that never rests."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of a slice under one combination of keys. Money to the cent, quantities in base units."""

    keys: tuple[str, ...]
    currency: str
    amount: Decimal
    quantity: Decimal
    lines: int
    """Lines of documents; a corrected line and its reversal cancel out."""
    baseline_amount: Decimal
    amount_with_baseline: Decimal
    lines_with_baseline: int
    first_price_lines: int
    """Lines whose baseline is the first recorded price of imported history."""
    jump_lines: int
    """Lines whose price is more than ten times the baseline, or less than a tenth."""

    def __add__(self, other: Sums) -> Sums:
        """Both together, under the keys of this one."""
        added = [getattr(self, f.name) + getattr(other, f.name) for f in fields(self)[2:]]
        return Sums(self.keys, self.currency, *added)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many orders and establishments stand behind a combination of keys."""

    orders: int = 0
    establishments: int = 0


def sums(analytics: Analytics, by: Sequence[str], asked: Slice) -> list[Sums]:
    """The sums of a slice, one for each currency and combination of keys, unsorted."""
    found: dict[tuple[str, tuple[str, ...]], Sums] = {}
    for conditions, parameters in parts(asked):
        for row in analytics.rows(fill("sums.sql", by, conditions), parameters):
            one = _sums(row)
            key = (one.currency, one.keys)
            found[key] = found[key] + one if key in found else one
    return list(found.values())


def counts(analytics: Analytics, by: Sequence[str], asked: Slice) -> dict[tuple[str, tuple[str, ...]], Counts]:
    """(currency, keys) -> distinct orders and establishments. Reads rows, no roll-up: distinct orders do not add up."""
    conditions, parameters = conditions_of(asked)
    rows = analytics.rows(fill("counts.sql", by, [*conditions, *_known(asked)]), parameters)
    return {(row["currency"], tuple(row["keys"])): Counts(row["orders"], row["establishments"]) for row in rows}


def item_labels(analytics: Analytics, items: Iterable[str]) -> dict[str, str]:
    """Item -> its newest name."""
    rows = analytics.rows(sql("projections.ledger", "labels.sql"), {"items": list(items)})
    return {row["item"]: row["label"] for row in rows}


def parts(asked: Slice) -> list[tuple[list[str], dict[str, Any]]]:
    """One query, or as known at an instant two: whole months of knowledge, and the rows of the instant's own month."""
    conditions, parameters = conditions_of(asked)
    if asked.as_of is None:
        return [(conditions, parameters)]
    month = "toStartOfMonth(recorded_at) {} toStartOfMonth({{as_of:DateTime64(6, 'UTC')}})"
    instant = "recorded_at <= {as_of:DateTime64(6, 'UTC')}"
    start = "recorded_at >= toDateTime64(toStartOfMonth({as_of:DateTime64(6, 'UTC')}), 6, 'UTC')"
    return [([*conditions, month.format("<")], parameters), ([*conditions, start, instant], parameters)]


def _known(asked: Slice) -> list[str]:
    return ["recorded_at <= {as_of:DateTime64(6, 'UTC')}"] if asked.as_of else []


def conditions_of(asked: Slice) -> tuple[list[str], dict[str, Any]]:
    """The conditions of a slice in SQL, the instant of knowledge apart, and the values that they bind."""
    parameters: dict[str, Any] = {"measure": asked.measure}
    conditions: list[str] = []

    def add(condition: str, name: str, value: Any) -> None:
        conditions.append(condition)
        parameters[name] = value

    # Whole months are asked as months, which every roll-up has; other days need the one by day.
    day = MONTH if _whole_months(asked) else "business_date"
    if asked.first is not None:
        add(f"{day} >= {{first:Date}}", "first", asked.first)
    if asked.last is not None:
        add(f"{day} <= {{last:Date}}", "last", asked.last)
    for column, ids in (
        ("establishment_id", asked.establishment_ids),
        ("agreement_id", asked.agreement_ids),
        ("supplier_id", asked.supplier_ids),
    ):
        if ids:
            add(f"{column} in {{{column}s:Array(UUID)}}", f"{column}s", [str(one) for one in ids])
    if asked.currency is not None:
        add("currency = {currency:String}", "currency", asked.currency)
    if asked.as_of is not None:
        parameters["as_of"] = asked.as_of.astimezone(UTC).replace(tzinfo=None)
    if asked.upto:
        add("pos <= {upto:Array(UInt64)}[lane + 1]", "upto", [pos for _, pos in sorted(asked.upto)])
    return conditions, parameters


def _whole_months(asked: Slice) -> bool:
    starts = asked.first is None or asked.first.day == 1
    return starts and (asked.last is None or (asked.last + timedelta(days=1)).day == 1)


def fill(name: str, by: Sequence[str], conditions: Iterable[str]) -> str:
    """The text of an SQL file with its keys and conditions in place."""
    # A Python list of expressions, each from KEYS: nothing that a user typed gets here.
    keys = f"[{', '.join(KEYS[key] for key in by)}]::Array(String)"
    text = sql("projections.ledger", name)
    return text.replace("/*keys*/", keys).replace("/*conditions*/", "".join(f"\n    and {one}" for one in conditions))


def _sums(row: Mapping[str, Any]) -> Sums:
    return Sums(
        tuple(row["keys"]),
        row["currency"],
        row["amount_"],
        row["quantity_"],
        row["lines_"],
        row["baseline_amount_"] or Decimal("0.00"),
        row["amount_with_baseline"],
        row["lines_with_baseline"],
        row["first_price_lines_"],
        row["jump_lines_"],
    )
