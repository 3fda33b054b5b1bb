"""A figure can be opened: the rows behind it add up to it, and what was left out says why."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from events.ordering import InvoiceReceived, OrderSubmitted
from services.finance.query import SeveralCurrencies
from services.ordering.commands import ApproveOrder, RejectOrder, WithdrawOrder
from tests.network import Agreement, Network, query
from tests.projections.stored import of_order, put, raw, raw_line
from tests.services.finance.buying import credit

DAY = date(2022, 3, 31)
NO_BASELINE = "no baseline: nothing to measure a saving against"
WAITS = "needs an approval: counts from its approval on"


def explain(network: Network, figure: str, limit: int = 50, **asked: Any) -> dict[str, Any]:
    network.platform.catch_up()
    return network.platform.finance.explain(query(figure, **asked), limit)


def added_up(found: dict[str, Any], name: str = "amount") -> str:
    return f"{sum((Decimal(row[name] or 0) for row in found['events']), Decimal('0.00')):.2f}"


def reasons(found: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {one["reason"]: (one["rows"], one["amount"]) for one in found["left_out"]}


@pytest.fixture
def busy(network: Network) -> UUID:
    """A centre with invoices at 1/3 of a cent, a credit note, and a line without baseline."""
    priced, unpriced = network.sign("0.333333", "0.5"), network.sign("7")
    centre = network.establishment(priced, unpriced)
    for n in range(1, 8):
        order_id = network.order(centre, priced, "100", DAY + timedelta(days=n))
        invoice_id = network.invoice(order_id, priced, "100", f"33.{30 + n}", DAY + timedelta(days=n))
    credit(network, order_id, invoice_id, "10", "3.33", DAY + timedelta(days=40))
    network.buy(centre, unpriced, "1", "7.00", DAY)
    return centre


@pytest.mark.parametrize("figure", ["volume", "growth", "csr"])
def test_the_rows_behind_a_figure_add_up_to_it(network: Network, busy: UUID, figure: str) -> None:
    found = explain(network, figure, establishment=busy)
    amount = {"csr": "spend"}.get(figure, "amount")
    assert added_up(found) == found["behind"]["amount"] == found["total"][amount] == "237.05"
    assert (found["behind"]["events"], found["behind"]["rows"], found["shown"]) == (9, 9, 9)


def test_the_rows_behind_savings_are_those_with_a_baseline(network: Network, busy: UUID) -> None:
    found = explain(network, "savings", establishment=busy)
    assert added_up(found) == found["behind"]["amount"] == found["total"]["amount"] == "230.05"
    assert added_up(found, "baseline_amount") == found["behind"]["baseline_amount"] == "345.00"
    assert Decimal(found["behind"]["baseline_amount"]) - Decimal(added_up(found)) == Decimal(found["total"]["saving"])
    assert reasons(found) == {NO_BASELINE: (1, "7.00")}
    assert [row["amount"] for row in found["left_out_events"]] == ["7.00"]


def test_more_rows_than_asked_for_are_counted_though_not_shown(network: Network, busy: UUID) -> None:
    found = explain(network, "volume", 2, establishment=busy)
    assert (found["shown"], len(found["events"]), found["behind"]["rows"]) == (2, 2, 9)
    assert found["behind"]["amount"] == found["total"]["amount"]


def test_a_row_leads_to_its_event(network: Network, agreement: Agreement, centre: UUID) -> None:
    order_id = network.buy(centre, agreement, "2", "204.00", DAY)
    (row,) = explain(network, "volume", establishment=centre)["events"]
    event = next(
        recorded.event
        for recorded in network.platform.ordering.store.events(order_id)
        if isinstance(recorded.event, InvoiceReceived)
    )
    assert (row["event_id"], row["type"], row["context"]) == (str(event.event_id), InvoiceReceived.TOPIC, "ordering")
    assert (row["order_id"], row["document"], row["line_id"]) == (str(order_id), event.number, "1")
    assert (row["business_date"], row["amount"], row["baseline_amount"]) == ("2022-03-31", "204.00", "240.00")
    assert (row["quantity"], row["currency"], row["item"]) == ("2", "EUR", "TRAS-150")
    assert row["recorded_at"].endswith("Z")
    stored = network.platform.ordering.store.recorder.select_notifications(row["position"], 1)
    assert stored[0].state == event.model_dump_json().encode()


def test_days_and_filters_choose_what_is_explained(network: Network, busy: UUID) -> None:
    found = explain(network, "volume", establishment=busy, since=DAY, until=DAY)
    assert [row["amount"] for row in found["events"]] == ["7.00"]


def test_an_order_that_waits_is_left_out_with_its_amount_and_counts_from_its_approval(network: Network) -> None:
    agreement = network.sign("100", limit="50")
    centre = network.establishment(agreement)
    order_id = network.order(centre, agreement, "3", DAY)
    asked: dict[str, Any] = {"measure": "ordered", "establishment": centre}
    found = explain(network, "volume", **asked)
    assert (found["events"], reasons(found)) == ([], {WAITS: (1, "300.00")})
    network.run(ApproveOrder(order_id=order_id, approved_on=DAY), "approver-1")
    found = explain(network, "volume", **asked)
    assert [row["type"] for row in found["events"]] == ["ordering.OrderApproved.v1"]
    assert [row["type"] for row in found["left_out_events"]] == ["ordering.OrderSubmitted.v1"]


def test_rejected_and_withdrawn_orders_are_left_out_with_the_reason(network: Network) -> None:
    agreement = network.sign("100", limit="50")
    centre = network.establishment(agreement)
    rejected, withdrawn = (network.order(centre, agreement, "3", DAY) for _ in range(2))
    network.run(RejectOrder(order_id=rejected, rejected_on=DAY, reason="too much"), "approver-1")
    network.run(WithdrawOrder(order_id=withdrawn, withdrawn_on=DAY, reason="a mistake"))
    found = explain(network, "volume", measure="ordered", establishment=centre)
    assert found["events"] == []
    assert reasons(found) == {
        WAITS: (2, "600.00"),
        "rejected: the order never counted": (1, "0.00"),
        "withdrawn: the order never counted": (1, "0.00"),
    }
    assert reasons(explain(network, "volume", establishment=centre)) == {}, "nothing of it concerns what was invoiced"


def test_what_was_recorded_later_is_left_out_as_of_a_day(network: Network, agreement: Agreement, centre: UUID) -> None:
    network.clock.on(date(2026, 3, 1))
    network.buy(centre, agreement, "1", "102.00", DAY)
    network.clock.on(date(2026, 3, 2))
    network.buy(centre, agreement, "1", "51.00", DAY)
    found = explain(network, "volume", establishment=centre, as_of="2026-03-01")
    assert (added_up(found), found["total"]["amount"]) == ("102.00", "102.00")
    assert reasons(found) == {"recorded after the instant asked for": (1, "51.00")}


def test_spend_without_a_valid_rating_says_so_and_on_which_day(network: Network) -> None:
    rated, unrated = network.sign("100"), network.sign("100")
    centre = network.establishment(rated, unrated)
    network.clock.on(date(2026, 6, 1))
    network.rate(rated.supplier_id, 50, date(2026, 1, 1))
    network.buy(centre, rated, "1", "75.00", DAY)
    network.buy(centre, unrated, "1", "25.00", DAY)
    found = explain(network, "csr", establishment=centre)
    assert found["total"]["coverage"] == "0.750000"
    assert reasons(found) == {"the supplier has no rating that counts on 2026-06-01": (1, "25.00")}


def test_an_unreadable_event_is_left_out_with_what_is_wrong_with_it(network: Network) -> None:
    own, other = network.establishment(), network.establishment()
    broken = raw(of_order(OrderSubmitted, establishment_id=own), lines=[raw_line(amount="1.999")])
    (pos,) = put(network.platform.ordering.store, broken)
    found = explain(network, "volume", establishment=own)
    (row,) = found["left_out_events"]
    assert (row["position"], row["amount"], row["establishment_id"]) == (pos, "0.00", str(own))
    assert row["reason"] == 'unreadable: amount "1.999" is not money in two decimals'
    assert found["incomplete"][0]["position"] == pos
    assert explain(network, "volume", establishment=other)["left_out_events"] == [], "it is nobody else's"


def test_several_currencies_are_refused(network: Network) -> None:
    euros, dollars = network.sign("10"), network.sign("10", currency="USD")
    centre = network.establishment(euros, dollars)
    network.buy(centre, euros, "1", "10.00", DAY)
    network.buy(centre, dollars, "1", "7.00", DAY)
    with pytest.raises(SeveralCurrencies, match="EUR, USD"):
        explain(network, "volume", establishment=centre)
    assert added_up(explain(network, "volume", establishment=centre, currency="USD")) == "7.00"
