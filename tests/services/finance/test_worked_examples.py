"""The worked examples of the figures' definition, put through the real commands and read as figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from events.ordering import OrderApproved, OrderSubmitted
from services.ordering.commands import ApproveOrder
from tests.network import Agreement, Network

DAY = date(2022, 3, 31)


def test_example_1_a_price_of_120_that_becomes_102_saves_180_000_on_10_000_units(network: Network) -> None:
    agreement = network.sign("102", "120")
    network.buy(network.establishment(agreement), agreement, "10000", "1020000.00", DAY)
    total = network.figure("savings", agreement=agreement.agreement_id)["total"]
    assert (total["amount"], total["baseline_amount"]) == ("1020000.00", "1200000.00")
    assert (total["saving"], total["rate_on_baseline"]) == ("180000.00", "0.150000")
    assert total["rate_on_spend"] == "0.176471"


def test_example_8_a_renewal_is_measured_against_the_last_contract_price(network: Network) -> None:
    first, renewed = network.sign("102", "120"), network.sign("100", "102")
    centre = network.establishment(first, renewed)
    network.buy(centre, first, "10000", "1020000.00", date(2021, 6, 1))
    network.buy(centre, renewed, "10000", "1000000.00", date(2022, 6, 1))
    rows = network.figure("savings", by=("year",), establishment=centre)["rows"]
    assert [(row["year"], row["saving"]) for row in rows] == [("2021", "180000.00"), ("2022", "20000.00")]


def test_example_10_a_price_that_rises_is_a_negative_saving_and_is_kept(network: Network) -> None:
    agreement = network.sign("122", "120")
    network.buy(network.establishment(agreement), agreement, "2500", "305000.00", DAY)
    total = network.figure("savings", agreement=agreement.agreement_id)["total"]
    assert total["saving"] == "-5000.00"
    assert total["rate_on_baseline"] == "-0.016667"


def test_example_11_a_box_of_ten_is_compared_by_the_unit(network: Network) -> None:
    agreement = network.sign("95", "10.20", base_units="10")
    network.buy(network.establishment(agreement), agreement, "3000", "285000.00", DAY)
    total = network.figure("savings", agreement=agreement.agreement_id)["total"]
    assert total["saving"] == "21000.00"
    (row,) = network.figure("volume", by=("item",), agreement=agreement.agreement_id)["rows"]
    assert row["quantity"] == "30000"


def test_example_12_1_1_billion_after_827_067_669_17_is_a_growth_of_33_percent(network: Network) -> None:
    agreement = network.sign("1000000")
    centre = network.establishment(agreement)
    network.buy(centre, agreement, "827.067669", "827067669.17", date(2020, 12, 31))
    network.buy(centre, agreement, "1100", "1100000000.00", date(2022, 1, 1))
    days = {"since": date(2022, 1, 1), "until": date(2022, 12, 31)}
    before = {"against_since": date(2020, 1, 1), "against_until": date(2020, 12, 31)}
    total = network.figure("growth", establishment=centre, **days, **before)["total"]
    assert (total["amount"], total["previous_amount"]) == ("1100000000.00", "827067669.17")
    assert total["growth"] == "0.330000"


def test_example_13_an_order_of_500_above_a_limit_of_1000_with_800_ordered_waits_for_the_approval_of_300(
    network: Network,
) -> None:
    agreement = network.sign("1", limit="1000")
    centre = network.establishment(agreement)
    network.order(centre, agreement, "800", DAY)
    order_id = network.order(centre, agreement, "500", DAY)
    assert _ordered(network, agreement) == "800.00"
    network.run(ApproveOrder(order_id=order_id, approved_on=DAY), "approver-1")
    submitted, approved = (one.event for one in network.platform.ordering.store.events(order_id))
    assert isinstance(submitted, OrderSubmitted)
    assert isinstance(approved, OrderApproved)
    assert submitted.excess == approved.excess == Decimal("300.00")
    assert _ordered(network, agreement) == "1300.00"


def test_example_14_an_allowance_is_of_the_limit_so_that_orders_of_1000_and_then_100_both_count(
    network: Network,
) -> None:
    agreement = network.sign("1", limit="1000", allowance="0.10")
    centre = network.establishment(agreement)
    network.order(centre, agreement, "1000", DAY)
    network.order(centre, agreement, "100", DAY)
    assert _ordered(network, agreement) == "1100.00"
    network.order(centre, agreement, "0.01", DAY)
    assert _ordered(network, agreement) == "1100.00", "the next cent waits"


def _ordered(network: Network, agreement: Agreement) -> str:
    amount: str = network.figure("volume", measure="ordered", agreement=agreement.agreement_id)["total"]["amount"]
    return amount


def test_example_17_a_score_is_weighed_by_spend_and_only_over_what_is_rated(network: Network) -> None:
    bought = [("5000000.00", 60), ("3000000.00", 45), ("2000000.00", None)]
    agreements = [network.sign("1000000") for _ in bought]
    centre = network.establishment(*agreements)
    for agreement, (amount, score) in zip(agreements, bought, strict=True):
        network.buy(centre, agreement, "5", amount, DAY)
        if score is not None:
            network.rate(agreement.supplier_id, score, date(2023, 1, 10))
    total = network.figure("csr", establishment=centre)["total"]
    assert total == {"spend": "10000000.00", "rated_spend": "8000000.00", "coverage": "0.800000", "score": "54.375000"}
