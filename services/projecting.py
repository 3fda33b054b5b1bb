"""Projecting what stores hold, without a broker between: in the embedded run always, else where all is made anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from infra.clickhouse import Analytics
from infra.event_store import EventStore
from projections.ledger.sums import Slice, sums
from projections.projector import Projector
from projections.rebuild import rebuild, start_over

Progress = Callable[[int, int], None]
"""Called with what is done and what there is in all."""
Step = Callable[[str, int, int], None]
"""The same with the name of the step before."""


def project(projector: Projector, stores: Sequence[EventStore], on_progress: Progress | None = None) -> None:
    """Takes in everything that the stores published. Raises BeyondTheEnd, OtherStore, ChainBroken."""
    marks = projector.marks()
    behind = {s: max((m.pos for (app, _), m in marks.items() if app == s.context), default=0) for s in stores}
    # Positions count internal events too, so this is what is left to read, not to write.
    total = sum(store.last_pos() - pos for store, pos in behind.items())
    done = 0
    for store in stores:
        before, is_new = done, False
        for _ in projector.catch_up(store):
            is_new = True
            reached = max(m.pos for (app, _), m in projector.marks().items() if app == store.context)
            done = before + reached - behind[store]
            if on_progress:
                on_progress(min(done, total), total)
        done = before + store.last_pos() - behind[store]
        if on_progress and is_new:
            # Internal events at the end are read too.
            on_progress(min(done, total), total)


def make_anew(
    projector: Projector, stores: Sequence[EventStore], step: Step, *, accept_changes: bool, from_stores: bool
) -> dict[str, Any]:
    """New generations of the derived tables; figures before and after, which are equal or nothing is switched.

    `from_stores` forgets the raw log too and reads the stores again: for projections that belong to other stores.
    Nobody else may write meanwhile: the generations are compared at one position.
    """
    if from_stores:
        start_over(projector, tuple(stores))
        project(projector, stores, lambda done, total: step("projecting events", done, total))
    before = _headline(projector.analytics)
    tables = rebuild(projector, lambda name, *of: step(f"rebuilding {name}", *of), accept_changes=accept_changes)
    return {
        "is_equal": all(table.is_equal for table in tables),
        "is_switched": all(table.is_switched for table in tables),
        "before": before,
        "after": _headline(projector.analytics),
        "tables": [asdict(table) for table in tables],
    }


def _headline(analytics: Analytics) -> list[dict[str, str]]:
    return [
        {"measure": measure, "currency": one.currency, "amount": f"{one.amount:.2f}"}
        for measure in ("ordered", "received", "invoiced")
        for one in sums(analytics, (), Slice(measure))
    ]
