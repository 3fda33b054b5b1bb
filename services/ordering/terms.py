"""What ordering knows of the other contexts: copies of their events, noted by its reactions.

Three small states: the terms of an agreement, an establishment's adhesion to one, a supplier's standing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from events.base import Event
from events.membership import AdhesionEnded, AdhesionGranted
from events.suppliers import SupplierReinstated, SupplierSuspended
from events.tendering import (
    AgreementAmended,
    AgreementRecorded,
    AgreementSigned,
    AgreementTerminated,
    BaselineSet,
    InternalLimit,
    Lot,
    PriceListLine,
    PriceRevised,
)

Dated = tuple[tuple[date, Decimal], ...]
"""Values with the day from which each holds, in the order in which they became known."""


def valid_on(values: Dated, day: date) -> Decimal | None:
    """The value in force on a day: the one with the latest start, of two with the same start the newer."""
    started = [(since, n, value) for n, (since, value) in enumerate(values) if since <= day]
    return max(started)[2] if started else None


@dataclass(frozen=True)
class LotTerms:
    """What an order needs to know of a lot."""

    lot: Lot
    maximum: Decimal | None
    items: Mapping[str, PriceListLine]
    prices: Mapping[str, Dated]


@dataclass(frozen=True)
class Terms:
    """What an order needs to know of an agreement."""

    agreement_id: UUID
    currency: str = ""
    reference: str = ""
    is_recorded: bool = False
    valid_from: date = date.min
    valid_to: date = date.max
    maximum: Decimal | None = None
    internal_limit: InternalLimit | None = None
    lots: Mapping[UUID, LotTerms] = field(default_factory=lambda: MappingProxyType({}))
    baselines: Mapping[tuple[UUID | None, str], Dated] = field(default_factory=lambda: MappingProxyType({}))
    is_signed: bool = False

    def is_in_force(self, day: date) -> bool:
        """Whether orders may be placed on a day; the last day is included."""
        return self.valid_from <= day <= self.valid_to

    def baseline(self, lot_id: UUID | None, item: str, day: date) -> Decimal | None:
        """Reference price per base unit on a day: the lot's, else the agreement's; None where none was set."""
        own = valid_on(self.baselines.get((lot_id, item), ()), day)
        return valid_on(self.baselines.get((None, item), ()), day) if own is None else own


def evolve_terms(terms: Terms | None, event: Event) -> Terms | None:
    """The terms after a fact of tendering; None before the first."""
    match event:
        case AgreementSigned():
            known = terms or Terms(event.agreement_id)
            return replace(
                known,
                currency=event.currency,
                reference=event.reference,
                valid_from=event.valid_from,
                valid_to=event.valid_to,
                maximum=event.maximum,
                internal_limit=event.internal_limit,
                lots={lot.lot_id: _lot_terms(lot, event.valid_from) for lot in event.lots},
                is_signed=True,
            )
        case AgreementRecorded():
            known = terms or Terms(event.agreement_id)
            return replace(known, currency=event.currency, reference=event.reference, is_recorded=True)
        case BaselineSet():
            known = terms or Terms(event.baseline_id, event.currency)
            key = (event.lot_id, event.item)
            dated = (*known.baselines.get(key, ()), (event.valid_from, event.price))
            return replace(known, baselines={**known.baselines, key: dated})
    return _changed(terms, event) if terms else None


def _changed(terms: Terms, event: Event) -> Terms:
    match event:
        case PriceRevised():
            lot = terms.lots[event.lot_id]
            dated = (*lot.prices[event.item], (event.effective_on, event.unit_price))
            lot = replace(lot, prices={**lot.prices, event.item: dated})
            return replace(terms, lots={**terms.lots, event.lot_id: lot})
        case AgreementAmended():
            return _amended(terms, event)
        case AgreementTerminated():
            return replace(terms, valid_to=min(terms.valid_to, event.terminated_on))
    return terms


def _lot_terms(lot: Lot, since: date) -> LotTerms:
    return LotTerms(
        lot,
        lot.maximum,
        {line.item: line for line in lot.prices},
        {line.item: ((since, line.unit_price),) for line in lot.prices},
    )


def _amended(terms: Terms, event: AgreementAmended) -> Terms:
    if event.valid_to is not None:
        terms = replace(terms, valid_to=event.valid_to)
    if event.maximum is None:
        return terms
    if event.lot_id is None:
        return replace(terms, maximum=event.maximum)
    lot = replace(terms.lots[event.lot_id], maximum=event.maximum)
    return replace(terms, lots={**terms.lots, event.lot_id: lot})


@dataclass(frozen=True)
class Adhesion:
    """The periods in which an establishment may order under an agreement; last days are included."""

    periods: tuple[tuple[date, date], ...] = ()

    def allows(self, day: date) -> bool:
        """Whether the establishment may order on a day."""
        return any(first <= day <= last for first, last in self.periods)


def evolve_adhesion(adhesion: Adhesion | None, event: Event) -> Adhesion:
    """The adhesion after a fact of membership."""
    periods = adhesion.periods if adhesion else ()
    match event:
        case AdhesionGranted():
            return Adhesion((*periods, (event.valid_from, event.valid_to or date.max)))
        case AdhesionEnded():
            return Adhesion(tuple((first, min(last, event.ended_on)) for first, last in periods))
    return Adhesion(periods)


@dataclass(frozen=True)
class Standing:
    """Since when a supplier is, or is no longer, suspended."""

    changes: tuple[tuple[date, bool], ...] = ()

    def is_suspended(self, day: date) -> bool:
        """Whether the supplier may receive no order on a day."""
        started = [(since, n, suspended) for n, (since, suspended) in enumerate(self.changes) if since <= day]
        return max(started)[2] if started else False


def evolve_standing(standing: Standing | None, event: Event) -> Standing:
    """The standing after a fact of suppliers."""
    changes = standing.changes if standing else ()
    match event:
        case SupplierSuspended():
            return Standing((*changes, (event.suspended_on, True)))
        case SupplierReinstated():
            return Standing((*changes, (event.reinstated_on, False)))
    return Standing(changes)
