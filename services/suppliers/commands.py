"""What may be asked of suppliers."""

from __future__ import annotations

from uuid import UUID

from pydantic import ConfigDict

from events.base import Command
from events.suppliers import CsrScores
from events.values import Code, DocumentDate, GivenId, Text


class RegisterSupplier(Command):
    """A supplier becomes known to the group."""

    supplier_id: GivenId
    name: Text
    siren: Code | None = None
    """9 digits; spaces are taken out."""
    vat_number: Code | None = None
    """A French one is checked: it begins with FR, or the country is FR."""
    country: Code | None = None


class SuspendSupplier(Command):
    """A supplier shall receive no new order from a day on."""

    supplier_id: UUID
    suspended_on: DocumentDate
    """First day without new orders."""
    reason: Text


class ReinstateSupplier(Command):
    """A suspended supplier may receive orders again from a day on."""

    supplier_id: UUID
    reinstated_on: DocumentDate
    """First day with orders again."""


class AskedScores(CsrScores):
    """A scorecard as a supplier sends it: a misspelt score is refused, not lost."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class DeclareCsrRating(Command):
    """A supplier states its EcoVadis rating."""

    supplier_id: UUID
    rating_id: UUID
    scores: AskedScores
    published_on: DocumentDate
    """Day of publication by EcoVadis."""


class VerifyCsrRating(Command):
    """Someone else than the declarer confirms a declared rating against the scorecard."""

    supplier_id: UUID
    rating_id: UUID


class RejectCsrRating(Command):
    """Someone else than the declarer could not confirm a declared rating."""

    supplier_id: UUID
    rating_id: UUID
    reason: Text


SuppliersCommand = (
    RegisterSupplier | SuspendSupplier | ReinstateSupplier | DeclareCsrRating | VerifyCsrRating | RejectCsrRating
)
