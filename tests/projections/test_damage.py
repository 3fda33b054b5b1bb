"""Parts that the engine lost: positions do not show it, so the table is made anew and filled again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from infra.clickhouse import Analytics
from projections import patient
from projections.patient import PatientProjector
from projections.projector import Projector
from tests.projections.engine import catch_up, engine_in, store_in, written
from tests.projections.stored import orders, put

LANES = 2


def part_of(analytics: Analytics, table: str) -> Path:
    rows = analytics.rows(
        "select path from system.parts where active and database = currentDatabase() and table = {table:String}",
        {"table": table},
    )
    return Path(rows[0]["path"])


@pytest.mark.parametrize(
    ("table", "file"),
    [
        ("ledger_g1", "data.cmrk4"), ("ledger_g1", "checksums.txt"), ("orders_g1", "columns.txt"),
        ("raw_log", "data.bin"), ("epochs", "data.bin"),
    ],
)  # fmt: skip
def test_what_the_engine_set_aside_at_its_start_is_filled_in_again(tmp_path: Path, table: str, file: str) -> None:
    store = store_in(tmp_path / "home", LANES)
    put(store, *orders(20))
    with engine_in(tmp_path / "engine") as analytics:
        catch_up(Projector(analytics), store)
        part = part_of(analytics, table)
        put(store, *orders(5))
        catch_up(Projector(analytics), store)
        good = written(analytics)
    (part / file).write_bytes(b"")
    with engine_in(tmp_path / "engine") as analytics:
        projector = Projector(analytics)
        catch_up(projector, store)
        assert written(analytics) == good
        assert projector.mend(reads_all=True) == []
    store.close()


@pytest.mark.parametrize("table", ["raw_log", "ledger_g1", "orders_g1"])
def test_what_the_engine_has_not_found_broken_yet_is_looked_for(tmp_path: Path, table: str) -> None:
    store = store_in(tmp_path / "home", LANES)
    put(store, *orders(20))
    with engine_in(tmp_path / "engine") as analytics:
        projector = Projector(analytics)
        catch_up(projector, store)
        good = written(analytics)
        assert projector.mend(reads_all=True) == []
        (part_of(analytics, table) / "data.bin").write_bytes(b"")
        assert projector.mend() == []
        assert projector.mend(reads_all=True) == [table]
        catch_up(projector, store)
        assert written(analytics) == good
    store.close()


@pytest.mark.parametrize(("name", "reads_all"), [("CORRUPTED_DATA", True), ("NOT_ENOUGH_SPACE", False)])
def test_an_error_that_says_that_files_are_broken_lets_all_be_read(
    monkeypatch: pytest.MonkeyPatch, name: str, reads_all: bool
) -> None:
    monkeypatch.setattr(patient, "RETRY_SECONDS", 0)
    mended: list[bool] = []
    projector = SimpleNamespace(
        mend=lambda *, reads_all: mended.append(reads_all), migrate=lambda: None,
        analytics=SimpleNamespace(close=lambda: None),
    )  # fmt: skip
    monkeypatch.setattr(patient, "Projector", lambda _: projector)
    failures = iter([DatabaseError("once", name=name), None, DatabaseError("again", name="TIMEOUT_EXCEEDED"), None])

    def work(_: Any) -> None:
        if (failure := next(failures)) is not None:
            raise failure

    asked = PatientProjector(cast("Callable[[], Analytics]", lambda: SimpleNamespace(close=lambda: None)))

    async def run() -> None:
        await asked.use("test", work)
        await asked.use("test", work)

    asyncio.run(run())
    assert mended == [reads_all, False]
    asked.close()
