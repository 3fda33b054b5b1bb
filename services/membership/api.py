"""Establishments and adhesions over HTTP."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response
from starlette.requests import Request as HttpRequest

from events.base import Value
from events.membership import EstablishmentKind
from events.values import BusinessDate
from infra.http import REFUSED, CallerOf, Does, add_commands, etag
from infra.paging import PAGE, Cursor, Limit, link_next, page
from infra.positions import AT_LEAST
from projections.establishments.reader import AdhesionRow, EstablishmentRow, Establishments
from services.membership.app import Membership
from services.membership.commands import EndAdhesion, GrantAdhesion, JoinEstablishment, LeaveEstablishment, OpenSite

router = APIRouter(tags=["establishments"])

COMMANDS = (
    Does("join_establishment", "/establishments", JoinEstablishment, "establishment_id"),
    Does("leave_establishment", "/establishments/{establishment_id}/leave", LeaveEstablishment, on_seen=True),
    Does("open_site", "/establishments/{establishment_id}/sites", OpenSite, "site_id"),
    Does("grant_adhesion", "/establishments/{establishment_id}/adhesions", GrantAdhesion),
    Does("end_adhesion", "/establishments/{establishment_id}/adhesions/{agreement_id}/end", EndAdhesion, on_seen=True),
)


class SiteView(Value):
    """A place where goods are delivered."""

    site_id: UUID
    name: str
    opened_on: BusinessDate


class AdhesionView(Value):
    """A period in which the establishment may order under an agreement, last day included."""

    agreement_id: UUID
    valid_from: BusinessDate
    valid_to: BusinessDate | None
    """Null: as long as the agreement."""


class EstablishmentView(Value):
    """An establishment as it is now; its version is the ETag."""

    establishment_id: UUID
    version: int
    label: str
    kind: EstablishmentKind
    siret: str | None
    finess: str | None
    joined_on: BusinessDate
    left_on: BusinessDate | None
    sites: tuple[SiteView, ...]
    adhesions: tuple[AdhesionView, ...]


class EstablishmentPage(Value):
    """A page of establishments, by name."""

    rows: list[EstablishmentRow]
    next: str | None


class AdhesionList(Value):
    """Adhesions, by establishment and agreement."""

    rows: list[AdhesionRow]


def _membership(request: HttpRequest) -> Membership:
    found: Membership = request.app.state.platform.membership
    return found


def _establishments(request: HttpRequest) -> Establishments:
    found: Establishments = request.app.state.platform.read.establishments
    return found


add_commands(router, COMMANDS, _membership, "services.membership")


@router.get("/establishments", dependencies=[AT_LEAST], responses=REFUSED)
def list_establishments(
    request: HttpRequest, response: Response, who: CallerOf, cursor: Cursor = None, limit: Limit = PAGE
) -> EstablishmentPage:
    """The members of the group, by name."""
    rows = [row for row in _establishments(request).all() if who.scope in (None, row.establishment_id)]
    found, following = page(rows, lambda row: row.establishment_id, cursor, limit)
    link_next(request, response, following)
    return EstablishmentPage(rows=found, next=following)


@router.get("/establishments/{establishment_id}", responses=REFUSED)
def read_establishment(
    request: HttpRequest, response: Response, who: CallerOf, establishment_id: UUID
) -> EstablishmentView:
    """An establishment with its sites and adhesions, as its own service knows it: never behind."""
    found, version = _membership(request).establishment(establishment_id, who.scope)
    response.headers["ETag"] = etag(version)
    return EstablishmentView(
        establishment_id=establishment_id,
        version=version,
        label=found.joined.name,
        kind=found.joined.kind,
        siret=found.joined.siret,
        finess=found.joined.finess,
        joined_on=found.joined.joined_on,
        left_on=found.left_on,
        sites=tuple(
            SiteView(site_id=site_id, name=site.name, opened_on=site.opened_on) for site_id, site in found.sites.items()
        ),
        adhesions=tuple(
            AdhesionView(agreement_id=agreement_id, valid_from=first, valid_to=None if last == last.max else last)
            for agreement_id, periods in found.adhesions.items()
            for first, last in periods
        ),
    )


@router.get("/adhesions", dependencies=[AT_LEAST], responses=REFUSED)
def list_adhesions(
    request: HttpRequest, who: CallerOf, establishment: UUID | None = None, agreement: UUID | None = None
) -> AdhesionList:
    """Who may order under what: of an establishment, or to an agreement, or all."""
    if who.scope is not None and establishment not in (None, who.scope):
        return AdhesionList(rows=[])
    return AdhesionList(rows=_establishments(request).adhesions(who.scope or establishment, agreement))
