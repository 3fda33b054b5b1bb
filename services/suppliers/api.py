"""Suppliers and their CSR ratings over HTTP: declared by the supplier, verified or rejected by the group."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response
from starlette.requests import Request as HttpRequest

from events.base import Value
from events.suppliers import CsrScores
from events.values import BusinessDate, paris_day
from infra.event_store import utc_now
from infra.http import REFUSED, CallerOf, Does, add_commands, etag
from infra.paging import PAGE, Cursor, Limit, link_next, page
from infra.positions import AT_LEAST
from projections.suppliers.reader import SupplierRow
from projections.suppliers.reader import Suppliers as SupplierList
from services.suppliers.app import Suppliers
from services.suppliers.commands import (
    DeclareCsrRating,
    RegisterSupplier,
    ReinstateSupplier,
    RejectCsrRating,
    SuspendSupplier,
    VerifyCsrRating,
)
from services.suppliers.rating import Verdict

router = APIRouter(prefix="/suppliers", tags=["suppliers"])

COMMANDS = (
    Does("register_supplier", "", RegisterSupplier, "supplier_id"),
    Does("suspend_supplier", "/{supplier_id}/suspend", SuspendSupplier, on_seen=True),
    Does("reinstate_supplier", "/{supplier_id}/reinstate", ReinstateSupplier, on_seen=True),
    Does("declare_csr_rating", "/{supplier_id}/ratings", DeclareCsrRating, "rating_id"),
    Does("verify_csr_rating", "/{supplier_id}/ratings/{rating_id}/verify", VerifyCsrRating, on_seen=True),
    Does("reject_csr_rating", "/{supplier_id}/ratings/{rating_id}/reject", RejectCsrRating, on_seen=True),
)


class RatingView(Value):
    """A rating and what was found of it; expiry apart, which is a matter of the day."""

    rating_id: UUID
    scores: CsrScores
    published_on: BusinessDate
    expires_on: BusinessDate
    """The first day on which it no longer counts."""
    verdict: Verdict


class SupplierView(Value):
    """A supplier as it is now; its version is the ETag."""

    supplier_id: UUID
    version: int
    label: str
    siren: str | None
    vat_number: str | None
    country: str | None
    is_suspended: bool
    """As last decided; the day from which it holds is `changed_on`."""
    changed_on: BusinessDate | None
    ratings: tuple[RatingView, ...]


class SupplierPage(Value):
    """A page of suppliers, by name."""

    rows: list[SupplierRow]
    next: str | None


def _suppliers(request: HttpRequest) -> Suppliers:
    found: Suppliers = request.app.state.platform.suppliers
    return found


def _list(request: HttpRequest) -> SupplierList:
    found: SupplierList = request.app.state.platform.read.suppliers
    return found


add_commands(router, COMMANDS, _suppliers, "services.suppliers")


@router.get("", dependencies=[AT_LEAST], responses=REFUSED)
def list_suppliers(
    request: HttpRequest,
    response: Response,
    who: CallerOf,
    on: BusinessDate | None = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> SupplierPage:
    """Who sells to the group, by name, with the rating last declared; whether it has expired is told as of `on`."""
    day = on or paris_day(utc_now())
    rows = [row for row in _list(request).all(day) if who.scope in (None, row.supplier_id)]
    found, following = page(rows, lambda row: row.supplier_id, cursor, limit)
    link_next(request, response, following)
    return SupplierPage(rows=found, next=following)


@router.get("/{supplier_id}", responses=REFUSED)
def read_supplier(request: HttpRequest, response: Response, who: CallerOf, supplier_id: UUID) -> SupplierView:
    """A supplier with its ratings, as its own service knows it: never behind."""
    found, version = _suppliers(request).supplier(supplier_id, who.scope)
    response.headers["ETag"] = etag(version)
    return SupplierView(
        supplier_id=supplier_id,
        version=version,
        label=found.registered.name,
        siren=found.registered.siren,
        vat_number=found.registered.vat_number,
        country=found.registered.country,
        is_suspended=found.is_suspended,
        changed_on=None if found.changed_on == found.changed_on.min else found.changed_on,
        ratings=tuple(
            RatingView(
                rating_id=rating_id,
                scores=rating.declared.scores,
                published_on=rating.declared.published_on,
                expires_on=rating.declared.expires_on,
                verdict=rating.verdict,
            )
            for rating_id, rating in found.ratings.items()
        ),
    )
