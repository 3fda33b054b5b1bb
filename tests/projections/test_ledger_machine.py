"""Orders, approvals, receipts, returns, invoices, credit notes and cancellations in any order, each sent twice, while
the projector is stopped now and then: the ledger always holds what a model in Decimal, written from the figures'
definition and not from our code, says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from events.base import Command
from services.ordering.billing import bill_id
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
from tests.network import Agreement, Network, open_network
from tests.projections.engine import Disturbed, Fragile

ZERO = Decimal(0)
DAY = date(2022, 1, 15)
EIGHTHS = st.integers(1, 400).map(lambda n: Decimal(n) / 8)
OFFSETS = st.sampled_from([0, 0, 16, 17, 28, 75])
SHARES = st.sampled_from([Decimal(1), Decimal("0.5"), Decimal("0.25")])
CENTS = st.integers(0, 200_000).map(lambda n: Decimal(n) / 100)
TABLES = ("raw_log", "ledger_g1", "orders_g1")
Key = tuple[str, UUID, UUID, str]
"""Measure, establishment, agreement, month."""


def cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def share_of(quantity: Decimal, share: Decimal) -> Decimal:
    """A part in six decimals at most, above zero."""
    return (quantity * share).quantize(Decimal("0.000001"), rounding=ROUND_DOWN) or quantity


@dataclass
class Terms:
    """An agreement, as the model knows it."""

    agreement: Agreement
    price: Decimal
    baseline: Decimal | None
    base_units: Decimal
    needs_approval: bool


@dataclass
class Line:
    """A line of an order: its totals, and how much of it has arrived, was cancelled and billed."""

    quantity: Decimal
    amount: Decimal
    baseline: Decimal | None
    base_units: Decimal
    received: Decimal = ZERO
    cancelled: Decimal = ZERO
    billed: Decimal = ZERO

    @property
    def open(self) -> Decimal:
        return self.quantity - self.cancelled - self.received

    def amount_upto(self, quantity: Decimal) -> Decimal:
        """Part of a line: the line's total x cumulative quantity / ordered quantity, to the cent."""
        return cents(self.amount * quantity / self.quantity)

    def baseline_upto(self, quantity: Decimal) -> Decimal:
        return ZERO if self.baseline is None else cents(self.baseline * quantity / self.quantity)


@dataclass
class Order:
    order_id: UUID
    centre: UUID
    terms: Terms
    day: date
    lines: dict[str, Line]
    state: str
    invoices: dict[UUID, dict[str, tuple[Decimal, Decimal]]] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines.values()), ZERO)


class Ledger:
    """What the ledger should hold."""

    def __init__(self) -> None:
        self.sums: dict[Key, tuple[Decimal, Decimal, Decimal, int]] = {}
        self.reserved: defaultdict[UUID, Decimal] = defaultdict(Decimal)

    def add(self, measure: str, order: Order, day: date, line: Line, parts: tuple[Decimal, Decimal, Decimal]) -> None:
        """Adds signed quantity (in ordered units), amount and baseline of one line."""
        key = (measure, order.centre, order.terms.agreement.agreement_id, f"{day:%Y-%m}")
        quantity, amount, baseline, lines = self.sums.get(key, (ZERO, ZERO, ZERO, 0))
        base_quantity = parts[0] * line.base_units
        self.sums[key] = (quantity + base_quantity, amount + parts[1], baseline + parts[2], lines + 1)


