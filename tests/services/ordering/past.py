"""History as it is imported: an order of March 2012, under an agreement recorded from it."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from events.ordering import PastLine, PastOrderCorrected, PastOrderRecorded
from events.tendering import BaselineMethod
from services.ordering.commands import PastOrderLine, RecordPastOrder
from services.ordering.past_order import past_order_id
from tests.services.ordering.facts import AGREEMENT, ESTABLISHMENT, SUPPLIER, baseline, money

ITEM = UUID(int=41)
ORDER = past_order_id(ESTABLISHMENT, "scms", "SCMS-4")
MARCH, APRIL, MAY = date(2012, 3, 5), date(2012, 4, 2), date(2012, 5, 7)


def asked(line_id: str = "1", ordered_on: date = MARCH, **more: Any) -> PastOrderLine:
    said: dict[str, Any] = {
        "line_id": line_id,
        "agreement_id": AGREEMENT,
        "supplier_id": SUPPLIER,
        "category": "ARV",
        "item": "Nevirapine 30 tabs",
        "label": "Nevirapine",
        "unit": "30 tabs",
        "quantity": "100",
        "unit_price": "5.50",
        "amount": "551.00",
        "baseline_id": ITEM,
        "ordered_on": ordered_on,
        "received_on": MAY,
        "invoiced_on": MAY,
        "invoice_number": f"SCMS-4-{line_id}",
    }
    return PastOrderLine(**{**said, **more})


def record(*lines: PastOrderLine, **more: Any) -> RecordPastOrder:
    said: dict[str, Any] = {
        "order_id": ORDER,
        "establishment_id": ESTABLISHMENT,
        "source": "scms",
        "number": "SCMS-4",
        "currency": "USD",
        "lines": lines or (asked(),),
    }
    return RecordPastOrder(**{**said, **more})


def correct(*lines: PastOrderLine) -> RecordPastOrder:
    return record(*lines, is_correction=True)


def said(line: PastOrderLine, counted_on: date = MARCH, baseline: str | None = "6") -> PastLine:
    """The line as it is recorded."""
    return PastLine(
        **line.model_dump(exclude={"baseline_id"}),
        base_quantity=line.quantity,
        counted_on=counted_on,
        baseline_price=baseline,
        baseline_amount=baseline and money(baseline) * line.quantity,
    )


def document(day: date = MARCH) -> dict[str, Any]:
    return {
        "order_id": ORDER,
        "establishment_id": ESTABLISHMENT,
        "business_date": day,
        "currency": "USD",
        "source": "scms",
        "number": "SCMS-4",
    }


def was_recorded(*lines: PastLine, day: date = MARCH) -> PastOrderRecorded:
    return PastOrderRecorded(**document(day), lines=lines)


def was_corrected(*pairs: tuple[PastLine, PastLine], day: date = MARCH) -> PastOrderCorrected:
    before, after = zip(*pairs, strict=True)
    return PastOrderCorrected(**document(day), reversed_lines=before, lines=after)


FIRST_PRICE = baseline(
    "6",
    "Nevirapine 30 tabs",
    date(2010, 1, 1),
    None,
    baseline_id=ITEM,
    agreement_id=None,
    method=BaselineMethod.FIRST_RECORDED_PRICE,
    currency="USD",
)
