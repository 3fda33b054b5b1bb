"""Agreements, who adheres to them, and what is asked of orders: boxes of gloves at 10.00 and of masks at 2.50."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from events.membership import AdhesionEnded, AdhesionGranted
from events.ordering import Line
from events.suppliers import SupplierReinstated, SupplierSuspended
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
from services.ordering.commands import (
    ApproveOrder,
    BilledLine,
    CancelOrder,
    OrderedLine,
    ReceiveCreditNote,
    ReceiveInvoice,
    ReceiveOrderLine,
    RejectOrder,
    ReturnOrderLine,
    SubmitOrder,
    WithdrawOrder,
)

AGREEMENT, LOT, SECOND_LOT = UUID(int=1), UUID(int=11), UUID(int=12)
SUPPLIER, OTHER_SUPPLIER = UUID(int=21), UUID(int=22)
ESTABLISHMENT, OTHER = UUID(int=31), UUID(int=32)
ORDER = UUID(int=100)
SIGNED, FIRST, LAST = date(2021, 12, 1), date(2022, 1, 1), date(2023, 12, 31)
DAY, LATER = date(2022, 3, 1), date(2022, 3, 15)
GLOVES, MASKS = "GLOVES", "MASKS"


def price(item: str = GLOVES, unit_price: str = "10", base_units: str = "1", unit: str = "box") -> PriceListLine:
    return PriceListLine(
        item=item, label=item.capitalize(), unit=unit, base_units=base_units, unit_price=unit_price
    )  # fmt: skip


def limit(amount: str | None, allowance: str = "0") -> InternalLimit | None:
    return InternalLimit(amount=amount, allowance=allowance) if amount else None


def lot(lot_id: UUID = LOT, number: str = "1", **more: Any) -> Lot:
    asked: dict[str, Any] = {
        "lot_id": lot_id,
        "number": number,
        "title": f"Lot {number}",
        "supplier_id": SUPPLIER,
        "category": "33141420",
        "prices": (price(), price(MASKS, "2.50")),
    }
    return Lot(**{**asked, **more})


def signed(**more: Any) -> AgreementSigned:
    """For 2022 and 2023, at most 100,000.00."""
    asked: dict[str, Any] = {
        "agreement_id": AGREEMENT,
        "reference": "2021-GLOVES",
        "title": "Gloves and masks",
        "currency": "EUR",
        "signed_on": SIGNED,
        "valid_from": FIRST,
        "valid_to": LAST,
        "maximum": "100000",
        "revision_bound": "0.10",
        "lots": (lot(),),
    }
    return AgreementSigned(**{**asked, **more})


def adheres(
    since: date = FIRST,
    until: date | None = None,
    establishment_id: UUID = ESTABLISHMENT,
    agreement_id: UUID = AGREEMENT,
) -> AdhesionGranted:
    return AdhesionGranted(
        establishment_id=establishment_id, agreement_id=agreement_id, valid_from=since, valid_to=until
    )  # fmt: skip


def no_longer_adheres(last: date) -> AdhesionEnded:
    return AdhesionEnded(establishment_id=ESTABLISHMENT, agreement_id=AGREEMENT, ended_on=last, reason="merged")


def baseline(
    amount: str, item: str = GLOVES, since: date = SIGNED, lot_id: UUID | None = LOT, **more: Any
) -> BaselineSet:
    asked: dict[str, Any] = {
        "baseline_id": AGREEMENT,
        "agreement_id": AGREEMENT,
        "lot_id": lot_id,
        "item": item,
        "method": BaselineMethod.LAST_CONTRACT_PRICE,
        "price": amount,
        "currency": "EUR",
        "evidence": "contract 2018-GLOVES",
        "valid_from": since,
        "approved_by": "buyer-2",
    }
    return BaselineSet(**{**asked, **more})


def revised(amount: str, since: date, previous: str = "10", item: str = GLOVES) -> PriceRevised:
    return PriceRevised(
        agreement_id=AGREEMENT,
        lot_id=LOT,
        item=item,
        previous_price=previous,
        unit_price=amount,
        effective_on=since,
        formula="0.15 + 0.85 x index",
    )


def amended(**more: Any) -> AgreementAmended:
    asked: dict[str, Any] = {
        "agreement_id": AGREEMENT,
        "number": 1,
        "ground": AmendmentGround.REVIEW_CLAUSE,
        "justification": "clause 12",
        "signed_on": DAY,
    }
    return AgreementAmended(**{**asked, **more})


def terminated(last: date) -> AgreementTerminated:
    return AgreementTerminated(agreement_id=AGREEMENT, terminated_on=last, reason="default of the supplier")


def suspended(since: date, supplier_id: UUID = SUPPLIER) -> SupplierSuspended:
    return SupplierSuspended(supplier_id=supplier_id, suspended_on=since, reason="recall")


def reinstated(since: date) -> SupplierReinstated:
    return SupplierReinstated(supplier_id=SUPPLIER, reinstated_on=since)


def recorded(agreement_id: UUID = AGREEMENT) -> AgreementRecorded:
    return AgreementRecorded(
        agreement_id=agreement_id,
        reference="Aurobindo / ARV",
        title="Aurobindo / ARV",
        supplier_id=SUPPLIER,
        category="ARV",
        currency="USD",
        source="scms",
    )


def ordered(quantity: str = "10", line_id: str = "1", **more: Any) -> OrderedLine:
    return OrderedLine(**{"line_id": line_id, "lot_id": LOT, "item": GLOVES, "quantity": quantity, **more})


def submit(quantity: str = "10", *more_lines: OrderedLine, order_id: UUID = ORDER, **more: Any) -> SubmitOrder:
    """An order of boxes of gloves at 10.00, of 1 March 2022."""
    asked: dict[str, Any] = {
        "order_id": order_id,
        "establishment_id": ESTABLISHMENT,
        "agreement_id": AGREEMENT,
        "number": f"PO-{order_id.int}",
        "ordered_on": DAY,
        "lines": (ordered(quantity), *more_lines),
    }
    return SubmitOrder(**{**asked, **more})


def line(quantity: str, amount: str, line_id: str = "1", **more: Any) -> Line:
    """A line, or a part of one, as ordering's events carry it."""
    said: dict[str, Any] = {
        "line_id": line_id,
        "agreement_id": AGREEMENT,
        "lot_id": LOT,
        "supplier_id": SUPPLIER,
        "category": "33141420",
        "item": GLOVES,
        "label": "Gloves",
        "unit": "box",
        "quantity": quantity,
        "base_quantity": quantity,
        "unit_price": "10",
        "amount": amount,
    }
    return Line(**{**said, **more})


