"""The tables of the projections: which there are, how they are made, and made anew where the engine lost a part.

A derived table has generations, of which its view shows one; a rebuild fills another. Its folder holds its definition
(`table.sql`) and the statements that fill it.
"""

from __future__ import annotations

import hashlib
import logging

from infra.clickhouse import Analytics, sql
from projections.projected import Projected

RAW = "projections.raw_log"
RAW_TABLES = {"raw_log": "table.sql", "epochs": "epochs.sql", "chain_breaks": "breaks.sql"}
TABLES = {"ledger": "raw_log", "orders": "ledger"}
"""Tables derived from the raw log by `projections/<name>/`, in this order -> what each of them does not overtake."""
VIEWS = ("establishments", "suppliers", "agreements", "traces")
"""Questions that a view over the raw log answers: few events, never a copy."""
log = logging.getLogger(__name__)


def rows_sql(table: str, app: str) -> str | None:
    """The statement that adds a context's events to a table; None where the table has no place for them."""
    if app == "ordering":
        return sql(f"projections.{table}", "rows.sql")
    return sql(f"projections.{table}", "others.sql") if table == "ledger" else None


def tables_of(app: str) -> list[str]:
    """The derived tables that take in a context's events; none overtakes the one before it."""
    return [table for table in TABLES if rows_sql(table, app) is not None]


def name_of(table: str, generation: int) -> str:
    """What a generation of a table is called in the engine."""
    return f"{table}_g{generation}"


class Tables(Projected):
    """The tables, for whoever may define them: they are whole and as the SQL files say when it is opened."""

    def __init__(self, analytics: Analytics) -> None:
        super().__init__(analytics)
        self.mend()
        self.migrate()

    def migrate(self) -> None:
        """Creates what is missing or has changed: tables, their first generations, views. Raises NoRoom."""
        there = {
            row["name"]: row["comment"]
            for row in self.analytics.rows("select name, comment from system.tables where database = currentDatabase()")
        }
        for table, file in RAW_TABLES.items():
            if table not in there:
                self.analytics.define(sql(RAW, file))
        for table in TABLES:
            # Whoever was stopped in between may have left a table without its view, or a view without its table.
            if not (found := self.generations(table)):
                self.create(table, 1)
            if self.current(table) not in (found or [1]):
                self.switch(table, (found or [1])[0])
        for folder in VIEWS:
            for statement in sql(f"projections.{folder}", "views.sql").rstrip(";\n").split(";"):
                # A view's comment says of which text it was made.
                made_of = hashlib.sha256(statement.encode()).hexdigest()
                if there.get(statement.partition(" view ")[2].split()[0]) != made_of:
                    self.analytics.define(f"{statement} comment '{made_of}'")

    def mend(self, *, reads_all: bool = False) -> list[str]:
        """Drops the tables that lost something, and makes them anew, empty: what feeds them fills them again.

        The engine sets the parts aside that it finds broken when it starts. What they held is missing without a word,
        and positions do not show it (ADR 13). `reads_all`: looks for broken parts that it has not found yet, too.
        Returns their names. Raises NoRoom.
        """
        rows = self.analytics.rows(
            "select distinct table from system.detached_parts "
            "where database = currentDatabase() and startsWith(reason, 'broken')"
        )
        if not rows and not reads_all:
            return []
        ours = [*RAW_TABLES, *(name_of(table, n) for table in TABLES for n in self.generations(table))]
        lost = {row["table"] for row in rows}.intersection(ours)
        if reads_all:
            lost |= {table for table in ours if not self.analytics.is_whole(table)}
        if "epochs" in lost:
            # Whoever finds the raw log empty begins anew, and binds the data to the store first.
            lost.add("raw_log")
        for table in sorted(lost):
            log.error("%s lost parts, which ClickHouse found broken: it is made anew and filled again", table)
            self.analytics.command(f"drop table if exists {table} sync")
        if lost:
            self.migrate()
        return sorted(lost)

    def generations(self, table: str) -> list[int]:
        """The generations of a table that exist; the view shows one of them."""
        found = self.analytics.rows(
            "select name from system.tables where database = currentDatabase() and match(name, {name:String})",
            {"name": f"^{table}_g\\d+$"},
        )
        return sorted(int(row["name"].rpartition("_g")[2]) for row in found)

    def create(self, table: str, generation: int) -> None:
        """An empty generation of a table."""
        self.analytics.define(
            sql(f"projections.{table}", "table.sql").replace(f"{table}_gN", name_of(table, generation))
        )

    def switch(self, table: str, generation: int) -> None:
        """Lets the view of a table show a generation."""
        self.analytics.define(
            f"create or replace view {table} sql security definer as select * from {name_of(table, generation)}"
        )

    def drop(self, table: str, generation: int) -> None:
        """Forgets a generation."""
        self.analytics.command(f"drop table {name_of(table, generation)} sync")

    def current(self, table: str) -> int:
        """The generation that the view of a table shows; 0 where there is no view."""
        found = self.analytics.rows(
            "select extract(as_select, {name:String}) as generation from system.tables "
            "where database = currentDatabase() and name = {table:String}",
            {"name": f"{table}_g(\\d+)", "table": table},
        )
        return int(found[0]["generation"]) if found else 0
