"""The analytics engine in memory, as far as the projector asks it: tables by lane, and the guarded insert with a token.

What matters is taken over from the engine, and held against it in test_warehouse.py: an insert is one block that is
there or not; its guard is read when it starts, its token when it commits; a token is remembered for some inserts of a
table only, and a block without rows leaves none; an error says nothing about what happened.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any, NamedTuple
from uuid import UUID

from infra.clickhouse import ROOM_BYTES, Analytics, sql
from infra.event_store import EventStore
from infra.log import Entry
from projections.projected import Lane
from projections.tables import RAW
from tests.simulation.clockwork import Clockwork, Killed

WINDOW = 6
"""Inserts of a table whose tokens are remembered: 10,000 in the engine, and here soon forgotten."""
Fate = Callable[[], str]
"""What becomes of an insert: `kept`, `unanswered` (kept, and nobody learns it), `late` (it begins much later), `lost`."""

Rows = Callable[[], "list[Row]"]
"""What an insert reads when it begins."""


class EngineAway(Exception):
    """The engine did not answer."""


class Wrong(AssertionError):
    """The pipeline says something else than the stores: lost, doubled, moved or invented."""


class Row(NamedTuple):
    """A row of the raw log."""

    app: str
    lane: int
    pos: int
    prev: int
    stream_id: UUID
    version: int
    type: str
    recorded_at: datetime
    raw: bytes


class Table:
    """Rows by lane, in the order in which they were written, and the tokens of the last inserts."""

    def __init__(self) -> None:
        self.lanes: dict[Lane, list[Row]] = {}
        self.tokens: list[str] = []
        self.inserts = 0

    def ends(self, app: str) -> dict[int, int]:
        return {lane: rows[-1].pos for (of, lane), rows in self.lanes.items() if of == app}


class Warehouse(Analytics):
    """Takes the statements of the projector."""

    def __init__(self, clockwork: Clockwork) -> None:
        super().__init__(client=None)
        self._clockwork = clockwork
        self.fate: Fate = lambda: "kept"
        self.has_guard = self.has_tokens = True
        self.wipe()

    def wipe(self) -> None:
        """Somebody deletes the data directory."""
        self.tables: dict[str, Table] = {}
        self._views: dict[str, int] = {}
        self.breaks = 0

    def rows(
        self, query: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        self._clockwork.pause()
        asked = dict(parameters or {})
        if tables := re.findall(r"select '(\w+)' as name, lane, max\(pos\) as pos from \1 where", query):
            return list(self._ends(tables, asked["app"]))
        if query == sql(RAW, "positions.sql"):
            lanes = self._table("raw_log").lanes.items()
            return [
                {"app": app, "lane": lane, "pos": rows[-1].pos, "recorded_at": max(row.recorded_at for row in rows)}
                for (app, lane), rows in lanes
            ]
        if query == sql(RAW, "next.sql"):
            return [self._next(asked)]
        if query.startswith("select name, comment from system.tables"):
            return []
        if query.startswith("select distinct table from system.detached_parts"):
            return []
        if query.startswith("select min(unreserved_space)"):
            return [{"room": ROOM_BYTES}]
        if query.startswith("select name from system.tables"):
            return [{"name": name} for name in self.tables if re.match(asked["name"], name)]
        if query.startswith("select extract(as_select"):
            view = self._views.get(asked["table"])
            return [] if view is None else [{"generation": view}]
        raise KeyError(query)

    def _ends(self, tables: Sequence[str], app: str) -> Iterator[dict[str, Any]]:
        for table in tables:
            # One question, but no snapshot: meanwhile somebody may write to the next one.
            self._clockwork.pause()
            for lane, pos in self._table(table).ends(app).items():
                yield {"name": table, "lane": lane, "pos": pos}

    def _next(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        step = self._between(asked, asked["to"])[: asked["events"]]
        return {"upto": step[-1].pos if step else 0, "events": len(step)}

    def _between(self, span: Mapping[str, Any], upto: int) -> list[Row]:
        """What the raw log holds between two places of each lane, in the order of the store's log."""
        starts, ends = dict(enumerate(span["starts"])), dict(enumerate(span["ends"]))
        found = [
            row
            for (app, lane), rows in self._table("raw_log").lanes.items()
            for row in rows
            if app == span["app"] and max(span["from"], starts.get(lane, 0)) < row.pos <= min(upto, ends.get(lane, 0))
        ]
        return sorted(found, key=lambda row: row.pos)

    def command(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        body: bytes | None = None,
    ) -> None:
        self._clockwork.pause()
        statement = re.sub(r"(--[^\n]*\n)+", "", statement).strip()
        if found := re.match(r"create table if not exists (\w+)", statement):
            self.tables.setdefault(found[1], Table())
        elif found := re.match(r"create or replace view (\w+) .*_g(\d+)$", statement):
            self._views[found[1]] = int(found[2])
        elif not statement.startswith("create or replace view") and statement:
            raise KeyError(statement)

    def insert_once(self, statement: str, parameters: Mapping[str, Any], token: str, body: bytes | None = None) -> None:
        found = re.search(r"^insert into (\w+)", statement, re.MULTILINE)
        assert found is not None
        if found[1] == "chain_breaks":
            self.breaks += 1
            return
        self._insert(found[1], parameters, lambda: self._between(parameters, parameters["upto"]), token)

    def insert_raw(self, statement: str, batch: bytes, parameters: Mapping[str, Any], token: str) -> None:
        self._insert("raw_log", parameters, lambda: list(rows_of(batch)), token)

    def _insert(self, name: str, parameters: Mapping[str, Any], rows: Rows, token: str) -> None:
        fate = self.fate()
        self._clockwork.pause(5.0 if fate == "late" else 0.002)
        table = self._table(name)
        if fate == "lost":
            raise EngineAway(f"{name}: the connection was refused")
        begun = table.inserts
        is_there = sum(table.ends(parameters["app"]).values()) == parameters["start"]
        block = rows() if is_there or not self.has_guard else []
        try:
            self._clockwork.pause(0.02)
        except Killed:
            # The server goes on with a statement whose sender is gone, or notices it in time.
            if self._clockwork.rng.random() < 0.5:
                self._commit(name, table, block, token, begun)
            raise
        self._commit(name, table, block, token, begun)
        if fate == "unanswered":
            raise EngineAway(f"{name}: the connection was closed")
        self._clockwork.pause()

    def _commit(self, name: str, table: Table, block: list[Row], token: str, begun: int) -> None:
        if self.tables.get(name) is not table:
            return  # its data are gone, and what was written into them
        if table.inserts - begun >= WINDOW:
            raise EngineAway(f"{name}: a statement does not last as long as tokens are remembered")
        if not block or (self.has_tokens and token in table.tokens[-WINDOW:]):
            return
        table.inserts += 1
        table.tokens.append(token)
        for row in block:
            rows = table.lanes.setdefault((row.app, row.lane), [])
            if rows and row.pos <= rows[-1].pos:
                raise Wrong(f"{name} of {row.app}, lane {row.lane}: {row.pos} was written after {rows[-1].pos}")
            rows.append(row)

    def _table(self, name: str) -> Table:
        found = self.tables.get(f"{name}_g{self._views[name]}" if name in self._views else name)
        if found is None:
            raise EngineAway(f"there is no table {name}")
        return found

    def end(self, table: str, place: Lane) -> int:
        """How far a table has come in a lane."""
        app, lane = place
        return self.tables[table].ends(app).get(lane, 0) if table in self.tables else 0

    def check(self, app: str, lane: int, entries: Sequence[Entry]) -> None:
        """Raises Wrong where a lane holds anything but these, each once, in their order."""
        for name in ("raw_log", "ledger_g1"):
            compare(f"{name}, {app}, lane {lane}", self._table(name).lanes.get((app, lane), []), entries)

    def check_sums(self, ordering: EventStore) -> None:
        """Raises Wrong where sums differ from the store's. This twin keeps no sums."""


