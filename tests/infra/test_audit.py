"""What was done to a store behind its back is found, and where."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from infra import audit
from infra.audit import Kind, Root, Verified, roots_of
from infra.chain import beginning, link, open_links
from infra.event_store import Request
from infra.settings import Settings
from infra.stored import NoStore, Row, conninfo, open_stored
from tests.infra.counting import Add, Counting, Open, build
from tests.postgres import Postgres

COUNTERS = [UUID(int=n) for n in range(1, 11)]
ROUNDS = 3


def fill(counting: Counting, rounds: int = ROUNDS) -> None:
    for counter_id in COUNTERS:
        counting.handle(Request(Open(counter_id=counter_id), uuid4(), "officer-1"))
    for counter_id in COUNTERS * rounds:
        counting.handle(Request(Add(counter_id=counter_id), uuid4(), "officer-1"))


def more(settings: Settings) -> None:
    counting = build(settings)
    for counter_id in COUNTERS:
        counting.handle(Request(Add(counter_id=counter_id), uuid4(), "officer-1"))
    counting.store.close()


def verify(settings: Settings, *, full: bool = False, roots: tuple[Root, ...] = ()) -> Verified:
    with (
        open_stored(settings.store_environment("counting")) as stored,
        open_links(settings.home / "audit", "counting") as links,
    ):
        return audit.verify("counting", stored, links, full=full, roots=roots)


def root(settings: Settings) -> Root:
    found = verify(settings)
    assert found.findings == ()
    assert found.root is not None
    return found.root


def found(settings: Settings, **more: Any) -> list[tuple[Kind, int | None]]:
    return [(one.kind, one.position) for one in verify(settings, **more).findings]


@pytest.fixture
def filled(each_database: Settings) -> Settings:
    """A store with 81 events whose links are known: its identity, and 40 commands with a receipt each."""
    counting = build(each_database)
    fill(counting)
    counting.store.close()
    assert root(each_database).position == 81
    return each_database


Edit = Callable[..., None]


@pytest.fixture
def edit(filled: Settings) -> Edit:
    """Changes the table as somebody with the database's password could: `pos` is its column of positions."""
    environment = filled.store_environment("counting")

    def run(statement: str, *values: object) -> None:
        if filled.postgres_host:
            with psycopg.connect(conninfo(environment)) as connection:
                connection.execute(statement.replace("pos", "notification_id").encode(), values)
        else:
            with closing(sqlite3.connect(environment["SQLITE_DBNAME"])) as database, database:
                database.execute(statement.replace("pos", "rowid").replace("%s", "?"), values)

    return run


def test_an_untouched_store_holds(filled: Settings) -> None:
    for full in (False, True):
        assert found(filled, full=full) == []


def test_only_what_is_new_is_read_again(filled: Settings) -> None:
    assert verify(filled).read == 1, "the last event is looked at again: the end may be cut off"
    more(filled)
    assert verify(filled).read == 1 + 20
    assert verify(filled, full=True).read == 81 + 20


def test_the_chain_grows_as_if_it_were_read_at_once(filled: Settings) -> None:
    more(filled)
    grown = root(filled)
    shutil.rmtree(filled.home / "audit")
    assert root(filled) == grown
    assert (grown.events, grown.position) == (101, 101)


def test_a_chain_is_what_its_definition_says() -> None:
    row = Row(7, "0" * 31 + "1", 2, "counting.Added.v1", b'{"amount":1}')
    by_hand = beginning("counting") + (7).to_bytes(8, "big") + b"0" * 31 + b"1" + (2).to_bytes(8, "big")
    by_hand += len(row.name).to_bytes(2, "big") + b"counting.Added.v1" + b'{"amount":1}'
    assert beginning("counting") == hashlib.sha256(b"groupement audit 1 counting").digest()
    assert link(beginning("counting"), row) == hashlib.sha256(by_hand).digest()
    assert beginning("counting") != beginning("ordering")


@pytest.mark.parametrize(
    "change",
    [
        {"raw": b'{"amount":2}'}, {"raw": b'{"amount":1} '}, {"name": "counting.Added.v2"}, {"version": 3}, {"position": 8},
        {"stream": "0" * 31 + "2"}, {"name": "counting.Added.v", "raw": b'1{"amount":1}'},
    ],
)  # fmt: skip
def test_whatever_changes_in_an_event_changes_its_link(change: dict[str, Any]) -> None:
    row = Row(7, "0" * 31 + "1", 2, "counting.Added.v1", b'{"amount":1}')
    links = {link(beginning("counting"), one) for one in (row, row._replace(**change))}
    assert len(links) == 2
    assert None not in links


