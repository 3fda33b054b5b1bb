"""The rules by which a message is queued for the raw log, without a broker and without an engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from infra.log import Entry, Mark
from projections import intake as module
from projections.intake import Intake, is_behind
from projections.projector import OtherStore

EPOCH, FORMER = uuid4(), uuid4()
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def entry(pos: int, prev: int, lane: int = 0, raw: bytes = b"{}") -> Entry:
    return Entry(lane, pos, prev, uuid4(), 1, "ordering.OrderApproved.v1", NOON + timedelta(seconds=pos), raw)


def intake(**ends: int) -> Intake:
    """One that has begun from where lanes `lane0`, `lane1`… stand."""
    found = Intake("ordering")
    found.begin(EPOCH, [FORMER], {int(lane.removeprefix("lane")): Mark(pos, NOON) for lane, pos in ends.items()})
    return found


def take(queue: Intake, *entries: Entry) -> list[int]:
    """Takes entries; the positions that are queued then."""
    for one in entries:
        queue.take(EPOCH, one)
    return [one.pos for one in queue._queue]


def test_what_follows_on_the_data_is_queued_in_the_order_of_its_arrival() -> None:
    queue = intake(lane0=4, lane1=6)
    assert take(queue, entry(9, 4), entry(7, 6, lane=1), entry(12, 9)) == [9, 7, 12]
    assert queue.reached == {0: 12, 1: 7}


def test_a_lane_that_the_data_do_not_know_begins_with_its_first_event() -> None:
    assert take(intake(), entry(3, 0, lane=2)) == [3]


def test_what_is_there_already_is_dropped() -> None:
    queue = intake(lane0=4)
    later = entry(9, 4)
    assert take(queue, entry(2, 0), entry(4, 2), later, later, entry(4, 2)) == [9]
    assert queue.gaps == {}


def test_a_gap_stops_its_lane_alone_and_says_between_what() -> None:
    queue = intake(lane0=4, lane1=6)
    found = entry(12, 9)
    assert take(queue, found, entry(15, 12), entry(7, 6, lane=1)) == [7]
    assert queue.gaps.keys() == {0}
    assert (queue.gaps[0].stands, queue.gaps[0].found) == (Mark(4, NOON), found)


def test_what_was_missing_closes_the_gap() -> None:
    queue = intake(lane0=4)
    late = entry(12, 9)
    assert take(queue, late, entry(9, 4), late) == [9, 12]
    assert queue.gaps == {}


def test_a_gap_that_was_attended_to_is_met_again_by_what_still_does_not_follow() -> None:
    queue = intake(lane0=4)
    take(queue, entry(12, 9))
    queue.gaps[0].is_met = False
    take(queue, entry(2, 0), entry(4, 2))
    assert not queue.gaps[0].is_met
    take(queue, entry(12, 9))
    assert queue.gaps[0].is_met


def test_a_former_life_of_the_store_is_skipped_and_counted() -> None:
    queue = intake(lane0=4)
    queue.take(FORMER, entry(9, 4))
    assert (queue.skipped, len(queue), queue.reached, queue.gaps) == (1, 0, {0: 4}, {})


def test_another_store_is_refused_with_what_to_do() -> None:
    with pytest.raises(OtherStore, match="groupement rebuild --from-stores"):
        intake().take(uuid4(), entry(3, 0))


def test_it_is_full_with_so_many_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_EVENTS", 2)
    queue = intake()
    take(queue, entry(1, 0))
    assert not queue.is_full
    take(queue, entry(2, 1))
    assert queue.is_full


def test_it_is_full_with_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_BYTES", 10)
    queue = intake()
    take(queue, entry(1, 0, raw=b"123456789"))
    assert not queue.is_full
    take(queue, entry(2, 1, raw=b"0"))
    assert queue.is_full


def test_a_cut_takes_all_that_is_queued_and_the_next_step_follows_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_BYTES", 4)
    queue = intake()
    first, second, third = entry(1, 0), entry(2, 1), entry(3, 2)
    take(queue, first, second)
    assert queue.cut() == [first, second]
    assert (len(queue), queue.is_full, queue.cut()) == (0, False, [])
    assert take(queue, second, third) == [3]


def test_stopped_it_forgets_everything_and_begins_from_the_data() -> None:
    queue = intake(lane0=4)
    take(queue, entry(9, 4), entry(20, 15))
    queue.stop()
    assert (queue.is_ready, len(queue), queue.gaps, queue.reached, queue.is_full) == (False, 0, {}, {}, False)
    queue.begin(EPOCH, [], {0: Mark(2, NOON)})
    assert queue.is_ready
    assert take(queue, entry(4, 2)) == [4]


@pytest.mark.parametrize(
    ("stands", "is_lost"), [({0: 4, 1: 7}, False), ({0: 9, 1: 8}, False), ({0: 3, 1: 7}, True), ({0: 4}, True)]
)
def test_data_are_behind_where_one_lane_is(stands: dict[int, int], is_lost: bool) -> None:
    assert is_behind(stands, {0: 4, 1: 7}) is is_lost