def head(day: date = DAY, order_id: UUID = ORDER) -> dict[str, Any]:
    """What every event of the order says first."""
    return {"order_id": order_id, "establishment_id": ESTABLISHMENT, "business_date": day, "currency": "EUR"}


def approve(day: date = LATER, order_id: UUID = ORDER) -> ApproveOrder:
    return ApproveOrder(order_id=order_id, approved_on=day)


def reject(day: date = LATER, order_id: UUID = ORDER) -> RejectOrder:
    return RejectOrder(order_id=order_id, rejected_on=day, reason="stock is enough")


def withdraw(day: date = LATER, order_id: UUID = ORDER) -> WithdrawOrder:
    return WithdrawOrder(order_id=order_id, withdrawn_on=day, reason="ordered twice")


def cancel(day: date = LATER, order_id: UUID = ORDER) -> CancelOrder:
    return CancelOrder(order_id=order_id, cancelled_on=day, reason="no longer needed")


def receive(quantity: str, line_id: str = "1", day: date = LATER, **more: Any) -> ReceiveOrderLine:
    return ReceiveOrderLine(**{"order_id": ORDER, "line_id": line_id, "quantity": quantity, "received_on": day, **more})


def give_back(quantity: str, line_id: str = "1", day: date = LATER) -> ReturnOrderLine:
    return ReturnOrderLine(order_id=ORDER, line_id=line_id, quantity=quantity, returned_on=day, reason="torn")


def billed(quantity: str, amount: str, line_id: str = "1") -> BilledLine:
    return BilledLine(line_id=line_id, quantity=quantity, amount=amount)


def invoice(*lines: BilledLine, number: str = "FA-1", day: date = LATER, **more: Any) -> ReceiveInvoice:
    asked: dict[str, Any] = {
        "order_id": ORDER,
        "number": number,
        "issued_on": day,
        "received_on": day,
        "vat": "20",
        "lines": lines,
    }
    return ReceiveInvoice(**{**asked, **more})


def credit(
    invoice_id: UUID, *lines: BilledLine, number: str = "AV-1", day: date = LATER, **more: Any
) -> ReceiveCreditNote:
    asked: dict[str, Any] = {
        "order_id": ORDER,
        "invoice_id": invoice_id,
        "number": number,
        "issued_on": day,
        "vat": "2",
        "lines": lines,
    }
    return ReceiveCreditNote(**{**asked, **more})


def money(text: str) -> Decimal:
    return Decimal(text)
