"""Whoever waits for a position leaves the engine to the projector."""

from __future__ import annotations

import time
from typing import cast

from infra.clickhouse import Analytics
from infra.request import Position
from projections.projected import Lane, Projected
from projections.tables import TABLES
from services.reading import Reading


class Slow(Projected):
    """Positions that take a while to learn, and never come to where they are awaited."""

    def __init__(self) -> None:
        super().__init__(cast("Analytics", None))
        self.asked = 0

    def positions(self, table: str = "ledger") -> dict[Lane, int]:
        self.asked += 1
        time.sleep(0.05)
        return {("ordering", 0): 3}


def test_a_look_that_took_a_while_is_followed_by_a_longer_pause() -> None:
    reading = Reading(cast("Analytics", None))
    reading.projected = slow = Slow()
    (behind,) = reading.wait_for([Position("ordering", 0, 4)], 0.55)
    assert behind.reached == 3
    # One look takes 0.1 s: without the pause there would be four.
    assert slow.asked <= 2 * len(TABLES)


class Uneven(Slow):
    """The orders are behind the ledger."""

    def positions(self, table: str = "ledger") -> dict[Lane, int]:
        return {("ordering", 0): 4 if table == "ledger" else 3}


def test_who_asks_for_figures_waits_for_the_ledger_alone_and_a_list_for_all_tables() -> None:
    reading = Reading(cast("Analytics", None))
    reading.projected = Uneven()
    wanted = [Position("ordering", 0, 4)]
    assert reading.wait_for(wanted, 0.0, "ledger") == []
    assert [behind.reached for behind in reading.wait_for(wanted, 0.0)] == [3]
