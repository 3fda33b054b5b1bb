"""Those who buy, over HTTP: orders, approvals, receipts, invoices and credit notes of many establishments at once.

What each command adds to the figures is written down with it, from prices that the buyer knows: not from our code.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import httpx2

from infra import auth
from infra.settings import Settings
from services.ordering.billing import bill_id
from tests.faults.journal import Asked, Fact, Journal, month_of, verdict

TODAY = datetime.now(UTC).date()
BEGAN, ENDS = TODAY - timedelta(days=200), TODAY + timedelta(days=400)
PRICES = {"gants": 950, "masques": 1275}
"""Item -> cents of an ordered unit. `blouses` may be revised, and nobody orders any."""
PATIENCE = 20.0
"""Seconds for which a command is repeated until it has an answer."""
Ask = Callable[[str, str, dict[str, Any], dict[str, str]], tuple[int, Any]]
"""Sends method, path, body and headers; gives status and document. Raises OSError or httpx2's TransportError."""


@dataclass(frozen=True)
class Agreement:
    """What may be bought under it; `limited`: only with an approval."""

    agreement_id: str
    lot_id: str
    supplier_id: str
    is_limited: bool


@dataclass
class Market:
    """What everybody knows."""

    agreements: list[Agreement]
    establishments: list[str] = field(default_factory=list)
    orders: list[tuple[str, str]] = field(default_factory=list)
    """Establishment and order, of those that were accepted."""


def ids(seed: int, name: str, count: int) -> list[str]:
    """The same ids for the same seed."""
    return [str(uuid5(UUID(int=seed), f"{name}:{n}")) for n in range(count)]


def market(seed: int) -> Market:
    """A market of two agreements, one of which needs approvals; nobody is in it yet."""
    agreements, lots, suppliers = ids(seed, "agreement", 2), ids(seed, "lot", 2), ids(seed, "supplier", 2)
    found = [
        Agreement(*parts, is_limited=n == 1) for n, parts in enumerate(zip(agreements, lots, suppliers, strict=True))
    ]
    return Market(found)


class Sender:
    """Sends commands for somebody, journals them, and repeats what had no answer."""

    def __init__(self, ask: Ask, journal: Journal, settings: Settings, stop: threading.Event) -> None:
        self._ask, self._journal, self._settings, self._stop = ask, journal, settings, stop

    def token(self, role: str, subject: str, establishment: str | None = None) -> dict[str, str]:
        """A header that says who asks."""
        establishment_id = UUID(establishment) if establishment else None
        token = auth.issue(self._settings, role, subject, establishment_id=establishment_id, seconds=24 * 3600)
        return {"Authorization": f"Bearer {token}"}

    def who_asks(self, asked: Asked) -> dict[str, str]:
        """The header of whoever sends such a command."""
        if asked.tenant == "group":
            return self.token("group-buyer", "buyer-1")
        role = "approver" if asked.what == "approve_order" else "officer"
        return self.token(role, f"{role}-{asked.tenant[:8]}", asked.tenant)

    def send(self, asked: Asked, who: dict[str, str]) -> tuple[str, Any]:
        """`accepted`, `refused` or `unknown`, and the last answer."""
        until = time.monotonic() + PATIENCE
        while True:
            status, answer = self._once(asked, who)
            found = verdict(status)
            if found != "unknown" or self._stop.is_set() or time.monotonic() > until:
                return found, answer
            self._stop.wait(0.2)

    def _once(self, asked: Asked, who: dict[str, str]) -> tuple[int, Any]:
        self._journal.asks(asked)
        status, answer = 0, None
        with contextlib.suppress(OSError, httpx2.TransportError, ValueError):
            status, answer = self._ask(
                "POST", asked.path, asked.body, {**who, "Idempotency-Key": asked.key, "If-Match": "*"}
            )
        self._journal.hears(asked, status)
        return status, answer

    def looks(self, path: str, who: dict[str, str], name: str, whose: str) -> None:
        """Tries to see what is another's."""
        with contextlib.suppress(OSError, httpx2.TransportError, ValueError):
            status, _ = self._ask("GET", path, {}, who)
            if status == httpx2.codes.OK:
                self._journal.sees(name, whose, path)


@contextlib.contextmanager
def over_http(base: str) -> Iterator[Ask]:
    """Asks a server; each thread has its own connection, and all are closed in the end."""
    clients = threading.local()
    with contextlib.ExitStack() as opened:

        def ask(method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, Any]:
            if not hasattr(clients, "client"):
                client = httpx2.Client(base_url=base, timeout=8.0, trust_env=False)
                clients.client = opened.enter_context(client)
            answer = clients.client.request(method, path, json=body if method == "POST" else None, headers=headers)
            return answer.status_code, answer.json()

        yield ask


