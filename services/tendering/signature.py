"""The signature of a framework agreement: what must hold on the day it begins."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from events.base import AlreadyExists, Refusal
from events.tendering import AgreementSigned, InternalLimit
from events.values import anniversary
from services.tendering.agreement import Agreement, Kind
from services.tendering.commands import SignAgreement

YEARS = 4


class NoMaximum(Refusal):
    """Neither the agreement nor the lot states a maximum."""

    rule = "A framework agreement states a maximum, of its own or for every lot (Code de la commande publique, R2162-4)"
    remedy = "Give the agreement's maximum, or one for each lot."


class AboveMaximum(Refusal):
    """A part is not below the maximum of the whole."""

    rule = "A lot's maximum is not above the agreement's, and an internal limit lies below its maximum"
    remedy = "Lower the part, or state the maximum that was published."


class DatesOutOfOrder(Refusal):
    """The agreement ends before it begins, or begins before it is signed."""

    rule = "An agreement is signed, begins and ends, in this order"
    remedy = "Correct the day."


class TooLong(Refusal):
    """The agreement runs longer than 4 years without a reason."""

    rule = "A framework agreement runs 4 years at most unless justified (Code de la commande publique, L2125-1)"
    remedy = "Shorten it, or give the justification of the notice in duration_justification."


class NamedTwice(Refusal):
    """A lot or an item appears twice."""

    rule = "Lot ids and numbers are unique within an agreement, items within a lot"
    remedy = "Merge the two, or give one of them its own name."


class OtherCurrency(Refusal):
    """A reference price is in another currency than its agreement."""

    rule = "Reference prices are in their agreement's currency: a saving compares like with like"
    remedy = "Use the same currency; prices frozen in a wrong one stay with their id: take a new agreement id."


def sign(known: Agreement | None, command: SignAgreement) -> AgreementSigned:
    """An agreement is signed, once; its reference prices may have been frozen before, and none can be added later.

    Raises AlreadyExists, OtherCurrency, DatesOutOfOrder, TooLong, NamedTwice, NoMaximum, AboveMaximum.
    """
    if known is not None and known.kind is not Kind.PREPARED:
        msg = f"agreement {command.agreement_id} is {known.kind}"
        raise AlreadyExists(msg, pointer="/agreement_id", kind=known.kind)
    if known is not None and known.currency != command.currency:
        msg = f"the reference prices of {command.reference} are in {known.currency}, not {command.currency}"
        raise OtherCurrency(msg, pointer="/currency", currency=known.currency)
    _check_dates(command)
    _check_names(command)
    _check_maxima(command)
    return AgreementSigned(**command.model_dump())


def _check_dates(command: SignAgreement) -> None:
    if command.valid_from < command.signed_on:
        msg = f"{command.reference} begins on {command.valid_from}, before its signature on {command.signed_on}"
        raise DatesOutOfOrder(msg, pointer="/valid_from", signed_on=command.signed_on)
    if command.valid_to < command.valid_from:
        msg = f"{command.reference} ends on {command.valid_to}, before it begins on {command.valid_from}"
        raise DatesOutOfOrder(msg, pointer="/valid_to", valid_from=command.valid_from)
    end = anniversary(command.valid_from, YEARS)
    if command.valid_to >= end and command.duration_justification is None:
        msg = (
            f"{command.reference} runs from {command.valid_from} to {command.valid_to}: {YEARS} years end before {end}"
        )
        raise TooLong(msg, pointer="/valid_to", valid_to=command.valid_to)


def _check_names(command: SignAgreement) -> None:
    _once((f"/lots/{n}/lot_id", str(lot.lot_id)) for n, lot in enumerate(command.lots))
    _once((f"/lots/{n}/number", lot.number) for n, lot in enumerate(command.lots))
    for n, lot in enumerate(command.lots):
        _once((f"/lots/{n}/prices/{m}/item", line.item) for m, line in enumerate(lot.prices))


def _once(names: Iterable[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for pointer, name in names:
        if name in seen:
            msg = f"{name} is named twice, first at {seen[name]}"
            raise NamedTwice(msg, pointer=pointer, first=seen[name])
        seen[name] = pointer


def _check_maxima(command: SignAgreement) -> None:
    whole, lots = command.maximum, [lot.maximum for lot in command.lots]
    for n, maximum in enumerate(lots):
        if whole is None and maximum is None:
            msg = f"neither {command.reference} nor its lot {command.lots[n].number} states a maximum"
            raise NoMaximum(msg, pointer=f"/lots/{n}/maximum")
        if whole is not None and maximum is not None and maximum > whole:
            msg = f"the maximum of lot {command.lots[n].number}, {maximum}, is above the agreement's, {whole}"
            raise AboveMaximum(msg, pointer=f"/lots/{n}/maximum", maximum=whole)
        _below(command.lots[n].internal_limit, whole if maximum is None else maximum, f"/lots/{n}")
    _below(command.internal_limit, sum(filter(None, lots), Decimal(0)) if whole is None else whole, "")


def _below(limit: InternalLimit | None, maximum: Decimal | None, place: str) -> None:
    if limit is not None and maximum is not None and limit.amount >= maximum:
        msg = f"the internal limit {limit.amount} is not below the maximum {maximum}"
        raise AboveMaximum(msg, pointer=f"{place}/internal_limit/amount", maximum=maximum)
