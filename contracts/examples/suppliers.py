"""One example of each event of suppliers."""

from __future__ import annotations

from datetime import date

from contracts.examples.identities import BIOMERIS, BUYER, ORVALIS, RATING, SUPPLIER_USER, happened
from events.base import Event
from events.suppliers import (
    CsrRatingDeclared,
    CsrRatingRejected,
    CsrRatingVerified,
    CsrScores,
    SupplierRegistered,
    SupplierReinstated,
    SupplierSuspended,
)

SCORES = CsrScores(
    overall=68,
    environment=70,
    labour=72,
    ethics=61,
    procurement=58,
    medal="silver",
    scorecard_url="https://scorecard.example/orvalis/2022",
)

EXAMPLES: tuple[Event, ...] = (
    happened(
        SupplierRegistered(
            supplier_id=ORVALIS,
            name="Laboratoires Orvalis",
            siren="999412075",
            vat_number="FR90999412075",
            country="FR",
        ),
        "2019-03-18T08:12:50.224816+00:00",
        BUYER,
    ),
    happened(
        SupplierSuspended(
            supplier_id=BIOMERIS,
            suspended_on=date(2022, 5, 16),
            reason="Rappel de lots, qualité non rétablie",
        ),
        "2022-05-13T15:30:11.069342+00:00",
        BUYER,
    ),
    happened(
        SupplierReinstated(supplier_id=BIOMERIS, reinstated_on=date(2022, 7, 4)),
        "2022-07-01T12:02:44.518903+00:00",
        BUYER,
    ),
    happened(
        CsrRatingDeclared(
            supplier_id=ORVALIS,
            rating_id=RATING,
            scores=SCORES,
            published_on=date(2022, 2, 10),
            expires_on=date(2023, 2, 10),
        ),
        "2022-02-14T09:05:31.700458+00:00",
        SUPPLIER_USER,
    ),
    happened(
        CsrRatingVerified(
            supplier_id=ORVALIS,
            rating_id=RATING,
            scores=SCORES,
            published_on=date(2022, 2, 10),
            expires_on=date(2023, 2, 10),
        ),
        "2022-02-17T13:48:09.113627+00:00",
        BUYER,
    ),
    happened(
        CsrRatingRejected(
            supplier_id=ORVALIS,
            rating_id=RATING,
            reason="Le tableau de bord nomme une autre société du groupe",
        ),
        "2022-02-17T13:51:36.842195+00:00",
        BUYER,
    ),
)
