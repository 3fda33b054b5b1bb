"""Tendering speaks: framework agreements, their lots, prices, ceilings and reference prices."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from events.base import Event, Value
from events.values import (
    AgreementId,
    Amount,
    BusinessDate,
    Code,
    Currency,
    Item,
    LotId,
    PositiveQuantity,
    Price,
    Rate,
    Reason,
    SupplierId,
    Text,
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
    """Below 10 % of the original amount for supplies and services, all such changes together (R2194-9)."""


class InternalLimit(Value):
    """A threshold below the maximum: above it an order needs an approval by someone else, for the excess only."""

    amount: Amount
    """The limit of all orders together, net of VAT."""
    allowance: Rate
    """Share of the limit, of its total, that may be passed without approval: 0.10 is 10 %."""


class PriceListLine(Value):
    """One item of a price list."""

    item: Item
    label: Text
    """Name of the item."""
    unit: Text
    """The unit that is ordered, such as "box of 10"."""
    base_units: PositiveQuantity
    """How many base units one ordered unit holds: 10 for a box of 10."""
    unit_price: Price
    """Per ordered unit, net of VAT."""


class Lot(Value):
    """The unit that was awarded: one supplier, one price list."""

    lot_id: LotId
    number: Code
    """Number of the lot within the agreement, such as 1 or 2b."""
    title: Text
    """Subject of the lot."""
    supplier_id: SupplierId
    category: Code
    """CPV code."""
    maximum: Amount | None = None
    """Maximum of the lot, net of VAT; null where only the agreement's counts."""
    internal_limit: InternalLimit | None = None
    """Threshold of the lot; null where it has none."""
    prices: tuple[PriceListLine, ...]
    """The price list at signature; each item once."""


class BaselineSet(Event):
    """A reference price was frozen: savings are measured against it. A change is a new event with effect from a day."""

    TOPIC: ClassVar[str] = "tendering.BaselineSet.v1"
    baseline_id: UUID
    """The agreement's id, or for imported history an id of (source, item), across agreements."""
    agreement_id: AgreementId | None = None
    """The agreement in which the price is compared; null for imported history."""
    lot_id: LotId | None = None
    """The lot in which the price is compared; null for imported history."""
    item: Item
    method: BaselineMethod
    price: Price
    """Per base unit, net of VAT."""
    currency: Currency
    evidence: Text
    """Where the price comes from: a document, an event id, an order line."""
    valid_from: BusinessDate
    """First order day that it is compared with."""
    approved_by: Text
    """Opaque id of who approved the baseline."""


class AgreementSigned(Event):
    """A framework agreement was signed: suppliers by lot, price lists, maximum, dates."""

    TOPIC: ClassVar[str] = "tendering.AgreementSigned.v1"
    agreement_id: AgreementId
    reference: Code
    """The group's own reference."""
    title: Text
    """Subject of the agreement."""
    currency: Currency
    signed_on: BusinessDate
    """Day of the signature."""
    valid_from: BusinessDate
    """First day on which orders may be placed."""
    valid_to: BusinessDate
    """Last day on which orders may be placed, included."""
    maximum: Amount | None = None
    """Maximum of the whole agreement, net of VAT; null only where every lot has its own (R2162-4)."""
    internal_limit: InternalLimit | None = None
    """Threshold of the whole agreement; null where it has none."""
    revision_bound: Rate
    """Largest change of a price in one revision: 0.10 is 10 % up or down."""
    duration_justification: Text | None = None
    """Why it runs longer than 4 years (L2125-1)."""
    lots: tuple[Lot, ...]
    """One or more."""


class AgreementRecorded(Event):
    """An agreement of the past, recorded from imported history: marked so for ever, no ceiling, no price list."""

    TOPIC: ClassVar[str] = "tendering.AgreementRecorded.v1"
    agreement_id: AgreementId
    reference: Code
    """What identifies the agreement in the imported source."""
    title: Text
    """Subject of the agreement, as far as the source tells."""
    supplier_id: SupplierId
    category: Code
    """Category of the imported source."""
    currency: Currency
    source: Code
    """Name of the imported source."""


class PriceRevised(Event):
    """The price of an item changed with effect from a day; earlier prices stay known for ever."""

    TOPIC: ClassVar[str] = "tendering.PriceRevised.v1"
    agreement_id: AgreementId
    lot_id: LotId
    item: Item
    previous_price: Price
    """Per ordered unit, until the day before."""
    unit_price: Price
    """Per ordered unit, from `effective_on` on."""
    effective_on: BusinessDate
    """First order day of the new price."""
    formula: Text
    """The index formula of the contract, as applied."""


class AgreementAmended(Event):
    """A signed amendment: the only way to raise a maximum, or to prolong an agreement."""

    TOPIC: ClassVar[str] = "tendering.AgreementAmended.v1"
    agreement_id: AgreementId
    number: int
    """1, 2, 3 … within the agreement."""
    ground: AmendmentGround
    justification: Text
    """Why the ground applies."""
    signed_on: BusinessDate
    """Day of the amendment's signature; it holds from here on."""
    lot_id: LotId | None = None
    """The lot whose maximum changes; null: the agreement's."""
    previous_maximum: Amount | None = None
    """The maximum before, net of VAT; null where it does not change."""
    maximum: Amount | None = None
    """The new maximum, net of VAT; null where it does not change."""
    valid_to: BusinessDate | None = None
    """The new last day, included; null where it does not change."""


class AgreementTerminated(Event):
    """An agreement ended before its last day."""

    TOPIC: ClassVar[str] = "tendering.AgreementTerminated.v1"
    agreement_id: AgreementId
    terminated_on: BusinessDate
    """Last day on which orders may be placed, included."""
    reason: Reason


EVENTS: tuple[type[Event], ...] = (
    BaselineSet,
    AgreementSigned,
    AgreementRecorded,
    PriceRevised,
    AgreementAmended,
    AgreementTerminated,
)
