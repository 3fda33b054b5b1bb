"""What may be asked of membership."""

from __future__ import annotations

from uuid import UUID

from events.base import Command
from events.membership import EstablishmentKind
from events.values import Code, DocumentDate, GivenId, Text


class JoinEstablishment(Command):
    """An establishment becomes a member of the group."""

    establishment_id: GivenId
    name: Text
    kind: EstablishmentKind
    siret: Code | None = None
    """14 digits; spaces are taken out."""
    finess: Code | None = None
    """Number in the French register of health establishments."""
    joined_on: DocumentDate
    """First day of membership; an instant is taken as its day in Paris."""


class LeaveEstablishment(Command):
    """An establishment leaves the group, and with it every agreement to which it adheres."""

    establishment_id: UUID
    left_on: DocumentDate
    """Last day of membership."""
    reason: Text


class OpenSite(Command):
    """An establishment opens a site, a place where goods are delivered."""

    establishment_id: UUID
    site_id: UUID
    name: Text
    opened_on: DocumentDate


class GrantAdhesion(Command):
    """An establishment receives the right to order under an agreement."""

    establishment_id: UUID
    agreement_id: UUID
    valid_from: DocumentDate
    """First day on which it may order; a day of the past is allowed, for what is recorded afterwards."""
    valid_to: DocumentDate | None = None
    """Last day on which it may order, included; null: as long as the agreement."""


class EndAdhesion(Command):
    """An establishment's right to order under an agreement ends, periods that have not begun included."""

    establishment_id: UUID
    agreement_id: UUID
    ended_on: DocumentDate
    """Last day on which it may order, included."""
    reason: Text


MembershipCommand = JoinEstablishment | LeaveEstablishment | OpenSite | GrantAdhesion | EndAdhesion
