"""The worked examples of the figures' definition, put through the real commands and read as figures."""

from __future__ import annotations

from datetime import date

from tests.network import Network

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
