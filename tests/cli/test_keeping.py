"""Backup, restore and audit as their users type them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.cli.conftest import Run, run_in

CONTEXTS = {"ordering", "membership", "suppliers", "tendering"}


def answer(home: Path, *arguments: str, expect: int = 0) -> Any:
    return json.loads(run_in(home, *arguments, "--format", "json", expect=expect).stdout)


def change(home: Path, context: str, statement: str) -> None:
    with closing(sqlite3.connect(home / "stores" / f"{context}.db")) as database, database:
        database.execute(statement)


@pytest.fixture(scope="module")
def kept(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the demo's home."""
    path = tmp_path_factory.mktemp("backups") / "demo.tar.gz"
    run_in(demo_home, "backup", str(path))
    return path


@pytest.fixture
def home(kept: Path, tmp_path: Path) -> Path:
    """A home of its own with the demo's events, its figures not computed."""
    run_in(tmp_path / "home", "restore", str(kept), "--no-rebuild")
    return tmp_path / "home"


def test_a_restored_home_shows_the_figures_of_its_backup(run: Run, kept: Path, tmp_path: Path) -> None:
    restored = answer(tmp_path, "restore", str(kept))
    assert restored["is_rebuilt"]
    assert restored["aside"] == []
    assert set(restored["epochs"]) == CONTEXTS
    figure = ("figures", "savings", "--by", "agreement", "--format", "json")
    here, there = json.loads(run_in(tmp_path, *figure).stdout), json.loads(run(*figure).stdout)
    assert here["rows"] == there["rows"] != []
    assert answer(tmp_path, "reconcile")["difference"] == "0.00"
    assert "generated" in run_in(tmp_path, "doctor").stdout, "a demo stays one"


def test_figures_of_the_old_stores_are_never_mixed_with_the_new(home: Path, tmp_path: Path) -> None:
    before = answer(home, "figures", "volume")
    run_in(home, "backup", str(tmp_path / "kept"))
    assert str(home / "replaced") in run_in(home, "restore", str(tmp_path / "kept"), "--replace", "--no-rebuild").stdout
    assert "rebuild --from-stores" in run_in(home, "figures", "volume", expect=1).stderr
    run_in(home, "rebuild", "--from-stores")
    after = answer(home, "figures", "volume")
    assert (after["rows"], after["total"]) == (before["rows"], before["total"])


def test_a_home_with_events_is_refused_with_what_to_do(home: Path, kept: Path) -> None:
    refused = run_in(home, "restore", str(kept), expect=1).stderr
    assert "HomeNotEmpty" in refused
    assert "--replace" in refused


def test_a_home_that_a_server_holds_is_not_replaced(home: Path, kept: Path) -> None:
    (home / "analytics").mkdir(exist_ok=True)
    with FileLock(home / "analytics" / "in-use.lock"):
        assert "serve" in run_in(home, "restore", str(kept), "--replace", expect=1).stderr
    assert not (home / "replaced").exists()


def test_a_backup_says_what_it_holds(run: Run, tmp_path: Path) -> None:
    manifest = json.loads(run("backup", str(tmp_path / "kept"), "--format", "json").stdout)
    assert manifest == json.loads((tmp_path / "kept" / "manifest.json").read_text())
    assert {store["context"] for store in manifest["stores"]} == CONTEXTS
    assert manifest["stores"][0]["context"] == "ordering", "it follows the others"
    assert manifest["demo"]["orders"] == 1500


def test_an_empty_home_has_nothing_to_keep(tmp_path: Path) -> None:
    for arguments in (("backup", str(tmp_path / "kept")), ("audit", "verify"), ("audit", "root")):
        assert "NoStore" in run_in(tmp_path / "home", *arguments, expect=1).stderr
    assert not (tmp_path / "kept").exists()


def test_an_untouched_home_is_intact(run: Run) -> None:
    for arguments in ((), ("--full",)):
        found = json.loads(run("audit", "verify", *arguments, "--format", "json").stdout)
        assert found["is_intact"]
        assert {store["context"] for store in found["stores"]} == CONTEXTS
    assert "✓ ordering" in run("audit", "verify").stdout


