"""Many events quickly: stored bytes of the published form, written straight into a store. For speed only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from eventsourcing.persistence import StoredEvent

from events.ordering import InvoiceReceived, Line, OrderLineReceived, OrderSubmitted
from infra.event_store import EventStore

ROOT = UUID("0b0e7e0a-5a5e-5c70-8a55-6f2a3a1d9e01")
ESTABLISHMENTS, AGREEMENTS, SUPPLIERS, ITEMS = 64, 30, 200, 900
LINES = 3
BATCH = 2_000
START = datetime(2020, 1, 1, 8, tzinfo=UTC)


def fill(store: EventStore, events: int) -> None:
    """Adds so many events of ordering, three lines each, in the proportion of one order, receipt and invoice."""
    batch: list[StoredEvent] = []
    for stored in _stored(events):
        batch.append(stored)
        if len(batch) == BATCH:
            store.recorder.insert_events(batch)
            batch = []
    if batch:
        store.recorder.insert_events(batch)


def _stored(events: int) -> Iterator[StoredEvent]:
    for n in range(events // 3 + 1):
        order_id = uuid5(ROOT, f"order {n}")
        for version, event in enumerate(_order(n, order_id), start=1):
            if 3 * n + version > events:
                return
            yield StoredEvent(order_id, version, event.TOPIC, event.model_dump_json().encode())


def _order(n: int, order_id: UUID) -> Iterator[OrderSubmitted | OrderLineReceived | InvoiceReceived]:
    supplier_id = uuid5(ROOT, f"supplier {n % SUPPLIERS}")
    day = date(2020, 1, 1) + timedelta(days=n % 1096)
    lines = tuple(_line(n, m, supplier_id) for m in range(LINES))
    net = sum((line.amount for line in lines), Decimal(0))
    shell = {"recorded_at": START + timedelta(seconds=n), "actor": "bench", "trace_id": ""}
    document = {
        "order_id": order_id,
        "establishment_id": uuid5(ROOT, f"establishment {n % ESTABLISHMENTS}"),
        "business_date": day,
        "currency": "EUR",
        "lines": lines,
    }
    agreement_id, number = lines[0].agreement_id, f"C-{n}"
    yield OrderSubmitted(
        event_id=uuid5(order_id, "1"), **shell, **document, agreement_id=agreement_id, supplier_id=supplier_id,
        number=number, excess=Decimal("0.00"), total=net,
    )  # fmt: skip
    yield OrderLineReceived(event_id=uuid5(order_id, "2"), **shell, **document)
    yield InvoiceReceived(
        event_id=uuid5(order_id, "3"), **shell, **document, invoice_id=uuid5(order_id, "invoice"), number=f"F-{n}",
        supplier_id=supplier_id, received_on=day, net=net, vat=Decimal("0.00"), gross=net,
    )  # fmt: skip


def _line(n: int, m: int, supplier_id: UUID) -> Line:
    item = (n * LINES + m) % ITEMS
    price = Decimal(100 + item) / 10
    amount = (price * 12).quantize(Decimal("0.01"))
    return Line(
        line_id=str(m + 1),
        agreement_id=uuid5(ROOT, f"agreement {n % AGREEMENTS}"),
        lot_id=uuid5(ROOT, f"lot {n % AGREEMENTS}"),
        supplier_id=supplier_id,
        category=f"3314{n % 40:04}",
        item=f"ART-{item:05}",
        label=f"Article {item}",
        unit="box of 10",
        quantity=Decimal(12),
        base_quantity=Decimal(120),
        unit_price=price,
        amount=amount,
        baseline_price=(price / 9).quantize(Decimal("0.0001")),
        baseline_amount=(amount * Decimal("1.1")).quantize(Decimal("0.01")),
    )
