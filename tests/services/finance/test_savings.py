"""Savings: what has a baseline, what has none, and what to know before the figure is used."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import pytest

from services.tendering.commands import SetBaseline
from tests.network import Agreement, Network
from tests.services.finance.buying import credit

DAY = date(2022, 3, 31)


def first_price(network: Network, price: str) -> UUID:
    """The first recorded price of an item of imported history."""
    baseline_id = uuid4()
    network.run(
        SetBaseline(
            baseline_id=baseline_id,
            item="LAMIVUDINE",
            method="first-recorded-price",
            price=price,
            currency="USD",
            evidence="line 1",
            valid_from=date(2010, 1, 1),
            approved_by="import",
        )
    )
    network.platform.react()
    return baseline_id


def test_lines_without_a_baseline_are_counted_apart(network: Network) -> None:
    priced, unpriced = network.sign("102", "120"), network.sign("50")
    centre = network.establishment(priced, unpriced)
    network.buy(centre, priced, "2", "204.00", DAY)
    network.buy(centre, unpriced, "3", "150.00", DAY)
    found = network.figure("savings", by=("year",), establishment=centre)
    expected = {
        "amount": "204.00",
        "baseline_amount": "240.00",
        "saving": "36.00",
        "rate_on_baseline": "0.150000",
        "rate_on_spend": "0.176471",
        "lines": 1,
        "without_baseline": {"lines": 1, "amount": "150.00"},
    }
    assert found["rows"] == [{"year": "2022", **expected}]
    assert found["total"] == expected
    assert found["warnings"] == []


def test_a_credit_note_on_price_alone_adds_to_the_saving_and_is_no_jump(
    network: Network, agreement: Agreement, centre: UUID
) -> None:
    order_id = network.order(centre, agreement, "10", DAY)
    invoice_id = network.invoice(order_id, agreement, "10", "1020.00", DAY)
    credit(network, order_id, invoice_id, "0", "20.00", DAY)
    found = network.figure("savings", establishment=centre)
    assert (found["total"]["amount"], found["total"]["saving"]) == ("1000.00", "200.00")
    assert found["warnings"] == []


def test_savings_against_a_first_recorded_price_say_what_they_are(network: Network) -> None:
    agreement_id = network.record()
    line = {"invoiced_on": date(2010, 3, 1), "agreement_id": agreement_id}
    centre = network.history(
        {**line, "amount": "80.00", "unit_price": "8", "baseline_id": first_price(network, "10")},
        {**line, "amount": "90.00", "unit_price": "9", "line_id": "2"},
    )
    found = network.figure("savings", establishment=centre)
    assert found["total"]["saving"] == "20.00"
    warning = (
        "1 lines are measured by first-recorded-price: the gap to the first known price of imported history, "
        "not a negotiated saving"
    )
    assert found["warnings"] == [warning]
    assert network.figure("volume", establishment=centre)["warnings"] == []


@pytest.mark.parametrize(("amount", "told"), [("1000.00", 0), ("1000.01", 1), ("10.00", 0), ("9.99", 1)])
def test_a_price_more_than_ten_times_its_baseline_or_less_than_a_tenth_is_told(
    network: Network, amount: str, told: int
) -> None:
    line = {"invoiced_on": date(2010, 3, 1), "amount": amount, "baseline_id": first_price(network, "10")}
    centre = network.history({**line, "agreement_id": network.record()})
    warnings = network.figure("savings", establishment=centre)["warnings"]
    assert sum(one.startswith("1 lines have a price more than 10 times their baseline") for one in warnings) == told
