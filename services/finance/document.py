"""The form of a figure's JSON object, as it is published in contracts/: amounts and ratios are strings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Money = Annotated[str, Field(pattern=r"^-?\d+\.\d{2}$")]
"""An amount in the figure's currency, two decimals."""
Ratio = Annotated[str, Field(pattern=r"^-?\d+\.\d{6}$")] | None
"""Six decimals, HALF_UP; null where the denominator is not above zero."""
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Part(BaseModel):
    """A part of the object. Readers ignore keys that they do not know: a later version may add one."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Keys(Part):
    """The keys that were asked for, in a row; a total has none of them."""

    year: Annotated[str, Field(pattern=r"^\d{4}$")] | None = None
    quarter: Annotated[str, Field(pattern=r"^\d{4}-Q[1-4]$")] | None = None
    month: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")] | None = None
    establishment: Id | None = None
    agreement: Id | None = None
    lot: Id | None = None
    """Null for lines of no lot (imported history)."""
    supplier: Id | None = None
    category: str | None = None
    item: str | None = None
    label: str | None = None
    """Names of what the keys stand for, joined by " / "."""


class Period(Part):
    """Days, both included; null: no bound."""

    first: Day | None = Field(alias="from")
    last: Day | None = Field(alias="to")


class VolumeRow(Keys):
    """Volume: what was ordered, received or invoiced, net of cancellations, returns and credit notes."""

    amount: Money
    quantity: str | None = None
    """In base units; only by item."""
    lines: int
    """Lines of documents; a corrected line and its reversal cancel out."""
    orders: int
    establishments: int


class GrowthRow(Keys):
    """Growth: one period against another. The total is of the newest period of the rows."""

    amount: Money
    previous_amount: Money
    growth: Ratio
    period: Period | None
    previous_period: Period | None


class WithoutBaseline(Part):
    """What has no reference price, and so no saving."""

    lines: int
    amount: Money


class SavingsRow(Keys):
    """Savings of the lines that have a baseline; the others are counted apart."""

    amount: Money
    baseline_amount: Money
    saving: Money
    """Baseline amount minus amount; may be negative."""
    rate_on_baseline: Ratio
    rate_on_spend: Ratio
    lines: int
    without_baseline: WithoutBaseline


class CsrRow(Keys):
    """Suppliers' ratings: share of spend with a validly rated supplier, and the spend-weighted score over it."""

    spend: Money
    rated_spend: Money
    coverage: Ratio
    score: Ratio
    """0 to 100."""


class Filters(Part):
    """The ids that the figure was limited to; empty: all."""

    establishment: list[Id]
    agreement: list[Id]
    supplier: list[Id]


class Incompleteness(Part):
    """Why a figure is not whole."""

    kind: Literal["poison", "chain"]
    """An event that cannot be read, or one that is missing."""
    context: str
    lane: int
    position: int
    detail: str


class Positions(Part):
    """How far each context's events are counted: one position for each lane."""

    membership: list[int]
    suppliers: list[int]
    tendering: list[int]
    ordering: list[int]


class Figure(Part):
    """What every figure says of itself."""

    measure: Literal["ordered", "received", "invoiced"]
    currency: str | None
    """Null where there is nothing to show."""
    by: list[str]
    period: Period
    as_of: str | None
    """The instant of knowledge (UTC); null: now."""
    filters: Filters
    warnings: list[str]
    """What to know before the figure is used."""
    incomplete: list[Incompleteness] | None
    positions: Positions


class Volume(Figure):
    """Purchasing volume."""

    figure: Literal["volume"]
    method: Literal["volume/1"]
    rows: list[VolumeRow]
    total: VolumeRow


class Growth(Figure):
    """Growth of the volume."""

    figure: Literal["growth"]
    method: Literal["growth/1"]
    rows: list[GrowthRow]
    total: GrowthRow


class Savings(Figure):
    """Savings against reference prices."""

    figure: Literal["savings"]
    method: Literal["savings/1"]
    rows: list[SavingsRow]
    total: SavingsRow


class Csr(Figure):
    """Suppliers' CSR: coverage and score."""

    figure: Literal["csr"]
    method: Literal["csr/1"]
    rows: list[CsrRow]
    total: CsrRow


FIGURE: TypeAdapter[Any] = TypeAdapter(Annotated[Volume | Growth | Savings | Csr, Field(discriminator="figure")])


def schema() -> dict[str, Any]:
    """The JSON Schema of a figure."""
    found = FIGURE.json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "figures.schema.json",
        "title": "Figure",
        **found,
    }
