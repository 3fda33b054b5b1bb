"""One example of each event of ordering: an order from its submission to its credit note, and one of the past."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from contracts.examples.identities import (
    APPROVER,
    BIOMERIS,
    BIOSIMILARS,
    CENTRE,
    CONTRAST,
    IMPORT,
    INTRAVENOUS,
    OFFICER,
    ORDER,
    ORVALIS,
    PAST_ORDER,
    SECOND_ORDER,
    happened,
    identity,
)
from events.base import Event
from events.ordering import (
    CeilingApproached,
    CeilingReleased,
    CeilingReserved,
    CreditNoteReceived,
    InvoiceReceived,
    Line,
    LotAmount,
    OrderApproved,
    OrderCancelled,
    OrderLineReceived,
    OrderLineReturned,
    OrderRejected,
    OrderSubmitted,
    OrderWithdrawn,
    PastLine,
    PastOrderCorrected,
    PastOrderRecorded,
)

INVOICE = identity("invoice: FA-2022-0871")

TRASTUZUMAB = Line(
    line_id="1",
    agreement_id=BIOSIMILARS,
    lot_id=INTRAVENOUS,
    supplier_id=ORVALIS,
    category="33652100-6",
    item="TRAS-150",
    label="Trastuzumab 150 mg, poudre pour perfusion",
    unit="boîte de 10 flacons",
    quantity=Decimal(40),
    base_quantity=Decimal(400),
    unit_price=Decimal("1620.00"),
    amount=Decimal("64800.00"),
    baseline_price=Decimal("182.50"),
    baseline_amount=Decimal("73000.00"),
)
BEVACIZUMAB = Line(
    line_id="2",
    agreement_id=BIOSIMILARS,
    lot_id=INTRAVENOUS,
    supplier_id=ORVALIS,
    category="33652100-6",
    item="BEVA-400",
    label="Bévacizumab 400 mg, solution à diluer",
    unit="flacon",
    quantity=Decimal(30),
    base_quantity=Decimal(30),
    unit_price=Decimal("512.40"),
    amount=Decimal("15372.00"),
)
IODINE = PastLine(
    line_id="7",
    agreement_id=CONTRAST,
    supplier_id=BIOMERIS,
    category="Consommables d'imagerie",
    item="IOD-350-100",
    label="Produit de contraste iodé 350 mg/ml, 100 ml",
    unit="flacon",
    quantity=Decimal(50),
    base_quantity=Decimal(50),
    unit_price=Decimal("25.00"),
    amount=Decimal("1250.00"),
    baseline_price=Decimal("26.10"),
    baseline_amount=Decimal("1305.00"),
    ordered_on=date(2019, 4, 2),
    counted_on=date(2019, 4, 2),
    received_on=date(2019, 4, 12),
    invoiced_on=date(2019, 4, 30),
    invoice_number="F19-20455",
)


def _part(line: Line, quantity: int, base_quantity: int, amount: str, baseline_amount: str | None) -> Line:
    document = {
        **line.model_dump(),
        "quantity": Decimal(quantity),
        "base_quantity": Decimal(base_quantity),
        "amount": Decimal(amount),
        "baseline_amount": None if baseline_amount is None else Decimal(baseline_amount),
    }
    return Line(**document)


def _of(order_id: Any, day: date) -> dict[str, Any]:
    return {"order_id": order_id, "establishment_id": CENTRE, "business_date": day, "currency": "EUR"}


EXAMPLES: tuple[Event, ...] = (
    happened(
        OrderSubmitted(
            **_of(ORDER, date(2022, 3, 1)),
            agreement_id=BIOSIMILARS,
            supplier_id=ORVALIS,
            number="BC-2022-00417",
            excess=Decimal("4800.00"),
            total=Decimal("80172.00"),
            lines=(TRASTUZUMAB, BEVACIZUMAB),
        ),
        "2022-03-01T08:12:04.512345+00:00",
        OFFICER,
    ),
    happened(
        OrderApproved(
            **_of(ORDER, date(2022, 3, 2)),
            excess=Decimal("4800.00"),
            total=Decimal("80172.00"),
            lines=(TRASTUZUMAB, BEVACIZUMAB),
        ),
        "2022-03-02T07:40:26.098117+00:00",
        APPROVER,
    ),
    happened(
        OrderRejected(
            **_of(SECOND_ORDER, date(2022, 3, 9)),
            total=Decimal("21312.00"),
            reason="Le stock couvre déjà deux mois",
        ),
        "2022-03-09T14:22:13.664081+00:00",
        APPROVER,
    ),
    happened(
        OrderWithdrawn(
            **_of(SECOND_ORDER, date(2022, 3, 8)),
            total=Decimal("21312.00"),
            reason="Saisie en double",
        ),
        "2022-03-08T15:58:47.350926+00:00",
        OFFICER,
    ),
    happened(
        OrderCancelled(
            **_of(ORDER, date(2022, 4, 19)),
            reason="Reste à livrer abandonné d'un commun accord",
            total=Decimal("5124.00"),
            lines=(_part(BEVACIZUMAB, 10, 10, "5124.00", None),),
        ),
        "2022-04-19T09:17:30.227754+00:00",
        OFFICER,
    ),
    happened(
        OrderLineReceived(
            **_of(ORDER, date(2022, 3, 10)),
            delivery_note="BL-88213",
            lines=(_part(TRASTUZUMAB, 20, 200, "32400.00", "36500.00"),),
        ),
        "2022-03-10T10:05:52.741369+00:00",
        OFFICER,
    ),
    happened(
        OrderLineReturned(
            **_of(ORDER, date(2022, 3, 11)),
            reason="Chaîne du froid rompue",
            lines=(_part(TRASTUZUMAB, 1, 10, "1620.00", "1825.00"),),
        ),
        "2022-03-11T11:31:08.183502+00:00",
        OFFICER,
    ),
    happened(
        InvoiceReceived(
            **_of(ORDER, date(2022, 3, 15)),
            invoice_id=INVOICE,
            supplier_id=ORVALIS,
            number="FA-2022-0871",
            net=Decimal("32400.00"),
            vat=Decimal("680.40"),
            gross=Decimal("33080.40"),
            lines=(_part(TRASTUZUMAB, 20, 200, "32400.00", "36500.00"),),
            received_on=date(2022, 3, 17),
        ),
        "2022-03-17T06:45:39.906218+00:00",
        OFFICER,
    ),
    happened(
        CreditNoteReceived(
            **_of(ORDER, date(2022, 4, 5)),
            invoice_id=INVOICE,
            supplier_id=ORVALIS,
            number="AV-2022-0112",
            net=Decimal("400.00"),
            vat=Decimal("8.40"),
            gross=Decimal("408.40"),
            lines=(_part(TRASTUZUMAB, 0, 0, "400.00", "0.00"),),
            credit_note_id=identity("credit note: AV-2022-0112"),
        ),
        "2022-04-07T12:50:17.452660+00:00",
        OFFICER,
    ),
    happened(
        PastOrderRecorded(
            **_of(PAST_ORDER, date(2019, 4, 2)),
            source="commandes-2019",
            number="2019-1187",
            lines=(IODINE,),
        ),
        "2022-01-20T21:14:41.870135+00:00",
        IMPORT,
    ),
    happened(
        PastOrderCorrected(
            **_of(PAST_ORDER, date(2019, 4, 2)),
            source="commandes-2019",
            number="2019-1187",
            reversed_lines=(IODINE,),
            lines=(PastLine(**{**IODINE.model_dump(), "amount": Decimal("1205.00"), "unit_price": Decimal("24.10")}),),
        ),
        "2022-02-03T20:02:56.319407+00:00",
        IMPORT,
    ),
    happened(
        CeilingReserved(
            agreement_id=BIOSIMILARS,
            order_id=ORDER,
            currency="EUR",
            amount=Decimal("80172.00"),
            lots=(LotAmount(lot_id=INTRAVENOUS, amount=Decimal("80172.00")),),
            reserved=Decimal("16912300.00"),
        ),
        "2022-03-01T08:12:04.512345+00:00",
        OFFICER,
    ),
    happened(
        CeilingReleased(
            agreement_id=BIOSIMILARS,
            order_id=SECOND_ORDER,
            currency="EUR",
            amount=Decimal("21312.00"),
            lots=(LotAmount(lot_id=INTRAVENOUS, amount=Decimal("21312.00")),),
            reserved=Decimal("16912300.00"),
        ),
        "2022-03-08T15:58:47.350926+00:00",
        OFFICER,
    ),
    happened(
        CeilingApproached(
            agreement_id=BIOSIMILARS,
            lot_id=INTRAVENOUS,
            currency="EUR",
            percent=80,
            reserved=Decimal("14436200.00"),
            maximum=Decimal("18000000.00"),
        ),
        "2022-02-16T13:27:20.015843+00:00",
        OFFICER,
    ),
)
