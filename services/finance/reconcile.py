"""The proof: the ledger's sums against a fold of the event store in Decimal, at the same positions."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from infra.clickhouse import sql
from infra.event_store import EventStore
from infra.log import Log
from infra.mapper import UnreadableEvent
from projections.projected import Projected
from services.finance.fold import facts
from services.finance.ratios import money

Group = tuple[str, str, UUID, UUID, str]
"""Measure, currency, establishment, agreement, month as 2022-01."""
Totals = tuple[Decimal, Decimal, Decimal, int]
"""Quantity, amount, baseline amount, lines."""
NOTHING: Totals = (Decimal(0), Decimal(0), Decimal(0), 0)
SHOWN = 20


def reconcile(
    projected: Projected, store: EventStore, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Compares every (measure, currency, establishment, agreement, month) of the ledger with the store.

    `difference` is the sum of the absolute differences in amount and baseline amount; it must be 0.00.
    """
    reached = projected.positions()
    upto = [reached.get((store.context, lane), 0) for lane in range(store.lanes)]
    folded, events, unreadable = fold(store, upto, progress)
    ledger = _ledger(projected, upto)
    differing = [key for key in folded.keys() | ledger.keys() if folded.get(key, NOTHING) != ledger.get(key, NOTHING)]
    difference = Decimal(0)
    for key in differing:
        ours, theirs = ledger.get(key, NOTHING), folded.get(key, NOTHING)
        difference += abs(ours[1] - theirs[1]) + abs(ours[2] - theirs[2])
    return {
        "is_equal": not differing,
        "difference": money(difference),
        "events": events,
        "unreadable_events": unreadable,
        "groups": len(folded.keys() | ledger.keys()),
        "differing_groups": [
            _described(key, ledger.get(key, NOTHING), folded.get(key, NOTHING))
            for key in sorted(differing, key=str)[:SHOWN]
        ],
        "differing": len(differing),
    }


def fold(
    store: EventStore, upto: list[int], progress: Callable[[int, int], None] | None = None
) -> tuple[dict[Group, Totals], int, int]:
    """Totals of the store's events up to a position of each lane, the events read, and those that cannot be."""
    totals: dict[Group, Totals] = {}
    events = unreadable = 0
    log = Log(store)
    end = max(upto, default=0)
    while (page := log.page(5_000)) is not None:
        for entry in page:
            if entry.pos > upto[entry.lane]:
                continue
            events += 1
            try:
                event = store.mapper.language.load(entry.type, entry.raw)
            except (UnreadableEvent, ValueError):
                unreadable += 1
                continue
            for fact in facts(event):
                month = f"{fact.business_date:%Y-%m}"
                key = (fact.measure, fact.currency, fact.establishment_id, fact.agreement_id, month)
                quantity, amount, baseline, lines = totals.get(key, NOTHING)
                totals[key] = (
                    quantity + fact.quantity,
                    amount + fact.amount,
                    baseline + (fact.baseline_amount or 0),
                    lines + fact.lines,
                )
        if progress and page:
            progress(page[-1].pos, end)
        if page and min(entry.pos for entry in page) > end:
            break
    return totals, events, unreadable


def _ledger(projected: Projected, upto: list[int]) -> dict[Group, Totals]:
    return {
        (
            row["measure"],
            row["currency"],
            row["establishment_id"],
            row["agreement_id"],
            f"{row['month']:%Y-%m}",
        ): (row["quantity_"], row["amount_"], row["baseline_"] or Decimal(0), row["lines_"])
        for row in projected.analytics.rows(sql("projections.ledger", "groups.sql"), {"upto": upto})
    }


def _described(key: Group, ledger: Totals, store: Totals) -> dict[str, Any]:
    measure, currency, establishment_id, agreement_id, month = key
    return {
        "measure": measure,
        "currency": currency,
        "establishment": str(establishment_id),
        "agreement": str(agreement_id),
        "month": month,
        "ledger": {"amount": money(ledger[1]), "baseline_amount": money(ledger[2]), "lines": ledger[3]},
        "store": {"amount": money(store[1]), "baseline_amount": money(store[2]), "lines": store[3]},
    }
