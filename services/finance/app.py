"""Finance, put together: figures over the projections, the events behind them, and the proof that they reconcile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from infra.event_store import Clock, EventStore, utc_now
from projections.projected import Projected
from services.finance import explain, figures, reconcile
from services.finance.query import FigureQuery

TRIES = 5


class Finance:
    """Answers questions about money. Everything is computed when it is asked; nothing is kept."""

    def __init__(self, projected: Projected, stores: tuple[EventStore, ...], clock: Clock = utc_now) -> None:
        self._projected = projected
        self._stores = stores
        self._clock = clock

    def figure(self, query: FigureQuery) -> dict[str, Any]:
        """A figure as its JSON object (`contracts/figures.schema.json`). Raises SeveralCurrencies, BadQuestion."""
        asked = figures.Asked(query, self._projected.analytics, figures.slice_of(query), self._clock())
        return self._settled(lambda upto: figures.compute(replace(asked, slice=replace(asked.slice, upto=upto))))

    def explain(self, query: FigureQuery, limit: int = 50) -> dict[str, Any]:
        """The events behind a figure, and those left out with the reason. Raises SeveralCurrencies, BadQuestion."""
        asked = figures.Asked(query, self._projected.analytics, figures.slice_of(query), self._clock())
        return self._settled(lambda upto: explain.explain(replace(asked, slice=replace(asked.slice, upto=upto)), limit))

    def reconcile(self, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
        """The ledger against a Decimal fold of the stores at the same positions."""
        ordering = next(store for store in self._stores if store.context == "ordering")
        return self._settled(lambda _: reconcile.reconcile(self._projected, ordering, progress))

    def positions(self) -> dict[str, list[int]]:
        """One number per lane of each context: how far figures have come."""
        reached = self._projected.positions()
        return {
            store.context: [reached.get((store.context, lane), 0) for lane in range(store.lanes)]
            for store in self._stores
        }

    def incomplete(self) -> list[dict[str, Any]] | None:
        """Why figures are not whole; None where they are."""
        problems = self._projected.problems()
        return [
            {"kind": p.kind, "context": p.app, "lane": p.lane, "position": p.pos, "detail": p.detail} for p in problems
        ] or None

    def _settled(self, compute: Callable[[tuple[tuple[int, int], ...]], dict[str, Any]]) -> dict[str, Any]:
        """Computes at one position: again where the projector moved meanwhile, in the end below a fixed position."""
        for attempt in range(TRIES):
            positions = self.positions()
            is_last = attempt == TRIES - 1
            found = compute(tuple(enumerate(positions["ordering"])) if is_last else ())
            if is_last or positions == self.positions():
                break
        return {**found, "incomplete": self.incomplete(), "positions": positions}
