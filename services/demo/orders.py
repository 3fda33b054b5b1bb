"""A planned order and the documents that follow from it, with exact amounts.

Prices have at most two decimals and quantities are whole: a part's amount is price x quantity, nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from events.values import cents
from services.demo.agreements import Agreement, Item, Lot
from services.demo.network import LAST_DAY, Establishment

LATEST = date(2023, 1, 31)
"""Invoices issued in the last year may still arrive until then."""


class Fate(StrEnum):
    """What becomes of an order that needs an approval; the others are never asked."""

    FREE = "free"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    WAITING = "waiting"


class Kind(StrEnum):
    """Kinds of documents."""

    ORDER = "order"
    APPROVAL = "approval"
    REJECTION = "rejection"
    WITHDRAWAL = "withdrawal"
    RECEIPT = "receipt"
    RETURN = "return"
    INVOICE = "invoice"
    CREDIT_NOTE = "credit-note"
    CANCELLATION = "cancellation"


class Part(NamedTuple):
    """A part of an order's line: its index, whole ordered units, amount."""

    line: int
    quantity: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Document:
    """A paper: its own day, the day on which it is recorded, and what it is about."""

    kind: Kind
    dated: date
    recorded: date
    parts: tuple[Part, ...]
    nth: int = 0
    """The delivery it belongs to."""
    billed: date | None = None
    """Of a credit note: the day on which its invoice was issued."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Goods that arrive together, and their invoice."""

    share: int
    """Percent of the order that has arrived by then, this delivery included."""
    received: date
    issued: date
    arrives: date
    """Day on which the invoice is recorded; late ones weeks after their issue."""
    overbilled: int = 0
    """Per mille above the agreed price."""
    corrected: date | None = None
    """Day of the credit note on the price alone."""
    returned: date | None = None
    credited: date | None = None
    """Day of the credit note on what went back."""


@dataclass(frozen=True, slots=True)
class Order:
    """A planned order. Its quantities are calibrated, the rest is drawn once."""

    number: int
    day: date
    place: Establishment
    agreement: Agreement
    lot: Lot
    items: tuple[Item, ...]
    prices: tuple[Decimal, ...]
    wanted: tuple[Decimal, ...]
    """Amount of each line before calibration."""
    quantities: tuple[int, ...]
    fate: Fate = Fate.FREE
    decided: date | None = None
    deliveries: tuple[Delivery, ...] = ()
    cancelled: date | None = None

    @property
    def total(self) -> Decimal:
        """The order's amount."""
        return sum((price * n for price, n in zip(self.prices, self.quantities, strict=True)), Decimal(0))

    def scaled(self, factor: Decimal) -> Order:
        """The same order with quantities for `factor` times the wanted amounts, at least one of each."""
        quantities = tuple(
            max(1, int((amount * factor / price).to_integral_value()))
            for amount, price in zip(self.wanted, self.prices, strict=True)
        )
        return replace(self, quantities=quantities)

    def parts(self, before: int, after: int) -> tuple[Part, ...]:
        """What arrives between two cumulative shares in percent, in whole units."""
        found = []
        for line, (price, quantity) in enumerate(zip(self.prices, self.quantities, strict=True)):
            units = quantity * after // 100 - quantity * before // 100
            if units:
                found.append(Part(line, units, price * units))
        return tuple(found)


def documents(order: Order) -> Iterator[Document]:
    """All documents of an order, in an order in which they may be recorded; those beyond the last day are left out."""
    yield Document(Kind.ORDER, order.day, order.day, order.parts(0, 100))
    if order.fate is not Fate.FREE and order.decided:
        kind = {
            Fate.APPROVED: Kind.APPROVAL,
            Fate.REJECTED: Kind.REJECTION,
            Fate.WITHDRAWN: Kind.WITHDRAWAL,
        }[order.fate]
        yield Document(kind, order.decided, order.decided, order.parts(0, 100))
    before = 0
    for nth, delivery in enumerate(order.deliveries):
        parts = order.parts(before, delivery.share)
        before = delivery.share
        if delivery.received > LAST_DAY or not parts:
            continue
        yield Document(Kind.RECEIPT, delivery.received, delivery.received, parts, nth)
        yield from _billing(delivery, parts, nth, order.prices)
    if order.cancelled and order.cancelled <= LAST_DAY:
        yield Document(Kind.CANCELLATION, order.cancelled, order.cancelled, order.parts(before, 100))


def _billing(delivery: Delivery, parts: tuple[Part, ...], nth: int, prices: tuple[Decimal, ...]) -> Iterator[Document]:
    first = parts[0]
    goes_back = max(1, first.quantity // 10)
    is_returned = delivery.returned is not None and delivery.returned <= LAST_DAY and first.quantity > 1
    if is_returned and delivery.returned:
        part = Part(first.line, goes_back, prices[first.line] * goes_back)
        yield Document(Kind.RETURN, delivery.returned, delivery.returned, (part,), nth)
    if delivery.issued > LAST_DAY or delivery.arrives > LATEST:
        return
    billed = tuple(part._replace(amount=cents(part.amount * (1000 + delivery.overbilled) / 1000)) for part in parts)
    yield Document(Kind.INVOICE, delivery.issued, delivery.arrives, billed, nth)
    if delivery.corrected and delivery.corrected <= LAST_DAY and billed != parts:
        too_much = tuple(Part(b.line, 0, b.amount - p.amount) for b, p in zip(billed, parts, strict=True))
        yield Document(Kind.CREDIT_NOTE, delivery.corrected, delivery.corrected, too_much, nth, delivery.issued)
    elif is_returned and delivery.credited and delivery.credited <= LAST_DAY:
        part = Part(first.line, goes_back, prices[first.line] * goes_back)
        yield Document(Kind.CREDIT_NOTE, delivery.credited, delivery.credited, (part,), nth, delivery.issued)


class Entry(NamedTuple):
    """A document in its place among those of all orders."""

    order: Order
    document: Document


def timeline(orders: Iterable[Order]) -> list[Entry]:
    """All documents as they are recorded, day by day; those of an order in their own order."""
    entries = [
        (document.recorded, order.number, n, order, document)
        for order in orders
        for n, document in enumerate(documents(order))
    ]
    entries.sort(key=lambda entry: entry[:3])
    return [Entry(order, document) for *_, order, document in entries]
