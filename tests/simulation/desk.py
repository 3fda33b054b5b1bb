"""Those who buy: commands on a small network, sent until there is an answer, each under one id."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from events.base import Command
from services.membership.commands import EndAdhesion, GrantAdhesion, JoinEstablishment
from services.ordering.billing import bill_id
from services.ordering.commands import (
    ApproveOrder,
    BilledLine,
    CancelOrder,
    OrderedLine,
    ReceiveCreditNote,
    ReceiveInvoice,
    ReceiveOrderLine,
    SubmitOrder,
)
from services.tendering.commands import RevisePrice, SetBaseline, SignAgreement
from tests.simulation.stores import BEGIN

TODAY = BEGIN.date()
YEAR = timedelta(days=365)


@dataclass
class Operation:
    """A command, and what became of it."""

    context: str
    command: Command
    actor: str
    command_id: UUID
    tried: list[UUID] = field(default_factory=list)
    """The ids under which it was sent: always the same one, unless somebody planted a fault."""
    answer: str = "unknown"
    """`accepted`, `refused`, or not known."""


class Desk:
    """Writes commands, one after another, about what it knows was accepted."""

    def __init__(self, rng: random.Random) -> None:
        self.operations: list[Operation] = []
        self._rng = rng
        self._numbers = 0
        self._suppliers = [self._id() for _ in range(2)]
        self._agreements = [(self._id(), self._id()) for _ in range(3)]
        self._centres = [self._id() for _ in range(3)]
        self._orders: list[tuple[Operation, SubmitOrder]] = []
        self._invoices: list[tuple[Operation, ReceiveInvoice]] = []

    def _id(self) -> UUID:
        return UUID(int=self._rng.getrandbits(128), version=4)

    def _number(self, prefix: str) -> str:
        self._numbers += 1
        return f"{prefix}-{self._numbers}"

    def _ask(self, context: str, command: Command, actor: str = "officer-1") -> Operation:
        operation = Operation(context, command, actor, self._id())
        self.operations.append(operation)
        return operation

    def opening(self) -> list[Operation]:
        """What must be there before anybody orders."""
        for n, (agreement_id, lot_id) in enumerate(self._agreements):
            self._ask("tendering", self._baseline(agreement_id, lot_id))
            self._ask("tendering", self._signature(n, agreement_id, lot_id))
        for n, centre in enumerate(self._centres):
            self._ask("membership", JoinEstablishment(establishment_id=centre, name=f"Centre {n}", kind="ch", joined_on=TODAY - YEAR))  # fmt: skip
            for agreement_id, _ in self._agreements:
                self._ask("membership", GrantAdhesion(establishment_id=centre, agreement_id=agreement_id, valid_from=TODAY - YEAR))  # fmt: skip
        return list(self.operations)

    def _baseline(self, agreement_id: UUID, lot_id: UUID) -> SetBaseline:
        return SetBaseline(
            baseline_id=agreement_id, agreement_id=agreement_id, lot_id=lot_id, item="GANTS", method="last-contract-price",
            price="0.5", currency="EUR", evidence="the contract before", valid_from=TODAY - 2 * YEAR, approved_by="buyer-2",
        )  # fmt: skip

    def _signature(self, n: int, agreement_id: UUID, lot_id: UUID) -> SignAgreement:
        """Of three agreements one lets every order wait for an approval."""
        prices = [{"item": "GANTS", "label": "Gants", "unit": "boîte", "base_units": "3", "unit_price": "0.333333"}]
        lot: Any = {"lot_id": lot_id, "number": "1", "title": "Lot 1", "supplier_id": self._suppliers[n % 2], "category": "33140000", "prices": prices}  # fmt: skip
        limit: Any = {"amount": "0", "allowance": "0"} if n == 2 else None
        return SignAgreement(
            agreement_id=agreement_id, reference=f"A-{n}", title="Gants", currency="EUR", signed_on=TODAY - YEAR,
            valid_from=TODAY - YEAR, valid_to=TODAY + YEAR, maximum="900000", internal_limit=limit,
            revision_bound="0.50", lots=[lot],
        )  # fmt: skip

    def next(self) -> Operation:
        """Another command; it may well be refused."""
        kinds: dict[Callable[[], Operation | None], int] = {
            self._order: 6, self._approve: 4, self._receive: 4, self._invoice: 4, self._credit: 2, self._cancel: 1,
            self._revise: 1, self._leave: 1,
        }  # fmt: skip
        while True:
            found = self._rng.choices(list(kinds), list(kinds.values()))[0]()
            if found is not None:
                return found

    def _order(self) -> Operation:
        agreement_id, lot_id = self._rng.choice(self._agreements)
        quantity = Decimal(self._rng.randrange(1, 400)) / 8
        command = SubmitOrder(
            order_id=self._id(), establishment_id=self._rng.choice(self._centres), agreement_id=agreement_id,
            number=self._number("C"), ordered_on=TODAY,
            lines=[OrderedLine(line_id="1", lot_id=lot_id, item="GANTS", quantity=quantity)],
        )  # fmt: skip
        self._orders.append((found := self._ask("ordering", command), command))
        return found

    def _known(self) -> SubmitOrder | None:
        known = [order for operation, order in self._orders if operation.answer == "accepted"]
        return self._rng.choice(known) if known else None

    def _approve(self) -> Operation | None:
        waiting = [
            order
            for operation, order in self._orders
            if operation.answer == "accepted" and order.agreement_id == self._agreements[2][0]
        ]
        if not waiting:
            return None
        return self._ask("ordering", ApproveOrder(order_id=self._rng.choice(waiting).order_id, approved_on=TODAY), "approver-1")  # fmt: skip

    def _receive(self) -> Operation | None:
        if (order := self._known()) is None:
            return None
        part = order.lines[0].quantity / 4
        note = self._number("BL")
        return self._ask("ordering", ReceiveOrderLine(order_id=order.order_id, line_id="1", quantity=part, received_on=TODAY, delivery_note=note))  # fmt: skip

    def _invoice(self) -> Operation | None:
        if (order := self._known()) is None:
            return None
        billed = BilledLine(line_id="1", quantity=order.lines[0].quantity, amount=Decimal(2 * self._rng.randrange(1, 4_999)) / 100)  # fmt: skip
        command = ReceiveInvoice(order_id=order.order_id, number=self._number("F"), issued_on=TODAY, received_on=TODAY, vat="0", lines=[billed])  # fmt: skip
        self._invoices.append((found := self._ask("ordering", command), command))
        return found

    def _credit(self) -> Operation | None:
        known = [invoice for operation, invoice in self._invoices if operation.answer == "accepted"]
        if not known:
            return None
        invoice = self._rng.choice(known)
        agreement_id = next(order.agreement_id for _, order in self._orders if order.order_id == invoice.order_id)
        n = [one for one, _ in self._agreements].index(agreement_id)
        identity = bill_id(self._suppliers[n % 2], "invoice", invoice.number, TODAY.year)
        credited = BilledLine(line_id="1", quantity="0", amount=invoice.lines[0].amount / 2)
        return self._ask("ordering", ReceiveCreditNote(order_id=invoice.order_id, invoice_id=identity, number=self._number("AV"), issued_on=TODAY, vat="0", lines=[credited]))  # fmt: skip

    def _cancel(self) -> Operation | None:
        if (order := self._known()) is None:
            return None
        return self._ask("ordering", CancelOrder(order_id=order.order_id, cancelled_on=TODAY, reason="enough"))

    def _revise(self) -> Operation:
        agreement_id, lot_id = self._rng.choice(self._agreements)
        price = Decimal(self._rng.randrange(30, 40)) / 100
        return self._ask("tendering", RevisePrice(agreement_id=agreement_id, lot_id=lot_id, item="GANTS", unit_price=price, effective_on=TODAY, formula="P = P0 x I/I0"))  # fmt: skip

    def _leave(self) -> Operation:
        agreement_id, _ = self._rng.choice(self._agreements)
        centre = self._rng.choice(self._centres)
        if self._rng.random() < 0.5:
            return self._ask("membership", EndAdhesion(establishment_id=centre, agreement_id=agreement_id, ended_on=TODAY, reason="moved"))  # fmt: skip
        return self._ask("membership", GrantAdhesion(establishment_id=centre, agreement_id=agreement_id, valid_from=TODAY))  # fmt: skip