class Buyer:
    """The purchasing desk of one establishment."""

    def __init__(self, sender: Sender, known: Market, establishment: str, seed: int) -> None:
        self._sender, self._market, self._own = sender, known, establishment
        self._rng = random.Random(f"{seed}:{establishment}")  # noqa: S311 - the same purchases each time
        self._officer = sender.token("officer", f"officer-{establishment[:8]}", establishment)
        self._approver = sender.token("approver", f"approver-{establishment[:8]}", establishment)
        self._numbers = 0
        self._orders: list[_Order] = []
        self._invoices: list[_Invoice] = []

    def step(self) -> None:
        """One command, or one look at what is another's."""
        acts = {self._order: 6, self._approve: 3, self._receive: 5, self._invoice: 4, self._credit: 2, self._look: 1}
        self._rng.choices(list(acts), list(acts.values()))[0]()

    def _number(self, prefix: str) -> str:
        self._numbers += 1
        return f"{prefix}-{self._own[:8]}-{self._numbers}"

    def _asked(self, what: str, path: str, body: dict[str, Any], facts: tuple[Fact, ...] = ()) -> Asked:
        key = str(UUID(int=self._rng.getrandbits(128), version=4))
        return Asked(key, self._own, what, "ordering", f"/api/v1/orders{path}", body, facts)

    def _fact(self, measure: str, agreement: Agreement, day: date, cents: int) -> Fact:
        return Fact(measure, self._own, agreement.agreement_id, month_of(day), cents)

    def _order(self) -> None:
        agreement = self._rng.choice(self._market.agreements)
        day = TODAY - timedelta(days=self._rng.randrange(100))
        lines = {
            f"{n}": (self._rng.choice(list(PRICES)), self._rng.randrange(1, 40))
            for n in range(1, self._rng.randrange(2, 6))
        }
        body = {
            "agreement_id": agreement.agreement_id, "number": self._number("BC"), "ordered_on": str(day),
            "lines": [
                {"line_id": line_id, "lot_id": agreement.lot_id, "item": item, "quantity": str(quantity)}
                for line_id, (item, quantity) in lines.items()
            ],
        }  # fmt: skip
        fact = self._fact("ordered", agreement, day, sum(PRICES[item] * quantity for item, quantity in lines.values()))
        asked = self._asked("submit_order", "", body, () if agreement.is_limited else (fact,))
        found, answer = self._sender.send(asked, self._officer)
        if found == "accepted":
            self._orders.append(_Order(answer["id"], agreement, day, lines, fact, counts=not agreement.is_limited))
            self._market.orders.append((self._own, answer["id"]))

    def _approve(self) -> None:
        waiting = [order for order in self._orders if not order.counts]
        if not waiting:
            return
        order = self._rng.choice(waiting)
        asked = self._asked(
            "approve_order", f"/{order.order_id}/approve", {"approved_on": str(order.day)}, (order.fact,)
        )
        found, _ = self._sender.send(asked, self._approver)
        order.counts |= found == "accepted"
        if found == "unknown":
            self._orders.remove(order)  # whether it counts is not known here: leave it alone

    def _some(self) -> _Order | None:
        known = [order for order in self._orders if order.counts]
        return self._rng.choice(known) if known else None

    def _receive(self) -> None:
        order = self._some()
        if order is None:
            return
        line_id, (item, quantity) = self._rng.choice(list(order.lines.items()))
        part = min(self._rng.randrange(1, 12), quantity - order.received.get(line_id, 0))
        if part <= 0:
            return
        body = {
            "line_id": line_id,
            "quantity": str(part),
            "received_on": str(order.day),
            "delivery_note": self._number("BL"),
        }
        fact = self._fact("received", order.agreement, order.day, PRICES[item] * part)
        # Counted whether it is known to have happened or not: no more is received than was ordered.
        order.received[line_id] = order.received.get(line_id, 0) + part
        self._sender.send(self._asked("receive_order_line", f"/{order.order_id}/receive", body, (fact,)), self._officer)

    def _invoice(self) -> None:
        order = self._some()
        if order is None:
            return
        number, cents = self._number("F"), {line_id: self._rng.randrange(1, 99_999) for line_id in order.lines}
        body = {
            "number": number, "issued_on": str(order.day), "received_on": str(order.day), "vat": "7.60",
            "lines": [
                {"line_id": line_id, "quantity": str(order.lines[line_id][1]), "amount": euros(amount)}
                for line_id, amount in cents.items()
            ],
        }  # fmt: skip
        fact = self._fact("invoiced", order.agreement, order.day, sum(cents.values()))
        found, _ = self._sender.send(
            self._asked("receive_invoice", f"/{order.order_id}/invoice", body, (fact,)), self._officer
        )
        if found == "accepted":
            self._invoices.append(_Invoice(order, number, cents))

    def _credit(self) -> None:
        if not self._invoices:
            return
        invoice = self._invoices.pop(self._rng.randrange(len(self._invoices)))
        order, (line_id, cents) = invoice.order, self._rng.choice(list(invoice.cents.items()))
        part = self._rng.randrange(1, cents + 1)
        identity = bill_id(UUID(order.agreement.supplier_id), "invoice", invoice.number, order.day.year)
        body = {
            "invoice_id": str(identity), "number": self._number("AV"), "issued_on": str(order.day), "vat": "0.00",
            "lines": [{"line_id": line_id, "quantity": "0", "amount": euros(part)}],
        }  # fmt: skip
        fact = self._fact("invoiced", order.agreement, order.day, -part)
        self._sender.send(
            self._asked("receive_credit_note", f"/{order.order_id}/credit-note", body, (fact,)), self._officer
        )

    def _look(self) -> None:
        others = [(whose, order) for whose, order in self._market.orders[-50:] if whose != self._own]
        if others:
            whose, order = self._rng.choice(others)
            self._sender.looks(f"/api/v1/orders/{order}", self._officer, self._own, whose)


@dataclass
class _Order:
    order_id: str
    agreement: Agreement
    day: date
    lines: dict[str, tuple[str, int]]
    fact: Fact
    counts: bool
    received: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Invoice:
    order: _Order
    number: str
    cents: dict[str, int]


def euros(cents: int) -> str:
    """As a decimal string."""
    return f"{cents // 100}.{cents % 100:02}"
