"""One example of each event of tendering."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from contracts.examples.identities import (
    APPROVER,
    BIOMERIS,
    BIOSIMILARS,
    BUYER,
    CONTRAST,
    IMPORT,
    INTRAVENOUS,
    ORVALIS,
    SUBCUTANEOUS,
    happened,
)
from events.base import Event
from events.tendering import (
    AgreementAmended,
    AgreementRecorded,
    AgreementSigned,
    AgreementTerminated,
    AmendmentGround,
    BaselineMethod,
    BaselineSet,
    InternalLimit,
    Lot,
    PriceListLine,
    PriceRevised,
)

LOTS = (
    Lot(
        lot_id=INTRAVENOUS,
        number="1",
        title="Voie intraveineuse",
        supplier_id=ORVALIS,
        category="33652100-6",
        maximum=Decimal("18000000.00"),
        internal_limit=InternalLimit(amount=Decimal("15000000.00"), allowance=Decimal("0.05")),
        prices=(
            PriceListLine(
                item="TRAS-150",
                label="Trastuzumab 150 mg, poudre pour perfusion",
                unit="boîte de 10 flacons",
                base_units=Decimal(10),
                unit_price=Decimal("1620.00"),
            ),
            PriceListLine(
                item="BEVA-400",
                label="Bévacizumab 400 mg, solution à diluer",
                unit="flacon",
                base_units=Decimal(1),
                unit_price=Decimal("512.40"),
            ),
        ),
    ),
    Lot(
        lot_id=SUBCUTANEOUS,
        number="2",
        title="Voie sous-cutanée",
        supplier_id=BIOMERIS,
        category="33652100-6",
        prices=(
            PriceListLine(
                item="RITU-1400",
                label="Rituximab 1 400 mg, solution injectable",
                unit="flacon",
                base_units=Decimal(1),
                unit_price=Decimal("1184.255"),
            ),
        ),
    ),
)

EXAMPLES: tuple[Event, ...] = (
    happened(
        BaselineSet(
            baseline_id=BIOSIMILARS,
            agreement_id=BIOSIMILARS,
            lot_id=INTRAVENOUS,
            item="TRAS-150",
            method=BaselineMethod.LAST_CONTRACT_PRICE,
            price=Decimal("182.50"),
            currency="EUR",
            evidence="Marché 2018-M-044, bordereau de prix du 1er janvier 2021",
            valid_from=date(2022, 1, 1),
            approved_by=APPROVER,
        ),
        "2021-06-08T16:17:05.294038+00:00",
        BUYER,
    ),
    happened(
        AgreementSigned(
            agreement_id=BIOSIMILARS,
            reference="AC-2021-017",
            title="Biosimilaires d'anticorps monoclonaux",
            currency="EUR",
            signed_on=date(2021, 11, 15),
            valid_from=date(2022, 1, 1),
            valid_to=date(2026, 12, 31),
            maximum=Decimal("24000000.00"),
            internal_limit=InternalLimit(amount=Decimal("20000000.00"), allowance=Decimal("0.1")),
            revision_bound=Decimal("0.05"),
            duration_justification="Traitements longs : un changement de spécialité en cours de cure est exclu",
            lots=LOTS,
        ),
        "2021-11-15T17:20:58.805611+00:00",
        BUYER,
    ),
    happened(
        AgreementRecorded(
            agreement_id=CONTRAST,
            reference="Bioméris France / Consommables d'imagerie",
            title="Consommables d'imagerie",
            supplier_id=BIOMERIS,
            category="Consommables d'imagerie",
            currency="EUR",
            source="commandes-2019",
        ),
        "2022-01-20T21:14:37.033859+00:00",
        IMPORT,
    ),
    happened(
        PriceRevised(
            agreement_id=BIOSIMILARS,
            lot_id=INTRAVENOUS,
            item="TRAS-150",
            previous_price=Decimal("1620.00"),
            unit_price=Decimal("1688.85"),
            effective_on=date(2023, 1, 1),
            formula="P = P0 × (0,15 + 0,85 × I / I0), I = 105, I0 = 100",
        ),
        "2022-12-06T10:33:21.476092+00:00",
        BUYER,
    ),
    happened(
        AgreementAmended(
            agreement_id=BIOSIMILARS,
            number=1,
            ground=AmendmentGround.ADDITIONAL_SUPPLIES,
            justification="Trois établissements de plus ; un autre titulaire imposerait des protocoles incompatibles",
            signed_on=date(2023, 3, 21),
            lot_id=INTRAVENOUS,
            previous_maximum=Decimal("18000000.00"),
            maximum=Decimal("19500000.00"),
            valid_to=date(2027, 6, 30),
        ),
        "2023-03-21T11:09:42.160574+00:00",
        BUYER,
    ),
    happened(
        AgreementTerminated(
            agreement_id=BIOSIMILARS,
            terminated_on=date(2025, 9, 30),
            reason="Retrait de l'autorisation de mise sur le marché du titulaire",
        ),
        "2025-08-28T08:26:15.587730+00:00",
        BUYER,
    ),
)
