"""Orders under one ceiling, against a model in Decimal: whatever is asked in whatever order, and asked too much, the
answer is the model's, parts add up to their line, and what the ceiling holds is the fold of its events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from events.base import AlreadyExists, Command, Event, Refusal, Unknown
from events.ordering import (
    CeilingReleased,
    CeilingReserved,
    CreditNoteReceived,
    InvoiceReceived,
    OrderApproved,
    OrderCancelled,
    OrderLineReceived,
    OrderLineReturned,
    OrderSubmitted,
)
from infra.settings import Settings
from services.ordering.app import Ordering, build
from services.ordering.approval import SelfApproval
from services.ordering.billing import InvoiceIsKnown, bill_id
from services.ordering.ceiling import Ceiling, CeilingExceeded, ceiling_stream
from services.ordering.ceiling import evolve as evolve_ceiling
from services.ordering.order import BeforeTheOrder, TooMuch, WrongState
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    AGREEMENT,
    DAY,
    LOT,
    MASKS,
    SECOND_LOT,
    SUPPLIER,
    adheres,
    approve,
    baseline,
    billed,
    cancel,
    credit,
    give_back,
    invoice,
    limit,
    lot,
    ordered,
    price,
    receive,
    reject,
    signed,
    submit,
    withdraw,
)

ZERO = Decimal(0)
# Item, price and baseline of each lot; the first lot's do not come out even, so that parts of a line are rounded.
ITEMS = {LOT: ("GLOVES", Decimal("3.333333"), Decimal("4.01")), SECOND_LOT: (MASKS, Decimal("7.77"), ZERO)}
MAXIMUM, LOTS_MAXIMUM, ALLOWED = Decimal(600), Decimal(400), Decimal(330)
ABSENT = UUID(int=999)
NUMBERS = [f"N-{n}" for n in range(12)]
FIRST_INVOICE = bill_id(SUPPLIER, "invoice", "N-0", DAY.year)
EIGHTHS = st.integers(1, 240).map(lambda n: Decimal(n) / 8)
LATER = st.sampled_from([0, 0, 0, 3, 20, -1])
ACTORS = st.sampled_from(["officer-1", "approver-1", "approver-1"])
SHARES = st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal(1), Decimal("1.5")])
OFTEN = st.sampled_from([True] * 9 + [False])
ASKED = st.lists(st.tuples(st.sampled_from([*ITEMS]), EIGHTHS), min_size=1, max_size=3)
MEASURE: dict[type[Event], str] = {
    OrderLineReceived: "received",
    OrderLineReturned: "received",
    OrderCancelled: "cancelled",
    InvoiceReceived: "billed",
    CreditNoteReceived: "billed",
}
Place = tuple[str, UUID, str]
"""Measure, order, line."""
Refused = type[Refusal] | None
"""What the model expects: the class of a refusal, or None."""


def cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


@dataclass
class Line:
    lot_id: UUID
    quantity: Decimal
    received: Decimal = ZERO
    cancelled: Decimal = ZERO
    invoiced: Decimal = ZERO
    billed: Decimal = ZERO

    @property
    def open(self) -> Decimal:
        return self.quantity - self.cancelled - self.received

    @property
    def amount(self) -> Decimal:
        return cents(ITEMS[self.lot_id][1] * self.quantity)

    def upto(self, quantity: Decimal) -> tuple[Decimal, Decimal]:
        """Amount and baseline of a part: the line's total x cumulative quantity / ordered quantity, to the cent."""
        baseline = cents(ITEMS[self.lot_id][2] * self.quantity)
        return cents(self.amount * quantity / self.quantity), cents(baseline * quantity / self.quantity)


@dataclass
class Order:
    lines: dict[str, Line]
    state: str
    invoices: dict[UUID, dict[str, tuple[Decimal, Decimal]]] = field(default_factory=dict)
    released: dict[str, Decimal] = field(default_factory=dict)

    def held(self, lot_id: UUID | None = None) -> Decimal:
        """What it holds of the ceiling, or of a lot's part of it."""
        if self.state in ("rejected", "withdrawn"):
            return ZERO
        return sum(
            (
                line.amount - self.released.get(line_id, ZERO)
                for line_id, line in self.lines.items()
                if lot_id in (None, line.lot_id)
            ),
            ZERO,
        )


