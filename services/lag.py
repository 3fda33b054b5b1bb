"""How far everything that follows the stores is behind them: relay, projector, reactions, lane by lane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from events.base import Value
from infra.checkpoint import checkpoint_of
from infra.event_store import EventStore
from infra.log import Entry, Log, Mark
from projections.projected import Projected
from projections.tables import TABLES, tables_of
from services.ordering.app import Ordering

MOST = 20_000
"""Events of a context that are counted one by one; who is further behind is told as at least so many."""
PAGE = 2_000
FOLLOWERS = ("relay", "projector", "reactions")


class Lag(Value):
    """How far a follower is behind in a lane."""

    position: int
    """Where it stands."""
    events: int
    """Published events that it has not dealt with; at least so many, where it is very far behind."""
    seconds: float
    """Age of the oldest of them; 0 where there is none."""


class LaneLag(Value):
    """A lane, and who follows it. Null for a follower that this run, or this context, does not have."""

    context: str
    lane: int
    end: int
    """Position of the last event of the lane."""
    relay: Lag | None
    projector: Lag | None
    reactions: Lag | None


def lags(stores: Sequence[EventStore], projected: Projected, ordering: Ordering, now: datetime) -> list[LaneLag]:
    """The lag of each lane of each context. Followers are asked before the stores: nobody is ahead of them."""
    reached = {table: projected.positions(table) for table in TABLES}
    found = []
    for store in stores:
        lanes = range(store.lanes)
        checkpoint = checkpoint_of(store)
        tables = [reached[table] for table in tables_of(store.context)]
        followers: dict[str, Mapping[int, int]] = {
            "projector": {lane: min(positions.get((store.context, lane), 0) for positions in tables) for lane in lanes}
        }
        if checkpoint is not None:
            followers["relay"] = {lane: checkpoint.marks.get(lane, Mark()).pos for lane in lanes}
        if store.context != ordering.store.context:
            followers["reactions"] = {lane: ordering.noted_pos(store.context, lane) for lane in lanes}
        found += lane_lags(store.context, store.lanes, followers, _left(store, followers.values()), now)
    return found


def _left(store: EventStore, followers: Iterable[Mapping[int, int]]) -> list[Entry]:
    """The events that the last of the followers has not dealt with, as many as are counted."""
    behind = {lane: min(one[lane] for one in followers) for lane in range(store.lanes)}
    log = Log(store, {lane: Mark(pos) for lane, pos in behind.items()})
    found: list[Entry] = []
    while len(found) < MOST and (page := log.page(PAGE)) is not None:
        found += page
    return found


def lane_lags(
    context: str, lanes: int, followers: Mapping[str, Mapping[int, int]], left: Sequence[Entry], now: datetime
) -> list[LaneLag]:
    """For each lane how many of the events that are `left` each follower has not dealt with, and since when."""
    found = []
    for lane in range(lanes):
        entries = [entry for entry in left if entry.lane == lane]
        places = {name: positions[lane] for name, positions in followers.items()}
        end = max([*places.values(), *(entry.pos for entry in entries)])
        told = {name: _lag(pos, [entry for entry in entries if entry.pos > pos], now) for name, pos in places.items()}
        found.append(LaneLag(context=context, lane=lane, end=end, **{name: told.get(name) for name in FOLLOWERS}))
    return found


def _lag(position: int, missing: Sequence[Entry], now: datetime) -> Lag:
    oldest = min((entry.recorded_at for entry in missing), default=now)
    return Lag(position=position, events=len(missing), seconds=max(0.0, round((now - oldest).total_seconds(), 1)))
