"""A supplier with a rating, and what is asked of it. The day of the tests is 1 June 2022, 10:00 in Paris."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from events.suppliers import CsrRatingDeclared, CsrScores
from services.suppliers.commands import (
    DeclareCsrRating,
    RegisterSupplier,
    ReinstateSupplier,
    RejectCsrRating,
    SuspendSupplier,
    VerifyCsrRating,
)

SUPPLIER, OTHER, RATING = UUID(int=1), UUID(int=2), UUID(int=21)
SIREN, VAT = "732829320", "FR44732829320"
TODAY, PUBLISHED = date(2022, 6, 1), date(2022, 3, 15)
SCORES = CsrScores(overall=62, environment=70, labour=60, medal="silver")


def register(
    supplier_id: UUID = SUPPLIER, siren: str | None = None, vat: str | None = None, country: str | None = None
) -> RegisterSupplier:
    return RegisterSupplier(
        supplier_id=supplier_id, name="Imagerie du Rhône", siren=siren, vat_number=vat, country=country
    )


def suspend(on: date) -> SuspendSupplier:
    return SuspendSupplier(supplier_id=SUPPLIER, suspended_on=on, reason="no deliveries")


def reinstate(on: date) -> ReinstateSupplier:
    return ReinstateSupplier(supplier_id=SUPPLIER, reinstated_on=on)


def declare(published_on: date = PUBLISHED, rating_id: UUID = RATING) -> DeclareCsrRating:
    return DeclareCsrRating(supplier_id=SUPPLIER, rating_id=rating_id, scores=SCORES, published_on=published_on)


def declared(published_on: date, expires_on: date) -> CsrRatingDeclared:
    return CsrRatingDeclared(
        supplier_id=SUPPLIER, rating_id=RATING, scores=SCORES, published_on=published_on, expires_on=expires_on
    )


VERIFY = VerifyCsrRating(supplier_id=SUPPLIER, rating_id=RATING)
REJECT = RejectCsrRating(supplier_id=SUPPLIER, rating_id=RATING, reason="no such scorecard")
