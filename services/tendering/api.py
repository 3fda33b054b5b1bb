"""Framework agreements over HTTP: the group's buyers sign and change them, everybody who orders reads them."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Response
from starlette.requests import Request as HttpRequest

from events.base import Value
from events.tendering import AgreementRecorded, AgreementSigned
from events.values import Amount, BusinessDate, Currency, Price
from infra.http import REFUSED, SUBJECT, Does, add_commands, etag
from infra.paging import PAGE, Cursor, Limit, link_next, page
from infra.positions import AT_LEAST
from projections.agreements.reader import AgreementRow, Agreements
from services.tendering.agreement import Agreement
from services.tendering.app import Tendering
from services.tendering.commands import AmendAgreement, RevisePrice, SetBaseline, SignAgreement, TerminateAgreement

router = APIRouter(prefix="/agreements", tags=["agreements"])

COMMANDS = (
    Does("sign_agreement", "/{agreement_id}/sign", SignAgreement, "agreement_id"),
    Does("amend_agreement", "/{agreement_id}/amend", AmendAgreement, on_seen=True),
    Does("revise_price", "/{agreement_id}/prices", RevisePrice, on_seen=True),
    Does("terminate_agreement", "/{agreement_id}/terminate", TerminateAgreement, on_seen=True),
    Does(
        "set_baseline",
        "/{agreement_id}/baselines",
        SetBaseline,
        filled={"baseline_id": "agreement_id", "approved_by": SUBJECT},
    ),
)


class MaximumView(Value):
    """A maximum as it is now, and as it was signed."""

    lot_id: UUID | None
    """Null: the agreement's own."""
    original: Amount
    current: Amount


class PriceView(Value):
    """The newest price, or reference price, of an item."""

    lot_id: UUID | None
    item: str
    since: BusinessDate
    price: Price


class AgreementView(Value):
    """An agreement as it is now; its version is the ETag."""

    agreement_id: UUID
    version: int
    kind: Literal["signed", "recorded"]
    label: str
    reference: str
    currency: Currency
    founded: AgreementSigned | AgreementRecorded
    """As it was signed or recorded."""
    valid_to: BusinessDate | None
    """Last day on which orders may be placed, as amended; null for a recorded one."""
    terminated_on: BusinessDate | None
    amendments: int
    maxima: tuple[MaximumView, ...]
    prices: tuple[PriceView, ...]
    """Per ordered unit."""
    baselines: tuple[PriceView, ...]
    """Per base unit."""


class AgreementPage(Value):
    """A page of agreements, by reference."""

    rows: list[AgreementRow]
    next: str | None


def _tendering(request: HttpRequest) -> Tendering:
    found: Tendering = request.app.state.platform.tendering
    return found


def _agreements(request: HttpRequest) -> Agreements:
    found: Agreements = request.app.state.platform.read.agreements
    return found


add_commands(router, COMMANDS, _tendering, "services.tendering")


@router.get("", dependencies=[AT_LEAST], responses=REFUSED)
def list_agreements(
    request: HttpRequest, response: Response, cursor: Cursor = None, limit: Limit = PAGE
) -> AgreementPage:
    """The agreements with their lots, and how much of each maximum is used, by reference."""
    found, following = page(_agreements(request).all(), lambda row: row.agreement_id, cursor, limit)
    link_next(request, response, following)
    return AgreementPage(rows=found, next=following)


@router.get("/{agreement_id}", responses=REFUSED)
def read_agreement(request: HttpRequest, response: Response, agreement_id: UUID) -> AgreementView:
    """An agreement with its lots and prices, as its own service knows it: never behind."""
    found, version = _tendering(request).agreement(agreement_id)
    response.headers["ETag"] = etag(version)
    return _view(found, version)


def _view(known: Agreement, version: int) -> AgreementView:
    founded = known.founded
    assert founded is not None  # noqa: S101 - an agreement that is only prepared is not known to readers
    return AgreementView(
        agreement_id=known.agreement_id,
        version=version,
        kind="signed" if isinstance(founded, AgreementSigned) else "recorded",
        label=founded.title,
        reference=founded.reference,
        currency=known.currency,
        founded=founded,
        valid_to=None if known.valid_to == date.max else known.valid_to,
        terminated_on=known.terminated_on,
        amendments=known.amendments,
        maxima=tuple(
            MaximumView(lot_id=lot_id, original=maximum.original, current=maximum.current)
            for lot_id, maximum in known.maxima.items()
        ),
        prices=tuple(
            PriceView(lot_id=lot_id, item=item, since=dated.since, price=dated.price)
            for (lot_id, item), dated in known.prices.items()
        ),
        baselines=tuple(
            PriceView(lot_id=lot_id, item=item, since=dated.since, price=dated.price)
            for (lot_id, item), dated in known.baselines.items()
        ),
    )