def compare(place: str, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
    """Raises Wrong at the first row that is not what the log says."""
    found = [row[2:] for row in rows]
    said = [(e.pos, e.prev, e.stream_id, e.version, e.type, e.recorded_at, e.raw) for e in entries]
    for n, (one, other) in enumerate(zip_longest(found, said)):
        if one != other:
            raise Wrong(f"{place}: row {n} is {one}, the log says {other}")


_NUMBERS, _VERSION, _TIME = struct.Struct("<HQQ"), struct.Struct("<I"), struct.Struct("<q")


def rows_of(batch: bytes) -> Iterator[Row]:
    """The rows of a raw batch, read back from RowBinary."""
    place = 0

    def take(length: int) -> bytes:
        nonlocal place
        place += length
        return batch[place - length : place]

    def text() -> bytes:
        length = shift = 0
        while True:
            byte = take(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return take(length)

    while place < len(batch):
        app = text().decode()
        lane, pos, prev = _NUMBERS.unpack(take(_NUMBERS.size))
        stream_id = UUID(bytes=take(8)[::-1] + take(8)[::-1])
        version = _VERSION.unpack(take(_VERSION.size))[0]
        kind = text().decode()
        recorded_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=_TIME.unpack(take(_TIME.size))[0])
        yield Row(app, lane, pos, prev, stream_id, version, kind, recorded_at, text())
