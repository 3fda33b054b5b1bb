"""A framework agreement: prices, maxima and last day as they are now, and what may still change.

An agreement recorded from history is marked so for ever: it has no maximum, no price list and no dates, and nothing of
it changes. Its stream also holds the reference prices that were frozen before the signature (`baseline`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from events.base import AlreadyExists, Event, Refusal, Unknown
from events.tendering import (
    AgreementAmended,
    AgreementRecorded,
    AgreementSigned,
    AgreementTerminated,
    AmendmentGround,
    BaselineSet,
    PriceRevised,
)
from events.values import plain
from services.tendering.commands import RecordAgreement, RevisePrice, TerminateAgreement

ZERO = Decimal(0)


class IsRecorded(Refusal):
    """The agreement was recorded from history."""

    rule = "A recorded agreement is history: nothing of it is amended, revised, terminated or measured anew"
    remedy = "Sign an agreement for new orders."


class HasEnded(Refusal):
    """The agreement was terminated, or its last day is over."""

    rule = "An agreement changes while it runs, last day included"
    remedy = "Sign a new agreement."


class OutsideItsLife(Refusal):
    """The day does not belong to the agreement's life, or comes before what happened already."""

    rule = "What happens to an agreement happens within its life, one thing after the other"
    remedy = "Give a day within the agreement's dates, after the last change of the same kind."


class RevisionOutOfBounds(Refusal):
    """The new price is further from the last one than the contract allows."""

    rule = "A price is revised within the bound of the contract, in one step"
    remedy = "Check the formula and its indices; a larger change needs a new competition."


class Kind(StrEnum):
    """What a stream of tendering holds."""

    PREPARED = "prepared"
    """Reference prices of an agreement that is not signed yet."""
    SIGNED = "signed"
    RECORDED = "recorded"
    ITEM = "item"
    """The reference price of an item of imported history, across agreements."""


@dataclass(frozen=True)
class Maximum:
    """A maximum of an agreement or lot, and what its amendments are measured against."""

    original: Decimal
    """As signed, or as first set."""
    current: Decimal
    low_value: Decimal = ZERO
    """Raises on the ground of low value so far, added up."""


@dataclass(frozen=True)
class Dated:
    """A price with the day from which it holds."""

    since: date
    price: Decimal


@dataclass(frozen=True)
class Agreement:
    """What decisions need to know of an agreement."""

    agreement_id: UUID
    kind: Kind
    currency: str
    founded: AgreementSigned | AgreementRecorded | None = None
    """How it began; null as long as there are only reference prices."""
    valid_to: date = date.max
    """Last day on which orders may be placed, as amended."""
    terminated_on: date | None = None
    amended_on: date = date.min
    amendments: int = 0
    maxima: Mapping[UUID | None, Maximum] = field(default_factory=lambda: MappingProxyType({}))
    """Lot, or null for the agreement's own, -> its maximum where it has one."""
    prices: Mapping[tuple[UUID, str], Dated] = field(default_factory=lambda: MappingProxyType({}))
    """Lot and item -> the newest price."""
    baselines: Mapping[tuple[UUID | None, str], Dated] = field(default_factory=lambda: MappingProxyType({}))
    """Lot and item -> the newest reference price."""


def evolve(agreement: Agreement | None, event: Event) -> Agreement | None:
    """The agreement after one of its events; None for a stream of another kind."""
    match event:
        case AgreementSigned():
            return _signed(agreement, event)
        case AgreementRecorded():
            return Agreement(event.agreement_id, Kind.RECORDED, event.currency, event)
        case BaselineSet():
            kind = Kind.PREPARED if event.agreement_id else Kind.ITEM
            known = agreement or Agreement(event.baseline_id, kind, event.currency)
            dated = Dated(event.valid_from, event.price)
            return replace(known, baselines={**known.baselines, (event.lot_id, event.item): dated})
    if agreement is None:
        return None
    match event:
        case PriceRevised():
            dated = Dated(event.effective_on, event.unit_price)
            return replace(agreement, prices={**agreement.prices, (event.lot_id, event.item): dated})
        case AgreementAmended():
            return _amended(agreement, event)
        case AgreementTerminated():
            return replace(agreement, valid_to=event.terminated_on, terminated_on=event.terminated_on)
    return agreement


