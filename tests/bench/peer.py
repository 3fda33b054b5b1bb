"""The peer of the benches that write: an application on the `eventsourcing` library as its documentation shows one.

Aggregates whose events the library makes, its JSON transcoder with the one transcoding that it lacks (days), its
recorders and their settings as they come, which are ours too: WAL and a full sync in SQLite, a table lock and a
synchronous commit in PostgreSQL. Nothing is checked, decided or looked up. The events have the fields of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import JSONTranscoder, Transcoding

from events.base import Event
from events.ordering import OrderSubmitted, PastOrderRecorded
from infra.event_store import CommandAccepted
from infra.mapper import Recorded
from services.ordering.app import BillKnown

Lines = list[dict[str, Any]]
Make = Callable[[], Aggregate]
"""Makes an aggregate of values that are at hand: its event with it."""


class DayAsISO(Transcoding):
    type = date
    name = "day_iso"

    def encode(self, obj: date) -> str:
        return obj.isoformat()

    def decode(self, data: str) -> date:
        return date.fromisoformat(data)


class Orders(Application[UUID]):
    """What saves: any number of aggregates in one transaction."""

    def register_transcodings(self, transcoder: JSONTranscoder) -> None:
        super().register_transcodings(transcoder)
        transcoder.register(DayAsISO())


class PurchaseOrder(Aggregate):
    @event("Submitted")
    def __init__(
        self, *, order_id: UUID, establishment_id: UUID, business_date: date, currency: str, agreement_id: UUID,
        supplier_id: UUID, number: str, excess: Decimal, total: Decimal, lines: Lines,
        event_id: UUID, recorded_at: datetime, actor: str, trace_id: str,
    ) -> None:  # fmt: skip
        self.number, self.total, self.lines = number, total, lines

    @staticmethod
    def create_id(order_id: UUID) -> UUID:
        return order_id


class PastOrder(Aggregate):
    @event("Recorded")
    def __init__(
        self, *, order_id: UUID, establishment_id: UUID, business_date: date, currency: str, source: str,
        number: str, lines: Lines, event_id: UUID, recorded_at: datetime, actor: str, trace_id: str,
    ) -> None:  # fmt: skip
        self.source, self.number, self.lines = source, number, lines

    @staticmethod
    def create_id(order_id: UUID) -> UUID:
        return order_id


class Bill(Aggregate):
    @event("Known")
    def __init__(
        self, *, bill_id: UUID, order_id: UUID, event_id: UUID, recorded_at: datetime, actor: str, trace_id: str
    ) -> None:
        self.order_id = order_id

    @staticmethod
    def create_id(bill_id: UUID) -> UUID:
        return bill_id


class Receipt(Aggregate):
    @event("Accepted")
    def __init__(
        self, *, receipt_id: UUID, body_hash: str, stream_id: UUID, reached: int, events: int,
        event_id: UUID, recorded_at: datetime, actor: str, trace_id: str,
    ) -> None:  # fmt: skip
        self.body_hash, self.stream_id, self.reached, self.events = body_hash, stream_id, reached, events

    @staticmethod
    def create_id(receipt_id: UUID) -> UUID:
        return receipt_id


class Fact(Aggregate):
    """What must exist before an order, and ordering's notes of it."""

    @event("Stated")
    def __init__(self, *, fact_id: UUID, kind: str, fields: dict[str, Any]) -> None:
        self.kind, self.fields = kind, fields

    @staticmethod
    def create_id(fact_id: UUID) -> UUID:
        return fact_id


def of(recorded: Recorded) -> Make:
    """What makes the peer's aggregate for an event of ours."""
    fields = fields_of(recorded.event)
    match recorded.event:
        case OrderSubmitted():
            return partial(PurchaseOrder, **fields)
        case PastOrderRecorded():
            return partial(PastOrder, **fields)
        case BillKnown():
            return partial(Bill, bill_id=recorded.originator_id, **fields)
        case CommandAccepted():
            return partial(Receipt, receipt_id=recorded.originator_id, reached=fields.pop("version"), **fields)
    return partial(Fact, fact_id=uuid4(), kind=recorded.event.TOPIC, fields=recorded.event.model_dump())


def fields_of(event: Event) -> dict[str, Any]:
    """An event's fields, its lines as dictionaries."""
    fields = dict(event)
    if "lines" in fields:
        fields["lines"] = [dict(line) for line in fields["lines"]]
    return fields