def test_a_change_is_told_with_its_context_and_position(home: Path) -> None:
    run_in(home, "audit", "verify")
    change(
        home,
        "tendering",
        "update stored_events set state = cast(replace(state, 'EUR', 'USD') as blob) where rowid = 100",
    )
    change(home, "ordering", "delete from stored_events where rowid = 500")
    found = answer(home, "audit", "verify", "--full", expect=1)
    assert not found["is_intact"]
    told = {(store["context"], one["kind"], one["position"]) for store in found["stores"] for one in store["findings"]}
    assert ("ordering", "removed", 500) in told
    assert {context for context, _, _ in told} <= {"ordering", "tendering"}
    table = run_in(home, "audit", "verify", "--full", expect=1).stdout
    assert "✗ ordering" in table
    assert "removed at position 500" in table
    assert "✓ suppliers" in table


def test_a_root_that_was_handed_out_proves_what_the_home_forgot(demo_home: Path, tmp_path: Path) -> None:
    # No restored home: the last event of one is its restoration, and without it the root would be another store's.
    home, root = tmp_path / "home", tmp_path / "root.json"
    shutil.copytree(demo_home / "stores", home / "stores")
    root.write_text(run_in(home, "audit", "root").stdout)
    assert answer(home, "audit", "verify", "--root", str(root))["is_intact"]
    with closing(sqlite3.connect(home / "stores" / "suppliers.db")) as database:
        (end,) = database.execute("select max(rowid) from stored_events").fetchone()
    change(home, "suppliers", f"delete from stored_events where rowid > {end - 2}")
    shutil.rmtree(home / "audit")
    assert answer(home, "audit", "verify", "--full")["is_intact"], "nothing here remembers"
    found = answer(home, "audit", "verify", "--root", str(root), expect=1)
    findings = [
        (store["context"], one["kind"], one["position"]) for store in found["stores"] for one in store["findings"]
    ]
    assert findings == [("suppliers", "cut", end - 2)]


def test_a_damaged_home_gives_no_root(home: Path) -> None:
    run_in(home, "audit", "verify")
    change(home, "ordering", "delete from stored_events where rowid = 500")
    refused = run_in(home, "audit", "root", expect=1)
    assert refused.stdout == ""
    assert "audit verify --full" in refused.stderr


def test_a_root_that_was_changed_proves_nothing(run: Run, tmp_path: Path) -> None:
    document = json.loads(run("audit", "root").stdout)
    document["stores"][0]["position"] -= 1
    for content in (json.dumps(document), "{}", ""):
        (tmp_path / "root.json").write_text(content)
        assert "RootUnreadable" in run("audit", "verify", "--root", str(tmp_path / "root.json"), expect=1).stderr


def test_a_root_fits_on_paper(run: Run) -> None:
    number = json.loads(run("audit", "root").stdout)["root"]
    assert len(number) == 64
    assert f"root: {number}" in run("audit", "root", "--format", "table").stdout


ORDERING_WHILE_BACKED_UP = """
import sys
from pathlib import Path
from uuid import uuid4
from infra.event_store import Request
from infra.settings import Settings
from services.embedded import open_contexts
from services.membership.commands import JoinEstablishment
contexts = open_contexts(Settings(home=Path(sys.argv[1])))
print("ready", flush=True)
while not Path(sys.argv[2]).exists():
    for _ in range(20):
        command = JoinEstablishment(establishment_id=uuid4(), name="Clinique", kind="private", joined_on="2022-01-03")
        contexts.membership.handle(Request(command, uuid4(), "buyer-1"))
    contexts.react()
"""


def test_a_backup_while_commands_run_is_whole_and_reconciles(home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    busy = subprocess.Popen(
        [sys.executable, "-c", ORDERING_WHILE_BACKED_UP, str(home), str(tmp_path / "stop")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert busy.stdout is not None
        assert busy.stdout.readline() == "ready\n"
        manifest = answer(home, "backup", str(kept))
        assert busy.poll() is None
    finally:
        (tmp_path / "stop").touch()
        busy.communicate(timeout=60)
    assert busy.returncode == 0
    fresh = tmp_path / "fresh"
    run_in(fresh, "restore", str(kept))
    assert answer(fresh, "reconcile")["difference"] == "0.00"
    ends = {store["context"]: store["position"] for store in manifest["stores"]}
    audited = answer(fresh, "audit", "verify", "--full")
    assert {store["context"]: store["root"]["position"] - 1 for store in audited["stores"]} == ends
