"""An establishment: its membership, its sites, and the agreements to which it adheres.

Membership does not know agreements: an adhesion may lie in the past, before the day of joining too, where history is
recorded afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from uuid import NAMESPACE_URL, UUID

from stdnum.exceptions import ValidationError
from stdnum.fr import siret

from events.base import AlreadyExists, Event, Refusal, Unknown
from events.membership import AdhesionEnded, AdhesionGranted, EstablishmentJoined, EstablishmentLeft, SiteOpened
from events.values import derived_id
from services.membership.commands import (
    EndAdhesion,
    GrantAdhesion,
    JoinEstablishment,
    LeaveEstablishment,
    MembershipCommand,
    OpenSite,
)


class InvalidSiret(Refusal):
    """The number is not a SIRET."""

    rule = "A SIRET has 14 digits and a right check digit (Luhn; La Poste: the digits add up to a multiple of 5)"
    remedy = "Copy it from the establishment's entry in the Sirene register, or leave it out."


class EndsBeforeItBegins(Refusal):
    """The last day lies before the first."""

    rule = "A period's last day is not before its first"
    remedy = "Correct one of the two days."


class HasLeft(Refusal):
    """The establishment is, on that day, no longer a member."""

    rule = "An establishment that left opens no site and receives no right beyond its last day"
    remedy = "Give a day of the membership."


class AdhesionOverlaps(Refusal):
    """The establishment may order under the agreement on some of these days already."""

    rule = "A right to order is granted once for a day"
    remedy = "Grant the days that are missing, or end the running adhesion first."


class NotGranted(Refusal):
    """There is no adhesion that would end."""

    rule = "What ends was granted, and would have lasted longer"
    remedy = "Check the agreement and the day; where the adhesion ends already, there is nothing to do."


Period = tuple[date, date]
"""First and last day, both included."""


@dataclass(frozen=True)
class Establishment:
    """What decisions need to know of an establishment."""

    joined: EstablishmentJoined
    left_on: date | None = None
    sites: Mapping[UUID, SiteOpened] = field(default_factory=lambda: MappingProxyType({}))
    adhesions: Mapping[UUID, tuple[Period, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Agreement -> the periods in which it may order, oldest grant first."""

    def adheres(self, agreement_id: UUID, day: date) -> bool:
        """Whether it may order under an agreement on a day."""
        return any(first <= day <= last for first, last in self.adhesions.get(agreement_id, ()))

    def lasts_beyond(self, agreement_id: UUID, day: date) -> bool:
        """Whether it may order under an agreement on some day after `day`."""
        return any(last > day for _, last in self.adhesions.get(agreement_id, ()))


def siret_stream(number: str) -> UUID:
    """Where a SIRET is taken: two establishments never have the same."""
    return derived_id(NAMESPACE_URL, f"urn:siret:{number}")


def evolve(establishment: Establishment | None, event: Event) -> Establishment | None:
    """The establishment after one of its events; None for a stream that is not an establishment's."""
    if isinstance(event, EstablishmentJoined):
        return Establishment(event)
    if establishment is None:
        return None
    adhesions = establishment.adhesions
    match event:
        case EstablishmentLeft():
            return replace(establishment, left_on=event.left_on)
        case SiteOpened():
            return replace(establishment, sites={**establishment.sites, event.site_id: event})
        case AdhesionGranted():
            periods = (*adhesions.get(event.agreement_id, ()), (event.valid_from, event.valid_to or date.max))
            return replace(establishment, adhesions={**adhesions, event.agreement_id: periods})
        case AdhesionEnded():
            periods = tuple(
                (first, min(last, event.ended_on))
                for first, last in adhesions[event.agreement_id]
                if first <= event.ended_on
            )
            return replace(establishment, adhesions={**adhesions, event.agreement_id: periods})
    return establishment


def decide(known: Establishment | None, command: MembershipCommand) -> list[Event]:
    """The events that answer a command. Raises Refusal."""
    if isinstance(command, JoinEstablishment):
        return [join(known, command)]
    if known is None:
        msg = f"establishment {command.establishment_id} is not known"
        raise Unknown(msg, pointer="/establishment_id")
    match command:
        case LeaveEstablishment():
            return leave(known, command)
        case OpenSite():
            return [open_site(known, command)]
        case GrantAdhesion():
            return [grant(known, command)]
        case EndAdhesion():
            return [end(known, command)]


