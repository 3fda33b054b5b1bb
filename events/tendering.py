"""Tendering speaks: framework agreements, their lots, prices, ceilings and reference prices."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from events.base import (
    Amount,
    BusinessDate,
    Code,
    Currency,
    Event,
    PositiveQuantity,
    Price,
    Rate,
    Text,
    Value,
)


class BaselineMethod(StrEnum):
    """How a reference price was found."""

    LAST_CONTRACT_PRICE = "last-contract-price"
    INDEXED_PRICE = "indexed-price"
    MEAN_OF_OFFERS = "mean-of-offers"
    STUDY = "study"
    FIRST_RECORDED_PRICE = "first-recorded-price"
    """Only for imported history: the gap to the first known price, not a negotiated saving."""


class AmendmentGround(StrEnum):
    """Legal grounds on which a running contract may change (Code de la commande publique, R2194-1 to R2194-9)."""

    REVIEW_CLAUSE = "R2194-1"
    ADDITIONAL_SUPPLIES = "R2194-2"
    """At most 50 % of the original amount (R2194-3)."""
    UNFORESEEN = "R2194-5"
    """At most 50 % of the original amount (R2194-5, R2194-3)."""
    REPLACEMENT = "R2194-6"
    NOT_SUBSTANTIAL = "R2194-7"
    LOW_VALUE = "R2194-8"
    """At most 10 % of the original amount for supplies and services."""


class InternalLimit(Value):
    """A threshold below the maximum: above it an order needs an approval by someone else, for the excess only."""

    amount: Amount
    allowance: Rate
    """Share of the limit, of its total, that may be passed without approval: 0.10 is 10 %."""


class PriceListLine(Value):
    """One item of a price list."""

    item: Code
    label: Text
    unit: Text
    """The unit that is ordered, such as "box of 10"."""
    base_units: PositiveQuantity
    """How many base units one ordered unit holds: 10 for a box of 10."""
    unit_price: Price
    """Per ordered unit, net of VAT."""


class Lot(Value):
    """The unit that was awarded: one supplier, one price list."""

    lot_id: UUID
    number: Code
    title: Text
    supplier_id: UUID
    category: Code
    """CPV code."""
    maximum: Amount | None = None
    """Maximum of the lot; null where only the agreement's counts."""
    internal_limit: InternalLimit | None = None
    prices: tuple[PriceListLine, ...]


class BaselineSet(Event):
    """A reference price was frozen: savings are measured against it. A change is a new event with effect from a day."""

    TOPIC: ClassVar[str] = "tendering.BaselineSet.v1"
    baseline_id: UUID
    """The agreement's id, or for imported history an id of (source, item), across agreements."""
    agreement_id: UUID | None = None
    lot_id: UUID | None = None
    item: Code
    method: BaselineMethod
    price: Price
    """Per base unit, net of VAT."""
    currency: Currency
    evidence: Text
    """Where the price comes from: a document, an event id, an order line."""
    valid_from: BusinessDate
    approved_by: Text
    """Opaque id of who approved the baseline."""


class AgreementSigned(Event):
    """A framework agreement was signed: suppliers by lot, price lists, maximum, dates."""

    TOPIC: ClassVar[str] = "tendering.AgreementSigned.v1"
    agreement_id: UUID
    reference: Code
    title: Text
    currency: Currency
    signed_on: BusinessDate
    valid_from: BusinessDate
    valid_to: BusinessDate
    """Last day on which orders may be placed, included."""
    maximum: Amount | None = None
    """Maximum of the whole agreement; null only where every lot has its own (R2162-4)."""
    internal_limit: InternalLimit | None = None
    revision_bound: Rate
    """Largest change of a price in one revision: 0.10 is 10 % up or down."""
    duration_justification: Text | None = None
    """Why it runs longer than 4 years (L2125-1)."""
    lots: tuple[Lot, ...]


class AgreementRecorded(Event):
    """An agreement of the past, recorded from imported history: marked so for ever, no ceiling, no price list."""

    TOPIC: ClassVar[str] = "tendering.AgreementRecorded.v1"
    agreement_id: UUID
    reference: Code
    title: Text
    supplier_id: UUID
    category: Code
    currency: Currency
    source: Code
    """Name of the imported source."""


class PriceRevised(Event):
    """The price of an item changed with effect from a day; earlier prices stay known for ever."""

    TOPIC: ClassVar[str] = "tendering.PriceRevised.v1"
    agreement_id: UUID
    lot_id: UUID
    item: Code
    previous_price: Price
    unit_price: Price
    """Per ordered unit, from `effective_on` on."""
    effective_on: BusinessDate
    formula: Text
    """The index formula of the contract, as applied."""


class AgreementAmended(Event):
    """A signed amendment: the only way to raise a maximum, or to prolong an agreement."""

    TOPIC: ClassVar[str] = "tendering.AgreementAmended.v1"
    agreement_id: UUID
    number: int
    """1, 2, 3 … within the agreement."""
    ground: AmendmentGround
    justification: Text
    signed_on: BusinessDate
    lot_id: UUID | None = None
    """The lot whose maximum changes; null: the agreement's."""
    previous_maximum: Amount | None = None
    maximum: Amount | None = None
    """The new maximum; null where it does not change."""
    valid_to: BusinessDate | None = None
    """The new last day, included; null where it does not change."""


class AgreementTerminated(Event):
    """An agreement ended before its last day."""

    TOPIC: ClassVar[str] = "tendering.AgreementTerminated.v1"
    agreement_id: UUID
    terminated_on: BusinessDate
    """Last day on which orders may be placed, included."""
    reason: Text


EVENTS: tuple[type[Event], ...] = (
    BaselineSet,
    AgreementSigned,
    AgreementRecorded,
    PriceRevised,
    AgreementAmended,
    AgreementTerminated,
)