def _signed(agreement: Agreement | None, event: AgreementSigned) -> Agreement:
    known = agreement or Agreement(event.agreement_id, Kind.PREPARED, event.currency)
    places = [(None, event.maximum), *((lot.lot_id, lot.maximum) for lot in event.lots)]
    return replace(
        known,
        kind=Kind.SIGNED,
        founded=event,
        valid_to=event.valid_to,
        amended_on=event.signed_on,
        maxima={place: Maximum(amount, amount) for place, amount in places if amount is not None},
        prices={
            (lot.lot_id, line.item): Dated(event.valid_from, line.unit_price)
            for lot in event.lots
            for line in lot.prices
        },
    )


def _amended(agreement: Agreement, event: AgreementAmended) -> Agreement:
    changed = replace(
        agreement,
        amendments=event.number,
        amended_on=event.signed_on,
        valid_to=event.valid_to or agreement.valid_to,
    )
    if event.maximum is None:
        return changed
    known = agreement.maxima.get(event.lot_id, Maximum(event.maximum, event.maximum))
    raised = max(ZERO, event.maximum - known.current) if event.ground is AmendmentGround.LOW_VALUE else ZERO
    maximum = replace(known, current=event.maximum, low_value=known.low_value + raised)
    return replace(changed, maxima={**agreement.maxima, event.lot_id: maximum})


def record(known: Agreement | None, command: RecordAgreement) -> AgreementRecorded:
    """An agreement of the past is recorded, once. Raises AlreadyExists."""
    if known is not None:
        msg = f"agreement {command.agreement_id} is {known.kind}"
        raise AlreadyExists(msg, pointer="/agreement_id", kind=known.kind)
    return AgreementRecorded(**command.model_dump())


def running(known: Agreement | None, agreement_id: UUID) -> tuple[Agreement, AgreementSigned]:
    """A signed agreement that was not terminated, and its signature. Raises Unknown, IsRecorded, HasEnded."""
    if known is None or known.founded is None:
        msg = f"agreement {agreement_id} is not known"
        raise Unknown(msg, pointer="/agreement_id")
    if isinstance(known.founded, AgreementRecorded):
        msg = f"agreement {known.founded.reference} was recorded from {known.founded.source}"
        raise IsRecorded(msg, pointer="/agreement_id")
    if known.terminated_on is not None:
        msg = f"agreement {known.founded.reference} was terminated on {known.terminated_on}"
        raise HasEnded(msg, pointer="/agreement_id", terminated_on=known.terminated_on)
    return known, known.founded


def revise(known: Agreement | None, command: RevisePrice) -> PriceRevised:
    """A price changes from a day on, by the contract's formula and within its bound of the price before.

    An item has one price a day: a revision takes effect after the one before, and after the first day of the list.
    Raises Unknown, IsRecorded, HasEnded, OutsideItsLife, RevisionOutOfBounds.
    """
    agreement, signed = running(known, command.agreement_id)
    last = agreement.prices.get((command.lot_id, command.item))
    if last is None:
        msg = f"{command.item} is not on the price list of {signed.reference}, lot {command.lot_id}"
        raise Unknown(msg, pointer="/item", item=command.item)
    if not last.since < command.effective_on <= agreement.valid_to:
        msg = (
            f"{command.item} has its price since {last.since} and {signed.reference} ends on {agreement.valid_to}; "
            f"{command.effective_on} is not between"
        )
        raise OutsideItsLife(msg, pointer="/effective_on", since=last.since, valid_to=agreement.valid_to)
    if abs(command.unit_price - last.price) > last.price * signed.revision_bound:
        msg = (
            f"{plain(command.unit_price)} is more than {plain(signed.revision_bound * 100)} % "
            f"from {plain(last.price)}, the price of {command.item} since {last.since}"
        )
        raise RevisionOutOfBounds(msg, pointer="/unit_price", previous_price=plain(last.price))
    return PriceRevised(**command.model_dump(), previous_price=last.price)


def terminate(known: Agreement | None, command: TerminateAgreement) -> AgreementTerminated:
    """An agreement ends before its last day, once; before its first day it never begins.

    Raises Unknown, IsRecorded, HasEnded, OutsideItsLife.
    """
    agreement, signed = running(known, command.agreement_id)
    if not signed.signed_on <= command.terminated_on <= agreement.valid_to:
        msg = (
            f"{signed.reference} was signed on {signed.signed_on} and ends on {agreement.valid_to}; "
            f"{command.terminated_on} is not between"
        )
        raise OutsideItsLife(msg, pointer="/terminated_on", valid_to=agreement.valid_to)
    return AgreementTerminated(**command.model_dump())
