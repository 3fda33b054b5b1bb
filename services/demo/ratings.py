"""The suppliers' generated CSR ratings: of every age, declared, verified, rejected, expired, or none at all."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID, uuid5

from services.demo.network import FOUNDED, LAST_DAY, Network, Supplier, chance, weekday

_HABITS = ("yearly",) * 60 + ("lapsed",) * 14 + ("unjudged",) * 7 + ("rejected",) * 5 + ("none",) * 14
_MEDALS = ((75, "platinum"), (66, "gold"), (54, "silver"), (45, "bronze"))
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Rating:
    """A rating as published, declared and judged."""

    rating_id: UUID
    supplier_id: UUID
    overall: int
    themes: tuple[int, int, int, int]
    """Environment, labour, ethics, sustainable procurement."""
    medal: str | None
    published_on: date
    declared_on: date
    judged_on: date | None
    """Null: still waiting for a judgement."""
    is_rejected: bool = False


def build_ratings(seed: int, network: Network) -> list[Rating]:
    """All ratings of the years, oldest first for each supplier."""
    draw = chance(seed, "ratings")
    return [rating for supplier in network.suppliers for rating in _of_supplier(draw, network.root, supplier)]


def _of_supplier(draw: random.Random, root: UUID, supplier: Supplier) -> list[Rating]:
    habit = draw.choice(_HABITS)
    published, score = date(2019, 1, 14) + timedelta(days=draw.randrange(720)), draw.randint(38, 76)
    if habit == "none":
        return []
    last = published + 2 * YEAR if habit == "lapsed" else LAST_DAY
    found: list[Rating] = []
    while (rating := _rating(draw, root, supplier, published, score, len(found))).declared_on <= min(last, LAST_DAY):
        found.append(rating)
        published += YEAR + timedelta(days=draw.randint(-12, 25))
        score = min(88, score + draw.randint(-1, 4))
    if found and habit == "unjudged":
        found[-1] = replace(found[-1], judged_on=None)
    if found and habit == "rejected":
        found[-1] = replace(found[-1], is_rejected=True)
    return found


def _rating(draw: random.Random, root: UUID, supplier: Supplier, published: date, score: int, n: int) -> Rating:
    declared = weekday(max(published + timedelta(days=draw.randint(5, 40)), FOUNDED + timedelta(days=2)))
    judged = weekday(declared + timedelta(days=draw.randint(2, 21)))
    medal = next((name for least, name in _MEDALS if score >= least), None)
    a, b, c, d = (max(10, min(95, score + draw.randint(-9, 9))) for _ in range(4))
    is_judged = judged <= LAST_DAY and judged < published + YEAR
    rating_id = uuid5(root, f"rating:{supplier.supplier_id}:{n}")
    return Rating(
        rating_id, supplier.supplier_id, score, (a, b, c, d), medal, published, declared, judged if is_judged else None
    )
