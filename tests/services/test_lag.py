from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from infra.log import Entry
from services.lag import lane_lags

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def event(lane: int, pos: int, age: float) -> Entry:
    return Entry(lane, pos, 0, UUID(int=pos), 1, "ordering.OrderSubmitted.v1", NOW - timedelta(seconds=age), b"{}")


def test_each_follower_is_behind_by_the_events_after_its_own_position_in_its_lane() -> None:
    left = [event(0, 11, 30), event(1, 12, 20), event(0, 13, 10.25), event(0, 15, 2)]
    first, second = lane_lags("ordering", 2, {"relay": {0: 13, 1: 12}, "projector": {0: 9, 1: 4}}, left, NOW)
    assert (first.lane, first.end, second.lane, second.end) == (0, 15, 1, 12)
    assert first.relay is not None
    assert first.projector is not None
    assert (first.relay.position, first.relay.events, first.relay.seconds) == (13, 1, 2.0)
    assert (first.projector.events, first.projector.seconds) == (3, 30.0)
    assert second.relay is not None
    assert (second.relay.events, second.relay.seconds) == (0, 0.0)
    assert second.projector is not None
    assert (second.projector.events, second.projector.seconds) == (1, 20.0)


def test_a_follower_that_there_is_not_is_not_at_zero_but_absent() -> None:
    (lane,) = lane_lags("ordering", 1, {"projector": {0: 3}}, [], NOW)
    assert (lane.relay, lane.reactions, lane.end) == (None, None, 3)


@pytest.mark.parametrize("age", [0, -5])
def test_a_clock_that_is_behind_makes_no_negative_lag(age: float) -> None:
    (lane,) = lane_lags("ordering", 1, {"projector": {0: 0}}, [event(0, 1, age)], NOW)
    assert lane.projector is not None
    assert (lane.projector.events, lane.projector.seconds) == (1, 0)
