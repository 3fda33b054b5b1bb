"""The agreements of the generated network: the story, given identities, suppliers and prices over time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from events.tendering import BaselineMethod
from events.values import cents
from services.demo.names import REGIONS
from services.demo.network import CANCER_NETWORK, Establishment, Network, Supplier, chance, weekday
from services.demo.story import AgreementStory, ItemStory, LotStory, read_stories

MILLIONTH = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a price list with its prices over time."""

    story: ItemStory
    prices: tuple[tuple[date, Decimal], ...]
    """Day from which it holds, price of the ordered unit; oldest first."""

    def price_on(self, day: date) -> Decimal:
        """Price of the ordered unit on a day of the agreement."""
        return [price for since, price in self.prices if since <= day][-1]


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot with its supplier."""

    lot_id: UUID
    number: str
    story: LotStory
    supplier_id: UUID
    region: str | None
    items: tuple[Item, ...]

    def is_suspended(self, day: date) -> bool:
        """Whether its supplier may receive no order on a day."""
        period = self.story.suspended
        return period is not None and period[0] <= day < period[1]


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement with its lots. Its maximum and internal limit follow from the plan of its orders."""

    agreement_id: UUID
    story: AgreementStory
    signed_on: date
    lots: tuple[Lot, ...]

    def invites(self, place: Establishment) -> bool:
        """Whether the agreement is made for an establishment."""
        return self.story.members == "all" or place.kind in CANCER_NETWORK


def build_agreements(seed: int, network: Network) -> list[Agreement]:
    """The agreements of a seed: each lot has a supplier of its own, as long as the sector has one to spare."""
    draw = chance(seed, "awards")
    pools: dict[str, list[Supplier]] = {}
    for supplier in network.suppliers:
        pools.setdefault(supplier.sector, []).append(supplier)
    for pool in pools.values():
        draw.shuffle(pool)
    found: dict[str, Agreement] = {}
    for story in read_stories():
        agreement_id = uuid5(network.root, f"agreement:{story.reference}")
        signed_on = weekday(story.valid[0] - timedelta(days=draw.randint(18, 40)))
        lots = (
            _renewed(found[story.renews], agreement_id, story, signed_on, pools, draw)
            if story.renews
            else tuple(
                _lot(agreement_id, n, lot, _next(pools[story.sector]), region, story)
                for n, (lot, region) in enumerate(_lots(story), start=1)
            )
        )
        found[story.reference] = Agreement(agreement_id, story, signed_on, lots)
    return list(found.values())


def _lots(story: AgreementStory) -> Iterator[tuple[LotStory, str | None]]:
    for lot in story.lot:
        for region in REGIONS if story.is_regional else (None,):
            title = f"{lot.title}, {region}" if region else lot.title
            yield lot.model_copy(update={"title": title}), region


def _next(pool: list[Supplier]) -> UUID:
    pool.append(pool.pop(0))
    return pool[-1].supplier_id


def _lot(
    agreement_id: UUID, n: int, lot: LotStory, supplier_id: UUID, region: str | None, story: AgreementStory
) -> Lot:
    items = tuple(Item(item, _prices(item.price, story)) for item in lot.items)
    return Lot(uuid5(agreement_id, f"lot:{n}"), str(n), lot, supplier_id, region, items)


def _prices(first: Decimal, story: AgreementStory) -> tuple[tuple[date, Decimal], ...]:
    prices = [(story.valid[0], first)]
    for revision in story.revisions:
        prices.append((revision.on, cents(prices[-1][1] * revision.factor)))
    return tuple(prices)


def _renewed(
    former: Agreement,
    agreement_id: UUID,
    story: AgreementStory,
    signed_on: date,
    pools: dict[str, list[Supplier]],
    draw: random.Random,
) -> tuple[Lot, ...]:
    """The same items at new prices: a renewal re-bases on the last contract price."""
    found = []
    for n, lot in enumerate(former.lots, start=1):
        items = []
        for item in lot.items:
            last = item.price_on(signed_on)
            baseline = (last / item.story.base_units).quantize(MILLIONTH)
            items.append(item.story._replace(price=cents(last * story.price_factor), baseline=baseline))
        renewed = lot.story.model_copy(
            update={"items": tuple(items), "method": BaselineMethod.LAST_CONTRACT_PRICE, "suspended": None}
        )
        supplier_id = _next(pools[story.sector]) if draw.randrange(3) == 0 else lot.supplier_id
        found.append(_lot(agreement_id, n, renewed, supplier_id, lot.region, story))
    return tuple(found)
