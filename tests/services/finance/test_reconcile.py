"""The proof: the ledger's sums against a fold of the event store, to the cent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from events.ordering import InvoiceReceived, OrderSubmitted
from services.ordering.commands import ApproveOrder, CancelOrder, ReceiveOrderLine, RejectOrder, ReturnOrderLine
from tests.network import Network
from tests.projections.stored import line, of_order, put, raw, raw_line
from tests.services.finance.buying import credit

DAY = date(2022, 3, 31)


@pytest.fixture(scope="module")
def mixed(network: Network) -> Network:
    """One of everything, of two establishments, in two currencies."""
    euros = network.sign("0.333333", "0.5")
    dollars = network.sign("120", "119.99", currency="USD")
    limited = network.sign("100", limit="50")
    one, two = network.establishment(euros, limited), network.establishment(euros, dollars)
    for centre, agreement in ((one, euros), (two, euros), (two, dollars)):
        order_id = network.order(centre, agreement, "7", DAY)
        network.run(ReceiveOrderLine(order_id=order_id, line_id="1", quantity="3", received_on=date(2022, 4, 1)))
        network.run(ReceiveOrderLine(order_id=order_id, line_id="1", quantity="2", received_on=date(2022, 5, 1)))
        network.run(
            ReturnOrderLine(order_id=order_id, line_id="1", quantity="1", returned_on=date(2022, 5, 2), reason="broken")
        )
        invoice_id = network.invoice(order_id, agreement, "7", "2.33", date(2022, 4, 3))
        credit(network, order_id, invoice_id, "1", "0.33", date(2022, 6, 1))
        network.run(CancelOrder(order_id=order_id, cancelled_on=date(2022, 6, 2), reason="enough"))
    approved, rejected = (network.order(one, limited, "3", DAY) for _ in range(2))
    network.run(ApproveOrder(order_id=approved, approved_on=DAY), "approver-1")
    network.run(RejectOrder(order_id=rejected, rejected_on=DAY, reason="too much"), "approver-1")
    past = {"amount": "80.00", "invoiced_on": date(2010, 3, 1), "received_on": date(2010, 2, 1)}
    past |= {"agreement_id": network.record()}
    centre = network.history(past, {**past, "line_id": "2"}, number="PO-1")
    network.history({**past, "amount": "8.00"}, number="PO-1", establishment_id=centre, is_correction=True)
    network.platform.catch_up()
    return network


@pytest.fixture
def changed(mixed: Network) -> Iterator[Any]:
    """Changes a ledger of its own: another generation, that the readers see until the test ends."""
    projector = mixed.platform.projector
    projector.create("ledger", 2)
    mixed.platform.analytics.command("insert into ledger_g2 select * from ledger_g1")
    projector.switch("ledger", 2)
    yield lambda change: mixed.platform.analytics.command(f"alter table ledger_g2 {change} settings mutations_sync = 2")
    projector.switch("ledger", 1)
    projector.drop("ledger", 2)


def test_a_mixed_history_reconciles(mixed: Network) -> None:
    found = mixed.platform.finance.reconcile()
    assert (found["is_equal"], found["difference"], found["differing"]) == (True, "0.00", 0)
    assert (found["unreadable_events"], found["differing_groups"]) == (0, [])
    assert found["groups"] > 15
    assert found["incomplete"] is None
    (counted,) = mixed.platform.analytics.rows("select count() as n from raw_log where app = 'ordering'")
    assert found["events"] == counted["n"]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ("update amount = amount + toDecimal64('0.01', 2) where measure = 'invoiced' and amount = 2.33 and currency = 'EUR'", "0.02"),
        ("update baseline_amount = baseline_amount + toDecimal64('0.01', 2) where measure = 'received' and currency = 'USD' and amount < 0", "0.01"),
        ("update business_date = '2022-05-01' where measure = 'invoiced' and amount = 2.33 and currency = 'USD'", "1684.52"),
        ("update quantity = quantity + toDecimal64('0.000001', 6) where measure = 'ordered' and type like '%Approved%'", "0.00"),
        ("update lines = 2 where measure = 'ordered' and type like '%Approved%'", "0.00"),
        ("delete where measure = 'ordered' and type like '%Approved%'", "300.00"),
    ],
)  # fmt: skip
def test_a_planted_change_is_found(mixed: Network, changed: Any, change: str, difference: str) -> None:
    changed(change)
    found = mixed.platform.finance.reconcile()
    assert (found["is_equal"], found["difference"]) == (False, difference)
    assert found["differing"] == len(found["differing_groups"]) > 0


def test_a_difference_says_where_it_is_and_what_both_sides_hold(mixed: Network, changed: Any) -> None:
    changed("delete where measure = 'ordered' and type like '%Approved%'")
    (one,) = mixed.platform.finance.reconcile()["differing_groups"]
    assert (one["measure"], one["currency"], one["month"]) == ("ordered", "EUR", "2022-03")
    assert one["ledger"] == {"amount": "0.00", "baseline_amount": "0.00", "lines": 0}
    assert one["store"] == {"amount": "300.00", "baseline_amount": "0.00", "lines": 1}


def test_events_that_the_ledger_has_not_taken_in_yet_are_no_difference(mixed: Network) -> None:
    put(mixed.platform.ordering.store, of_order(InvoiceReceived, line("5.00")))
    assert mixed.platform.finance.reconcile()["difference"] == "0.00"
    mixed.platform.catch_up()
    assert mixed.platform.finance.reconcile()["is_equal"]


def test_unreadable_events_are_counted_and_make_it_incomplete(mixed: Network) -> None:
    put(
        mixed.platform.ordering.store,
        raw(of_order(OrderSubmitted), lines=[raw_line(amount="1.999")]),
        ("ordering.OrderFramed.v1", b"{}"),
        (OrderSubmitted.TOPIC, b"{"),
    )
    mixed.platform.catch_up()
    found = mixed.platform.finance.reconcile()
    assert (found["is_equal"], found["unreadable_events"]) == (True, 3)
    assert len(found["incomplete"]) == 3
