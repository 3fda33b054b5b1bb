"""An establishment and an agreement, and what is asked of them."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from events.membership import EstablishmentKind
from services.membership.commands import EndAdhesion, GrantAdhesion, JoinEstablishment, LeaveEstablishment, OpenSite

ESTABLISHMENT, OTHER, SITE = UUID(int=1), UUID(int=2), UUID(int=3)
AGREEMENT, SECOND, THIRD = UUID(int=11), UUID(int=12), UUID(int=13)
SIRET = "73282932000074"
JOINED = date(2020, 1, 1)


def join(establishment_id: UUID = ESTABLISHMENT, siret: str | None = None) -> JoinEstablishment:
    return JoinEstablishment(
        establishment_id=establishment_id,
        name="Centre Azur",
        kind=EstablishmentKind.CLCC,
        siret=siret,
        finess="060000528",
        joined_on=JOINED,
    )


def leave(on: date) -> LeaveEstablishment:
    return LeaveEstablishment(establishment_id=ESTABLISHMENT, left_on=on, reason="merged")


def open_site(on: date) -> OpenSite:
    return OpenSite(establishment_id=ESTABLISHMENT, site_id=SITE, name="North", opened_on=on)


def grant(first: date, last: date | None = None, agreement_id: UUID = AGREEMENT) -> GrantAdhesion:
    return GrantAdhesion(establishment_id=ESTABLISHMENT, agreement_id=agreement_id, valid_from=first, valid_to=last)


def end(on: date, agreement_id: UUID = AGREEMENT) -> EndAdhesion:
    return EndAdhesion(establishment_id=ESTABLISHMENT, agreement_id=agreement_id, ended_on=on, reason="own tender")
