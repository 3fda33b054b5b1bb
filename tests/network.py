"""A purchasing network that is driven through its real commands, with a clock that the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from events.base import Command
from infra.request import Accepted, Request
from infra.settings import Settings
from services.embedded import Platform, open_platform
from services.finance.query import FigureQuery
from services.membership.commands import GrantAdhesion, JoinEstablishment
from services.ordering.billing import bill_id
from services.ordering.commands import (
    BilledLine,
    OrderedLine,
    PastOrderLine,
    ReceiveInvoice,
    RecordPastOrder,
    SubmitOrder,
)
from services.ordering.past_order import past_order_id
from services.suppliers.commands import DeclareCsrRating, RegisterSupplier, VerifyCsrRating
from services.tendering.commands import RecordAgreement, SetBaseline, SignAgreement

BEGIN, END = date(2019, 1, 1), date(2029, 12, 31)


@dataclass(frozen=True)
class Agreement:
    """An agreement of one lot, and whom it may be ordered from."""

    agreement_id: UUID
    lot_id: UUID
    supplier_id: UUID


@dataclass
class Clock:
    """The time as all services see it."""

    now: datetime = datetime(2023, 6, 15, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def on(self, day: date, hour: int = 12) -> None:
        self.now = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


@dataclass
class Network:
    platform: Platform
    clock: Clock
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))

    def run(self, command: Command, actor: str = "officer-1", command_id: UUID | None = None) -> Accepted:
        context = type(command).__module__.split(".")[1]
        service: Any = getattr(self.platform, context)
        accepted: Accepted = service.handle(Request(command, command_id or uuid4(), actor))
        return accepted

    def number(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}"

    def establishment(self, *agreements: Agreement, name: str = "Centre") -> UUID:
        """A member that may order under these agreements."""
        establishment_id = uuid4()
        self.run(JoinEstablishment(establishment_id=establishment_id, name=name, kind="clcc", joined_on=BEGIN))
        for one in agreements:
            self.run(GrantAdhesion(establishment_id=establishment_id, agreement_id=one.agreement_id, valid_from=BEGIN))
        self.platform.react()
        return establishment_id

    def supplier(self, name: str = "Fournisseur") -> UUID:
        supplier_id = uuid4()
        self.run(RegisterSupplier(supplier_id=supplier_id, name=name))
        return supplier_id

    def rate(self, supplier_id: UUID, overall: int, published_on: date, *, is_verified: bool = True) -> UUID:
        rating_id = uuid4()
        declared = DeclareCsrRating(
            supplier_id=supplier_id, rating_id=rating_id, scores={"overall": overall}, published_on=published_on
        )
        self.run(declared, "supplier")
        if is_verified:
            self.run(VerifyCsrRating(supplier_id=supplier_id, rating_id=rating_id), "group-buyer")
        return rating_id

    def sign(
        self,
        price: str,
        baseline: str | None = None,
        *,
        item: str = "TRAS-150",
        base_units: str = "1",
        currency: str = "EUR",
        limit: str | None = None,
        allowance: str = "0",
        category: str = "33652100",
        supplier_id: UUID | None = None,
        title: str = "Biosimilars",
    ) -> Agreement:
        """An agreement on one item; its reference price is frozen before the signature, as it must be."""
        found = Agreement(uuid4(), uuid4(), supplier_id or self.supplier())
        if baseline is not None:
            self.run(
                SetBaseline(
                    baseline_id=found.agreement_id,
                    agreement_id=found.agreement_id,
                    lot_id=found.lot_id,
                    item=item,
                    method="last-contract-price",
                    price=baseline,
                    currency=currency,
                    evidence="the contract before",
                    valid_from=BEGIN - timedelta(days=60),
                    approved_by="buyer-2",
                )
            )
        lot = {
            "lot_id": found.lot_id,
            "number": "1",
            "title": f"{title}, lot 1",
            "supplier_id": found.supplier_id,
            "category": category,
            "prices": [
                {"item": item, "label": f"{item} 150 mg", "unit": "unit", "base_units": base_units, "unit_price": price}
            ],
        }
        self.run(
            SignAgreement(
                agreement_id=found.agreement_id,
                reference=self.number("A"),
                title=title,
                currency=currency,
                signed_on=BEGIN - timedelta(days=30),
                valid_from=BEGIN,
                valid_to=END,
                maximum="900000000000",
                internal_limit=limit and {"amount": limit, "allowance": allowance},
                revision_bound="0.50",
                duration_justification="a test runs long",
                lots=[lot],
            )
        )
        self.platform.react()
        return found

    def order(
        self,
        establishment_id: UUID,
        agreement: Agreement,
        quantity: str,
        on: date,
        *,
        item: str = "TRAS-150",
        actor: str = "officer-1",
    ) -> UUID:
        """An order of one line, "1"."""
        order_id = uuid4()
        asked = OrderedLine(line_id="1", lot_id=agreement.lot_id, item=item, quantity=quantity)
        self.run(
            SubmitOrder(
                order_id=order_id,
                establishment_id=establishment_id,
                agreement_id=agreement.agreement_id,
                number=self.number("C"),
                ordered_on=on,
                lines=[asked],
            ),
            actor,
        )
        return order_id

    def invoice(self, order_id: UUID, agreement: Agreement, quantity: str, amount: str, on: date) -> UUID:
        """An invoice on line "1", as billed; gives its identity."""
        number = self.number("F")
        billed = BilledLine(line_id="1", quantity=quantity, amount=amount)
        self.run(
            ReceiveInvoice(order_id=order_id, number=number, issued_on=on, received_on=on, vat="0", lines=[billed])
        )
        return bill_id(agreement.supplier_id, "invoice", number, on.year)

    def buy(self, establishment_id: UUID, agreement: Agreement, quantity: str, amount: str, on: date) -> UUID:
        """An order that is invoiced on the same day."""
        order_id = self.order(establishment_id, agreement, quantity, on)
        self.invoice(order_id, agreement, quantity, amount, on)
        return order_id

    def history(self, *lines: dict[str, Any], currency: str = "USD", is_correction: bool = False, **more: Any) -> UUID:
        """An order of the past under a recorded agreement; gives the establishment."""
        establishment_id = more.get("establishment_id") or uuid4()
        number = more.get("number") or self.number("PO")
        agreement_id = more.get("agreement_id") or self.record(currency)
        stated = {
            "line_id": "1",
            "agreement_id": agreement_id,
            "supplier_id": more.get("supplier_id") or uuid4(),
            "category": "ARV",
            "item": "LAMIVUDINE",
            "label": "Lamivudine 150 mg",
            "unit": "60 tablets",
            "quantity": "10",
            "unit_price": "10",
            "ordered_on": date(2010, 1, 5),
        }
        self.run(
            RecordPastOrder(
                order_id=past_order_id(establishment_id, "scms", number),
                establishment_id=establishment_id,
                source="scms",
                number=number,
                currency=currency,
                lines=[PastOrderLine(**{**stated, **line}) for line in lines],
                is_correction=is_correction,
            )
        )
        return establishment_id

    def record(self, currency: str = "USD") -> UUID:
        agreement_id = uuid4()
        self.run(
            RecordAgreement(
                agreement_id=agreement_id,
                reference=self.number("R"),
                title="Aurobindo / ARV",
                supplier_id=uuid4(),
                category="ARV",
                currency=currency,
                source="scms",
            )
        )
        self.platform.react()
        return agreement_id

    def figure(self, figure: str, **asked: Any) -> dict[str, Any]:
        """A figure, when everything was projected."""
        self.platform.catch_up()
        return self.platform.finance.figure(query(figure, **asked))


def query(figure: str, **asked: Any) -> FigureQuery:
    """A question; `since` and `until` are the days that the question calls from and to."""
    names = {"since": "from", "until": "to", "against_since": "against_from", "against_until": "against_to"}
    found: dict[str, Any] = {names.get(name, name): value for name, value in asked.items()}
    for name in ("establishment", "agreement", "supplier"):
        if isinstance(found.get(name), UUID):
            found[name] = (found[name],)
    return FigureQuery(figure=figure, **found)


@contextmanager
def open_network(home: Path, lanes: int = 1) -> Iterator[Network]:
    clock = Clock()
    with open_platform(Settings(home=home, lanes=lanes), clock) as platform:
        yield Network(platform, clock)