class LedgerMachine(RuleBasedStateMachine):
    network: ClassVar[Network]
    fragile: ClassVar[dict[tuple[str, bool], Fragile]]

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.orders: list[Order] = []

    @initialize()
    def sign(self) -> None:
        """Prices of a third of a cent, boxes of three, one agreement under which every order needs an approval."""
        free = self.network.sign("0.333333", "0.5", base_units="3")
        dear = self.network.sign("19.99", None, base_units="1")
        limited = self.network.sign("7.77", "10.10", base_units="1", limit="0")
        self.terms = [
            Terms(free, Decimal("0.333333"), Decimal("0.5"), Decimal(3), needs_approval=False),
            Terms(dear, Decimal("19.99"), None, Decimal(1), needs_approval=False),
            Terms(limited, Decimal("7.77"), Decimal("10.10"), Decimal(1), needs_approval=True),
        ]
        self.centres = [self.network.establishment(free, dear, limited) for _ in range(2)]

    def send(self, command: Command, actor: str = "officer-1") -> None:
        """Twice, as a network that repeats itself would."""
        command_id = uuid4()
        first = self.network.run(command, actor, command_id)
        again = self.network.run(command, actor, command_id)
        assert (first.stream_id, first.version, first.positions) == (again.stream_id, again.version, again.positions)
        assert again.repeated

    def some(self, data: st.DataObject, is_fit: Callable[[Order], bool]) -> Order:
        return data.draw(st.sampled_from([order for order in self.orders if is_fit(order)]))

    def has(self, is_fit: Callable[[Order], bool]) -> bool:
        return any(is_fit(order) for order in self.orders)

    @rule(data=st.data(), quantities=st.lists(EIGHTHS, min_size=1, max_size=3))
    def submit(self, data: st.DataObject, quantities: list[Decimal]) -> None:
        terms, centre = data.draw(st.sampled_from(self.terms)), data.draw(st.sampled_from(self.centres))
        day = DAY + timedelta(days=data.draw(OFFSETS))
        lines = {}
        for n, quantity in enumerate(quantities, start=1):
            base = None if terms.baseline is None else cents(terms.baseline * quantity * terms.base_units)
            lines[str(n)] = Line(quantity, cents(terms.price * quantity), base, terms.base_units)
        order = Order(uuid4(), centre, terms, day, lines, "waiting" if terms.needs_approval else "ordered")
        asked = [
            OrderedLine(line_id=line_id, lot_id=terms.agreement.lot_id, item="TRAS-150", quantity=line.quantity)
            for line_id, line in lines.items()
        ]
        self.send(
            SubmitOrder(
                order_id=order.order_id, establishment_id=centre, agreement_id=terms.agreement.agreement_id,
                number=self.network.number("C"), ordered_on=day, lines=asked,
            )
        )  # fmt: skip
        self.orders.append(order)
        self.ledger.reserved[terms.agreement.agreement_id] += order.total
        if order.state == "ordered":
            self.count_as_ordered(order, day)

    def count_as_ordered(self, order: Order, day: date) -> None:
        for line in order.lines.values():
            self.ledger.add("ordered", order, day, line, (line.quantity, line.amount, line.baseline or ZERO))

    @precondition(lambda self: self.has(is_waiting))
    @rule(data=st.data(), verdict=st.sampled_from(["approve", "approve", "reject", "withdraw"]), later=OFFSETS)
    def judge(self, data: st.DataObject, verdict: str, later: int) -> None:
        order = self.some(data, is_waiting)
        day = order.day + timedelta(days=later)
        if verdict == "approve":
            self.send(ApproveOrder(order_id=order.order_id, approved_on=day), "approver-1")
            order.state = "ordered"
            self.count_as_ordered(order, day)
            return
        if verdict == "reject":
            self.send(RejectOrder(order_id=order.order_id, rejected_on=day, reason="no"), "approver-1")
        else:
            self.send(WithdrawOrder(order_id=order.order_id, withdrawn_on=day, reason="a mistake"))
        order.state = "dead"
        self.ledger.reserved[order.terms.agreement.agreement_id] -= order.total

    @precondition(lambda self: self.has(is_open))
    @rule(data=st.data(), share=SHARES, later=OFFSETS)
    def receive(self, data: st.DataObject, share: Decimal, later: int) -> None:
        order = self.some(data, is_open)
        line_id, line = data.draw(st.sampled_from([(n, line) for n, line in order.lines.items() if line.open > 0]))
        part, day = share_of(line.open, share), order.day + timedelta(days=later)
        self.send(ReceiveOrderLine(order_id=order.order_id, line_id=line_id, quantity=part, received_on=day))
        self.move(order, line, line.received + part, day)

    @precondition(lambda self: self.has(has_arrived))
    @rule(data=st.data(), share=SHARES, later=OFFSETS)
    def give_back(self, data: st.DataObject, share: Decimal, later: int) -> None:
        order = self.some(data, has_arrived)
        line_id, line = data.draw(st.sampled_from([(n, line) for n, line in order.lines.items() if line.received > 0]))
        part, day = share_of(line.received, share), order.day + timedelta(days=later)
        self.send(
            ReturnOrderLine(order_id=order.order_id, line_id=line_id, quantity=part, returned_on=day, reason="broken")
        )
        self.move(order, line, line.received - part, day)

    def move(self, order: Order, line: Line, received: Decimal, day: date) -> None:
        parts = (
            received - line.received,
            line.amount_upto(received) - line.amount_upto(line.received),
            line.baseline_upto(received) - line.baseline_upto(line.received),
        )
        self.ledger.add("received", order, day, line, parts)
        line.received = received

    @precondition(lambda self: self.has(is_open))
    @rule(data=st.data(), later=OFFSETS)
    def cancel(self, data: st.DataObject, later: int) -> None:
        order = self.some(data, is_open)
        day = order.day + timedelta(days=later)
        self.send(CancelOrder(order_id=order.order_id, cancelled_on=day, reason="enough"))
        for line in order.lines.values():
            if line.open <= 0:
                continue
            wanted = line.received + line.open
            amount = line.amount_upto(wanted) - line.amount_upto(line.received)
            baseline = line.baseline_upto(wanted) - line.baseline_upto(line.received)
            self.ledger.add("ordered", order, day, line, (-line.open, -amount, -baseline))
            self.ledger.reserved[order.terms.agreement.agreement_id] -= amount
            line.cancelled += line.open

    @precondition(lambda self: self.has(counts))
    @rule(data=st.data(), amount=CENTS, quantity=EIGHTHS, later=OFFSETS)
    def invoice(self, data: st.DataObject, amount: Decimal, quantity: Decimal, later: int) -> None:
        """As billed: whatever quantity and amount, for one line or all."""
        order = self.some(data, counts)
        day = order.day + timedelta(days=later)
        chosen = list(order.lines)[: data.draw(st.integers(1, len(order.lines)))]
        number = self.network.number("F")
        billed = [BilledLine(line_id=line_id, quantity=quantity, amount=amount) for line_id in chosen]
        self.send(
            ReceiveInvoice(
                order_id=order.order_id, number=number, issued_on=day, received_on=day, vat="0", lines=billed
            )
        )
        for line_id in chosen:
            self.bill(order, order.lines[line_id], quantity, amount, day)
        invoice_id = bill_id(order.terms.agreement.supplier_id, "invoice", number, day.year)
        order.invoices[invoice_id] = dict.fromkeys(chosen, (quantity, amount))

    @precondition(lambda self: self.has(is_billed))
    @rule(data=st.data(), share=SHARES, later=OFFSETS, is_price_alone=st.booleans())
    def credit(self, data: st.DataObject, share: Decimal, later: int, *, is_price_alone: bool) -> None:
        order = self.some(data, is_billed)
        invoice_id, left = data.draw(st.sampled_from(list(order.invoices.items())))
        line_id, (quantity, amount) = data.draw(st.sampled_from(list(left.items())))
        day = order.day + timedelta(days=later)
        back = ZERO if is_price_alone else share_of(quantity, share)
        money = cents(amount * share)
        credited = BilledLine(line_id=line_id, quantity=back, amount=money)
        self.send(
            ReceiveCreditNote(
                order_id=order.order_id, invoice_id=invoice_id, number=self.network.number("AV"), issued_on=day,
                vat="0", lines=[credited],
            )
        )  # fmt: skip
        self.bill(order, order.lines[line_id], -back, -money, day)
        left[line_id] = (quantity - back, amount - money)

    def bill(self, order: Order, line: Line, quantity: Decimal, amount: Decimal, day: date) -> None:
        billed = line.billed + quantity
        baseline = line.baseline_upto(billed) - line.baseline_upto(line.billed)
        self.ledger.add("invoiced", order, day, line, (quantity, amount, baseline))
        line.billed = billed

    @rule(table=st.sampled_from(TABLES), is_after=st.booleans())
    def stop_the_projector(self, table: str, *, is_after: bool) -> None:
        fragile = self.fragile[table, is_after]
        fragile.fail()
        try:
            self.network.platform.catch_up()
        except Disturbed:
            return
        finally:
            fragile.failures = 0
        self.agrees()

    @rule()
    def project(self) -> None:
        self.network.platform.catch_up()
        self.agrees()

    def agrees(self) -> None:
        rows = self.network.platform.analytics.rows(
            "select measure, establishment_id, agreement_id, formatDateTime(business_date, '%Y-%m') as month, "
            "sum(quantity) as q, sum(amount) as a, ifNull(sum(baseline_amount), 0) as b, sum(lines) as n from ledger "
            "where measure in ('ordered', 'received', 'invoiced') and establishment_id in {centres:Array(UUID)} "
            "group by measure, establishment_id, agreement_id, month",
            {"centres": [str(centre) for centre in self.centres]},
        )
        found = {
            (row["measure"], row["establishment_id"], row["agreement_id"], row["month"]): (
                row["q"], row["a"], Decimal(row["b"]), row["n"],
            )
            for row in rows
        }  # fmt: skip
        assert found == self.ledger.sums
        reserved = self.network.platform.analytics.rows(
            "select agreement_id, sum(amount) as amount from ledger where measure = 'reserved' group by agreement_id"
        )
        ours = {terms.agreement.agreement_id for terms in self.terms}
        held = {row["agreement_id"]: row["amount"] for row in reserved if row["agreement_id"] in ours}
        assert held == dict(self.ledger.reserved)

    def teardown(self) -> None:
        if not hasattr(self, "centres"):
            return
        self.network.platform.catch_up()
        self.agrees()
        found = self.network.platform.finance.reconcile()
        assert (found["difference"], found["is_equal"]) == ("0.00", True)


def is_waiting(order: Order) -> bool:
    return order.state == "waiting"


def counts(order: Order) -> bool:
    return order.state == "ordered"


def is_open(order: Order) -> bool:
    return counts(order) and any(line.open > 0 for line in order.lines.values())


def has_arrived(order: Order) -> bool:
    return any(line.received > 0 for line in order.lines.values())


def is_billed(order: Order) -> bool:
    return bool(order.invoices)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with open_network(tmp_path_factory.mktemp("home")) as found:
        yield found


def test_the_ledger_holds_what_the_model_says_whatever_happens_in_whatever_order(network: Network) -> None:
    analytics: Any = network.platform.analytics
    LedgerMachine.network = network
    LedgerMachine.fragile = {
        (table, is_after): Fragile(analytics, table, is_after=is_after)
        for table in TABLES
        for is_after in (False, True)
    }
    # Without shrinking: each step is a real command, and a failure would be sought for minutes.
    few = settings(
        max_examples=10,
        stateful_step_count=25,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(LedgerMachine, settings=few)
