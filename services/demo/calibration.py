"""Quantities and reference prices that follow from the targets.

Nothing of a figure is written down: quantities are scaled until what is invoiced adds up to the volumes, and reference
prices until the invoices leave the savings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Context, Decimal
from uuid import UUID

from services.demo.agreements import MILLIONTH, Agreement
from services.demo.ceilings import rounded_up
from services.demo.orders import Kind, Order, documents

VOLUMES = {
    2020: Decimal("827067669.17"),
    2021: Decimal("948000000.00"),
    2022: Decimal("1100000000.00"),
}
"""EUR without VAT to be invoiced in a year, credit notes taken off: +33 % from the first to the last."""
SAVINGS = Decimal("72000000.00")
"""EUR to be saved in the last year, over the invoiced lines that have a reference price."""
CLOSE = Decimal("0.00005")
"""How near a volume must come: a tenth of what is promised."""
ROUNDS = 20
ZERO = Decimal(0)
FIVE_DIGITS = Context(prec=5)


class NotCalibrated(Exception):
    """The plan cannot meet its targets: the story leaves no room for them."""


def calibrated(orders: Sequence[Order]) -> list[Order]:
    """The orders with quantities for which the invoices of each year add up to its volume. Raises NotCalibrated."""
    fixed = _filled([order for order in orders if order.agreement.story.is_equipment])
    free = [order for order in orders if not order.agreement.story.is_equipment]
    of_fixed, factors = invoiced(fixed), dict.fromkeys(VOLUMES, Decimal(1))
    for _ in range(ROUNDS):
        scaled = [order.scaled(factors[_year(order)]) for order in free]
        of_scaled = invoiced(scaled)
        gaps = {year: target - of_fixed[year] - of_scaled[year] for year, target in VOLUMES.items()}
        if all(abs(gap) <= VOLUMES[year] * CLOSE for year, gap in gaps.items()):
            return sorted([*fixed, *scaled], key=lambda order: order.number)
        factors = {year: factor * (1 + gaps[year] / of_scaled[year]) for year, factor in factors.items()}
    msg = f"after {ROUNDS} rounds the volumes are off by {gaps}"
    raise NotCalibrated(msg)


def invoiced(orders: Iterable[Order]) -> dict[int, Decimal]:
    """Year -> what is invoiced, credit notes taken off."""
    found = dict.fromkeys(VOLUMES, ZERO)
    for order in orders:
        for document in documents(order):
            if sign := _SIGNS.get(document.kind):
                found[document.dated.year] += sign * sum(part.amount for part in document.parts)
    return found


_SIGNS = {Kind.INVOICE: 1, Kind.CREDIT_NOTE: -1}


def _year(order: Order) -> int:
    """The year in which an order, or its first part, is invoiced."""
    day = order.deliveries[0].issued if order.deliveries else order.day
    return min(day.year, max(VOLUMES))


def _filled(orders: Sequence[Order]) -> list[Order]:
    """The orders; where the story uses a maximum to the cent, the last one also takes what remains of it."""
    last = {order.agreement.agreement_id: n for n, order in enumerate(orders) if order.agreement.story.use == 1}
    found = list(orders)
    for agreement_id, n in last.items():
        order = orders[n]
        unit = order.lot.items[-1]
        reserved = sum((one.total for one in orders if one.agreement.agreement_id == agreement_id), ZERO)
        price = unit.price_on(order.day)
        if count := int((rounded_up(reserved) - reserved) / price):
            found[n] = replace(
                order,
                items=(*order.items, unit),
                prices=(*order.prices, price),
                quantities=(*order.quantities, count),
            )
    return found


def reference_prices(agreements: Sequence[Agreement], orders: Iterable[Order]) -> dict[tuple[UUID, str], Decimal]:
    """Lot and item -> reference price of a base unit, such that the last year's invoices leave the savings.

    The story's own prices stand; all other markups are stretched by one factor. Raises NotCalibrated.
    """
    bought: dict[tuple[UUID, str], tuple[Decimal, Decimal]] = defaultdict(lambda: (ZERO, ZERO))
    for order in orders:
        for document in documents(order):
            sign = _SIGNS.get(document.kind)
            if sign is None or document.dated.year != max(VOLUMES):
                continue
            for part in document.parts:
                key = (order.lot.lot_id, order.items[part.line].story.code)
                quantity, amount = bought[key]
                bought[key] = (quantity + sign * part.quantity, amount + sign * part.amount)
    saved = stretchable = ZERO
    listed = [(lot, item.story) for a in agreements for lot in a.lots if lot.story.method for item in lot.items]
    for lot, item in listed:
        quantity, amount = bought[lot.lot_id, item.code]
        base = item.price if item.baseline is None else item.baseline * item.base_units
        saved += base * quantity - amount
        stretchable += item.price * lot.story.markup * quantity if item.baseline is None else ZERO
    stretch = (SAVINGS - saved) / stretchable
    if stretch <= 0:
        msg = f"without any markup {saved:.2f} would be saved"
        raise NotCalibrated(msg)
    return {
        (lot.lot_id, item.code): _five_digits(item.price / item.base_units * (1 + lot.story.markup * stretch))
        if item.baseline is None
        else item.baseline
        for lot, item in listed
    }


def _five_digits(price: Decimal) -> Decimal:
    return FIVE_DIGITS.create_decimal(price).quantize(MILLIONTH)
