"""Maxima and internal limits, set around what the planned orders reserve: none of them is ever refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from uuid import UUID

from services.demo.agreements import Agreement
from services.demo.orders import Entry, Fate, Kind

ZERO = Decimal(0)
LEAST = Decimal(100_000)
CLOSE = Decimal("0.97")
"""An amendment is signed on the day of the first order that would pass this share of the maximum."""
SIGNS = {Kind.ORDER: 1, Kind.REJECTION: -1, Kind.WITHDRAWAL: -1, Kind.CANCELLATION: -1}


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The amounts that an agreement states at its signature, and the amendment that raises its maximum."""

    maximum: Decimal | None
    """Null where every lot has its own."""
    by_lot: Mapping[UUID, Decimal]
    internal_limit: Decimal | None = None
    amended: tuple[date, Decimal] | None = None


def rounded_up(amount: Decimal, digits: int = 3) -> Decimal:
    """The next amount with so many digits, as contracts have them."""
    quantum = Decimal(1).scaleb(amount.adjusted() - digits + 1)
    return (amount / quantum).to_integral_value(ROUND_CEILING) * quantum


def build_ceilings(agreements: Sequence[Agreement], entries: Sequence[Entry]) -> dict[UUID, Ceiling]:
    """Agreement -> its amounts."""
    found: dict[UUID, list[Entry]] = {agreement.agreement_id: [] for agreement in agreements}
    for entry in entries:
        if entry.document.kind in SIGNS:
            found[entry.order.agreement.agreement_id].append(entry)
    return {agreement.agreement_id: _ceiling(agreement, found[agreement.agreement_id]) for agreement in agreements}


def _ceiling(agreement: Agreement, entries: Sequence[Entry]) -> Ceiling:
    story = agreement.story
    limit = _limit(entries, 1 + story.internal_limit.allowance) if story.internal_limit else None
    if story.maximum_by_lot:
        by_lot = {
            lot.lot_id: _maximum([entry for entry in entries if entry.order.lot is lot], story.use)
            for lot in agreement.lots
        }
        return Ceiling(None, by_lot, limit)
    maximum = _maximum(entries, story.use)
    if story.amendment is None:
        return Ceiling(maximum, {}, limit)
    original = rounded_up(maximum / story.amendment.raised_by)
    close = next(entry.order.day for entry, reserved in _reserved(entries) if reserved > original * CLOSE)
    return Ceiling(original, {}, limit, (close, maximum))


def _reserved(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Decimal]]:
    """Each document that reserves or releases, with what is reserved after it."""
    reserved = ZERO
    for entry in entries:
        amount = sum((part.amount for part in entry.document.parts), ZERO)
        reserved += SIGNS[entry.document.kind] * amount
        yield entry, reserved


def _maximum(entries: Sequence[Entry], use: Decimal) -> Decimal:
    peak = max((reserved for _, reserved in _reserved(entries)), default=ZERO)
    return max(LEAST, rounded_up(peak / use))


def _limit(entries: Sequence[Entry], allowed: Decimal) -> Decimal:
    """A round amount that, with its allowance, the first order with an approval passes and none before it."""
    below = ZERO
    for entry, reserved in _reserved(entries):
        if entry.order.fate is not Fate.FREE:
            above = reserved / allowed
            break
        below = max(below, reserved / allowed)
    candidates = (rounded_up(below, digits) for digits in range(1, 12))
    return next(limit for limit in candidates if limit < above)