def is_waiting(order: Order) -> bool:
    return order.state == "waiting"


def counts(order: Order) -> bool:
    return order.state in ("ordered", "cancelled")


def is_open(order: Order) -> bool:
    return counts(order) and any(line.open for line in order.lines.values())


def has_arrived(order: Order) -> bool:
    return any(line.received for line in order.lines.values())


def is_billed(order: Order) -> bool:
    return bool(order.invoices)


class OrderMachine(RuleBasedStateMachine):
    new_service: ClassVar[Callable[[], Ordering]]

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[UUID, Order] = {}
        self.known: set[tuple[str, str, int]] = set()
        self.sums: defaultdict[Place, tuple[Decimal, Decimal]] = defaultdict(lambda: (ZERO, ZERO))
        self.reserved: defaultdict[UUID | None, Decimal] = defaultdict(Decimal)

    @initialize(asked=ASKED)
    def sign(self, asked: list[tuple[UUID, Decimal]]) -> None:
        """At most 600.00, of it 400.00 in the first lot; an approval above 300.00 with its allowance of a tenth."""
        self.service = type(self).new_service()
        lots = (
            lot(maximum=str(LOTS_MAXIMUM), prices=(price(unit_price="3.333333"),)),
            lot(SECOND_LOT, "2", prices=(price(MASKS, "7.77"),)),
        )
        agreement = signed(maximum=str(MAXIMUM), internal_limit=limit("300", "0.10"), lots=lots)
        self.scenario = Scenario(self.service).given(agreement, adheres(), baseline("4.01"))
        self.submit(asked)

    def teardown(self) -> None:
        if hasattr(self, "service"):
            self.service.store.close()

    # The model's answers

    def held(self, lot_id: UUID | None = None) -> Decimal:
        return sum((order.held(lot_id) for order in self.orders.values()), ZERO)

    def excess(self, total: Decimal, held: Decimal) -> Decimal:
        return min(total, max(ZERO, held + total - ALLOWED))

    def has(self, is_fit: Callable[[Order], bool]) -> bool:
        return any(is_fit(order) for order in self.orders.values())

    def some(self, data: st.DataObject, is_fit: Callable[[Order], bool]) -> tuple[UUID, Order | None]:
        """An order that fits most of the time, any other one now and then, and one that does not exist."""
        fit = [order_id for order_id, order in self.orders.items() if is_fit(order)]
        is_usual: bool = data.draw(OFTEN)
        order_id = data.draw(st.sampled_from(fit if fit and is_usual else [*self.orders, ABSENT]))
        return order_id, self.orders.get(order_id)

    def some_line(self, data: st.DataObject, order: Order | None) -> tuple[str, Line | None]:
        line_id = data.draw(st.sampled_from([*order.lines])) if order and data.draw(OFTEN) else "9"
        return line_id, order.lines.get(line_id) if order else None

    def send(self, command: Command, refused: Refused, actor: str = "officer-1") -> bool:
        """Whether it was accepted, which is the model's to say."""
        self.scenario.when(command, actor=actor)
        if refused is not None:
            self.scenario.then_refused(refused)
            return False
        assert self.scenario.refusal is None, self.scenario.refusal
        for event in self.scenario.published():
            self.count(event)
        return True

    def count(self, event: Any) -> None:
        match event:
            case CeilingReserved() | CeilingReleased():
                sign = 1 if isinstance(event, CeilingReserved) else -1
                self.reserved[None] += sign * event.amount
                assert event.reserved == self.reserved[None]
                for part in event.lots:
                    self.reserved[part.lot_id] += sign * part.amount
            case OrderLineReceived() | InvoiceReceived() | OrderCancelled():
                self.add(event, 1)
            case OrderLineReturned() | CreditNoteReceived():
                self.add(event, -1)

    def add(self, event: Any, sign: int) -> None:
        for part in event.lines:
            place = MEASURE[type(event)], event.order_id, part.line_id
            amount, baseline = self.sums[place]
            self.sums[place] = amount + sign * part.amount, baseline + sign * (part.baseline_amount or ZERO)

    # What may happen

    @rule(asked=ASKED, is_new=OFTEN)
    def submit(self, asked: list[tuple[UUID, Decimal]], *, is_new: bool = True) -> None:
        order_id = UUID(int=1000 + len(self.orders)) if is_new else next(iter(self.orders), ABSENT)
        lines = {str(n): Line(lot_id, quantity) for n, (lot_id, quantity) in enumerate(asked)}
        order = Order(lines, "ordered")
        excess = self.excess(order.held(), self.held())
        refused: Refused = None
        if order_id in self.orders:
            refused = AlreadyExists
        elif self.held() + order.held() > MAXIMUM or self.held(LOT) + order.held(LOT) > LOTS_MAXIMUM:
            refused = CeilingExceeded
        said = [
            ordered(str(line.quantity), line_id, lot_id=line.lot_id, item=ITEMS[line.lot_id][0])
            for line_id, line in lines.items()
        ]
        if self.send(submit(order_id=order_id, lines=said), refused):
            assert self.scenario.only(OrderSubmitted).excess == excess
            order.state = "waiting" if excess else "ordered"
            self.orders[order_id] = order

    @precondition(lambda self: self.has(is_waiting))
    @rule(
        data=st.data(), verdict=st.sampled_from(["approve", "approve", "reject", "withdraw"]), actor=ACTORS, later=LATER
    )
    def judge(self, data: st.DataObject, verdict: str, actor: str, later: int) -> None:
        order_id, order = self.some(data, is_waiting)
        day = DAY + timedelta(days=later)
        refused: Refused = None
        if order is None:
            refused = Unknown
        elif order.state != "waiting":
            refused = WrongState
        elif actor == "officer-1" and verdict != "withdraw":
            refused = SelfApproval
        elif later < 0:
            refused = BeforeTheOrder
        command = {"approve": approve, "reject": reject, "withdraw": withdraw}[verdict](day, order_id)
        if self.send(command, refused, actor) and order is not None:
            order.state = {"approve": "ordered", "reject": "rejected", "withdraw": "withdrawn"}[verdict]
            if verdict == "approve":
                excess = self.excess(order.held(), self.held() - order.held())
                assert self.scenario.only(OrderApproved).excess == excess

    @precondition(lambda self: self.has(counts))
    @rule(data=st.data(), is_return=st.booleans(), share=SHARES, later=LATER)
    def move(self, data: st.DataObject, share: Decimal, later: int, *, is_return: bool) -> None:
        order_id, order = self.some(data, has_arrived if is_return else is_open)
        line_id, line = self.some_line(data, order)
        there = (line.received if is_return else line.open) if line else Decimal(1)
        quantity = (there * share).quantize(Decimal("0.000001")) or Decimal(1)
        refused: Refused = None
        if order is None:
            refused = Unknown
        elif not counts(order):
            refused = WrongState
        elif line is None:
            refused = Unknown
        elif quantity > there:
            refused = TooMuch
        elif later < 0:
            refused = BeforeTheOrder
        day = DAY + timedelta(days=later)
        command = (
            give_back(str(quantity), line_id, day).model_copy(update={"order_id": order_id})
            if is_return
            else receive(str(quantity), line_id, day, order_id=order_id)
        )
        if self.send(command, refused) and line is not None:
            line.received += -quantity if is_return else quantity

    @precondition(lambda self: self.has(is_open))
    @rule(data=st.data(), later=LATER)
    def cancel(self, data: st.DataObject, later: int) -> None:
        order_id, order = self.some(data, is_open)
        refused: Refused = None
        if order is None:
            refused = Unknown
        elif not counts(order):
            refused = WrongState
        elif not any(line.open for line in order.lines.values()):
            refused = TooMuch
        elif later < 0:
            refused = BeforeTheOrder
        if self.send(cancel(DAY + timedelta(days=later), order_id), refused) and order is not None:
            order.state = "cancelled"
            for line_id, line in order.lines.items():
                before = order.released.get(line_id, ZERO)
                order.released[line_id] = before + line.upto(line.received + line.open)[0] - line.upto(line.received)[0]
                line.cancelled += line.open

    @precondition(lambda self: self.has(counts))
    @rule(data=st.data(), number=st.sampled_from(NUMBERS), quantity=EIGHTHS, amount=st.integers(0, 50_000), later=LATER)
    def invoice(self, data: st.DataObject, number: str, quantity: Decimal, amount: int, later: int) -> None:
        order_id, order = self.some(data, counts)
        line_id, line = self.some_line(data, order)
        day, money = DAY + timedelta(days=later), Decimal(amount) / 100
        refused: Refused = None
        if order is None:
            refused = Unknown
        elif not counts(order):
            refused = WrongState
        elif line is None:
            refused = Unknown
        elif later < 0:
            refused = BeforeTheOrder
        elif ("invoice", number, day.year) in self.known:
            refused = InvoiceIsKnown
        command = invoice(billed(str(quantity), str(money), line_id), number=number, day=day, order_id=order_id)
        if self.send(command, refused) and order is not None and line is not None:
            self.known.add(("invoice", number, day.year))
            order.invoices[bill_id(SUPPLIER, "invoice", number, day.year)] = {line_id: (quantity, money)}
            line.invoiced, line.billed = line.invoiced + quantity, line.billed + money

    @precondition(lambda self: self.has(is_billed))
    @rule(data=st.data(), number=st.sampled_from(NUMBERS), share=SHARES, is_price_alone=st.booleans(), later=LATER)
    def credit(self, data: st.DataObject, number: str, share: Decimal, later: int, *, is_price_alone: bool) -> None:
        order_id, order = self.some(data, is_billed)
        invoice_id = data.draw(st.sampled_from([*(order.invoices if order else ()), FIRST_INVOICE]))
        left = order.invoices.get(invoice_id) if order else None
        # An invoice of the machine has one line.
        line_id, (quantity, money) = next(iter(left.items())) if left else ("0", (Decimal(1), Decimal(1)))
        day = DAY + timedelta(days=later)
        back = ZERO if is_price_alone else (quantity * share).quantize(Decimal("0.000001"))
        less = cents(money * share)
        refused: Refused = None
        if order is None:
            refused = Unknown
        elif not counts(order):
            refused = WrongState
        elif left is None:
            refused = Unknown
        elif back > quantity or less > money:
            refused = TooMuch
        elif later < 0:
            refused = BeforeTheOrder
        elif ("credit", number, day.year) in self.known:
            refused = InvoiceIsKnown
        command = credit(invoice_id, billed(str(back), str(less), line_id), number=number, day=day, order_id=order_id)
        if self.send(command, refused) and order is not None and left is not None:
            self.known.add(("credit", number, day.year))
            left[line_id] = quantity - back, money - less
            line = order.lines[line_id]
            line.invoiced, line.billed = line.invoiced - back, line.billed - less

    # What always holds

    @invariant()
    def the_ceiling_holds_what_its_events_say(self) -> None:
        if not hasattr(self, "service"):
            return
        kept, _ = self.service.store.state(ceiling_stream(AGREEMENT), evolve_ceiling)
        kept = kept or Ceiling()
        assert kept.reserved == self.reserved[None] == self.held() <= MAXIMUM
        for lot_id in ITEMS:
            assert kept.by_lot.get(lot_id, ZERO) == self.reserved[lot_id] == self.held(lot_id)
        assert self.reserved[LOT] <= LOTS_MAXIMUM

    @invariant()
    def an_order_is_what_the_model_says_and_its_parts_add_up(self) -> None:
        for order_id, order in self.orders.items():
            found, _ = self.service.order(order_id)
            assert found.commitment == order.state
            for line_id, line in order.lines.items():
                kept = found.lines[line_id]
                assert (kept.received, kept.cancelled, kept.invoiced, kept.billed) == (
                    line.received, line.cancelled, line.invoiced, line.billed,
                )  # fmt: skip
                assert self.sums["received", order_id, line_id] == line.upto(line.received)
                assert self.sums["billed", order_id, line_id] == (line.billed, line.upto(line.invoiced)[1])
                assert self.sums["cancelled", order_id, line_id][0] == order.released.get(line_id, ZERO)
                if line.open == 0 and not line.cancelled:
                    assert self.sums["received", order_id, line_id][0] == line.amount


def test_whatever_is_asked_of_orders_in_whatever_order_the_model_agrees(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    OrderMachine.new_service = staticmethod(lambda: build(Settings(home=tmp_path_factory.mktemp("home"))))
    # Without shrinking: each step is a commit.
    few = settings(
        max_examples=25,
        stateful_step_count=40,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(OrderMachine, settings=few)
