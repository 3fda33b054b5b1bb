"""Why a figure is what it is: the events behind it, and those left out with the reason."""

from __future__ import annotations

from typing import Any

from events.values import plain
from projections.ledger.facts import Row, excluded, facts, totals
from projections.ledger.sums import NO_ID, sums
from projections.suppliers.reader import valid_scores
from services.finance.figures import Asked, Document, compute
from services.finance.query import SeveralCurrencies
from services.finance.ratios import money


def explain(asked: Asked, limit: int) -> Document:
    """The figure's total, the rows of the ledger that add up to it, and those left out by reason.

    Keys of rows (`by`) do not matter here: filters choose what is explained. Raises SeveralCurrencies.
    """
    query = asked.query
    currencies = {one.currency for one in sums(asked.analytics, (), asked.slice)}
    if len(currencies) > 1:
        msg = f"these amounts are in {', '.join(sorted(currencies))}"
        raise SeveralCurrencies(msg, pointer="/currency")
    is_savings = query.figure == "savings"
    scores = valid_scores(asked.analytics, asked.day, query.as_of) if query.figure == "csr" else None
    counted = facts(asked.analytics, asked.slice, limit, only_with_baseline=is_savings)
    events, rows, amount, baseline = totals(asked.analytics, asked.slice, only_with_baseline=is_savings)
    left_out = excluded(asked.analytics, asked.slice, limit, is_savings=is_savings, rated=scores, day=asked.day)
    reasons = {row["why"]: row for row in left_out}
    figure = compute(Asked(query.model_copy(update={"by": ()}), asked.analytics, asked.slice, asked.now))
    return {
        **{name: value for name, value in figure.items() if name not in ("rows", "by")},
        "behind": {"events": events, "rows": rows, "amount": money(amount), "baseline_amount": money(baseline)},
        "shown": len(counted),
        "events": [_row(row) for row in counted],
        "left_out": [
            {"reason": why, "rows": row["rows_of_reason"], "amount": money(row["amount_of_reason"])}
            for why, row in sorted(reasons.items())
        ],
        "left_out_events": [{**_row(row), "reason": row["why"]} for row in left_out],
    }


def _row(row: Row) -> dict[str, Any]:
    ids = ("establishment_id", "agreement_id", "lot_id", "supplier_id", "order_id")
    baseline = row["baseline_amount"]
    return {
        "event_id": str(row["event_id"]),
        "type": row["type"],
        "context": row["app"],
        "lane": row["lane"],
        "position": row["pos"],
        "line": row["line"],
        "recorded_at": row["recorded_at"].isoformat().replace("+00:00", "") + "Z",
        "business_date": row["business_date"].isoformat(),
        **{name: None if row[name] == NO_ID else str(row[name]) for name in ids},
        "document": row["document"],
        "line_id": row["line_id"],
        "category": row["category"],
        "item": row["item"],
        "label": row["label"],
        "quantity": plain(row["quantity"]),
        "amount": money(row["amount"]),
        "baseline_amount": None if baseline is None else money(baseline),
        "currency": row["currency"],
    }