@pytest.mark.parametrize(
    "change",
    [{"raw": "text"}, {"raw": None}, {"name": None}, {"name": "é"}, {"version": "2"}, {"version": 2.5}, {"stream": "1"}, {"stream": None}, {"stream": "é" * 32}],
)  # fmt: skip
def test_what_is_no_event_has_no_link(change: dict[str, Any]) -> None:
    assert link(beginning("counting"), Row(7, "0" * 32, 2, "n", b"{}")._replace(**change)) is None


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("update stored_events set state = state || %s where pos = 40", [(Kind.CHANGED, 40)]),
        ("update stored_events set topic = 'counting.Closed.v1' where pos in (24, 40)", [(Kind.CHANGED, 24), (Kind.CHANGED, 40)]),
        ("update stored_events set originator_version = 99 where pos = 40", [(Kind.CHANGED, 40)]),
        ("delete from stored_events where pos = 40", [(Kind.REMOVED, 40)]),
        ("delete from stored_events where pos between 40 and 42", [(Kind.REMOVED, 40), (Kind.REMOVED, 41), (Kind.REMOVED, 42)]),
        ("update stored_events set pos = 1000 where pos = 40", [(Kind.REMOVED, 40)]),
    ],
)  # fmt: skip
def test_a_change_behind_the_stores_back_is_found_at_its_position(
    filled: Settings, edit: Edit, statement: str, expected: list[tuple[Kind, int]]
) -> None:
    if not filled.postgres_host:
        statement = statement.replace("state || %s", "cast(state || %s as blob)")
    edit(statement, *([b" "] if "%s" in statement else []))
    assert found(filled, full=True) == expected


def test_an_event_that_is_gone_from_the_past_is_missed_by_every_reading(filled: Settings, edit: Edit) -> None:
    edit("delete from stored_events where pos = 40")
    assert found(filled) == [(Kind.REMOVED, None)]


def test_a_slipped_in_event_is_found(filled: Settings, edit: Edit) -> None:
    edit("delete from stored_events where pos = 40")
    verify(filled, full=True)
    shutil.rmtree(filled.home / "audit")
    assert root(filled).events == 80
    insert = "insert into stored_events (pos, originator_id, originator_version, topic, state) values (%s, %s, 1, 'counting.Added.v1', %s)"
    for position, expected in ((40, [40]), (-3, [-3, 40])):
        stream = uuid4() if filled.postgres_host else uuid4().hex
        edit(insert, position, stream, b'{"amount":1}')
        assert found(filled, full=True) == [(Kind.INSERTED, one) for one in expected]


def test_a_cut_off_end_is_found_by_what_was_known(filled: Settings, edit: Edit) -> None:
    edit("delete from stored_events where pos > 79")
    assert found(filled) == [(Kind.REMOVED, 81)], "without reading everything again it is seen that the end is gone"
    assert found(filled, full=True) == [(Kind.REMOVED, 80), (Kind.REMOVED, 81)]


def test_a_root_shows_a_cut_off_end_though_the_links_were_forged(filled: Settings, edit: Edit) -> None:
    handed_out = root(filled)
    edit("delete from stored_events where pos > 79")
    shutil.rmtree(filled.home / "audit")
    assert found(filled, full=True) == [], "nothing here remembers"
    assert found(filled, full=True, roots=(handed_out,)) == [(Kind.CUT, 79)]


def test_a_root_shows_a_changed_past_though_the_links_were_forged(filled: Settings, edit: Edit) -> None:
    early = root(filled)
    more(filled)
    late = root(filled)
    edit("update stored_events set originator_version = 99 where pos = 90")
    shutil.rmtree(filled.home / "audit")
    assert found(filled, full=True, roots=(early,)) == [], "what the early root covers is as it was"
    assert found(filled, full=True, roots=(early, late)) == [(Kind.FORGED, 101)]


def test_a_root_of_an_earlier_time_holds(filled: Settings) -> None:
    early = root(filled)
    more(filled)
    assert found(filled, full=True, roots=(early, root(filled))) == []


def test_a_root_of_another_store_proves_nothing(filled: Settings) -> None:
    foreign = root(filled).model_copy(update={"epoch": uuid4()})
    assert found(filled, full=True, roots=(foreign,)) == [(Kind.FOREIGN, None)]


def test_the_number_for_paper_belongs_to_the_stores_that_stand_with_it(filled: Settings) -> None:
    one = root(filled)
    document = roots_of([one])
    assert document.is_whole()
    assert not document.model_copy(update={"stores": (one.model_copy(update={"position": 80}),)}).is_whole()
    assert type(document).model_validate_json(document.model_dump_json()) == document


