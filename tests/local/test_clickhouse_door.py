"""The day the engine in chdb-core can no longer be started as a server, this says so, and where to read on."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.clickhouse import open_server
from infra.local import clickhouse
from infra.settings import Settings

READ_ON = "docs/adr/0006"


def test_the_engine_of_chdb_core_opens_as_a_server(tmp_path: Path) -> None:
    with clickhouse.running(tmp_path) as server:
        analytics = open_server(Settings(**server.settings("projector")))
        found = analytics.rows("select version() as version, currentUser() as user, currentDatabase() as database")
        analytics.close()
    assert found[0]["version"].startswith("26.9.")
    assert (found[0]["user"], found[0]["database"]) == ("projector", "groupement")


def test_a_closed_door_is_told_with_what_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "child.py"
    child.write_text("import sys; sys.exit('Syntax error: SYSTEM START LISTEN')")
    monkeypatch.setattr(clickhouse, "CHILD", child)
    with (
        pytest.raises(clickhouse.DoorClosed, match=f"(?s){READ_ON}.*SYSTEM START LISTEN"),
        clickhouse.running(tmp_path),
    ):
        pass


def test_a_missing_engine_is_told_with_what_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(clickhouse.DoorClosed, match=READ_ON), clickhouse.running(tmp_path):
        pass


def test_what_to_read_is_there() -> None:
    assert [path.name for path in Path(__file__).parents[2].glob(f"{READ_ON}-*.md")] == [
        "0006-a-clickhouse-server-out-of-chdb-core.md"
    ]
