"""The ceiling of an agreement: what its orders have reserved of the maximum, and when an approval is needed.

The maximum is never passed, whoever asks, until a signed amendment raises it (R2162-4; CJEU C-23/20). An internal
limit lies below it: above the limit, and its allowance of the limit's total, an approval is needed for the excess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from events.base import Event, Refusal
from events.ordering import CeilingApproached, CeilingReleased, CeilingReserved, LotAmount
from events.tendering import InternalLimit
from events.values import cents, derived_id
from services.ordering.lines import within
from services.ordering.terms import Terms

WARNINGS = (80, 90, 100)
ZERO = Decimal("0.00")


class CeilingExceeded(Refusal):
    """The order would pass the maximum of the agreement or of a lot."""

    rule = "Orders never pass the maximum of a framework agreement (Code de la commande publique, R2162-4)"
    remedy = "Order at most what remains, or have an amendment signed that raises the maximum (AgreementAmended)."


@dataclass(frozen=True)
class Ceiling:
    """Reservations of an agreement, in all and by lot, and the warnings already given."""

    reserved: Decimal = ZERO
    by_lot: Mapping[UUID, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    warned: frozenset[tuple[UUID | None, int, Decimal]] = frozenset()


def ceiling_stream(agreement_id: UUID) -> UUID:
    """The stream of an agreement's ceiling."""
    return derived_id(agreement_id, "ceiling")


def evolve(ceiling: Ceiling | None, event: Event) -> Ceiling:
    """The ceiling after one of its events."""
    ceiling = ceiling or Ceiling()
    match event:
        case CeilingReserved() | CeilingReleased():
            sign = 1 if isinstance(event, CeilingReserved) else -1
            by_lot = dict(ceiling.by_lot)
            for lot in event.lots:
                by_lot[lot.lot_id] = by_lot.get(lot.lot_id, ZERO) + sign * lot.amount
            return replace(ceiling, reserved=event.reserved, by_lot=by_lot)
        case CeilingApproached():
            return replace(ceiling, warned=ceiling.warned | {(event.lot_id, event.percent, event.maximum)})
    return ceiling


def excess(ceiling: Ceiling, terms: Terms, by_lot: Mapping[UUID, Decimal]) -> Decimal:
    """The part of an order, not counted in `ceiling`, that needs an approval; 0.00 where none does."""
    over = _over(terms.internal_limit, ceiling.reserved, sum(by_lot.values(), ZERO))
    over_lots = sum(
        (
            _over(terms.lots[lot_id].lot.internal_limit, ceiling.by_lot.get(lot_id, ZERO), amount)
            for lot_id, amount in by_lot.items()
        ),
        ZERO,
    )
    return max(over, over_lots)


def _over(limit: InternalLimit | None, reserved: Decimal, amount: Decimal) -> Decimal:
    if limit is None:
        return ZERO
    # The allowance is of the limit's total, not of what remains of it.
    allowed = cents(limit.amount * (1 + limit.allowance))
    return min(amount, max(ZERO, reserved + amount - allowed))


def reserve(ceiling: Ceiling, terms: Terms, order_id: UUID, by_lot: Mapping[UUID, Decimal]) -> list[Event]:
    """Takes an order's amounts from the ceiling. Raises CeilingExceeded with what remains, TooLarge."""
    total = sum(by_lot.values(), ZERO)
    _check("the agreement", terms.maximum, ceiling.reserved, total, terms)
    for lot_id, amount in by_lot.items():
        lot = terms.lots[lot_id]
        _check(f"lot {lot.lot.number}", lot.maximum, ceiling.by_lot.get(lot_id, ZERO), amount, terms)
    reserved = CeilingReserved(
        agreement_id=terms.agreement_id,
        order_id=order_id,
        currency=terms.currency,
        amount=total,
        lots=_lots(by_lot),
        # Where only the lots have a maximum, nothing else keeps their sum small enough to be written.
        reserved=within(ceiling.reserved + total, "what the agreement's orders reserve in all"),
    )
    return [reserved, *_warnings(evolve(ceiling, reserved), terms, by_lot)]


def release(
    ceiling: Ceiling, agreement_id: UUID, order_id: UUID, currency: str, by_lot: Mapping[UUID, Decimal]
) -> list[Event]:
    """Gives an order's amounts back to the ceiling; nothing where nothing was reserved."""
    total = sum(by_lot.values(), ZERO)
    if not total:
        return []
    return [
        CeilingReleased(
            agreement_id=agreement_id,
            order_id=order_id,
            currency=currency,
            amount=total,
            lots=_lots(by_lot),
            reserved=ceiling.reserved - total,
        )
    ]


def without(ceiling: Ceiling, by_lot: Mapping[UUID, Decimal]) -> Ceiling:
    """The ceiling as it would be without an order's reservations."""
    lots = {lot_id: amount - by_lot.get(lot_id, ZERO) for lot_id, amount in ceiling.by_lot.items()}
    return replace(ceiling, reserved=ceiling.reserved - sum(by_lot.values(), ZERO), by_lot=lots)


def _lots(by_lot: Mapping[UUID, Decimal]) -> tuple[LotAmount, ...]:
    return tuple(LotAmount(lot_id=lot_id, amount=amount) for lot_id, amount in by_lot.items())


def _check(what: str, maximum: Decimal | None, reserved: Decimal, amount: Decimal, terms: Terms) -> None:
    if maximum is not None and reserved + amount > maximum:
        msg = (
            f"{amount:.2f} {terms.currency} would pass the maximum of {what} of {terms.reference}: "
            f"{maximum:.2f}, of which {reserved:.2f} is reserved and {maximum - reserved:.2f} remains"
        )
        raise CeilingExceeded(
            msg,
            pointer="/lines",
            maximum=maximum,
            reserved=reserved,
            remaining=maximum - reserved,
            asked=amount,
        )


def _warnings(after: Ceiling, terms: Terms, by_lot: Mapping[UUID, Decimal]) -> list[Event]:
    found: list[Event] = []
    places: list[tuple[UUID | None, Decimal | None, Decimal]] = [(None, terms.maximum, after.reserved)]
    places += [(lot_id, terms.lots[lot_id].maximum, after.by_lot[lot_id]) for lot_id in by_lot]
    for lot_id, maximum, reserved in places:
        for percent in WARNINGS:
            if maximum is None or reserved * 100 < maximum * percent or (lot_id, percent, maximum) in after.warned:
                continue
            found.append(
                CeilingApproached(
                    agreement_id=terms.agreement_id,
                    lot_id=lot_id,
                    currency=terms.currency,
                    percent=percent,
                    reserved=reserved,
                    maximum=maximum,
                )
            )
    return found
