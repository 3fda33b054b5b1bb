"""Suppliers speaks: who sells to the group, and how their social responsibility is rated (EcoVadis)."""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from events.base import Event, Value
from events.values import BusinessDate, Code, Reason, SupplierId, Text

RatingId = Annotated[UUID, Field(description="The rating: one publication of a scorecard.")]
Score = Annotated[int, Field(ge=0, le=100, description="Score, 0 to 100; a missing one is null, never 100.")]


class CsrScores(Value):
    """An EcoVadis scorecard as reported: overall and four themes, 0-100. The medal is as reported, never derived."""

    overall: Score
    environment: Score | None = None
    labour: Score | None = None
    ethics: Score | None = None
    procurement: Score | None = None
    """Theme "sustainable procurement": score, 0 to 100, or null."""
    medal: Code | None = None
    """As reported: platinum, gold, silver, bronze, committed, fast mover; null where none."""
    scorecard_url: Text | None = None
    """Where the scorecard can be read."""


class SupplierRegistered(Event):
    """A supplier became known to the group."""

    TOPIC: ClassVar[str] = "suppliers.SupplierRegistered.v1"
    supplier_id: SupplierId
    name: Text
    """Registered name."""
    siren: Code | None = None
    """9 digits, checked."""
    vat_number: Code | None = None
    """European VAT number, checked where it is French."""
    country: Code | None = None
    """ISO 3166-1 code of two letters, or the name in the imported source."""


class SupplierSuspended(Event):
    """A supplier may receive no new order from a day on."""

    TOPIC: ClassVar[str] = "suppliers.SupplierSuspended.v1"
    supplier_id: SupplierId
    suspended_on: BusinessDate
    """First day without new orders."""
    reason: Reason


class SupplierReinstated(Event):
    """A suspended supplier may receive orders again from a day on."""

    TOPIC: ClassVar[str] = "suppliers.SupplierReinstated.v1"
    supplier_id: SupplierId
    reinstated_on: BusinessDate
    """First day with orders again."""


class CsrRatingDeclared(Event):
    """A supplier declared its rating; it counts in no figure until the group has verified it."""

    TOPIC: ClassVar[str] = "suppliers.CsrRatingDeclared.v1"
    supplier_id: SupplierId
    rating_id: RatingId
    scores: CsrScores
    published_on: BusinessDate
    """Day of publication by EcoVadis."""
    expires_on: BusinessDate
    """Anniversary of the publication: the first day on which the rating no longer counts."""


class CsrRatingVerified(Event):
    """The group checked a declared rating against the scorecard: from here on it counts in figures."""

    TOPIC: ClassVar[str] = "suppliers.CsrRatingVerified.v1"
    supplier_id: SupplierId
    rating_id: RatingId
    scores: CsrScores
    published_on: BusinessDate
    """Day of publication by EcoVadis."""
    expires_on: BusinessDate
    """The first day on which the rating no longer counts."""


class CsrRatingRejected(Event):
    """The group could not confirm a declared rating; it never counts."""

    TOPIC: ClassVar[str] = "suppliers.CsrRatingRejected.v1"
    supplier_id: SupplierId
    rating_id: RatingId
    reason: Reason


EVENTS: tuple[type[Event], ...] = (
    SupplierRegistered,
    SupplierSuspended,
    SupplierReinstated,
    CsrRatingDeclared,
    CsrRatingVerified,
    CsrRatingRejected,
)
