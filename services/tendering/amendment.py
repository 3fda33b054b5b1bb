"""Amendments: the only way to raise a maximum or to move the last day of a signed agreement.

What orders have reserved of a maximum is known to ordering, not here: a maximum lowered below it leaves the orders as
they are, and no further one is accepted. A prolongation beyond 4 years rests on the amendment's own justification.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from events.base import Refusal, Unknown
from events.tendering import AgreementAmended, AgreementSigned, AmendmentGround
from events.values import plain
from services.tendering.agreement import ZERO, Agreement, HasEnded, Maximum, OutsideItsLife, running
from services.tendering.commands import AmendAgreement
from services.tendering.signature import AboveMaximum


class NothingAmended(Refusal):
    """The amendment changes neither a maximum nor the last day."""

    rule = "An amendment changes a maximum or the last day of its agreement"
    remedy = "Give maximum, valid_to, or both, other than they are."


class AmendmentTooLarge(Refusal):
    """The raise is above what its legal ground allows."""

    rule = "A maximum is raised within the limit of its legal ground (Code de la commande publique, R2194-1 to R2194-9)"
    remedy = "Raise it by less, on another ground that holds, or tender the rest."


@dataclass(frozen=True)
class Bound:
    """The largest raise on a legal ground, as a share of the original maximum."""

    share: Decimal
    article: str
    is_cumulative: bool = False
    """Whether all raises on the ground count together; else each on its own."""
    is_below: bool = False
    """Whether the raise must stay below the share; else it may reach it."""


BOUNDS = {
    AmendmentGround.ADDITIONAL_SUPPLIES: Bound(Decimal("0.50"), "R2194-3"),
    AmendmentGround.UNFORESEEN: Bound(Decimal("0.50"), "R2194-5 with R2194-3"),
    AmendmentGround.LOW_VALUE: Bound(
        Decimal("0.10"), "R2194-8, added up by R2194-9", is_cumulative=True, is_below=True
    ),
}


def amend(known: Agreement | None, command: AmendAgreement) -> AgreementAmended:
    """An amendment, numbered 1, 2, 3 … within its agreement.

    Raises Unknown, IsRecorded, HasEnded, OutsideItsLife, NothingAmended, AboveMaximum, AmendmentTooLarge.
    """
    agreement, signed = running(known, command.agreement_id)
    if command.lot_id is not None and command.lot_id not in {lot.lot_id for lot in signed.lots}:
        msg = f"{signed.reference} has no lot {command.lot_id}"
        raise Unknown(msg, pointer="/lot_id")
    _check_dates(agreement, signed, command)
    maximum = agreement.maxima.get(command.lot_id)
    _check_change(agreement, maximum, command)
    if command.maximum is not None:
        _check_order(agreement, signed, command.lot_id, command.maximum)
        _check_bound(maximum, command, command.maximum)
    found: dict[str, Any] = command.model_dump()
    return AgreementAmended(
        **found,
        number=agreement.amendments + 1,
        previous_maximum=maximum.current if maximum and command.maximum is not None else None,
    )


def _check_dates(agreement: Agreement, signed: AgreementSigned, command: AmendAgreement) -> None:
    if command.signed_on > agreement.valid_to:
        msg = f"{signed.reference} ended on {agreement.valid_to}, before the amendment of {command.signed_on}"
        raise HasEnded(msg, pointer="/signed_on", valid_to=agreement.valid_to)
    if command.signed_on < agreement.amended_on:
        msg = f"{signed.reference} was signed or last amended on {agreement.amended_on}, after {command.signed_on}"
        raise OutsideItsLife(msg, pointer="/signed_on", amended_on=agreement.amended_on)
    if command.valid_to is not None and command.valid_to < max(command.signed_on, signed.valid_from):
        msg = f"{signed.reference} begins on {signed.valid_from}, is amended on {command.signed_on}"
        raise OutsideItsLife(f"{msg}; {command.valid_to} is before", pointer="/valid_to")


def _check_change(agreement: Agreement, maximum: Maximum | None, command: AmendAgreement) -> None:
    if command.lot_id is not None and command.maximum is None:
        raise NothingAmended("lot_id says whose maximum changes, and none is given", pointer="/maximum")
    is_other_maximum = command.maximum is not None and (maximum is None or command.maximum != maximum.current)
    if not is_other_maximum and command.valid_to in (None, agreement.valid_to):
        raise NothingAmended("neither the maximum nor the last day changes", pointer="")


def _check_order(agreement: Agreement, signed: AgreementSigned, lot_id: UUID | None, amount: Decimal) -> None:
    whole = agreement.maxima.get(None)
    if lot_id is not None and whole is not None and amount > whole.current:
        msg = f"{amount} for the lot is above the maximum of {signed.reference}, {whole.current}"
        raise AboveMaximum(msg, pointer="/maximum", maximum=whole.current)
    for lot in signed.lots:
        own = agreement.maxima.get(lot.lot_id)
        if lot_id is None and own is not None and own.current > amount:
            msg = f"{amount} for {signed.reference} is below the maximum of its lot {lot.number}, {own.current}"
            raise AboveMaximum(msg, pointer="/maximum", maximum=own.current)


def _check_bound(maximum: Maximum | None, command: AmendAgreement, amount: Decimal) -> None:
    bound = BOUNDS.get(command.ground)
    if bound is None or maximum is None:
        return
    raised = max(ZERO, amount - maximum.current) + (maximum.low_value if bound.is_cumulative else ZERO)
    allowed = bound.share * maximum.original
    if raised > allowed or (bound.is_below and raised == allowed > ZERO):
        limit = f"{'below' if bound.is_below else 'of'} {allowed:.2f}, {plain(bound.share * 100)} %"
        msg = (
            f"{command.ground} allows raises {limit} of the original maximum {maximum.original} "
            f"({bound.article}); this makes {raised:.2f}"
        )
        raise AmendmentTooLarge(msg, pointer="/maximum", allowed=f"{allowed:.2f}", raised=f"{raised:.2f}")
