"""A follower never steps over an event that commits later: whoever did would lose an order for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, Self
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import InfrastructureFactory

from infra.event_store import EventStore, Request
from infra.log import Log
from infra.settings import Settings
from tests.infra.counting import Add, Counting, Open, build
from tests.postgres import Postgres
from tests.racing import in_threads

WRITERS, COMMANDS = 8, 40


class Follower:
    """Reads to the end, again and again, while others write."""

    def __init__(self, store: EventStore) -> None:
        self.seen: list[int] = []
        self._log = Log(store)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        while True:
            is_over = self._over.is_set()
            while (page := self._log.page(20)) is not None:
                self.seen += [entry.pos for entry in page]
            if is_over:
                return


def stored(store: EventStore) -> list[int]:
    found = store.recorder.select_notifications(1, 100_000)
    return [event.id for event in found if not event.topic.startswith("_")]


def test_a_follower_sees_what_eight_writers_write_in_the_order_of_positions(each_database: Settings) -> None:
    follower, writers = build(each_database), [build(each_database) for _ in range(WRITERS)]

    def write(counting: Counting) -> None:
        for n in range(COMMANDS):
            counter_id = uuid4()
            batch: list[Any] = [Open(counter_id=counter_id), *[Add(counter_id=counter_id)] * (n % 4)]
            counting.handle_many([Request(command, uuid4(), "officer-1") for command in batch])

    with Follower(follower.store) as reading:
        outcomes = in_threads([partial(write, counting) for counting in writers])
    assert outcomes == [None] * WRITERS
    assert reading.seen == stored(follower.store)
    assert len(reading.seen) == WRITERS * COMMANDS * (1 + 1.5)


@pytest.fixture(params=[False, True], ids=["the lock of the table", "enable_db_functions"])
def slow_commits(request: pytest.FixtureRequest, postgres: Postgres, settings: Settings) -> Iterator[list[Counting]]:
    """Two writers of a PostgreSQL store in which an event of actor `slow` takes half a second to commit."""
    place = postgres.settings(settings.home)
    build(place).store.close()
    with postgres.connect(place.postgres_dbname) as connection:
        connection.execute(
            """
            create function wait() returns trigger language plpgsql as $$
            begin perform pg_sleep(0.5); return null; end $$;
            create trigger wait after insert on stored_events for each row
            when (convert_from(new.state, 'UTF8') like '%"actor":"slow"%' and new.topic = 'counting.Added.v1')
            execute function wait()
            """
        )
    writers = [build(place), build(place)]
    if request.param:
        # Past `open_store`, which refuses the setting.
        environment = {**place.store_environment("counting"), "POSTGRES_ENABLE_DB_FUNCTIONS": "y"}
        for counting in writers:
            counting.store.close()
            counting.store.recorder = InfrastructureFactory[Any].construct(environment).process_recorder()
    yield writers
    for counting in writers:
        counting.store.close()


@pytest.mark.postgres
def test_a_slow_commit_is_waited_for_and_this_test_would_see_it_if_not(
    slow_commits: list[Counting], request: pytest.FixtureRequest
) -> None:
    slow, quick = slow_commits
    first, second = UUID(int=1), UUID(int=2)
    slow.handle_many([Request(Open(counter_id=key), uuid4(), "officer-1") for key in (first, second)])

    def write_quickly() -> None:
        time.sleep(0.2)
        quick.handle(Request(Add(counter_id=second), uuid4(), "quick"))

    with Follower(slow.store) as reading:
        in_threads([lambda: slow.handle(Request(Add(counter_id=first), uuid4(), "slow")), write_quickly])
    skipped = set(stored(slow.store)) - set(reading.seen)
    assert len(skipped) == (1 if "enable_db_functions" in request.node.name else 0)
