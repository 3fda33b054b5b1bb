"""One example of each event of membership."""

from __future__ import annotations

from datetime import date

from contracts.examples.identities import BIOSIMILARS, BUYER, CENTRE, HOSPITAL, SITE, happened
from events.base import Event
from events.membership import (
    AdhesionEnded,
    AdhesionGranted,
    EstablishmentJoined,
    EstablishmentKind,
    EstablishmentLeft,
    SiteOpened,
)

EXAMPLES: tuple[Event, ...] = (
    happened(
        EstablishmentJoined(
            establishment_id=CENTRE,
            name="Centre Hélène-Marceau",
            kind=EstablishmentKind.CLCC,
            siret="99955311800012",
            finess="990000418",
            joined_on=date(2019, 1, 1),
        ),
        "2018-12-11T14:03:27.410225+00:00",
        BUYER,
    ),
    happened(
        EstablishmentLeft(
            establishment_id=HOSPITAL,
            left_on=date(2022, 12, 31),
            reason="Fusion avec le centre hospitalier de Haute-Arve",
        ),
        "2022-10-04T09:41:02.008713+00:00",
        BUYER,
    ),
    happened(
        SiteOpened(
            establishment_id=CENTRE, site_id=SITE, name="Pharmacie des Tilleuls, quai 2", opened_on=date(2021, 9, 1)
        ),
        "2021-08-23T07:55:48.630014+00:00",
        BUYER,
    ),
    happened(
        AdhesionGranted(
            establishment_id=CENTRE,
            agreement_id=BIOSIMILARS,
            valid_from=date(2022, 1, 1),
            valid_to=date(2026, 12, 31),
        ),
        "2021-12-02T10:20:33.951270+00:00",
        BUYER,
    ),
    happened(
        AdhesionEnded(
            establishment_id=HOSPITAL,
            agreement_id=BIOSIMILARS,
            ended_on=date(2022, 12, 31),
            reason="Départ du groupement",
        ),
        "2022-10-04T09:44:19.377401+00:00",
        BUYER,
    ),
)
