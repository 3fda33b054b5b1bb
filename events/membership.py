"""Membership speaks: who belongs to the group, where they are, and what they may order under."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from events.base import Event
from events.values import AgreementId, BusinessDate, Code, EstablishmentId, Reason, Text


class EstablishmentKind(StrEnum):
    """Kinds of establishment; the payment delay depends on it (R2192-10, -11)."""

    CLCC = "clcc"
    AFFILIATE = "affiliate"
    CHU = "chu"
    CH = "ch"
    ESPIC = "espic"
    PRIVATE = "private"
    OTHER = "other"


class EstablishmentJoined(Event):
    """An establishment became a member of the purchasing group."""

    TOPIC: ClassVar[str] = "membership.EstablishmentJoined.v1"
    establishment_id: EstablishmentId
    name: Text
    """Official name of the establishment."""
    kind: EstablishmentKind
    siret: Code | None = None
    """14 digits, checked (Luhn, with the exception of La Poste)."""
    finess: Code | None = None
    """Number in the French register of health establishments."""
    joined_on: BusinessDate
    """First day of membership."""


class EstablishmentLeft(Event):
    """An establishment left the group; its adhesions end on the same day, included."""

    TOPIC: ClassVar[str] = "membership.EstablishmentLeft.v1"
    establishment_id: EstablishmentId
    left_on: BusinessDate
    """Last day of membership."""
    reason: Reason


class SiteOpened(Event):
    """An establishment opened a site, a place where goods are delivered."""

    TOPIC: ClassVar[str] = "membership.SiteOpened.v1"
    establishment_id: EstablishmentId
    site_id: UUID
    """The site."""
    name: Text
    """Name of the site, as deliveries find it."""
    opened_on: BusinessDate
    """First day on which it takes deliveries."""


class AdhesionGranted(Event):
    """An establishment may order under an agreement from a day on."""

    TOPIC: ClassVar[str] = "membership.AdhesionGranted.v1"
    establishment_id: EstablishmentId
    agreement_id: AgreementId
    valid_from: BusinessDate
    """First day on which it may order."""
    valid_to: BusinessDate | None = None
    """Last day on which it may order, included; null: as long as the agreement."""


class AdhesionEnded(Event):
    """An establishment's right to order under an agreement ends."""

    TOPIC: ClassVar[str] = "membership.AdhesionEnded.v1"
    establishment_id: EstablishmentId
    agreement_id: AgreementId
    ended_on: BusinessDate
    """Last day on which it may order, included."""
    reason: Reason


EVENTS: tuple[type[Event], ...] = (
    EstablishmentJoined,
    EstablishmentLeft,
    SiteOpened,
    AdhesionGranted,
    AdhesionEnded,
)