def join(known: Establishment | None, command: JoinEstablishment) -> EstablishmentJoined:
    """An establishment joins, once; its SIRET is kept without spaces. Raises AlreadyExists, InvalidSiret."""
    if known is not None:
        msg = f"establishment {command.establishment_id} joined on {known.joined.joined_on}"
        raise AlreadyExists(msg, pointer="/establishment_id")
    return EstablishmentJoined(**{**command.model_dump(), "siret": _checked(command.siret)})


def _checked(number: str | None) -> str | None:
    if number is None:
        return None
    try:
        return str(siret.validate(number))
    except ValidationError as error:
        msg = f"{number} is not a SIRET: {error}"
        raise InvalidSiret(msg, pointer="/siret", siret=number) from error


def leave(known: Establishment, command: LeaveEstablishment) -> list[Event]:
    """An establishment leaves, and its adhesions that would have lasted longer end on the same day, those to come too.

    Raises HasLeft, EndsBeforeItBegins.
    """
    if known.left_on is not None:
        msg = f"establishment {command.establishment_id} left on {known.left_on}"
        raise HasLeft(msg, pointer="/left_on", left_on=known.left_on)
    _in_order(known.joined.joined_on, command.left_on, "/left_on")
    ended = [
        AdhesionEnded(
            establishment_id=command.establishment_id,
            agreement_id=agreement_id,
            ended_on=command.left_on,
            reason=command.reason,
        )
        for agreement_id in known.adhesions
        if known.lasts_beyond(agreement_id, command.left_on)
    ]
    return [*ended, EstablishmentLeft(**command.model_dump())]


def open_site(known: Establishment, command: OpenSite) -> SiteOpened:
    """An establishment opens a site, once. Raises AlreadyExists, HasLeft."""
    if command.site_id in known.sites:
        msg = f"site {command.site_id} was opened on {known.sites[command.site_id].opened_on}"
        raise AlreadyExists(msg, pointer="/site_id")
    _still_member(known, command.opened_on, "/opened_on")
    return SiteOpened(**command.model_dump())


def grant(known: Establishment, command: GrantAdhesion) -> AdhesionGranted:
    """An establishment may order under an agreement. Raises EndsBeforeItBegins, HasLeft, AdhesionOverlaps."""
    first, last = command.valid_from, command.valid_to or date.max
    _in_order(first, last, "/valid_to")
    _still_member(known, last, "/valid_to")
    for since, until in known.adhesions.get(command.agreement_id, ()):
        if first <= until and since <= last:
            msg = (
                f"establishment {command.establishment_id} adheres to {command.agreement_id} "
                f"from {since} {_to(until)}; {first} {_to(last)} overlaps"
            )
            raise AdhesionOverlaps(msg, pointer="/valid_from", valid_from=since, valid_to=until)
    return AdhesionGranted(**command.model_dump())


def end(known: Establishment, command: EndAdhesion) -> AdhesionEnded:
    """An adhesion ends earlier than granted; periods that begin later end with it. Raises NotGranted."""
    if not known.lasts_beyond(command.agreement_id, command.ended_on):
        msg = (
            f"establishment {command.establishment_id} has no adhesion to {command.agreement_id} "
            f"that lasts beyond {command.ended_on}"
        )
        raise NotGranted(msg, pointer="/agreement_id", ended_on=command.ended_on)
    return AdhesionEnded(**command.model_dump())


def _in_order(first: date, last: date, pointer: str) -> None:
    if last < first:
        msg = f"{last} is before {first}"
        raise EndsBeforeItBegins(msg, pointer=pointer, first=first, last=last)


def _still_member(known: Establishment, day: date, pointer: str) -> None:
    if known.left_on is not None and day > known.left_on:
        msg = f"establishment {known.joined.establishment_id} left on {known.left_on}; {_to(day)} is beyond"
        raise HasLeft(msg, pointer=pointer, left_on=known.left_on)


def _to(day: date) -> str:
    return "without end" if day == date.max else f"to {day}"
