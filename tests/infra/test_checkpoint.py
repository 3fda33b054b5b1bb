"""The relay's seat: one relay at a time, and notes in the store's own database."""

from __future__ import annotations

import sqlite3
import threading
import time
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import psycopg
import pytest

from infra.checkpoint import LOCK, STORE_IS_AWAY, Checkpoint, Taken, ask_again, seat_at
from infra.event_store import EventStore, Request
from infra.log import START, Mark
from infra.settings import Settings
from tests.infra.counting import Open, build
from tests.postgres import Postgres
from tests.racing import in_threads

TOPIC = UUID("0b0e7e0a-5a5e-4c70-8a55-6f2a3a1d9e01")
MARKS = {0: Mark(7, START + timedelta(microseconds=3)), 3: Mark(9_000_000_000, START)}


@pytest.fixture
def store(each_database: Settings) -> EventStore:
    return build(each_database, lanes=4).store


def test_a_checkpoint_is_read_as_it_was_saved(store: EventStore) -> None:
    with seat_at(store) as seat:
        assert seat.load() is None
        for checkpoint in (Checkpoint(TOPIC), Checkpoint(TOPIC, 12, MARKS), Checkpoint(uuid4(), 3, {0: Mark()})):
            seat.save(checkpoint)
            assert seat.load() == checkpoint
    with seat_at(store) as seat:
        assert seat.load() == checkpoint


def test_a_restored_store_begins_anew(store: EventStore) -> None:
    with seat_at(store) as seat:
        seat.save(Checkpoint(TOPIC, 12, MARKS))
    store.epoch = uuid4()
    with seat_at(store) as seat:
        assert seat.load() is None


def test_a_second_relay_gets_no_seat_until_the_first_has_left(store: EventStore) -> None:
    with seat_at(store), pytest.raises(Taken), seat_at(store):
        pass
    with seat_at(store):
        pass


def test_of_many_relays_one_gets_the_seat(store: EventStore) -> None:
    over = threading.Barrier(5)

    def take() -> bool:
        try:
            with seat_at(store):
                over.wait(30)
                return True
        except Taken:
            over.wait(30)
            return False

    assert sorted(map(bool, in_threads([take] * 5))) == [False] * 4 + [True]


def test_what_readers_miss_is_asked_for_from_the_earliest_place(store: EventStore) -> None:
    ask_again(store, 0, MARKS[0])
    ask_again(store, 3, Mark(5, START))
    ask_again(store, 3, MARKS[3])
    ask_again(store, 0, Mark(2, START))
    with seat_at(store) as seat:
        assert seat.requests() == {0: Mark(2, START), 3: Mark(5, START)}


def test_a_request_that_grew_meanwhile_is_not_answered_by_the_smaller_answer(store: EventStore) -> None:
    ask_again(store, 0, MARKS[0])
    with seat_at(store) as seat:
        ask_again(store, 0, Mark(2, START))
        seat.answered(0, MARKS[0])
        assert seat.requests() == {0: Mark(2, START)}
        seat.answered(0, Mark(2, START))
        assert seat.requests() == {}


def test_there_is_no_asking_for_a_lane_that_is_not_there(store: EventStore) -> None:
    with pytest.raises(ValueError, match="the store counting has 4 lanes, no lane 4"):
        ask_again(store, 4, Mark())


def test_many_readers_may_ask_first(store: EventStore) -> None:
    assert in_threads([partial(ask_again, store, n % 4, Mark(n, START)) for n in range(8)]) == [None] * 8


def test_sqlite_wakes_nobody_so_it_is_looked_at_again_soon(settings: Settings) -> None:
    with seat_at(build(settings).store) as seat:
        started = time.monotonic()
        seat.wait(30)
        assert time.monotonic() - started < 5


@pytest.mark.postgres
def test_postgresql_wakes_up_who_waits(postgres: Postgres, settings: Settings) -> None:
    counting = build(postgres.settings(settings.home))
    woken = threading.Event()

    def listen() -> None:
        with seat_at(counting.store) as seat:
            ready.set()
            seat.wait(30)
            woken.set()

    ready, thread = threading.Event(), threading.Thread(target=listen)
    thread.start()
    assert ready.wait(10)
    counting.handle(Request(Open(counter_id=UUID(int=1)), uuid4(), "officer-1"))
    assert woken.wait(5), "it would have waited for thirty seconds"
    thread.join()


@pytest.mark.postgres
def test_a_relay_that_lost_its_lock_cannot_note_anything_any_more(postgres: Postgres, settings: Settings) -> None:
    place = postgres.settings(settings.home)
    store = build(place).store
    with pytest.raises(psycopg.OperationalError), seat_at(store) as first:  # noqa: PT012 - closing it raises as well
        first.save(Checkpoint(TOPIC, 12))
        with postgres.connect(place.postgres_dbname) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = %s",
                (LOCK & 0xFFFFFFFF,),
            )
        with seat_at(store) as second:
            assert second.load() == Checkpoint(TOPIC, 12)
            second.save(Checkpoint(TOPIC, 20))
            first.save(Checkpoint(TOPIC, 13))
    with seat_at(store) as third:
        assert third.load() == Checkpoint(TOPIC, 20)


def test_what_a_database_raises_is_known_to_the_relay() -> None:
    assert issubclass(sqlite3.OperationalError, STORE_IS_AWAY)
    assert issubclass(psycopg.OperationalError, STORE_IS_AWAY)
