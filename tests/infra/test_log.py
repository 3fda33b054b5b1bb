"""The log as others read it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent

from infra.event_store import Request
from infra.log import START, BeyondTheEnd, Entry, Log, Mark
from infra.settings import Settings
from tests.infra.counting import NOON, Add, Counting, Open, build

COUNTERS = [UUID(int=n) for n in range(1, 9)]


def send(counting: Counting, command: Any) -> None:
    counting.handle(Request(command, uuid4(), "officer-1"))


def entries(counting: Counting, marks: dict[int, Mark] | None = None, limit: int = 500) -> list[Entry]:
    log, found = Log(counting.store, marks), []
    while (page := log.page(limit)) is not None:
        found += page
    return found


@pytest.fixture
def counting(settings: Settings) -> Counting:
    """Eight counters in up to four lanes, opened and added to in turn."""
    return eight(settings)


def eight(settings: Settings) -> Counting:
    counting = build(settings, lanes=4)
    for counter_id in COUNTERS:
        send(counting, Open(counter_id=counter_id))
    for counter_id in COUNTERS * 2:
        send(counting, Add(counter_id=counter_id))
    return counting


def test_internal_events_are_not_in_it(counting: Counting) -> None:
    assert {entry.type for entry in entries(counting)} == {"counting.Opened.v1", "counting.Added.v1"}
    assert len(entries(counting)) == 24
    assert counting.store.last_pos() > 2 * 24, "receipts lie between them"


def test_each_lane_is_a_chain_of_its_own_in_which_internal_events_leave_no_gap(counting: Counting) -> None:
    by_lane: dict[int, list[Entry]] = {}
    for entry in entries(counting):
        assert entry.lane == counting.store.lane(entry.stream_id)
        by_lane.setdefault(entry.lane, []).append(entry)
    assert len(by_lane) > 1
    for lane in by_lane.values():
        assert [entry.prev for entry in lane] == [0, *(entry.pos for entry in lane[:-1])]


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_it_is_the_same_in_pages_of_any_size(counting: Counting, limit: int) -> None:
    assert entries(counting, limit=limit) == entries(counting)


def test_a_reader_goes_on_where_each_lane_stood(counting: Counting) -> None:
    everything = entries(counting)
    for cut in range(len(everything)):
        marks: dict[int, Mark] = {}
        for entry in everything[:cut]:
            marks[entry.lane] = Mark(entry.pos, entry.recorded_at)
        assert entries(counting, marks) == everything[cut:]


def test_a_reader_at_the_end_sees_what_comes_later(counting: Counting) -> None:
    log = Log(counting.store)
    while log.page() is not None:
        pass
    send(counting, Add(counter_id=COUNTERS[0]))
    assert [entry.version for entry in log.page() or []] == [4]
    assert log.page() is None


def test_the_raw_bytes_are_the_stored_ones(counting: Counting) -> None:
    for entry in entries(counting):
        stored = counting.store.recorder.select_notifications(entry.pos, 1)[0]
        assert (entry.raw, entry.type, entry.version) == (stored.state, stored.topic, stored.originator_version)


def test_a_rolled_back_transaction_leaves_a_gap_that_breaks_no_chain(each_database: Settings) -> None:
    counting = eight(each_database)
    before = entries(counting)
    doubled = [StoredEvent(COUNTERS[0], 3, "counting.Added.v1", b"{}")]
    for _ in range(3):
        with pytest.raises(IntegrityError):
            counting.store.recorder.insert_events(doubled)
    send(counting, Add(counter_id=COUNTERS[0]))
    last = entries(counting)[-1]
    assert last.prev == max(entry.pos for entry in before if entry.lane == last.lane)


def test_a_gap_in_the_positions_breaks_no_chain(settings: Settings) -> None:
    counting = build(settings)
    send(counting, Open(counter_id=COUNTERS[0]))
    datastore: Any = counting.store.recorder.datastore  # type: ignore[attr-defined]
    with datastore.transaction(commit=True) as cursor:
        row = (1_000, COUNTERS[0].hex, 2, "counting.Added.v1", b'{"amount":1}')
        cursor.execute(
            "insert into stored_events (rowid, originator_id, originator_version, topic, state) values (?,?,?,?,?)", row
        )
    first, second = entries(counting)
    assert (second.pos, second.prev) == (1_000, first.pos)


def test_recorded_at_never_decreases_though_clocks_cross(settings: Settings) -> None:
    hours = iter([0, 0, 0, 0, 5, 5, 3, 3, 6, 6])
    times: list[datetime] = []

    def clock() -> datetime:
        times.append(NOON + timedelta(hours=next(hours)))
        return times[-1]

    counting = build(settings, clock=clock)
    request = Request(Open(counter_id=COUNTERS[0]), uuid4(), "officer-1")
    counting.handle(request)
    for _ in range(3):
        send(counting, Add(counter_id=COUNTERS[0]))
    found = [entry.recorded_at for entry in entries(counting)]
    assert found == sorted(found)
    assert found != [counting.store.mapper.language.load(e.type, e.raw).recorded_at for e in entries(counting)]
    # The mark carries the maximum on: a reader that starts again computes the same.
    second = entries(counting)[1]
    assert [e.recorded_at for e in entries(counting, {0: Mark(second.pos, second.recorded_at)})] == found[2:]


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff", b'{"event_id":"x","recorded_at":"yesterday"}', b'{"recorded_at":"2022-06-01T12:00:00Z"}'])  # fmt: skip
def test_bytes_that_are_no_event_take_the_time_of_those_before(settings: Settings, raw: bytes) -> None:
    counting = build(settings, clock=lambda: NOON)
    send(counting, Open(counter_id=COUNTERS[0]))
    counting.store.recorder.insert_events([StoredEvent(COUNTERS[0], 2, "counting.Added.v1", raw)])
    assert [entry.recorded_at for entry in entries(counting)] == [NOON, NOON]
    alone = build(Settings(home=settings.home / "other"))
    alone.store.recorder.insert_events([StoredEvent(COUNTERS[0], 1, "counting.Added.v1", raw)])
    assert [entry.recorded_at for entry in entries(alone)] == [START]


def test_a_reader_beyond_the_end_of_the_store_is_told_to_rebuild(settings: Settings) -> None:
    counting = build(settings)
    send(counting, Open(counter_id=COUNTERS[0]))
    end = counting.store.last_pos()
    Log(counting.store, {0: Mark(end)})
    with pytest.raises(BeyondTheEnd, match=r"position \d+ of counting .* `groupement rebuild`"):
        Log(counting.store, {0: Mark(end + 1)})


def test_an_empty_store_has_an_empty_log(each_database: Settings) -> None:
    assert entries(build(each_database)) == []
