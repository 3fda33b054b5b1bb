"""Positions to wait for: who changed something asks lists and figures to contain the change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Query
from starlette.requests import Request as HttpRequest

from infra.opaque import clear, opaque
from infra.problems import NotReached, TokenUnreadable
from infra.request import Position

POSITION_HEADER = "Groupement-Position"
WAIT_SECONDS = 5.0
"""How long a read waits for the position that it asks for."""
LOOK_SECONDS = 0.05
"""How often whoever waits looks."""


def position_token(positions: Iterable[Position]) -> str:
    """An opaque text that names positions."""
    return opaque(",".join(f"{place.context}:{place.lane}:{place.pos}" for place in positions))


def positions_in(token: str) -> tuple[Position, ...]:
    """The positions of a token. Raises TokenUnreadable."""
    try:
        parts = [part.split(":") for part in clear(token).split(",") if part]
        return tuple(Position(context, int(lane), int(pos)) for context, lane, pos in parts)
    except ValueError as error:
        raise TokenUnreadable("the position token cannot be read", pointer="/at_least") from error


@dataclass(frozen=True, slots=True)
class Behind:
    """A lane whose projections have not come to where somebody wants them."""

    wanted: Position
    reached: int

    @property
    def lag(self) -> int:
        """The positions that are missing."""
        return self.wanted.pos - self.reached


class Waiting(Protocol):
    """The projections, as those see them who wait for them."""

    def wait_for(self, wanted: Sequence[Position], seconds: float, table: str | None = None) -> list[Behind]:
        """Waits until they, or one table, have come to these positions; returns the lanes that have not in time."""


def waited(behind: Callable[[], list[Behind]], seconds: float) -> list[Behind]:
    """Asks again and again until nothing is behind, or the time is over; returns what still is."""
    deadline = time.monotonic() + seconds
    while (found := behind()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return found


def await_positions(request: HttpRequest, token: str | None, table: str | None = None) -> None:
    """Waits, for a bounded time, until the projections are where the caller wants them. Raises NotReached.

    `table`: the only one that the answer is read from.
    """
    if token is None:
        return
    reading: Waiting = request.app.state.platform.reading
    if behind := reading.wait_for(positions_in(token), WAIT_SECONDS, table):
        raise not_reached("the lists and figures have", behind)


def not_reached(who: str, behind: Sequence[Behind]) -> NotReached:
    """The refusal that says, lane by lane, what is missing."""
    lanes = {
        f"{one.wanted.context}:{one.wanted.lane}": f"at {one.reached} of {one.wanted.pos}, {one.lag} missing"
        for one in behind
    }
    told = "; ".join(f"{lane} {text}" for lane, text in lanes.items())
    message = f"after {WAIT_SECONDS:.0f} s {who} not come to what was asked for: {told}"
    return NotReached(message, pointer="/at_least", lag=sum(one.lag for one in behind), **lanes)


def at_least(
    request: HttpRequest,
    at_least: Annotated[str | None, Query(description="A position token: the answer contains what it names.")] = None,
) -> None:
    """The parameter `at_least` of a list. Raises NotReached, TokenUnreadable."""
    await_positions(request, at_least)


AT_LEAST = Depends(at_least)
