"""Orders as they are drawn: who orders what and when. Amounts are calibrated afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate

from events.base import Refusal
from services.demo.adhesions import Adhesion
from services.demo.agreements import Agreement, Item, Lot
from services.demo.calibration import VOLUMES
from services.demo.deliveries import followed
from services.demo.network import FIRST_DAY, Establishment, chance, weekday
from services.demo.orders import Order

SIZES = (25, 40, 55, 70, 85, 100, 120, 150, 200, 280)
"""Relative amounts of orders: a few large ones, many small ones."""
UNIT = "CQ-UO"
"""The cheapest item of the agreement whose maximum is used to the cent: its last order takes what remains."""


class TooFewOrders(Refusal):
    """The network does not fit into so few orders."""

    rule = "The generated network has equipment orders of its own, and a few orders in every agreement and year"
    remedy = "Ask for more orders."


@dataclass(frozen=True, slots=True)
class _Share:
    """The part of an agreement in a year."""

    agreement: Agreement
    adhesions: tuple[Adhesion, ...]
    amount: Decimal
    days: tuple[date, ...]
    cumulative: tuple[int, ...]


def draw_orders(seed: int, agreements: Sequence[Agreement], adhesions: Sequence[Adhesion], count: int) -> list[Order]:
    """`count` orders in the order of their days, uncalibrated. Raises TooFewOrders."""
    draw = chance(seed, "orders")
    shares = list(_shares(agreements, adhesions))
    heavy, light = (
        [s for s in shares if s.agreement.story.is_equipment is is_equipment] for is_equipment in (True, False)
    )
    found = [order for share in heavy for order in _equipment(draw, share)]
    left = count - len(found)
    if left < 3 * len(light):
        msg = f"{count} orders were asked for, at least {len(found) + 3 * len(light)} are needed"
        raise TooFewOrders(msg, orders=count)
    for share, n in zip(light, _split(left, light), strict=True):
        found += _orders(draw, share, n)
    found.sort(key=lambda order: order.day)
    numbered = [replace(order, number=n) for n, order in enumerate(found, start=1)]
    return list(followed(draw, numbered))


def _shares(agreements: Sequence[Agreement], adhesions: Sequence[Adhesion]) -> Iterator[_Share]:
    weights = {year: sum(a.story.spend.get(year, Decimal(0)) for a in agreements) for year in VOLUMES}
    for agreement in agreements:
        first, last = agreement.story.valid
        members = tuple(adhesion for adhesion in adhesions if adhesion.agreement is agreement)
        for year, weight in agreement.story.spend.items():
            start, end = max(first, FIRST_DAY, date(year, 1, 1)), min(last, date(year, 12, 31))
            days = [day for n in range((end - start).days + 1) if (day := start + timedelta(days=n)) == weekday(day)]
            months = [agreement.story.months[day.month - 1] for day in days]
            amount = VOLUMES[year] * weight / weights[year]
            yield _Share(agreement, members, amount, tuple(days), tuple(accumulate(months)))


def _split(count: int, shares: Sequence[_Share]) -> list[int]:
    """`count` orders over the shares by weight, three at least each, by largest remainder."""
    weights = [share.amount * share.agreement.story.orders_per_million for share in shares]
    spare, whole = count - 3 * len(shares), sum(weights)
    parts = [spare * weight / whole for weight in weights]
    counts = [3 + int(part) for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda n: (int(parts[n]) - parts[n], n))
    for n in by_remainder[: count - sum(counts)]:
        counts[n] += 1
    return counts


def _day(draw: random.Random, share: _Share) -> date:
    return draw.choices(share.days, cum_weights=share.cumulative)[0]


def _equipment(draw: random.Random, share: _Share) -> Iterator[Order]:
    """Orders of a few pieces each, until the amount is spent."""
    left, typical = share.amount, share.agreement.story.typical
    while left > typical / 2:
        day = _day(draw, share)
        place, lot = _place(draw, share, day)
        items = _items(draw, lot, 1 if draw.randrange(3) else 2)
        prices = tuple(item.price_on(day) for item in items)
        quantities = tuple(max(1, int(typical * draw.randint(40, 110) / 100 / price)) for price in prices)
        order = Order(0, day, place, share.agreement, lot, items, prices, (), quantities)
        left -= order.total
        yield order


def _orders(draw: random.Random, share: _Share, count: int) -> list[Order]:
    drafts = []
    for _ in range(count):
        day = _day(draw, share)
        place, lot = _place(draw, share, day)
        drafts.append((day, place, lot, draw.choice(SIZES) * place.size))
    whole = sum(size for *_, size in drafts)
    found = []
    for day, place, lot, size in drafts:
        items = _items(draw, lot, draw.choice((1, 1, 1, 2, 2, 3)))
        weights = [item.story.weight for item in items]
        amount = share.amount * size / whole
        wanted = tuple(amount * weight / sum(weights) for weight in weights)
        prices = tuple(item.price_on(day) for item in items)
        found.append(Order(0, day, place, share.agreement, lot, items, prices, wanted, ()))
    return found


def _place(draw: random.Random, share: _Share, day: date) -> tuple[Establishment, Lot]:
    places = [adhesion.place for adhesion in share.adhesions if adhesion.allows(day)]
    place = draw.choices(places, [place.size for place in places])[0]
    lots = [lot for lot in share.agreement.lots if lot.region in (None, place.region) and not lot.is_suspended(day)]
    return place, draw.choices(lots, [lot.story.weight for lot in lots])[0]


def _items(draw: random.Random, lot: Lot, count: int) -> tuple[Item, ...]:
    """Items of a lot, the heavier ones more often, in the order of the price list. The unit of the last order apart."""
    listed = [n for n, item in enumerate(lot.items) if item.story.code != UNIT]
    chosen: set[int] = set()
    while len(chosen) < min(count, len(listed)):
        chosen.add(draw.choices(listed, [lot.items[n].story.weight for n in listed])[0])
    return tuple(lot.items[n] for n in sorted(chosen))
