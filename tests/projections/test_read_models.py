"""What the lists show of orders, agreements, suppliers and establishments, after real commands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.base import Command
from projections.orders.reader import BadCursor, OrderRow
from services.membership.commands import EndAdhesion, GrantAdhesion, LeaveEstablishment, OpenSite
from services.membership.establishment import evolve
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
from services.suppliers.commands import ReinstateSupplier, RejectCsrRating, SuspendSupplier
from services.tendering.commands import AmendAgreement, TerminateAgreement
from tests.network import BEGIN, Agreement, Network, open_network

DAY = date(2022, 3, 31)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with open_network(tmp_path_factory.mktemp("home")) as found:
        yield found


def submit(network: Network, establishment_id: UUID, agreement: Agreement, *quantities: str, on: date = DAY) -> UUID:
    """An order of the lines "1", "2" …"""
    order_id = uuid4()
    lines = [
        OrderedLine(line_id=str(n), lot_id=agreement.lot_id, item="TRAS-150", quantity=quantity)
        for n, quantity in enumerate(quantities, start=1)
    ]
    network.run(
        SubmitOrder(
            order_id=order_id, establishment_id=establishment_id, agreement_id=agreement.agreement_id,
            number=network.number("C"), ordered_on=on, lines=lines,
        )
    )  # fmt: skip
    return order_id


def receive(order_id: UUID, line_id: str, quantity: str) -> Command:
    return ReceiveOrderLine(order_id=order_id, line_id=line_id, quantity=quantity, received_on=DAY)


def give_back(order_id: UUID, line_id: str, quantity: str) -> Command:
    return ReturnOrderLine(order_id=order_id, line_id=line_id, quantity=quantity, returned_on=DAY, reason="broken")


def invoice(order_id: UUID, number: str, **quantities: str) -> Command:
    lines = [BilledLine(line_id=name[1:], quantity=q, amount=f"{q}.00") for name, q in quantities.items()]
    return ReceiveInvoice(order_id=order_id, number=number, issued_on=DAY, received_on=DAY, vat="0", lines=lines)


def cancel(order_id: UUID) -> Command:
    return CancelOrder(order_id=order_id, cancelled_on=DAY, reason="enough")


def shown(network: Network, order_id: UUID, **asked: Any) -> OrderRow:
    network.platform.catch_up()
    page = network.platform.read.orders.page(limit=1000, **asked)
    return next(row for row in page.rows if row.order_id == order_id)


AXES = {
    "nothing has happened yet": ([], ("ordered", "none", "none")),
    "a part arrived": ([("receive", "1", "4")], ("ordered", "partial", "none")),
    "one line arrived whole": ([("receive", "1", "10")], ("ordered", "partial", "none")),
    "all of it arrived": ([("receive", "1", "10"), ("receive", "2", "5")], ("ordered", "full", "none")),
    "all arrived and a part went back": (
        [("receive", "1", "10"), ("receive", "2", "5"), ("return", "1", "1")],
        ("ordered", "partial", "none"),
    ),
    "all that arrived went back": ([("receive", "1", "2"), ("return", "1", "2")], ("ordered", "none", "none")),
    "one line was billed too much, the other not": ([("invoice", "15", "")], ("ordered", "none", "partial")),
    "both lines were billed": ([("invoice", "10", "5")], ("ordered", "none", "full")),
    "the rest was cancelled": (
        [("receive", "1", "6"), ("cancel", "", "")],
        ("cancelled", "full", "none"),
    ),
    "nothing arrived and all was cancelled": ([("cancel", "", "")], ("cancelled", "none", "none")),
    "what arrived went back after the cancellation": (
        [("receive", "1", "6"), ("cancel", "", ""), ("return", "1", "1")],
        ("cancelled", "partial", "none"),
    ),
}


@pytest.mark.parametrize("name", AXES)
def test_an_order_has_three_axes_line_by_line_as_its_own_state_says(network: Network, name: str) -> None:
    agreement = network.sign("1")
    order_id = submit(network, network.establishment(agreement), agreement, "10", "5")
    steps, expected = AXES[name]
    for step, first, second in steps:
        match step:
            case "receive":
                network.run(receive(order_id, first, second))
            case "return":
                network.run(give_back(order_id, first, second))
            case "invoice":
                network.run(
                    invoice(order_id, network.number("F"), **{"l1": first, **({"l2": second} if second else {})})
                )
            case "cancel":
                network.run(cancel(order_id))
    row = shown(network, order_id)
    assert (row.commitment, row.receipt, row.billing) == expected
    state, _ = network.platform.ordering.order(order_id)
    assert (state.commitment, state.receipt, state.billing) == expected


def test_an_order_shows_its_amounts_net_of_what_was_taken_back(network: Network) -> None:
    agreement = network.sign("2.50")
    centre = network.establishment(agreement)
    order_id = submit(network, centre, agreement, "10")
    network.run(receive(order_id, "1", "6"))
    network.run(give_back(order_id, "1", "1"))
    network.run(invoice(order_id, "F-77", l1="8"))
    credited = BilledLine(line_id="1", quantity="2", amount="3.00")
    network.run(
        ReceiveCreditNote(
            order_id=order_id, invoice_id=bill_id(agreement.supplier_id, "invoice", "F-77", 2022), number="AV-77",
            issued_on=DAY, vat="0", lines=[credited],
        )
    )  # fmt: skip
    network.run(cancel(order_id))
    row = shown(network, order_id)
    assert (row.ordered, row.received, row.invoiced) == (Decimal("12.50"), Decimal("12.50"), Decimal("5.00"))
    assert (row.establishment_id, row.agreement_id, row.supplier_id) == (
        centre, agreement.agreement_id, agreement.supplier_id,
    )  # fmt: skip
    assert (row.currency, row.ordered_on, row.source, row.excess) == ("EUR", DAY, None, Decimal(0))


@pytest.mark.parametrize(
    ("command", "actor", "commitment", "ordered"),
    [
        (None, "", "waiting", "0.00"),
        (ApproveOrder, "approver-1", "ordered", "300.00"),
        (RejectOrder, "approver-1", "rejected", "0.00"),
        (WithdrawOrder, "officer-1", "withdrawn", "0.00"),
    ],
)
def test_an_order_that_needs_an_approval_shows_its_excess_while_it_waits(
    network: Network, command: Any, actor: str, commitment: str, ordered: str
) -> None:
    agreement = network.sign("100", limit="50")
    order_id = submit(network, network.establishment(agreement), agreement, "3")
    if command is not None:
        days = {"approved_on": DAY, "rejected_on": DAY, "withdrawn_on": DAY, "reason": "as it is"}
        network.run(
            command(order_id=order_id, **{name: days[name] for name in command.model_fields if name in days}), actor
        )
    row = shown(network, order_id, agreement_id=agreement.agreement_id, state=commitment)
    assert (row.commitment, row.ordered) == (commitment, Decimal(ordered))
    assert row.excess == (Decimal("250.00") if commitment == "waiting" else Decimal(0))
    assert row.supplier_id == agreement.supplier_id


def test_an_order_of_the_past_is_recorded_with_its_source_and_what_was_corrected(network: Network) -> None:
    line = {"amount": "80.00", "invoiced_on": date(2010, 3, 1), "agreement_id": network.record()}
    centre = network.history(line, {**line, "line_id": "2", "invoiced_on": None}, number="PO-1")
    network.history({**line, "amount": "90.00"}, number="PO-1", establishment_id=centre, is_correction=True)
    network.platform.catch_up()
    (row,) = network.platform.read.orders.page(establishment_id=centre).rows
    assert (row.commitment, row.number, row.source) == ("recorded", "PO-1", "scms")
    assert (row.ordered, row.invoiced, row.received) == (Decimal("170.00"), Decimal("90.00"), Decimal("0.00"))
    assert (row.receipt, row.billing) == ("none", "partial")
    assert (row.agreement_id, row.ordered_on) == (line["agreement_id"], date(2010, 1, 5))


def test_pages_follow_one_another_over_orders_of_the_same_day(network: Network) -> None:
    agreement = network.sign("1")
    centre = network.establishment(agreement)
    days = [DAY, DAY, DAY, DAY - timedelta(days=1), DAY - timedelta(days=1), DAY + timedelta(days=1)]
    ids = {submit(network, centre, agreement, "1", on=day): day for day in days}
    network.platform.catch_up()
    seen: list[OrderRow] = []
    cursor: str | None = None
    for _ in range(3):
        page = network.platform.read.orders.page(establishment_id=centre, after=cursor, limit=2)
        assert len(page.rows) == 2
        seen += page.rows
        cursor = page.next_cursor
    assert cursor is None
    assert {row.order_id: row.ordered_on for row in seen} == ids, "each once"
    assert [row.ordered_on for row in seen] == sorted(days, reverse=True)
    assert network.platform.read.orders.page(establishment_id=centre, limit=6).next_cursor is None
    for cursor in ("x", "2022-03-31", "2022-03-31_x", "_"):
        with pytest.raises(BadCursor):
            network.platform.read.orders.page(after=cursor)


def test_filters_of_orders_limit_one_another(network: Network) -> None:
    one, two = network.sign("1"), network.sign("1")
    first, second = network.establishment(one, two), network.establishment(one)
    a, b, c = submit(network, first, one, "1"), submit(network, first, two, "1"), submit(network, second, one, "1")
    network.run(cancel(a))
    network.platform.catch_up()

    def found(**asked: Any) -> set[UUID]:
        return {row.order_id for row in network.platform.read.orders.page(limit=1000, **asked).rows}

    assert found(establishment_id=first) == {a, b}
    assert found(agreement_id=one.agreement_id) == {a, c}
    assert found(supplier_id=two.supplier_id) == {b}
    assert found(establishment_id=first, state="cancelled") == {a}
    assert found(establishment_id=first, agreement_id=one.agreement_id, state="ordered") == set()
    assert found(establishment_id=uuid4()) == set()


def of(network: Network, agreement: Agreement) -> Any:
    network.platform.catch_up()
    return next(row for row in network.platform.read.agreements.all() if row.agreement_id == agreement.agreement_id)


def test_an_agreement_shows_how_much_of_its_maximum_is_reserved(network: Network) -> None:
    agreement = network.sign("300000000000", title="Scanners")
    row = of(network, agreement)
    assert (row.label, row.currency, row.is_recorded, row.maximum) == (
        "Scanners",
        "EUR",
        False,
        Decimal(900000000000),
    )
    assert (row.reserved, row.use) == (Decimal(0), Decimal("0.000000"))
    centre = network.establishment(agreement)
    submit(network, centre, agreement, "1")
    cancelled = submit(network, centre, agreement, "1.5")
    row = of(network, agreement)
    assert (row.reserved, row.use) == (Decimal("750000000000.00"), Decimal("0.833333"))
    network.run(receive(cancelled, "1", "0.5"))
    network.run(cancel(cancelled))
    row = of(network, agreement)
    assert (row.reserved, row.use) == (Decimal("450000000000.00"), Decimal("0.500000"))
    (lot,) = row.lots
    assert (lot.reserved, lot.maximum, lot.use) == (row.reserved, None, None)
    assert (lot.lot_id, lot.supplier_id, lot.number) == (agreement.lot_id, agreement.supplier_id, "1")


def test_an_agreement_shows_its_newest_maximum_and_last_day(network: Network) -> None:
    agreement = network.sign("1")

    def amend(**change: Any) -> None:
        network.run(
            AmendAgreement(
                agreement_id=agreement.agreement_id,
                ground="R2194-1",
                justification="clause 12",
                signed_on=DAY,
                **change,
            )
        )

    amend(maximum="900000000001.10")
    assert of(network, agreement).maximum == Decimal("900000000001.10")
    amend(valid_to=date(2029, 12, 30))
    row = of(network, agreement)
    assert (row.maximum, row.valid_to) == (Decimal("900000000001.10"), date(2029, 12, 30))
    network.run(
        TerminateAgreement(agreement_id=agreement.agreement_id, terminated_on=date(2023, 1, 31), reason="default")
    )
    row = of(network, agreement)
    assert (row.valid_from, row.valid_to) == (BEGIN, date(2023, 1, 31))


def test_a_recorded_agreement_has_neither_maximum_nor_dates(network: Network) -> None:
    agreement_id = network.record()
    network.platform.catch_up()
    row = next(row for row in network.platform.read.agreements.all() if row.agreement_id == agreement_id)
    assert row.is_recorded
    assert (row.maximum, row.use, row.valid_from, row.valid_to, row.lots) == (None, None, None, None, ())


def supplier(network: Network, supplier_id: UUID, day: date) -> Any:
    network.platform.catch_up()
    return next(row for row in network.platform.read.suppliers.all(day) if row.supplier_id == supplier_id)


def test_a_suppliers_rating_is_declared_verified_rejected_or_expired(network: Network) -> None:
    supplier_id = network.supplier("Fournisseur Alpha")
    assert supplier(network, supplier_id, DAY).rating_state == "none"
    assert supplier(network, supplier_id, DAY).rating_id is None
    rejected = network.rate(supplier_id, 90, date(2023, 1, 1), is_verified=False)
    row = supplier(network, supplier_id, date(2023, 6, 1))
    assert (row.rating_state, row.rating_id, row.scores.overall) == ("declared", rejected, 90)
    network.run(RejectCsrRating(supplier_id=supplier_id, rating_id=rejected, reason="not found"), "group-buyer")
    assert supplier(network, supplier_id, date(2023, 6, 1)).rating_state == "rejected"
    network.rate(supplier_id, 60, date(2023, 2, 1))
    row = supplier(network, supplier_id, date(2024, 1, 31))
    assert (row.rating_state, row.scores.overall, row.expires_on) == ("verified", 60, date(2024, 2, 1))
    assert supplier(network, supplier_id, date(2024, 2, 1)).rating_state == "expired"


def test_a_supplier_is_suspended_until_it_is_reinstated(network: Network) -> None:
    supplier_id = network.supplier()
    network.run(SuspendSupplier(supplier_id=supplier_id, suspended_on=DAY, reason="investigation"))
    row = supplier(network, supplier_id, DAY)
    assert (row.is_suspended, row.suspended_on) == (True, DAY)
    network.run(ReinstateSupplier(supplier_id=supplier_id, reinstated_on=DAY + timedelta(days=9)))
    row = supplier(network, supplier_id, DAY)
    assert (row.is_suspended, row.suspended_on) == (False, None)


def test_an_establishment_shows_its_sites_its_adhesions_and_its_last_day(network: Network) -> None:
    one, two = network.sign("1"), network.sign("1")
    centre = network.establishment(one, two, name="Centre Ouest")
    for name in ("A", "B"):
        network.run(OpenSite(establishment_id=centre, site_id=uuid4(), name=name, opened_on=DAY))
    network.platform.catch_up()
    row = next(row for row in network.platform.read.establishments.all() if row.establishment_id == centre)
    assert (row.label, row.kind, row.siret, row.joined_on, row.left_on) == ("Centre Ouest", "clcc", None, BEGIN, None)
    assert (row.sites, row.adhesions) == (2, 2)
    network.run(LeaveEstablishment(establishment_id=centre, left_on=DAY, reason="merger"))
    network.platform.catch_up()
    row = next(row for row in network.platform.read.establishments.all() if row.establishment_id == centre)
    assert (row.left_on, row.adhesions) == (DAY, 2)
    assert {adhesion.valid_to for adhesion in network.platform.read.establishments.adhesions(centre)} == {DAY}


def test_each_period_of_an_adhesion_is_shown_as_it_was_cut(network: Network) -> None:
    agreement = network.sign("1")
    centre = network.establishment()

    def grant(first: date, last: date | None) -> None:
        network.run(
            GrantAdhesion(establishment_id=centre, agreement_id=agreement.agreement_id, valid_from=first, valid_to=last)
        )

    def end(on: date) -> None:
        network.run(
            EndAdhesion(establishment_id=centre, agreement_id=agreement.agreement_id, ended_on=on, reason="as it is")
        )

    def periods() -> list[tuple[date, date | None]]:
        network.platform.catch_up()
        found = network.platform.read.establishments.adhesions(centre, agreement.agreement_id)
        state, _ = network.platform.membership.store.state(centre, evolve)
        assert state is not None
        assert [(one.valid_from, one.valid_to or date.max) for one in found] == sorted(
            state.adhesions[agreement.agreement_id]
        )
        return [(one.valid_from, one.valid_to) for one in found]

    grant(date(2020, 1, 1), date(2020, 12, 31))
    grant(date(2022, 1, 1), None)
    assert periods() == [(date(2020, 1, 1), date(2020, 12, 31)), (date(2022, 1, 1), None)]
    end(date(2022, 6, 30))
    assert periods()[1] == (date(2022, 1, 1), date(2022, 6, 30))
    grant(date(2023, 1, 1), None)
    end(date(2022, 3, 31))
    assert periods() == [(date(2020, 1, 1), date(2020, 12, 31)), (date(2022, 1, 1), date(2022, 3, 31))]
    row = next(row for row in network.platform.read.establishments.all() if row.establishment_id == centre)
    assert row.adhesions == 1
