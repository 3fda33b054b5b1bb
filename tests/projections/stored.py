"""Events put into a store as bytes, past the commands: whatever the store holds, the projections must live with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

from events.base import Event
from events.ordering import InvoiceReceived, Line, OrderLineReceived, OrderSubmitted, PastLine
from infra.event_store import EventStore
from services.embedded import Platform

AGREEMENT, LOT, SUPPLIER = UUID(int=0xA), UUID(int=0xB), UUID(int=0xC)
DAY = date(2022, 3, 31)
AT = datetime(2022, 4, 1, 8, 0, tzinfo=UTC)
Document = dict[str, Any]


def line(amount: str = "120.00", baseline: str | None = "150.00", **more: Any) -> Line:
    return Line(**{**_line(amount, baseline), **more})


def past_line(amount: str = "120.00", baseline: str | None = "150.00", **more: Any) -> PastLine:
    stated = {"ordered_on": DAY, "counted_on": DAY, "lot_id": None}
    return PastLine(**{**_line(amount, baseline), **stated, **more})


def _line(amount: str, baseline: str | None) -> Document:
    return {
        "line_id": "1",
        "agreement_id": AGREEMENT,
        "lot_id": LOT,
        "supplier_id": SUPPLIER,
        "category": "33652100",
        "item": "TRAS-150",
        "label": "Trastuzumab 150 mg",
        "unit": "box of 10",
        "quantity": "3",
        "base_quantity": "30",
        "unit_price": "40",
        "amount": amount,
        "baseline_price": baseline and "5",
        "baseline_amount": baseline,
    }


def of_order(cls: type[Event], *lines: Line, at: datetime = AT, **more: Any) -> Event:
    """An event of an order, with whatever its class asks for."""
    found = lines or (line(),)
    said: Document = {
        "event_id": uuid4(),
        "recorded_at": at,
        "actor": "tester",
        "order_id": uuid4(),
        "establishment_id": uuid4(),
        "business_date": DAY,
        "currency": "EUR",
        "agreement_id": AGREEMENT,
        "supplier_id": SUPPLIER,
        "number": "C-1",
        "excess": "0.00",
        "total": sum((one.amount for one in found), Decimal(0)),
        "reason": "as it was",
        "invoice_id": uuid4(),
        "credit_note_id": uuid4(),
        "net": "0.00",
        "vat": "0.00",
        "gross": "0.00",
        "received_on": DAY,
        "source": "history",
        "lines": found,
        "reversed_lines": (),
    }
    return cls(**{name: value for name, value in {**said, **more}.items() if name in cls.model_fields})


def put(store: EventStore, *events: Event | tuple[str, bytes], stream_id: UUID | None = None) -> list[int]:
    """Stores events, or bytes under a name, each in a stream of its own unless one is given; gives their positions."""
    stored = []
    for n, event in enumerate(events, start=1):
        name, raw = event if isinstance(event, tuple) else (event.TOPIC, event.model_dump_json().encode())
        stored.append(StoredEvent(stream_id or uuid4(), n if stream_id else 1, name, raw))
    return list(store.recorder.insert_events(stored) or ())


GONE = object()
"""In place of a value: the key is not there."""


def raw(event: Event, **more: Any) -> tuple[str, bytes]:
    """Name and bytes of an event whose document differs; `lines` and other parts are given as JSON values."""
    found = {**json.loads(event.model_dump_json()), **more}
    return event.TOPIC, as_bytes({name: value for name, value in found.items() if value is not GONE})


def raw_line(**more: Any) -> Document:
    """The JSON of a line, changed."""
    found = {**json.loads(line().model_dump_json()), **more}
    return {name: value for name, value in found.items() if value is not GONE}


def as_bytes(found: Any) -> bytes:
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()


def rows(platform: Platform, pos: int, app: str = "ordering") -> list[Document]:
    """The rows of the ledger that an event left."""
    return platform.analytics.rows(
        "select * from ledger where app = {app:String} and pos = {pos:UInt64} order by line", {"app": app, "pos": pos}
    )


def projected(platform: Platform, *events: Event) -> list[Document]:
    """The rows of the ledger that events of ordering leave."""
    found = put(platform.ordering.store, *events)
    platform.catch_up()
    return [row for pos in found for row in rows(platform, pos)]


def orders(count: int, at: datetime = AT) -> Iterable[Event]:
    """Submitted, received and invoiced orders of two lines each, day after day, their clocks now and then crossing."""
    classes: tuple[type[Event], ...] = (OrderSubmitted, OrderLineReceived, InvoiceReceived)
    for n in range(count):
        order_id, establishment_id = uuid4(), UUID(int=1 + n % 5)
        lines = (
            line(f"{100 + n}.{n % 100:02}", f"{110 + n}.00", line_id="1"),
            line(f"{n}.50", None, line_id="2", item="BEVA"),
        )
        said: Document = {
            "order_id": order_id,
            "establishment_id": establishment_id,
            "business_date": DAY + timedelta(days=n % 400),
            "number": f"C-{n}",
        }
        for m, cls in enumerate(classes):
            crossing = timedelta(seconds=-90 if (n + m) % 4 == 0 else 0)
            yield of_order(cls, *lines, at=at + timedelta(hours=7 * n, minutes=m) + crossing, **said)
