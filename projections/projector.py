"""The only writer of the projections: raw log first, then each table from it, exactly once in effect.

A step of a lane is one insert under a token made of the position that it starts from, guarded by that position: a
compare-and-set. Success and error both mean unknown, so the position is read again after each. Nothing is kept in
memory that the data does not say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from infra.clickhouse import Analytics, raw_batch, sql
from infra.event_store import EventStore
from infra.log import Entry, Log, Mark
from infra.metrics import inserting, shown
from projections.projected import Lane, Projected

RAW = "projections.raw_log"
TABLES = {"ledger": "raw_log", "orders": "ledger"}
"""Tables derived from the raw log by `projections/<name>/`, in this order -> what each of them does not overtake."""
VIEWS = ("establishments", "suppliers", "agreements")
"""Questions that a view over the raw log answers: few events, never a copy."""
STEP_EVENTS, STEP_BYTES = 100_000, 32_000_000
PAGE = 5_000


class OtherStore(Exception):
    """The projections belong to another store."""


class ChainBroken(Exception):
    """An event is missing before one that arrived: the lane stands still, and the figures say so."""


class StepLost(Exception):
    """An insert did not move the position."""


class Projector(Projected):
    """Writes what the stores published into the analytics engine."""

    def __init__(self, analytics: Analytics) -> None:
        super().__init__(analytics)
        self.migrate()

    def migrate(self) -> None:
        """Creates what is missing: tables, their first generations, views."""
        for name in ("table.sql", "epochs.sql", "breaks.sql"):
            self.analytics.command(sql(RAW, name))
        for table in TABLES:
            # Whoever was stopped in between may have left a table without its view, or a view without its table.
            if not (found := self.generations(table)):
                self.create(table, 1)
            if self.current(table) not in (found or [1]):
                self.switch(table, (found or [1])[0])
        for folder in VIEWS:
            for statement in sql(f"projections.{folder}", "views.sql").split(";"):
                self.analytics.command(statement)

    def generations(self, table: str) -> list[int]:
        """The generations of a table that exist; the view shows one of them."""
        found = self.analytics.rows(
            "select name from system.tables where database = currentDatabase() and match(name, {name:String})",
            {"name": f"^{table}_g\\d+$"},
        )
        return sorted(int(row["name"].rpartition("_g")[2]) for row in found)

    def create(self, table: str, generation: int) -> None:
        """An empty generation of a table."""
        self.analytics.command(sql(f"projections.{table}", "table.sql").replace("_gN", f"_g{generation}"))

    def switch(self, table: str, generation: int) -> None:
        """Lets the view of a table show a generation."""
        self.analytics.command(
            f"create or replace view {table} sql security definer as select * from {table}_g{generation}"
        )

    def drop(self, table: str, generation: int) -> None:
        """Forgets a generation."""
        self.analytics.command(f"drop table {table}_g{generation} sync")

    def current(self, table: str) -> int:
        """The generation that the view of a table shows; 0 where there is no view."""
        found = self.analytics.rows(
            "select extract(as_select, {name:String}) as generation from system.tables "
            "where database = currentDatabase() and name = {table:String}",
            {"name": f"{table}_g(\\d+)", "table": table},
        )
        return int(found[0]["generation"]) if found else 0

    def adopt(self, store: EventStore) -> None:
        """Binds the projections to a store. Raises OtherStore where they belong to another, or to other lanes."""
        known = self.analytics.rows("select epoch, lanes from epochs where app = {app:String}", {"app": store.context})
        if not known:
            self.analytics.command(
                "insert into epochs values ({app:String}, {epoch:UUID}, {lanes:UInt16})",
                {"app": store.context, "epoch": str(store.epoch), "lanes": store.lanes},
                {"async_insert": 0},
            )
        elif (known[0]["epoch"], known[0]["lanes"]) != (store.epoch, store.lanes):
            msg = (
                f"the projections are of another {store.context} store ({known[0]['epoch']}): "
                "run `groupement rebuild --from-stores`"
            )
            raise OtherStore(msg)

    def marks(self) -> dict[Lane, Mark]:
        """How far the raw log has come in each lane."""
        return {
            (row["app"], row["lane"]): Mark(row["pos"], row["recorded_at"].replace(tzinfo=UTC))
            for row in self.analytics.rows(sql(RAW, "positions.sql"))
        }

    def catch_up(self, store: EventStore) -> Iterator[int]:
        """Takes in what a store published since; yields the number of events after each step.

        Raises BeyondTheEnd, ChainBroken, OtherStore, StepLost.
        """
        self.adopt(store)
        marks = {lane: mark for (app, lane), mark in self.marks().items() if app == store.context}
        # Lanes without anything new: whoever was stopped between raw log and tables left the tables behind.
        left = set(marks)
        for batch in batches(Log(store, marks)):
            for lane in sorted({entry.lane for entry in batch}):
                entries = [entry for entry in batch if entry.lane == lane]
                self.append(store.context, lane, entries)
                self.derive(store.context, lane)
                shown(store.context, entries[0].recorded_at)
                left.discard(lane)
                yield len(entries)
        for lane in left:
            self.derive(store.context, lane)

    def append(self, app: str, lane: int, entries: Sequence[Entry]) -> None:
        """Brings the raw log to the end of these entries; those that are there already change nothing.

        Another projector may be faster: its steps are taken as they are. Raises ChainBroken, StepLost.
        """
        stands = self._reached("raw_log", app, lane)
        while left := [entry for entry in entries if entry.pos > stands]:
            self._check_chain(app, lane, stands, left)
            batch = raw_batch(
                (app, lane, e.pos, e.prev, e.stream_id, e.version, e.type, e.recorded_at, e.raw) for e in left
            )
            parameters = {"app": app, "lane": lane, "start": stands}
            with inserting("raw_log", len(left)):
                self.analytics.insert_raw(sql(RAW, "insert.sql"), batch, parameters, f"{app}:{lane}:{stands}")
            if (reached := self._reached("raw_log", app, lane)) == stands:
                msg = f"raw log of {app}, lane {lane}: a step from {stands} to {left[-1].pos} moved nothing"
                raise StepLost(msg)
            stands = reached

    def _check_chain(self, app: str, lane: int, stands: int, entries: Sequence[Entry]) -> None:
        before = stands
        for entry in entries:
            if entry.prev != before:
                self._note_break(app, lane, stands, entry)
                msg = f"{app}, lane {lane}: event {entry.pos} follows {entry.prev}, the last one here is {before}"
                raise ChainBroken(msg)
            before = entry.pos

    def derive(self, app: str, lane: int) -> None:
        """Brings the derived tables, every generation of them, to where the raw log is. Raises StepLost."""
        for table in TABLES:
            if rows_sql(table, app) is None:
                continue
            for generation in self.generations(table):
                for _ in self.steps(table, generation, app, lane):
                    pass

    def steps(self, table: str, generation: int, app: str, lane: int) -> Iterator[int]:
        """Brings one generation of a table to where the raw log is; yields the events of each step. Raises StepLost."""
        name, text = f"{table}_g{generation}", rows_sql(table, app)
        if text is None:
            return
        end, start = self._reached(TABLES[table], app, lane), self._reached(name, app, lane)
        while start < end:
            place = {"app": app, "lane": lane, "start": start}
            limits = {"end": end, "events": STEP_EVENTS, "bytes": STEP_BYTES}
            step = self.analytics.rows(sql(RAW, "next.sql"), {**place, **limits})[0]
            statement = text.replace("_gN", f"_g{generation}")
            with inserting(table, step["events"]):
                self.analytics.insert_once(statement, {**place, "upto": step["upto"]}, f"{app}:{lane}:{start}")
            # Another projector may have been faster, with a step of another length: what is there counts.
            if (reached := self._reached(name, app, lane)) == start:
                msg = f"{name} of {app}, lane {lane}: a step from {start} to {step['upto']} moved nothing"
                raise StepLost(msg)
            start = reached
            yield step["events"]

    def _reached(self, table: str, app: str, lane: int) -> int:
        query = f"select max(pos) as pos from {table} where app = {{app:String}} and lane = {{lane:UInt16}}"
        return int(self.analytics.rows(query, {"app": app, "lane": lane})[0]["pos"])

    def _note_break(self, app: str, lane: int, stood_at: int, entry: Entry) -> None:
        # Whoever waits for the missing event tries again and again: the same break is noted once.
        self.analytics.insert_once(
            "insert into chain_breaks values ({app:String}, {lane:UInt16}, {stood:UInt64}, {expected:UInt64}, "
            "{found:UInt64}, {at:DateTime64(6, 'UTC')})",
            {"app": app, "lane": lane, "stood": stood_at, "expected": entry.prev, "found": entry.pos,
             "at": datetime.now(UTC)},
            f"{app}:{lane}:{stood_at}:{entry.prev}:{entry.pos}",
        )  # fmt: skip


def rows_sql(table: str, app: str) -> str | None:
    """The statement that adds a context's events to a table; None where the table has no place for them."""
    if app == "ordering":
        return sql(f"projections.{table}", "rows.sql")
    return sql(f"projections.{table}", "others.sql") if table == "ledger" else None


def batches(log: Log) -> Iterator[list[Entry]]:
    """Pages of the log, joined to steps."""
    batch: list[Entry] = []
    size = 0
    while (page := log.page(PAGE)) is not None:
        for entry in page:
            batch.append(entry)
            size += len(entry.raw)
            if len(batch) >= STEP_EVENTS or size >= STEP_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch
