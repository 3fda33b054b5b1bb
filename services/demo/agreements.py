"""The agreements of the generated network: the story in `story/*.toml`, given identities and suppliers."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Literal, NamedTuple
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

from events.base import cents
from events.tendering import AmendmentGround, BaselineMethod
from services.demo.names import REGIONS
from services.demo.network import CANCER_NETWORK, Establishment, Network, Supplier, chance, weekday

MILLIONTH = Decimal("0.000001")
STORIES = ("medicines", "equipment", "supplies", "services")


class _Story(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ItemStory(NamedTuple):
    """A line of a price list as the story tells it."""

    code: str
    label: str
    unit: str
    base_units: int
    price: Decimal
    weight: int
    baseline: Decimal | None = None
    """Reference price of a base unit, where the story wants that very price."""


class LotStory(_Story):
    """A lot as the story tells it. Without a method it has no reference prices."""

    title: str
    cpv: str
    weight: int
    items: tuple[ItemStory, ...]
    method: BaselineMethod | None = None
    markup: Decimal = Decimal(0)
    """By how much the reference price is above the price, before the calibration."""
    suspended: tuple[date, date] | None = None
    """First day of its supplier's suspension, and day of the reinstatement."""


class RevisionStory(_Story):
    """All prices of an agreement move by a factor."""

    on: date
    factor: Decimal
    formula: str


class AmendmentStory(_Story):
    """The maximum is raised by a factor, just before orders would pass it."""

    raised_by: Decimal
    ground: AmendmentGround
    justification: str


class LimitStory(_Story):
    """The internal limit is reached after this share of the agreement's orders."""

    from_share: Decimal
    allowance: Decimal


class AgreementStory(_Story):
    """An agreement as the story tells it."""

    reference: str
    title: str
    valid: tuple[date, date]
    spend: dict[int, Decimal]
    """Year -> weight of the agreement in the year's volume; the sum of a year is scaled to the target."""
    use: Decimal
    """Share of the maximum that orders reach at the end; 1: to the cent."""
    vat: Decimal
    revision_bound: Decimal
    sector: str = "medicines"
    members: Literal["all", "cancer"] = "all"
    is_equipment: bool = False
    """Few large orders whose number does not follow --orders."""
    typical: Decimal = Decimal(0)
    """Amount of an equipment order's line."""
    is_regional: bool = False
    """Its lot is repeated for each region of the network."""
    maximum_by_lot: bool = False
    orders_per_million: int = 12
    """Weight of the agreement in the number of orders."""
    months: tuple[int, ...] = (10, 10, 11, 10, 10, 11, 9, 6, 11, 11, 11, 12)
    """Weights of the months."""
    lead_days: tuple[int, int] = (3, 24)
    revisions: tuple[RevisionStory, ...] = ()
    amendment: AmendmentStory | None = None
    internal_limit: LimitStory | None = None
    renews: str = ""
    price_factor: Decimal = Decimal(1)
    lot: tuple[LotStory, ...] = ()


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


def read_stories() -> list[AgreementStory]:
    """The story, earliest agreement first, so that a renewal follows what it renews. Amounts are read as Decimal."""
    texts = [
        file.read_text("utf-8")
        for file in files("services.demo").joinpath("story").iterdir()
        if file.name.endswith(".toml")
    ]
    tables = [table for text in texts for table in tomllib.loads(text, parse_float=Decimal)["agreement"]]
    stories = [AgreementStory.model_validate(table) for table in tables]
    return sorted(stories, key=lambda story: (story.valid[0], story.reference))


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
