"""What may be asked of tendering."""

from __future__ import annotations

from uuid import UUID

from pydantic import ConfigDict, Field

from events.base import Command
from events.tendering import AmendmentGround, BaselineMethod, InternalLimit, Lot, PriceListLine
from events.values import Amount, Code, Currency, DocumentDate, GivenId, Price, Rate, Text

# Parts of an agreement as they are asked for: like every command they refuse a misspelt field instead of losing it.
AS_ASKED = ConfigDict(extra="forbid", from_attributes=True)


class AskedLimit(InternalLimit):
    """An internal limit as asked for."""

    model_config = AS_ASKED


class AskedPrice(PriceListLine):
    """A line of a price list as asked for."""

    model_config = AS_ASKED


class AskedLot(Lot):
    """A lot as asked for."""

    model_config = AS_ASKED
    internal_limit: AskedLimit | None = None
    prices: tuple[AskedPrice, ...] = Field(min_length=1, max_length=5000)


class SetBaseline(Command):
    """A reference price is frozen, before the award; a change has effect from a later day."""

    baseline_id: GivenId
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
    valid_from: DocumentDate
    approved_by: Text
    """Opaque id of who approved the baseline."""


class SignAgreement(Command):
    """A framework agreement is signed: suppliers by lot, price lists, maximum, dates."""

    agreement_id: GivenId
    reference: Code
    title: Text
    currency: Currency
    signed_on: DocumentDate
    valid_from: DocumentDate
    valid_to: DocumentDate
    """Last day on which orders may be placed, included."""
    maximum: Amount | None = None
    """Maximum of the whole agreement; null only where every lot has its own (R2162-4)."""
    internal_limit: AskedLimit | None = None
    revision_bound: Rate
    """Largest change of a price in one revision: 0.10 is 10 % up or down."""
    duration_justification: Text | None = None
    """Why it runs longer than 4 years (L2125-1)."""
    lots: tuple[AskedLot, ...] = Field(min_length=1, max_length=1000)


class RecordAgreement(Command):
    """An agreement of the past is recorded from imported history: no ceiling, no price list, no dates."""

    agreement_id: GivenId
    reference: Code
    title: Text
    supplier_id: UUID
    category: Code
    currency: Currency
    source: Code
    """Name of the imported source."""


class RevisePrice(Command):
    """The price of an item changes from a day on, by the index formula of the contract."""

    agreement_id: UUID
    lot_id: UUID
    item: Code
    unit_price: Price
    """Per ordered unit, from `effective_on` on."""
    effective_on: DocumentDate
    formula: Text
    """The index formula of the contract, as applied."""


class AmendAgreement(Command):
    """An amendment was signed: the maximum or the last day changes."""

    agreement_id: UUID
    ground: AmendmentGround
    justification: Text
    signed_on: DocumentDate
    lot_id: UUID | None = None
    """The lot whose maximum changes; null: the agreement's."""
    maximum: Amount | None = None
    """The new maximum; null where it does not change."""
    valid_to: DocumentDate | None = None
    """The new last day, included; null where it does not change."""


class TerminateAgreement(Command):
    """An agreement ends before its last day."""

    agreement_id: UUID
    terminated_on: DocumentDate
    """Last day on which orders may be placed, included."""
    reason: Text


TenderingCommand = SetBaseline | SignAgreement | RecordAgreement | RevisePrice | AmendAgreement | TerminateAgreement
