"""A command of the plan, the context that it is for, and the moment at which it is given."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from events.base import Command
from infra.event_store import Request
from services.demo.plan import Plan

HOURS = {"membership": time(6, 0), "suppliers": time(6, 10), "tendering": time(6, 20), "ordering": time(9, 0)}
"""The moment of the day (UTC) at which a context's commands are given: what orders need comes before them."""


class Step(NamedTuple):
    """A command, the context that it is for, and the moment at which it is given."""

    at: datetime
    context: str
    request: Request[Any]


def step(plan: Plan, day: date, command: Command, actor: str, *key: object, scope: UUID | None = None) -> Step:
    """A command given on a day, with an id that follows from its name and `key`: said twice, it happens once."""
    context = type(command).__module__.split(".")[1]
    name = ":".join(map(str, (type(command).__name__, *key)))
    at = datetime.combine(day, HOURS[context], UTC)
    return Step(at, context, Request(command, uuid5(plan.network.root, name), actor, scope))
