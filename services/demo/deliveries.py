"""What becomes of drawn orders: approvals, deliveries, returns, invoices, credit notes, cancellations."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from enum import Enum

from services.demo.network import LAST_DAY, weekday
from services.demo.orders import Delivery, Fate, Order

LAST_DECISIONS = date(2022, 12, 8)
"""Orders that need an approval and come after it are still waiting at the end."""

DECIDED, DECISIONS = (Fate.APPROVED, Fate.REJECTED, Fate.WITHDRAWN), (85, 8, 7)


class Course(Enum):
    """How an order arrives."""

    WHOLE = "whole"
    PARTS = "parts"
    CUT = "cut"
    """A part, and the rest is cancelled."""
    CANCELLED = "cancelled"


class Flaw(Enum):
    """What may be wrong with a delivery or its invoice."""

    NONE = "none"
    PRICE = "price"
    DAMAGE = "damage"


COURSES = (86, 11, 2, 1)
FLAWS = (97, 2, 1)
"""Percent of the orders, of the deliveries."""


def followed(draw: random.Random, orders: Sequence[Order]) -> Iterator[Order]:
    """The orders, in the order of their days, with what follows from each."""
    for order in _fated(draw, orders):
        yield _delivered(draw, order) if order.fate in (Fate.FREE, Fate.APPROVED) else order


def _fated(draw: random.Random, orders: Sequence[Order]) -> Iterator[Order]:
    """The orders, those beyond their agreement's internal limit with their fate."""
    totals = Counter(order.agreement.story.reference for order in orders)
    seen: Counter[str] = Counter()
    for order in orders:
        story = order.agreement.story
        seen[story.reference] += 1
        nth, limit = seen[story.reference], story.internal_limit
        first = int(totals[story.reference] * limit.from_share) + 1 if limit else 0
        if limit is None or nth < first:
            yield order
            continue
        # The first one beyond the limit is never taken back: those after it stay beyond, whatever becomes of them.
        fate = draw.choices(DECIDED, DECISIONS)[0] if nth > first else Fate.APPROVED
        decided = weekday(order.day + timedelta(days=draw.randint(1, 5)))
        is_waiting = order.day > LAST_DECISIONS or decided > LAST_DAY
        yield replace(order, fate=Fate.WAITING) if is_waiting else replace(order, fate=fate, decided=decided)


def _delivered(draw: random.Random, order: Order) -> Order:
    """The order with its deliveries, and the cancellation of some."""
    story, start = order.agreement.story, order.decided or order.day
    first = weekday(start + timedelta(days=draw.randint(*story.lead_days)))
    course = draw.choices(tuple(Course), COURSES)[0]
    # Cancellations give back a part of the ceiling: not where the story needs it to grow only.
    if course in (Course.CANCELLED, Course.CUT) and (story.internal_limit or story.use == 1):
        course = Course.WHOLE
    match course:
        case Course.WHOLE:
            return replace(order, deliveries=(_delivery(draw, 100, first),))
        case Course.PARTS:
            second = weekday(first + timedelta(days=draw.randint(5, 30)))
            parts = (_delivery(draw, draw.randint(40, 80), first), _delivery(draw, 100, second))
            return replace(order, deliveries=parts)
        case Course.CUT:
            partly = _delivery(draw, draw.randint(30, 80), first)
            return replace(order, deliveries=(partly,), cancelled=weekday(first + timedelta(days=draw.randint(10, 40))))
        case Course.CANCELLED:
            return replace(order, cancelled=weekday(start + timedelta(days=draw.randint(1, story.lead_days[0]))))


def _delivery(draw: random.Random, share: int, received: date) -> Delivery:
    issued = weekday(received + timedelta(days=draw.randint(1, 9)))
    is_late = draw.randrange(25) == 0
    arrives = weekday(issued + timedelta(days=draw.randint(25, 80) if is_late else draw.randint(1, 6)))
    delivery = Delivery(share, received, issued, arrives)
    match draw.choices(tuple(Flaw), FLAWS)[0]:
        case Flaw.PRICE:
            corrected = weekday(arrives + timedelta(days=draw.randint(12, 40)))
            return replace(delivery, overbilled=draw.randint(5, 30), corrected=corrected if draw.randrange(4) else None)
        case Flaw.DAMAGE:
            returned = weekday(received + timedelta(days=draw.randint(2, 15)))
            credited = weekday(max(returned, arrives) + timedelta(days=draw.randint(4, 20)))
            return replace(delivery, returned=returned, credited=credited)
        case Flaw.NONE:
            return delivery
