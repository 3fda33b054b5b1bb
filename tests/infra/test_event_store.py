"""What a store keeps, and what it refuses to read."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from events.base import Event
from infra.event_store import Contended, EventStore, Request, Transaction, UnsafeSettings, open_store, utc_now
from infra.mapper import NewerEvent, UnreadableEvent
from infra.settings import Settings
from tests.infra.counting import NOON, Add, Added, Counting, Move, Open, Opened, Remembered, build, evolve, published
from tests.racing import in_processes

COUNTER, OTHER = UUID(int=1), UUID(int=2)


def add(amount: int = 1, counter_id: UUID = COUNTER) -> Request[Any]:
    return Request(Add(counter_id=counter_id, amount=amount), uuid4(), "officer-1", trace_id="trace-1")


def opened(settings: Settings, **more: Any) -> Counting:
    counting = build(settings, **more)
    counting.handle(Request(Open(counter_id=COUNTER), uuid4(), "officer-1"))
    return counting


def reopened(settings: Settings, *classes: type[Event]) -> EventStore:
    return open_store("counting", classes, settings.store_environment("counting"), utc_now)


def append(store: EventStore, stream_id: UUID, event: Event) -> None:
    def work(tx: Transaction) -> None:
        tx.read(stream_id, evolve)
        tx.append(stream_id, [event], evolve)

    store.run(work)


def test_the_stored_bytes_are_the_events_json(settings: Settings) -> None:
    counting = opened(settings, clock=lambda: NOON)
    request = add(7)
    counting.handle(request)
    event = published(counting)[-1]
    with sqlite3.connect(settings.home / "stores" / "counting.db") as database:
        name, raw = database.execute(
            "select topic, state from stored_events where topic like 'counting.Added%'"
        ).fetchone()
    assert (name, raw) == ("counting.Added.v1", event.model_dump_json().encode())
    assert json.loads(raw) == {
        "event_id": str(event.event_id),
        "recorded_at": "2022-06-01T12:00:00Z",
        "actor": "officer-1",
        "trace_id": "trace-1",
        "counter_id": str(COUNTER),
        "amount": 7,
    }


def test_a_class_that_moved_or_was_renamed_reads_its_history(settings: Settings) -> None:
    opened(settings).handle(add(7))

    class Elsewhere(Event):
        TOPIC: ClassVar[str] = "counting.Added.v1"
        amount: int

    found = reopened(settings, Opened, Elsewhere).events(COUNTER, after=1)
    assert [(type(recorded.event), recorded.event.amount) for recorded in found] == [(Elsewhere, 7)]  # type: ignore[attr-defined]


class AddedThird(Event):
    TOPIC: ClassVar[str] = "counting.Added.v3"
    UPCASTS: ClassVar[dict[int, Any]] = {
        1: lambda document: {**document, "units": document.pop("amount")},
        2: lambda document: {**document, "unit": "piece"},
    }
    units: int
    unit: str


def test_an_old_version_is_lifted_step_by_step(settings: Settings) -> None:
    opened(settings).handle(add(7))
    event = reopened(settings, Opened, AddedThird).events(COUNTER)[-1].event
    assert isinstance(event, AddedThird)
    assert (event.units, event.unit, event.actor) == (7, "piece", "officer-1")


def test_a_newer_version_than_the_code_knows_is_refused(settings: Settings) -> None:
    counting = opened(settings)
    newer = reopened(settings, Opened, AddedThird)
    append(newer, COUNTER, AddedThird(units=1, unit="box"))
    for reading in (lambda: counting.total(COUNTER), lambda: counting.handle(add())):
        with pytest.raises(NewerEvent, match=r"counting\.Added\.v3.*reads counting\.Added\.v1: install a newer one"):
            reading()


def test_an_added_field_does_not_break_an_old_reader(settings: Settings) -> None:
    counting = opened(settings)
    document = json.dumps({"amount": 7, "counter_id": str(COUNTER), "colour": "blue"}).encode()
    counting.store.recorder.insert_events([StoredEvent(COUNTER, 2, "counting.Added.v1", document)])
    assert counting.total(COUNTER) == 7


@pytest.mark.parametrize(
    ("name", "raw", "saying"),
    [
        ("counting.Removed.v1", b"{}", "does not know"),
        ("counting.Added", b"{}", "does not know"),
        ("counting.Added.vX", b"{}", "does not know"),
        ("", b"{}", "does not know"),
        ("counting.Added.v1", b'{"amount": 7', "is not one"),
        ("counting.Added.v1", b'{"amount": "many"}', "is not one"),
        ("counting.Added.v1", b"\xff\xfe", "is not one"),
    ],
)
def test_what_is_not_a_known_event_is_refused(settings: Settings, name: str, raw: bytes, saying: str) -> None:
    counting = opened(settings)
    counting.store.recorder.insert_events([StoredEvent(COUNTER, 2, name, raw)])
    with pytest.raises(UnreadableEvent, match=saying):
        counting.total(COUNTER)


@pytest.mark.parametrize("value", ["1", "yes", "True", "on", " t ", "anything"])
def test_the_setting_that_skips_the_lock_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    environment = {**settings.store_environment("counting"), "POSTGRES_ENABLE_DB_FUNCTIONS": value}
    with pytest.raises(UnsafeSettings, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
        open_store("counting", [], environment, utc_now)
    monkeypatch.setenv("COUNTING_POSTGRES_ENABLE_DB_FUNCTIONS", value)
    with pytest.raises(UnsafeSettings, match="COUNTING_POSTGRES_ENABLE_DB_FUNCTIONS"):
        build(settings)


@pytest.mark.parametrize("value", ["", "0", "no", "False", "off"])
def test_the_setting_may_be_off(settings: Settings, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", value)
    build(settings)


def test_a_store_keeps_its_identity_and_its_lanes(each_database: Settings) -> None:
    first = build(each_database, lanes=8).store
    again = build(each_database, lanes=1).store
    assert (again.epoch, again.lanes) == (first.epoch, 8)


def test_two_stores_differ(settings: Settings) -> None:
    other = Settings(home=settings.home / "other")
    assert build(settings).store.epoch != build(other).store.epoch


def test_processes_that_create_a_store_at_the_same_time_agree_on_it(each_database: Settings) -> None:
    shares = [[Request(Open(counter_id=UUID(int=n)), uuid4(), "officer-1")] for n in range(1, 5)]
    found = in_processes(build, each_database, shares)
    assert [answers[0].version for answers in found] == [1, 1, 1, 1], found
    store = build(each_database).store
    created = [event for event in store.recorder.select_notifications(1, 100) if event.topic.startswith("_store.Store")]
    assert len(created) == 1


def test_a_decision_sees_what_others_wrote_before_it_began(each_database: Settings) -> None:
    here, there = opened(each_database), build(each_database)
    for n in range(1, 4):
        assert here.handle(add()).version == 2 * n
        assert there.handle(add()).version == 2 * n + 1


def test_a_stream_that_is_only_read_is_as_new_as_the_transaction(each_database: Settings) -> None:
    here, there = opened(each_database), build(each_database)

    def copy(tx: Transaction, request: Request[Any]) -> UUID:
        """Adds to the other counter what the first one holds."""
        tx.read(OTHER, evolve)
        tx.append(OTHER, [Added(counter_id=OTHER, amount=tx.read(COUNTER, evolve) or 0)], evolve)
        return OTHER

    totals = []
    for _ in range(3):
        there.handle(add())
        here.store.execute(add(), copy)
        totals.append(here.total(OTHER))
    assert totals == [1, 3, 6]


def test_a_decision_on_a_state_that_somebody_else_changed_is_taken_again(each_database: Settings) -> None:
    here, there = opened(each_database), build(each_database)
    seen: list[int | None] = []

    def decide(tx: Transaction, request: Request[Any]) -> UUID:
        found = here.decide(tx, request)
        seen.append(tx.read(COUNTER, evolve))
        if len(seen) == 1:
            there.handle(add(5))
        return found

    assert here.store.execute(add(), decide).version == 3
    assert seen == [1, 6]


def test_who_always_loses_the_race_is_told_to_send_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.event_store.ATTEMPTS", 3)
    here, there = opened(settings), build(settings)

    def decide(tx: Transaction, request: Request[Any]) -> UUID:
        found = here.decide(tx, request)
        there.handle(add(0))
        return found

    with pytest.raises(Contended, match="3 attempts"):
        here.store.execute(add(), decide)


def test_a_stream_that_nobody_else_wrote_to_is_not_read_again(settings: Settings) -> None:
    counting = opened(settings)
    counting.handle(Request(Open(counter_id=OTHER), uuid4(), "officer-1"))
    asked: list[UUID | str] = []
    select = counting.store.recorder.select_events

    def selected(originator_id: UUID | str, **more: Any) -> Any:
        asked.append(originator_id)
        return select(originator_id, **more)

    counting.store.recorder.select_events = selected  # type: ignore[method-assign]
    for _ in range(5):
        counting.handle(Request(Move(counter_id=COUNTER, to_id=OTHER), uuid4(), "officer-1"))
    assert asked == []
    build(settings).handle(add())
    counting.handle(Request(Move(counter_id=COUNTER, to_id=OTHER), uuid4(), "officer-1"))
    assert set(asked) == {COUNTER, OTHER}


def test_a_stream_read_as_what_it_is_not_has_no_state(settings: Settings) -> None:
    counting = opened(settings)
    assert counting.total(COUNTER) == 0
    assert counting.store.state(COUNTER, lambda state, _: state) == (None, 1)
    assert counting.total(COUNTER) == 0


def test_all_events_of_a_command_are_recorded_at_the_same_moment(settings: Settings) -> None:
    ticks = iter(NOON + timedelta(seconds=n) for n in range(1_000))
    counting = opened(settings, clock=lambda: next(ticks))
    counting.handle(Request(Move(counter_id=COUNTER, to_id=COUNTER, amount=0), uuid4(), "officer-1"))
    first, second = published(counting)[-2:]
    assert first.recorded_at == second.recorded_at > NOON


def test_an_event_without_a_request_is_the_systems(settings: Settings) -> None:
    store = opened(settings).store
    append(store, OTHER, Remembered())
    event = store.events(OTHER)[0].event
    assert (event.actor, event.event_id.version) == ("system", 4)


def test_many_streams_are_read_in_few_questions_and_those_that_are_not_there_are_left_out(
    each_database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.streams.AT_ONCE", 3)
    counting = build(each_database)
    ids = [UUID(int=n) for n in range(1, 9)]
    counting.handle_many([Request(Open(counter_id=counter_id), uuid4(), "officer-1") for counter_id in ids[:7]])
    counting.handle_many([add(n, counter_id) for n, counter_id in enumerate(ids[:5], start=1) for _ in range(2)])
    store = build(each_database).store
    expected = {counter_id: store.state(counter_id, evolve) for counter_id in ids[:7]}
    assert expected[ids[4]] == (10, 3)
    assert build(each_database).store.states(ids, evolve) == expected
    firsts = store.firsts(ids)
    assert firsts.keys() == set(ids[:7])
    assert all(isinstance(event, Opened) for event in firsts.values())
    assert (store.states([], evolve), store.firsts([])) == ({}, {})
