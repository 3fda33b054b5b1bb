"""An agreement with two lots, and what is asked of it."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from events.tendering import (
    AgreementSigned,
    AmendmentGround,
    BaselineMethod,
    InternalLimit,
    Lot,
    PriceListLine,
)
from services.tendering.commands import (
    AmendAgreement,
    RecordAgreement,
    RevisePrice,
    SetBaseline,
    SignAgreement,
    TerminateAgreement,
)

AGREEMENT, SUPPLIER, ITEM = UUID(int=1), UUID(int=2), UUID(int=3)
LOT, SECOND = UUID(int=11), UUID(int=12)
SIGNED, FIRST, LAST = date(2021, 12, 1), date(2022, 1, 1), date(2023, 12, 31)


def price(item: str = "TRASTUZUMAB-150") -> PriceListLine:
    return PriceListLine(item=item, label="Vial", unit="box of 10", base_units="10", unit_price="1000")


def lot(
    lot_id: UUID = LOT, number: str = "1", maximum: str | None = "400000", limit: str | None = None, **more: Any
) -> Lot:
    return Lot(
        lot_id=lot_id,
        number=number,
        title=f"Lot {number}",
        supplier_id=SUPPLIER,
        category="33652100",
        maximum=maximum,
        internal_limit=limit and InternalLimit(amount=limit, allowance="0.10"),
        **{"prices": (price(),), **more},
    )


def sign(limit: str | None = None, **more: Any) -> SignAgreement:
    """A maximum of 1,000,000.00 and lots of at most 400,000.00 and as much as the agreement; prices ± 10 %."""
    asked: dict[str, Any] = {
        "agreement_id": AGREEMENT,
        "reference": "2021-BIO",
        "title": "Biosimilars",
        "currency": "EUR",
        "signed_on": SIGNED,
        "valid_from": FIRST,
        "valid_to": LAST,
        "maximum": "1000000",
        "internal_limit": limit and InternalLimit(amount=limit, allowance="0"),
        "revision_bound": "0.10",
        "lots": (lot(), lot(SECOND, "2", None)),
    }
    return SignAgreement(**{**asked, **more})


def signed(**more: Any) -> AgreementSigned:
    return AgreementSigned(**sign(**more).model_dump())


def set_baseline(amount: str = "120", since: date = SIGNED, **more: Any) -> SetBaseline:
    asked: dict[str, Any] = {
        "baseline_id": AGREEMENT,
        "agreement_id": AGREEMENT,
        "lot_id": LOT,
        "item": "TRASTUZUMAB-150",
        "method": BaselineMethod.LAST_CONTRACT_PRICE,
        "price": amount,
        "currency": "EUR",
        "evidence": "contract 2018-BIO",
        "valid_from": since,
        "approved_by": "buyer-2",
    }
    return SetBaseline(**{**asked, **more})


def set_first_price(amount: str = "32", **more: Any) -> SetBaseline:
    """The first recorded price of an item of imported history."""
    asked: dict[str, Any] = {
        "baseline_id": ITEM,
        "agreement_id": None,
        "lot_id": None,
        "method": BaselineMethod.FIRST_RECORDED_PRICE,
        "evidence": "line 1",
    }
    return set_baseline(amount, **{**asked, **more})


RECORD = RecordAgreement(
    agreement_id=AGREEMENT,
    reference="Aurobindo / ARV",
    title="Aurobindo / ARV",
    supplier_id=SUPPLIER,
    category="ARV",
    currency="USD",
    source="scms",
)


def revise(amount: str, on: date, lot_id: UUID = LOT, item: str = "TRASTUZUMAB-150") -> RevisePrice:
    return RevisePrice(
        agreement_id=AGREEMENT,
        lot_id=lot_id,
        item=item,
        unit_price=amount,
        effective_on=on,
        formula="0.15 + 0.85 x ICHT",
    )


def amend(
    ground: AmendmentGround = AmendmentGround.REVIEW_CLAUSE, on: date = date(2022, 6, 1), **more: Any
) -> AmendAgreement:
    return AmendAgreement(agreement_id=AGREEMENT, ground=ground, justification="clause 12", signed_on=on, **more)


def terminate(on: date) -> TerminateAgreement:
    return TerminateAgreement(agreement_id=AGREEMENT, terminated_on=on, reason="default of the supplier")
