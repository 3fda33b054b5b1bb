"""The facts behind a figure, and the rows that were left out, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from infra.clickhouse import Analytics
from projections.ledger.sums import Slice, conditions_of, fill

Row = dict[str, Any]


def facts(analytics: Analytics, asked: Slice, limit: int, *, only_with_baseline: bool) -> list[Row]:
    """The rows of the ledger that a slice counts, oldest knowledge first, at most `limit`."""
    conditions, parameters = _counted(asked, only_with_baseline=only_with_baseline)
    return analytics.rows(fill("facts.sql", (), conditions), {**parameters, "limit": limit})


def totals(analytics: Analytics, asked: Slice, *, only_with_baseline: bool) -> tuple[int, int, Decimal, Decimal]:
    """Events, rows, amount and baseline amount of all the rows that a slice counts."""
    conditions, parameters = _counted(asked, only_with_baseline=only_with_baseline)
    row = analytics.rows(fill("totals.sql", (), conditions), parameters)[0]
    return row["events"], row["rows"], row["amount_"], row["baseline_"] or Decimal("0.00")


def excluded(
    analytics: Analytics, asked: Slice, limit: int, *, is_savings: bool, rated: Iterable[UUID] | None, day: date
) -> list[Row]:
    """Rows that a figure looked at and left out, at most `limit` for each reason.

    `rated` are the suppliers whose rating counts on `day`, None where the figure does not ask for ratings.
    """
    conditions, parameters = conditions_of(replace(asked, as_of=None))
    late = "false"
    if asked.as_of is not None:
        late = "recorded_at > {as_of:DateTime64(6, 'UTC')}"
        parameters["as_of"] = conditions_of(asked)[1]["as_of"]
    more = {
        "is_savings": is_savings,
        "is_csr": rated is not None,
        "rated": [str(one) for one in rated or ()],
        "day": day.isoformat(),
        "limit": limit,
    }
    own = "and establishment_id in {establishment_ids:Array(UUID)}" if asked.establishment_ids else ""
    text = fill("excluded.sql", (), conditions).replace("/*late*/", late).replace("/*establishments*/", own)
    return analytics.rows(text, {**parameters, **more})


def _counted(asked: Slice, *, only_with_baseline: bool) -> tuple[list[str], dict[str, Any]]:
    conditions, parameters = conditions_of(asked)
    if asked.as_of is not None:
        conditions.append("recorded_at <= {as_of:DateTime64(6, 'UTC')}")
    if only_with_baseline:
        conditions.append("isNotNull(baseline_amount)")
    return conditions, parameters
