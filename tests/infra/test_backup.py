"""A backup is whole or not there; a restore takes it whole or leaves everything as it was."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from events.base import AlreadyExists, Event, Refusal
from infra import audit
from infra.audit import Kind, Root
from infra.auth import signing_key
from infra.backup import StoreDamaged, backup
from infra.chain import open_links
from infra.event_store import EventStore, Request, Transaction, open_store, utc_now
from infra.exchange import NotAllowed, StoresInUse
from infra.manifest import BackupDamaged, BackupNewer, Manifest, open_backup
from infra.pgtools import ToolFailed, ToolMissing
from infra.restore import HomeNotEmpty, OtherEngine, Restored, restore
from infra.settings import Settings
from infra.stored import NoStore, SqliteTable, open_stored
from tests.infra.counting import Add, Counting, Open, Opened, Remembered, build, evolve
from tests.postgres import Postgres

COUNTER = UUID(int=1)
COUNTING = ("counting",)


def send(counting: Counting, command: Any) -> None:
    counting.handle(Request(command, uuid4(), "officer-1"))


def fill(settings: Settings, lanes: int = 4) -> Counting:
    counting = build(settings, lanes=lanes)
    send(counting, Open(counter_id=COUNTER))
    for _ in range(5):
        send(counting, Add(counter_id=COUNTER))
    return counting


def stored(settings: Settings) -> list[Any]:
    with open_stored(settings.store_environment("counting")) as table:
        return table.page(0)


def findings(settings: Settings, *roots: Root) -> list[tuple[Kind, int | None]]:
    with (
        open_stored(settings.store_environment("counting")) as table,
        open_links(settings.home / "audit", "counting") as links,
    ):
        found = audit.verify("counting", table, links, full=True, roots=roots).findings
    return [(one.kind, one.position) for one in found]


def root_of(manifest: Manifest) -> Root:
    one = manifest.stores[0]
    return Root(context="counting", epoch=one.epoch, position=one.position, events=one.events, hash=one.hash)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


@pytest.fixture(params=["kept", "kept.tar", "kept.tar.gz"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / "backups" / str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "kept"


@pytest.fixture
def filled(each_database: Settings) -> Iterator[Settings]:
    fill(each_database).store.close()
    yield each_database
    assert list(each_database.home.glob(".restoring-*")) == []


@pytest.fixture
def kept(settings: Settings, tmp_path: Path) -> Path:
    """A backup of SQLite stores, as a folder."""
    fill(settings).store.close()
    backup(settings, COUNTING, tmp_path / "kept")
    return tmp_path / "kept"


def test_what_comes_back_is_what_was_there_and_one_event_more(filled: Settings, target: Path) -> None:
    before = stored(filled)
    manifest = backup(filled, COUNTING, target)
    one = manifest.stores[0]
    assert (one.position, one.events, one.lanes) == (len(before), len(before), 4)
    restored = restore(filled, target, replace=True)
    after = stored(filled)
    assert after[:-1] == before
    assert (after[-1].name, after[-1].position) == ("_store.StoreRestored.v1", len(before) + 1)
    assert restored.manifest == manifest


def test_positions_stay_where_they_were_though_there_are_gaps(settings: Settings, folder: Path) -> None:
    fill(settings).store.close()
    with closing(sqlite3.connect(settings.home / "stores" / "counting.db")) as database, database:
        database.execute("update stored_events set rowid = rowid + 1000 where rowid > 4")
    before = stored(settings)
    backup(settings, COUNTING, folder)
    restore(settings, folder, replace=True)
    assert stored(settings)[:-1] == before


def test_a_restored_store_is_another_one_and_goes_on(filled: Settings, folder: Path) -> None:
    manifest = backup(filled, COUNTING, folder)
    restored = restore(filled, folder, replace=True)
    counting = build(filled)
    assert counting.store.epoch == restored.epochs["counting"] != manifest.stores[0].epoch
    assert counting.store.lanes == 4
    send(counting, Add(counter_id=COUNTER))
    assert counting.total(COUNTER) == 6


def test_restoring_the_same_backup_again_gives_another_store_again(filled: Settings, folder: Path) -> None:
    backup(filled, COUNTING, folder)
    epochs = {restore(filled, folder, replace=True).epochs["counting"] for _ in range(2)}
    second = folder.with_name("second")
    backup(filled, COUNTING, second)
    epochs.add(restore(filled, second, replace=True).epochs["counting"])
    assert len(epochs) == 3
    assert build(filled).store.epoch in epochs
    assert [row.name for row in stored(filled)][-2:] == ["_store.StoreRestored.v1"] * 2


def test_a_command_that_is_sent_again_after_a_restore_happened_before(filled: Settings, folder: Path) -> None:
    request = Request(Add(counter_id=COUNTER), uuid4(), "officer-1")
    counting = build(filled)
    first = counting.handle(request)
    counting.store.close()
    backup(filled, COUNTING, folder)
    restore(filled, folder, replace=True)
    again = build(filled).handle(request)
    assert again.repeated
    assert again.positions == first.positions


def test_the_chain_and_its_roots_go_on_through_a_restore(filled: Settings, folder: Path) -> None:
    manifest = backup(filled, COUNTING, folder)
    assert findings(filled, root_of(manifest)) == []
    restore(filled, folder, replace=True)
    counting = build(filled)
    send(counting, Add(counter_id=COUNTER))
    counting.store.close()
    assert findings(filled, root_of(manifest)) == []


def test_a_root_of_what_followed_the_backup_shows_what_the_restore_gave_up(filled: Settings, folder: Path) -> None:
    end = backup(filled, COUNTING, folder).stores[0].position
    counting = build(filled)
    for _ in range(3):
        send(counting, Add(counter_id=COUNTER))
    counting.store.close()
    later = root_of(backup(filled, COUNTING, folder.with_name("later")))
    restore(filled, folder, replace=True)
    assert findings(filled, later) == [(Kind.CUT, end)]


def test_a_backup_of_a_store_in_use_is_one_moment_of_it(filled: Settings, folder: Path) -> None:
    counting = build(filled)
    stop, sent = threading.Event(), 0

    def work() -> None:
        nonlocal sent
        while not stop.is_set():
            counter = uuid4()
            send(counting, Open(counter_id=counter))
            send(counting, Add(counter_id=counter))
            sent += 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        manifests = [backup(filled, COUNTING, folder.with_name(f"{n}-{folder.name}")) for n in range(5)]
        before = sent
        while sent < before + 3:
            assert worker.is_alive()
    finally:
        stop.set()
        worker.join()
    counting.store.close()
    ends = [manifest.stores[0].position for manifest in manifests]
    assert ends == sorted(ends)
    assert ends[-1] > ends[0]
    # Each of them is the log up to its position, nothing missing in between.
    assert findings(filled, *map(root_of, manifests)) == []
    assert all(
        root_of(manifest).events == manifest.stores[0].position for manifest in manifests if not filled.postgres_host
    )


def test_a_follower_is_never_copied_ahead_of_what_it_follows(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(name: str) -> EventStore:
        return open_store(name, [Opened, Remembered], settings.store_environment(name), utc_now)

    def append(store: EventStore, event: Event) -> None:
        def work(tx: Transaction) -> None:
            stream = uuid4()
            tx.read(stream, evolve)
            tx.append(stream, [event], evolve)

        store.run(work)

    ask = SqliteTable.end

    def asked(table: SqliteTable) -> tuple[int, int]:
        # While a backup is at one store, the others go on: one publishes, the other takes it in.
        append(source, Opened(counter_id=COUNTER))
        append(follower, Remembered())
        return ask(table)

    monkeypatch.setattr(SqliteTable, "end", asked)
    with closing(opened("source")) as source, closing(opened("follower")) as follower:
        manifest = backup(settings, ("follower", "source"), folder)
    assert [(store.context, store.events) for store in manifest.stores] == [("follower", 2), ("source", 3)]


KILLED = """
import os, signal, sys
from pathlib import Path
from infra.backup import backup
from infra.restore import restore
from infra.settings import Settings
settings = Settings.model_validate_json(sys.argv[1])
def step(name, done, total):
    if name.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
{call}
"""


def killed(settings: Settings, path: Path, at: str, call: str) -> None:
    program = KILLED.format(call=call)
    done = subprocess.run([sys.executable, "-c", program, settings.model_dump_json(), str(path), at], check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("at", ["copying", "copied"])
def test_a_backup_that_was_killed_is_not_there(settings: Settings, target: Path, at: str) -> None:
    fill(settings).store.close()
    killed(settings, target, at, "backup(settings, ('counting',), Path(sys.argv[2]), step=step)")
    assert not target.exists()
    (left,) = target.parent.iterdir()
    with pytest.raises(BackupDamaged), open_backup(left):
        pass
    backup(settings, COUNTING, target)
    assert target.exists()


def test_a_restore_that_was_killed_leaves_everything_as_it_was(settings: Settings, target: Path) -> None:
    fill(settings).store.close()
    backup(settings, COUNTING, target)
    before = tree(settings.home / "stores")
    killed(settings, target, "checking", "restore(settings, Path(sys.argv[2]), replace=True, step=step)")
    assert tree(settings.home / "stores") == before
    restore(settings, target, replace=True)
    assert build(settings).total(COUNTER) == 5


def test_what_exists_is_not_overwritten(filled: Settings, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"somebody's")
    with pytest.raises(AlreadyExists):
        backup(filled, COUNTING, target)
    assert target.read_bytes() == b"somebody's"
    assert list(target.parent.iterdir()) == [target]


def test_nothing_is_left_under_the_name_where_a_backup_fails(settings: Settings, target: Path) -> None:
    with pytest.raises(NoStore):
        backup(settings, COUNTING, target)
    assert not target.exists()


def test_a_store_that_cannot_be_read_to_its_end_is_no_backup(settings: Settings, folder: Path) -> None:
    fill(settings).store.close()
    with closing(sqlite3.connect(settings.home / "stores" / "counting.db")) as database, database:
        database.execute("update stored_events set state = 'text' where rowid = 5")
    with pytest.raises(StoreDamaged, match="position 5"):
        backup(settings, COUNTING, folder)
    assert list(folder.parent.iterdir()) == []


def test_a_home_with_events_is_replaced_only_where_that_is_asked_for(filled: Settings, folder: Path) -> None:
    backup(filled, COUNTING, folder)
    before = stored(filled)
    with pytest.raises(HomeNotEmpty, match="counting"):
        restore(filled, folder)
    assert stored(filled) == before


def test_what_is_replaced_is_kept_aside(filled: Settings, folder: Path) -> None:
    backup(filled, COUNTING, folder)
    counting = build(filled)
    send(counting, Add(counter_id=COUNTER))
    counting.store.close()
    assert findings(filled) == []
    (filled.home / "demo.json").write_text('{"generated": true}')
    former = stored(filled)
    restored = restore(filled, folder, replace=True)
    assert not (filled.home / "demo.json").exists()
    (kept_aside,) = (Path(one) for one in restored.aside if not one.startswith("database"))
    assert {path.name for path in kept_aside.iterdir()} >= {"audit", "demo.json"}
    if filled.postgres_host:
        (name,) = (one.removeprefix("database ") for one in restored.aside if one.startswith("database"))
        aside = filled.model_copy(update={"postgres_dbname": name})
    else:
        assert restored.aside == [str(kept_aside)]
        aside = Settings(home=kept_aside)
    assert stored(aside) == former


def test_an_empty_home_takes_a_backup(filled: Settings, folder: Path, tmp_path: Path) -> None:
    backup(filled, COUNTING, folder)
    fresh = filled.model_copy(update={"home": tmp_path / "fresh", "postgres_dbname": "fresh_" + uuid4().hex})
    assert restore(fresh, folder).aside == []
    assert build(fresh).total(COUNTER) == 5


def test_a_home_that_was_only_looked_at_takes_a_backup(filled: Settings, folder: Path, tmp_path: Path) -> None:
    backup(filled, COUNTING, folder)
    looked_at = filled.model_copy(
        update={"home": tmp_path / "looked-at", "postgres_dbname": "looked_at_" + uuid4().hex}
    )
    if filled.postgres_host:
        with psycopg.connect(host="127.0.0.1", port=filled.postgres_port, user="groupement", dbname="postgres", autocommit=True) as server:  # fmt: skip
            server.execute(f"create database {looked_at.postgres_dbname}".encode())
    build(looked_at).store.close()
    restore(looked_at, folder)
    assert build(looked_at).total(COUNTER) == 5


def test_stores_that_somebody_uses_are_not_exchanged(filled: Settings, folder: Path) -> None:
    backup(filled, COUNTING, folder)
    counting = build(filled)
    assert counting.total(COUNTER) == 5
    with pytest.raises(StoresInUse):
        restore(filled, folder, replace=True)
    send(counting, Add(counter_id=COUNTER))
    assert counting.total(COUNTER) == 6
    counting.store.close()
    assert findings(filled) == []
    restore(filled, folder, replace=True)
    assert build(filled).total(COUNTER) == 5


def test_the_mark_of_a_demo_goes_with_its_stores(filled: Settings, folder: Path) -> None:
    mark = filled.home / "demo.json"
    filled.home.mkdir(exist_ok=True)
    mark.write_text('{"generated": true, "orders": 7, "seed": 1}')
    assert backup(filled, COUNTING, folder).demo == {"generated": True, "orders": 7, "seed": 1}
    mark.unlink()
    restore(filled, folder, replace=True)
    assert json.loads(mark.read_text())["orders"] == 7


def test_the_key_is_in_no_backup_and_stays_where_it_is(filled: Settings, tmp_path: Path) -> None:
    key = signing_key(filled).as_dict(private=True)
    backup(filled, COUNTING, tmp_path / "kept")
    secret = (filled.home / "keys" / "token.ed25519.pem").read_bytes().splitlines()[1]
    assert all(secret not in content for content in tree(tmp_path / "kept").values())
    restore(filled, tmp_path / "kept", replace=True)
    assert signing_key(filled).as_dict(private=True) == key


# Backups that are not whole.


def refused(settings: Settings, path: Path, error: type[Refusal] = BackupDamaged) -> None:
    before = tree(settings.home)
    with pytest.raises(error):
        restore(settings, path, replace=True)
    assert tree(settings.home) == before


def test_a_backup_with_a_changed_byte_is_refused(settings: Settings, kept: Path) -> None:
    file = kept / "counting.db"
    whole = file.read_bytes()
    for place in random.Random(1).sample(range(len(whole)), 40):  # noqa: S311 - a sample
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refused(settings, kept)
    for length in (0, 1, len(whole) - 1):
        file.write_bytes(whole[:length])
        refused(settings, kept)
    file.write_bytes(whole + b"\0")
    refused(settings, kept)
    file.unlink()
    refused(settings, kept)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"format":1}', b"\xff\xfe", b'{"format":"one"}'])
def test_a_backup_without_a_readable_manifest_is_refused(settings: Settings, kept: Path, content: bytes) -> None:
    (kept / "manifest.json").write_bytes(content)
    refused(settings, kept)
    (kept / "manifest.json").unlink()
    refused(settings, kept)


@pytest.mark.parametrize(
    ("name", "value"),
    [("epoch", str(UUID(int=7))), ("position", 3), ("events", 3), ("hash", "0" * 64), ("sha256", "0" * 64), ("bytes", 1), ("file", "../counting.db"), ("file", "other.db"), ("context", "a/b")],
)  # fmt: skip
def test_a_manifest_that_says_something_else_is_refused(settings: Settings, kept: Path, name: str, value: Any) -> None:
    manifest = json.loads((kept / "manifest.json").read_text())
    manifest["stores"][0][name] = value
    (kept / "manifest.json").write_text(json.dumps(manifest))
    refused(settings, kept)


def test_a_file_that_fits_its_manifest_and_holds_other_events_is_refused(settings: Settings, kept: Path) -> None:
    with closing(sqlite3.connect(kept / "counting.db")) as database, database:
        database.execute("update stored_events set originator_version = 77 where rowid = 6")
    manifest = json.loads((kept / "manifest.json").read_text())
    content = (kept / "counting.db").read_bytes()
    manifest["stores"][0] |= {"sha256": sha256(content).hexdigest(), "bytes": len(content)}
    (kept / "manifest.json").write_text(json.dumps(manifest))
    refused(settings, kept)


def test_a_cut_or_changed_archive_is_refused(settings: Settings, tmp_path: Path) -> None:
    fill(settings).store.close()
    for name in ("kept.tar", "kept.tar.gz"):
        path = tmp_path / name
        backup(settings, COUNTING, path)
        whole = path.read_bytes()
        for part in (b"", whole[:1], whole[:700], whole[: len(whole) // 2], b"no archive" * 100):
            path.write_bytes(part)
            refused(settings, path)
        place = whole.index(b"_store.StoreCreated") if name == "kept.tar" else len(whole) // 2
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refused(settings, path)


def test_what_is_no_backup_is_refused(settings: Settings, tmp_path: Path) -> None:
    fill(settings).store.close()
    refused(settings, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    refused(settings, tmp_path / "empty")


def test_a_backup_of_a_newer_version_is_refused(settings: Settings, kept: Path) -> None:
    manifest = json.loads((kept / "manifest.json").read_text())
    (kept / "manifest.json").write_text(json.dumps({**manifest, "format": 2, "version": "9.9", "stores": "new"}))
    refused(settings, kept, BackupNewer)


def test_a_backup_of_another_engine_is_refused(settings: Settings, kept: Path) -> None:
    manifest = json.loads((kept / "manifest.json").read_text())
    (kept / "manifest.json").write_text(json.dumps({**manifest, "engine": "postgres"}))
    refused(settings, kept, OtherEngine)


def test_a_damaged_store_is_what_restores_are_for(settings: Settings, kept: Path) -> None:
    file = settings.home / "stores" / "counting.db"
    for content in (b"x" * 5_000, file.read_bytes()[:4_096] + b"\0" * 4_096):
        file.write_bytes(content)
        with pytest.raises(HomeNotEmpty):
            restore(settings, kept)
        aside = Path(restore(settings, kept, replace=True).aside[0])
        assert (aside / "stores" / "counting.db").read_bytes() == content
        counting = build(settings)
        assert counting.total(COUNTER) == 5
        counting.store.close()


# PostgreSQL's own ways.


@pytest.fixture
def two(postgres: Postgres, settings: Settings) -> Settings:
    """Two stores in PostgreSQL: counting, and another one."""
    first = postgres.settings(settings.home)
    with postgres.connect("postgres") as server:
        server.execute(f"create database {first.postgres_dbname}_counting".encode())
        server.execute(f"create database {first.postgres_dbname}_other".encode())
    both = first.model_copy(update={"postgres_dbname": first.postgres_dbname + "_{context}"})
    fill(both).store.close()
    open_store("other", [Opened], both.store_environment("other"), utc_now).close()
    return both


def databases(server: Postgres, settings: Settings) -> set[str]:
    start = settings.postgres_dbname.format(context="")
    with server.connect("postgres") as connection:
        found = {name for (name,) in connection.execute("select datname from pg_database").fetchall()}
    return {name.removeprefix(start) for name in found if name.startswith(start)}


@pytest.mark.postgres
def test_where_one_database_is_in_use_all_keep_their_names(postgres: Postgres, two: Settings, tmp_path: Path) -> None:
    backup(two, ("counting", "other"), tmp_path / "kept")
    with closing(open_store("other", [Opened], two.store_environment("other"), utc_now)), pytest.raises(StoresInUse):
        restore(two, tmp_path / "kept", replace=True)
    assert databases(postgres, two) == {"counting", "other"}
    restored = restore(two, tmp_path / "kept", replace=True)
    assert len(databases(postgres, two)) == 4
    assert len(restored.aside) == 2


@pytest.mark.postgres
def test_a_backup_that_is_refused_leaves_no_database_behind(postgres: Postgres, two: Settings, tmp_path: Path) -> None:
    backup(two, ("counting", "other"), tmp_path / "kept")
    (tmp_path / "kept" / "other.dump").write_bytes(b"")
    with pytest.raises(BackupDamaged):
        restore(two, tmp_path / "kept", replace=True)
    assert databases(postgres, two) == {"counting", "other"}


@pytest.mark.postgres
def test_a_user_who_may_not_create_databases_is_told_so(postgres: Postgres, two: Settings, tmp_path: Path) -> None:
    backup(two, COUNTING, tmp_path / "kept")
    with postgres.connect("postgres") as server:
        server.execute("do $$ begin if not exists (select from pg_roles where rolname = 'clerk') then create role clerk login; end if; end $$")  # fmt: skip
    with postgres.connect(two.postgres_dbname.format(context="counting")) as database:
        database.execute("grant select on all tables in schema public to clerk")
    with pytest.raises(NotAllowed, match="create database"):
        restore(two.model_copy(update={"postgres_user": "clerk"}), tmp_path / "kept", replace=True)


@pytest.mark.postgres
def test_a_tool_that_is_missing_or_fails_is_named(
    two: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(ToolMissing, match="pg_dump"):
        backup(two, COUNTING, tmp_path / "kept")
    fake = programs / "pg_dump"
    fake.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\necho "$PGPASSWORD is wrong" >&2\nexit 1\n')
    fake.chmod(0o755)
    with pytest.raises(ToolFailed, match="s3cret is wrong"):
        backup(two.model_copy(update={"postgres_password": "s3cret"}), COUNTING, tmp_path / "kept")
    assert "s3cret" not in (tmp_path / "arguments").read_text(), "other users of the machine can read arguments"
    assert not (tmp_path / "kept").exists()


def test_what_a_restore_did_is_told_as_json(settings: Settings, kept: Path, tmp_path: Path) -> None:
    restored: Restored = restore(Settings(home=tmp_path / "fresh"), kept)
    document = json.loads(json.dumps(restored.document()))
    assert document["epochs"] == {"counting": str(restored.epochs["counting"])}
    assert document["backup"]["stores"][0]["position"] == restored.manifest.stores[0].position
    assert [path.name for path in (tmp_path / "fresh" / "stores").iterdir()] == ["counting.db"]
