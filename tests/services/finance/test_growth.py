"""Growth: which period is compared with which, and what has no value."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from services.finance.periods import Period, before, cut
from services.finance.query import BadQuestion
from tests.network import Agreement, Network, query
from tests.services.finance.buying import credit, pick


def test_each_period_is_compared_with_the_one_before(network: Network, agreement: Agreement, centre: UUID) -> None:
    for day, amount in (
        (date(2021, 2, 1), "100.00"),
        (date(2021, 11, 1), "50.00"),
        (date(2022, 2, 1), "120.00"),
    ):
        network.buy(centre, agreement, "1", amount, day)
    rows = network.figure("growth", by=("year",), establishment=centre)["rows"]
    assert pick(rows, "year", "amount", "previous_amount", "growth") == [
        ("2021", "150.00", "0.00", None),
        ("2022", "120.00", "150.00", "-0.200000"),
    ]
    assert rows[1]["period"] == {"from": "2022-01-01", "to": "2022-12-31"}
    assert rows[1]["previous_period"] == {"from": "2021-01-01", "to": "2021-12-31"}
    found = network.figure("growth", by=("quarter",), establishment=centre)
    assert pick(found["rows"], "quarter", "amount", "previous_amount", "growth") == [
        ("2021-Q1", "100.00", "0.00", None),
        ("2021-Q4", "50.00", "0.00", None),
        ("2022-Q1", "120.00", "50.00", "1.400000"),
    ]
    assert found["total"]["growth"] == "1.400000", "the total is of the newest period"
    (row,) = network.figure("growth", establishment=centre)["rows"]
    assert row["growth"] == "-0.200000", "without a key: the newest year"


def test_growth_from_nothing_or_less_has_no_value(network: Network, agreement: Agreement, centre: UUID) -> None:
    order_id = network.order(centre, agreement, "10", date(2020, 1, 1))
    invoice_id = network.invoice(order_id, agreement, "10", "1020.00", date(2020, 12, 31))
    credit(network, order_id, invoice_id, "5", "510.00", date(2021, 1, 1))
    network.buy(centre, agreement, "1", "102.00", date(2022, 1, 1))
    rows = network.figure("growth", by=("year",), establishment=centre)["rows"]
    assert pick(rows, "year", "amount", "previous_amount", "growth") == [
        ("2020", "1020.00", "0.00", None),
        ("2021", "-510.00", "1020.00", "-1.500000"),
        ("2022", "102.00", "-510.00", None),
    ]


@pytest.mark.parametrize(
    ("today", "period", "previous", "amounts"),
    [
        (date(2023, 6, 15), ("2023-01-01", "2023-06-15"), ("2022-01-01", "2022-06-15"), ("7.00", "3.00")),
        (date(2023, 12, 31), ("2023-01-01", "2023-12-31"), ("2022-01-01", "2022-12-31"), ("7.00", "7.00")),
        (date(2024, 2, 29), ("2024-01-01", "2024-02-29"), ("2023-01-01", "2023-02-28"), ("9.00", "7.00")),
        (date(2025, 2, 28), ("2025-01-01", "2025-02-28"), ("2024-01-01", "2024-02-28"), ("1.00", "5.00")),
    ],
)
def test_an_unfinished_year_is_cut_at_the_same_day_of_both(
    network: Network, agreement: Agreement, centre: UUID, today: date, period: Any, previous: Any, amounts: Any
) -> None:
    for day, amount in (
        (date(2022, 1, 1), "1.00"),
        (date(2022, 6, 15), "2.00"),
        (date(2022, 6, 16), "4.00"),
        (date(2023, 2, 28), "7.00"),
        (date(2024, 2, 28), "5.00"),
        (date(2024, 2, 29), "4.00"),
        (date(2025, 2, 28), "1.00"),
    ):
        network.buy(centre, agreement, "1", amount, day)
    network.clock.on(today)
    rows = network.figure("growth", by=("year",), establishment=centre)["rows"]
    row = next(row for row in rows if row["year"] == str(today.year))
    assert tuple(row["period"].values()) == period
    assert tuple(row["previous_period"].values()) == previous
    assert (row["amount"], row["previous_amount"]) == amounts


def test_the_day_of_the_as_of_cuts_and_not_today(network: Network, agreement: Agreement, centre: UUID) -> None:
    network.clock.on(date(2026, 5, 20))
    for day in (date(2025, 5, 31), date(2025, 6, 1), date(2026, 5, 10)):
        network.buy(centre, agreement, "1", "10.00", day)
    network.clock.on(date(2027, 6, 15))
    (row,) = network.figure("growth", establishment=centre, as_of="2026-05-31")["rows"]
    assert row["period"] == {"from": "2026-01-01", "to": "2026-05-31"}
    assert (row["amount"], row["previous_amount"]) == ("10.00", "10.00")


def test_any_two_periods_are_compared(network: Network, agreement: Agreement, centre: UUID) -> None:
    network.buy(centre, agreement, "1", "30.00", date(2022, 7, 3))
    network.buy(centre, agreement, "1", "20.00", date(2019, 2, 2))
    asked: dict[str, Any] = {"since": date(2022, 7, 1), "until": date(2022, 7, 31), "establishment": centre}
    against = {"against_since": date(2019, 2, 1), "against_until": date(2019, 2, 10)}
    found = network.figure("growth", by=("agreement",), **asked, **against)
    assert found["rows"] == [
        {
            "agreement": str(agreement.agreement_id),
            "label": "Biosimilars",
            "amount": "30.00",
            "previous_amount": "20.00",
            "growth": "0.500000",
            "period": {"from": "2022-07-01", "to": "2022-07-31"},
            "previous_period": {"from": "2019-02-01", "to": "2019-02-10"},
        }
    ]
    (row,) = network.figure("growth", **asked)["rows"]
    assert row["previous_period"] == {"from": "2022-06-01", "to": "2022-06-30"}
    with pytest.raises(BadQuestion, match="one comparison"):
        network.figure("growth", by=("month",), **asked)


def test_half_a_period_cannot_be_compared() -> None:
    with pytest.raises(BadQuestion, match="both days, or neither") as refused:
        query("growth", since=date(2022, 1, 1))
    assert refused.value.pointer == "/to"


def test_what_was_bought_in_one_of_the_periods_only_is_a_row_too(network: Network) -> None:
    network.clock.on(date(2028, 1, 1))
    gone, come = network.sign("10", title="Gone"), network.sign("10", title="Come")
    centre = network.establishment(gone, come)
    network.buy(centre, gone, "1", "10.00", date(2021, 1, 5))
    network.buy(centre, come, "1", "10.00", date(2022, 1, 5))
    rows = network.figure("growth", by=("agreement",), establishment=centre)["rows"]
    assert sorted(pick(rows, "label", "amount", "previous_amount", "growth")) == [
        ("Come", "10.00", "0.00", None),
        ("Gone", "0.00", "10.00", "-1.000000"),
    ]


def days(first: str, last: str) -> Period:
    return Period(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (days("2022-01-01", "2022-12-31"), days("2021-01-01", "2021-12-31")),
        (days("2022-04-01", "2022-06-30"), days("2022-01-01", "2022-03-31")),
        (days("2022-03-01", "2022-03-31"), days("2022-02-01", "2022-02-28")),
        (days("2024-01-01", "2024-02-29"), days("2023-11-01", "2023-12-31")),
        (days("2022-03-10", "2022-03-19"), days("2022-02-28", "2022-03-09")),
        (days("2022-03-01", "2022-03-01"), days("2022-02-28", "2022-02-28")),
    ],
)
def test_the_period_before_has_the_same_length_in_months_or_in_days(period: Period, expected: Period) -> None:
    assert before(period) == expected


@pytest.mark.parametrize(
    ("today", "period", "against", "expected"),
    [
        ("2024-03-01", days("2024-02-15", "2024-12-31"), days("2023-02-15", "2023-12-31"), ("2024-03-01", "2023-03-01")),
        ("2022-03-30", days("2022-03-01", "2022-03-31"), days("2022-02-01", "2022-02-28"), ("2022-03-30", "2022-02-28")),
        ("2022-03-12", days("2022-03-10", "2022-03-19"), days("2022-02-28", "2022-03-09"), ("2022-03-12", "2022-03-02")),
        ("2021-12-31", days("2022-01-01", "2022-12-31"), days("2021-01-01", "2021-12-31"), ("2022-12-31", "2021-12-31")),
        ("2022-12-31", days("2022-01-01", "2022-12-31"), days("2021-01-01", "2021-12-31"), ("2022-12-31", "2021-12-31")),
        ("2022-07-01", days("2022-01-01", "2022-12-31"), days("2021-01-01", "2021-03-31"), ("2022-07-01", "2021-03-31")),
    ],
)  # fmt: skip
def test_both_sides_are_cut_at_the_same_day_where_the_later_one_is_unfinished(
    today: str, period: Period, against: Period, expected: tuple[str, str]
) -> None:
    found = cut(period, against, date.fromisoformat(today))
    assert (found[0].first, found[1].first) == (period.first, against.first)
    assert (found[0].last.isoformat(), found[1].last.isoformat()) == expected
