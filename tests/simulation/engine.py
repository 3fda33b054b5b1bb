"""The real engine in the place of its twin: slower, so for a few runs only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from clickhouse_connect.driver.exceptions import DatabaseError

from infra.clickhouse import Analytics
from infra.event_store import EventStore
from infra.log import Entry
from projections.projected import Lane, Projected
from services.finance.reconcile import reconcile
from tests.simulation.clockwork import Clockwork
from tests.simulation.warehouse import EngineAway, Fate, Row, Wrong, compare

PLACE = "where app = {app:String} and lane = {lane:UInt16}"


class Engine(Analytics):
    """An embedded engine over a network that loses answers. What it lacks (a table) it says as its twin does."""

    def __init__(self, inner: Analytics, clockwork: Clockwork) -> None:
        super().__init__(inner._client, None, inner._folder)
        self._clockwork = clockwork
        self.fate: Fate = lambda: "kept"
        self.wipe()

    def wipe(self) -> None:
        for kind, tables in (("view", "View"), ("table", "MergeTree")):
            found = super().rows(
                "select name from system.tables where database = currentDatabase() and engine = {engine:String}",
                {"engine": tables},
            )
            for row in found:
                super().command(f"drop {kind} {row['name']} sync")

    def rows(
        self, query: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        self._clockwork.pause()
        try:
            return super().rows(query, parameters, settings)
        except DatabaseError as error:
            raise EngineAway(str(error)) from error

    def command(self, statement: str, *more: Any) -> None:
        is_insert = "insert into" in statement
        fate = self.fate() if is_insert else "kept"
        self._clockwork.pause(5.0 if fate == "late" else 0.002)
        if fate == "lost":
            raise EngineAway("the connection was refused")
        try:
            super().command(statement, *more)
        except DatabaseError as error:
            raise EngineAway(str(error)) from error
        if fate == "unanswered":
            raise EngineAway("the connection was closed")
        self._clockwork.pause()

    def end(self, table: str, place: Lane) -> int:
        if not super().rows("select name from system.tables where name = {name:String}", {"name": table}):
            return 0
        app, lane = place
        return int(super().rows(f"select max(pos) as pos from {table} {PLACE}", {"app": app, "lane": lane})[0]["pos"])

    def check(self, app: str, lane: int, entries: Sequence[Entry]) -> None:
        place = {"app": app, "lane": lane}
        rows = [
            Row(**{**row, "recorded_at": row["recorded_at"].replace(tzinfo=UTC), "raw": row["raw"].encode()})
            for row in super().rows(f"select {', '.join(Row._fields)} from raw_log {PLACE} order by pos", place)
        ]
        compare(f"raw_log, {app}, lane {lane}", rows, entries)
        query = f"select pos, count() as lines, uniqExact(line) as different from ledger_g1 {PLACE} group by pos order by pos"
        found = super().rows(query, place)
        if [row["pos"] for row in found] != [entry.pos for entry in entries]:
            raise Wrong(f"the ledger of {app}, lane {lane}, holds other events than the log")
        if doubled := [row for row in found if row["lines"] != row["different"]]:
            raise Wrong(f"the ledger of {app}, lane {lane}, holds lines twice: {doubled}")

    def check_sums(self, ordering: EventStore) -> None:
        found = reconcile(Projected(self), ordering)
        if not found["is_equal"]:
            raise Wrong(f"the ledger's sums differ from the store's: {found['differing_groups']}")
