"""Volume and savings of a delivery history, computed by another engine from the words of the issue, not from our code.

Every amount is an exact DECIMAL. A line's baseline amount is its item's baseline × quantity, HALF_UP to the cent; the
baseline is, of the item's lines with price and amount above zero, the unit price of the earliest (invoice date, then
numeric line id). A line whose price or amount is zero has no baseline.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple

import duckdb

By = Literal["year", "establishment", "supplier"]
KEYS: dict[By, str] = {"year": "strftime(invoiced, '%Y')", "establishment": "country", "supplier": "vendor"}

LINES = """
    with typed as (
        select
            cast("id" as bigint) as line_id,
            "country" as country,
            "vendor" as vendor,
            "item description" as description,
            "unit of measure (per pack)" as pack,
            cast("line item quantity" as decimal(18, 6)) as quantity,
            cast("pack price" as decimal(20, 6)) as price,
            cast("line item value" as decimal(18, 2)) as amount,
            strptime("delivered to client date", '%d-%b-%y')::date as invoiced
        from read_csv($file, all_varchar = true, header = true, delim = ',', quote = '"', escape = '"')
    ),
    paid as (
        select *, row_number() over (partition by description, pack order by invoiced, line_id) as age
        from typed where price > 0 and amount > 0
    ),
    lines as (
        select
            typed.*,
            case when typed.price > 0 and typed.amount > 0
                then cast(round(paid.price * typed.quantity, 2) as decimal(18, 2)) end as baseline
        from typed left join paid
            on paid.age = 1 and paid.description = typed.description and paid.pack = typed.pack
    )
"""


class Figures(NamedTuple):
    """Sums of the invoiced lines of a key."""

    amount: Decimal
    """Of the lines that have a baseline."""
    baseline: Decimal
    saving: Decimal
    lines: int
    without_baseline_lines: int
    without_baseline_amount: Decimal

    @property
    def volume(self) -> Decimal:
        """Of all lines."""
        return self.amount + self.without_baseline_amount


def volume_and_savings(file: Path, by: By) -> dict[str, Figures]:
    """Key -> figures of the file."""
    sql = f"""{LINES}
        select
            {KEYS[by]},
            coalesce(sum(amount) filter (baseline is not null), 0.00),
            coalesce(sum(baseline), 0.00),
            coalesce(sum(baseline - amount), 0.00),
            count(baseline),
            count(*) filter (baseline is null),
            coalesce(sum(amount) filter (baseline is null), 0.00)
        from lines group by 1 order by 1
    """
    with duckdb.connect() as engine:
        return {key: Figures(*figures) for key, *figures in engine.execute(sql, {"file": str(file)}).fetchall()}
