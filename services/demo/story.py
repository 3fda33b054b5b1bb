"""The story of the generated network as data: `stories/*.toml`, read and checked."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from events.tendering import AmendmentGround, BaselineMethod

CHAPTERS = ("medicines", "equipment", "supplies", "services")


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


def read_stories() -> list[AgreementStory]:
    """The story, earliest agreement first, so that a renewal follows what it renews. Amounts are read as Decimal."""
    texts = [files(__package__).joinpath("stories", f"{name}.toml").read_text("utf-8") for name in CHAPTERS]
    tables = [table for text in texts for table in tomllib.loads(text, parse_float=Decimal)["agreement"]]
    stories = [AgreementStory.model_validate(table) for table in tables]
    return sorted(stories, key=lambda story: (story.valid[0], story.reference))
