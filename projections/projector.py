"""The only writer of the projections: raw log first, then each table from it, exactly once in effect.

A step is one insert for all lanes of a context, under a token made of the positions that it starts from, guarded by
them: a compare-and-set. Positions only grow, so that their sum names them all. Success and error both mean unknown, so
positions are read again after each. Nothing is kept in memory that the data does not say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from infra.clickhouse import SMALL, raw_batch, sql
from infra.event_store import EventStore
from infra.log import Entry, Log, Mark
from infra.metrics import inserting, shown
from projections.projected import Lane
from projections.tables import RAW, TABLES, Tables, name_of, rows_sql, tables_of

STEP_EVENTS, STEP_BYTES = 100_000, 32_000_000
PAGE = 5_000


class OtherStore(Exception):
    """The projections belong to another store."""


class ChainBroken(Exception):
    """An event is missing before one that arrived: the lane stands still, and the figures say so."""


class StepLost(Exception):
    """An insert did not move the position."""


class Projector(Tables):
    """Writes what the stores published into the analytics engine."""

    def adopt(self, app: str, epoch: UUID, lanes: int) -> None:
        """Binds the projections to a store. Raises OtherStore where they belong to another, or to other lanes."""
        known = self.epochs().get(app)
        if known is None:
            self.analytics.command(
                "insert into epochs values ({app:String}, {epoch:UUID}, {lanes:UInt16})",
                {"app": app, "epoch": str(epoch), "lanes": lanes},
                {"async_insert": 0},
            )
        elif known != (epoch, lanes):
            msg = (
                f"the projections are of another {app} store ({known[0]}, {known[1]} lanes; "
                f"this one is {epoch}, {lanes} lanes): run `groupement rebuild --from-stores`"
            )
            raise OtherStore(msg)

    def epochs(self) -> dict[str, tuple[UUID, int]]:
        """For each context the epoch of the store that its projections belong to, and that store's lanes."""
        rows = self.analytics.rows("select app, epoch, lanes from epochs")
        return {row["app"]: (row["epoch"], row["lanes"]) for row in rows}

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
        self.adopt(store.context, store.epoch, store.lanes)
        marks = {lane: mark for (app, lane), mark in self.marks().items() if app == store.context}
        is_derived = False
        for batch in batches(Log(store, marks)):
            self.append(store.context, batch)
            self.derive(store.context)
            shown(store.context, batch[0].recorded_at)
            is_derived = True
            yield len(batch)
        if not is_derived:
            # Whoever was stopped between raw log and tables left the tables behind, though nothing is new.
            self.derive(store.context)

    def append(self, app: str, entries: Sequence[Entry]) -> None:
        """Brings the raw log to the end of these entries; those that are there already change nothing.

        Another projector may be faster: its steps are taken as they are. Raises ChainBroken, StepLost.
        """
        stands = self.reached("raw_log", app)
        while left := [entry for entry in entries if entry.pos > stands.get(entry.lane, 0)]:
            self._check_chain(app, stands, left)
            batch = raw_batch(
                (app, e.lane, e.pos, e.prev, e.stream_id, e.version, e.type, e.recorded_at, e.raw) for e in left
            )
            start = sum(stands.values())
            with inserting("raw_log", len(left)):
                self.analytics.insert_raw(sql(RAW, "insert.sql"), batch, {"app": app, "start": start}, f"{app}:{start}")
            if (reached := self.reached("raw_log", app)) == stands:
                msg = f"raw log of {app}: a step from {stands} to {left[-1].pos} moved nothing"
                raise StepLost(msg)
            stands = reached

    def _check_chain(self, app: str, stands: Mapping[int, int], entries: Sequence[Entry]) -> None:
        before = dict(stands)
        for entry in entries:
            lane = entry.lane
            if entry.prev != (last := before.get(lane, 0)):
                self.note_break(app, lane, stands.get(lane, 0), entry)
                msg = f"{app}, lane {lane}: event {entry.pos} follows {entry.prev}, the last one here is {last}"
                raise ChainBroken(msg)
            before[lane] = entry.pos

    def derive(self, app: str) -> None:
        """Brings the derived tables to where the raw log is. Raises StepLost."""
        for table in tables_of(app):
            self.derive_one(table, app)

    def derive_one(self, table: str, app: str) -> None:
        """Brings every generation of a table to where the table is that it does not overtake. Raises StepLost."""
        # One question for all of them: while little arrives, asking is half of what a step costs.
        source, names = TABLES[table], [name_of(table, generation) for generation in self.generations(table)]
        stands = self.reached_by([source, *names], app)
        for name in names:
            for _ in self._steps(table, name, app, stands[name], stands[source]):
                pass

    def steps(self, table: str, generation: int, app: str) -> Iterator[int]:
        """The same for one generation; yields the events of each step. Raises StepLost."""
        if table in tables_of(app):
            source, name = TABLES[table], name_of(table, generation)
            stands = self.reached_by([source, name], app)
            yield from self._steps(table, name, app, stands[name], stands[source])

    def _steps(
        self, table: str, name: str, app: str, starts: Mapping[int, int], ends: Mapping[int, int]
    ) -> Iterator[int]:
        text = (rows_sql(table, app) or "").replace(f"{table}_gN", name)
        while span := _span(app, starts, ends):
            step = self._next(span)
            start = sum(starts.values())
            place = {**span, "upto": step["upto"], "start": start}
            with inserting(table, step["events"]):
                self.analytics.insert_once(text, place, f"{app}:{start}")
            # Another projector may have been faster, with a step of another length: what is there counts.
            if (reached := self.reached(name, app)) == starts:
                msg = f"{name} of {app}: a step from {starts} to {step['upto']} moved nothing"
                raise StepLost(msg)
            starts = reached
            yield step["events"]

    def _next(self, span: Mapping[str, Any]) -> dict[str, Any]:
        limits = {"events": STEP_EVENTS, "bytes": STEP_BYTES}
        width = 4 * STEP_EVENTS
        while True:
            # A log of millions is not read to its end for each step.
            step = self.analytics.rows(
                sql(RAW, "next.sql"), {**span, **limits, "to": min(span["to"], span["from"] + width)}, SMALL
            )[0]
            if step["events"] or span["from"] + width >= span["to"]:
                return step
            width *= 2

    def reached(self, table: str, app: str) -> dict[int, int]:
        """How far a table, or one generation of it, has come in each lane of a context."""
        return self.reached_by([table], app)[table]

    def reached_by(self, tables: Sequence[str], app: str) -> dict[str, dict[int, int]]:
        """The same of several tables, by name."""
        query = " union all ".join(
            f"select '{table}' as name, lane, max(pos) as pos from {table} where app = {{app:String}} group by lane"
            for table in tables
        )
        found: dict[str, dict[int, int]] = {table: {} for table in tables}
        for row in self.analytics.rows(query, {"app": app}, SMALL):
            found[row["name"]][row["lane"]] = row["pos"]
        return found

    def note_break(self, app: str, lane: int, stood_at: int, entry: Entry) -> None:
        """Notes that an event arrived whose predecessor is missing: figures say so while the lane stands there."""
        # Whoever waits for the missing event tries again and again: the same break is noted once.
        self.analytics.insert_once(
            "insert into chain_breaks values ({app:String}, {lane:UInt16}, {stood:UInt64}, {expected:UInt64}, "
            "{found:UInt64}, {at:DateTime64(6, 'UTC')})",
            {"app": app, "lane": lane, "stood": stood_at, "expected": entry.prev, "found": entry.pos,
             "at": datetime.now(UTC)},
            f"{app}:{lane}:{stood_at}:{entry.prev}:{entry.pos}",
        )  # fmt: skip


def _span(app: str, starts: Mapping[int, int], ends: Mapping[int, int]) -> dict[str, Any]:
    """Where the lanes of a table stand and where they may go, as the statements take it; empty where all are there."""
    behind = [lane for lane, end in ends.items() if starts.get(lane, 0) < end]
    if not behind:
        return {}
    lanes = range(max(ends) + 1)
    return {
        "app": app,
        "from": min(starts.get(lane, 0) for lane in behind),
        "to": max(ends[lane] for lane in behind),
        "starts": [starts.get(lane, 0) for lane in lanes],
        "ends": [ends.get(lane, 0) for lane in lanes],
    }


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