def test_a_link_that_was_half_written_is_written_again(filled: Settings) -> None:
    before = root(filled)
    links = filled.home / "audit" / "counting.links"
    links.write_bytes(links.read_bytes()[:-13])
    assert found(filled, full=True) == []
    assert root(filled) == before


@pytest.mark.postgres
def test_the_same_events_have_the_same_chain_in_sqlite_and_in_postgresql(
    settings: Settings, postgres: Postgres
) -> None:
    elsewhere = postgres.settings(settings.home / "there")
    here, there = build(settings), build(elsewhere)
    fill(here)
    events = here.store.recorder.select_notifications(2, 1_000)
    there.store.recorder.insert_events(list(events))
    with (
        open_stored(settings.store_environment("counting")) as one,
        open_stored(elsewhere.store_environment("counting")) as other,
    ):
        assert one.page(1) == other.page(1)
        assert len(one.page(1)) == 80


def test_no_store_is_made_by_looking(settings: Settings) -> None:
    with pytest.raises(NoStore):
        verify(settings)
    assert not list((settings.home / "stores").glob("*.db"))


# What follows changes bytes of the file itself.


@pytest.fixture
def file(settings: Settings) -> Path:
    counting = build(settings)
    fill(counting)
    counting.store.close()
    root(settings)
    path = Path(settings.store_environment("counting")["SQLITE_DBNAME"])
    wal = path.with_name(path.name + "-wal")
    assert not wal.exists() or not wal.stat().st_size, "everything is in the file"
    return path


def test_a_changed_byte_of_an_event_is_found_at_its_position(settings: Settings, file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b'"amount":1', b'"amount":9', 1))
    with closing(sqlite3.connect(file)) as database:
        (position,) = database.execute(
            "select rowid from stored_events where instr(state, cast('\"amount\":9' as blob))"
        ).fetchone()
    assert found(settings, full=True) == [(Kind.CHANGED, position)]


def test_a_changed_byte_of_the_index_is_found_at_the_event_that_its_stream_lost(settings: Settings, file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        stream, position = database.execute(
            "select originator_id, rowid from stored_events where topic = '_store.CommandAccepted.v1' limit 1"
        ).fetchone()
    whole = file.read_bytes()
    key = stream.encode()
    places = [n for n in range(len(whole)) if whole.startswith(key, n)]
    assert len(places) == 2, "once in the table, once in the index"
    another = b"1" if key.startswith(b"0") else b"0"  # ids are drawn: a "0" in place of a "0" would change nothing
    for place in places:
        file.write_bytes(whole[:place] + another + whole[place + 1 :])
        kinds = found(settings, full=True)
        assert (Kind.CHANGED, position) in kinds or (Kind.STRUCTURE, position) in kinds
    assert found(settings) == [], "an old event is looked at again only when everything is"


def test_whatever_byte_changes_it_is_found_or_no_event_is_another(settings: Settings, file: Path) -> None:
    whole, chance = file.read_bytes(), random.Random(4)  # noqa: S311 - a sample
    before = _content(file)
    noticed = 0
    for place in sorted(chance.sample(range(len(whole)), 1_200)):
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        file.write_bytes(changed)
        if found(settings, full=True):
            noticed += 1
        else:
            assert _content(file) == before, f"byte {place}"
    assert noticed > 600


def _content(file: Path) -> list[Any]:
    """Every event as the table holds it, and again as its stream leads to it."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        columns = "rowid, *, typeof(originator_id), typeof(originator_version), typeof(topic), typeof(state)"
        rows = database.execute(f"select {columns} from stored_events not indexed order by rowid").fetchall()
        led = [
            database.execute(f"select {columns} from stored_events where originator_id = ? and originator_version = ?", row[1:3]).fetchall()
            for row in rows
        ]  # fmt: skip
    return [rows, led]


def test_a_page_that_cannot_be_read_is_named_by_the_last_position_before_it(settings: Settings, file: Path) -> None:
    whole = bytearray(file.read_bytes())
    page = int.from_bytes(whole[16:18], "big")
    with closing(sqlite3.connect(file)) as database:
        (last,) = database.execute("select max(pageno) from dbstat where name = 'stored_events'").fetchone()
    whole[(last - 1) * page : (last - 1) * page + 200] = b"\xff" * 200
    file.write_bytes(whole)
    kinds = found(settings, full=True)
    assert kinds[0][0] is Kind.UNREADABLE
    assert 0 < (kinds[0][1] or 0) < 81


def test_a_file_that_is_no_database_any_more_is_found(settings: Settings, file: Path) -> None:
    file.write_bytes(b"x" * 8_192)
    assert verify(settings, full=True).root is None
    assert Kind.UNREADABLE in dict(found(settings, full=True))
