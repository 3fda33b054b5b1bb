"""The figures' JSON, as other programs read it: keys, writing, order, filters, days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.finance.document import FIGURE
from services.finance.query import BadQuestion, SeveralCurrencies
from services.finance.ratios import ratio
from services.ordering.commands import ApproveOrder, CancelOrder, ReceiveOrderLine, RejectOrder
from tests.network import Agreement, Network, query
from tests.services.finance.buying import credit, pick

DAY = date(2022, 3, 31)
HEAD = [
    "figure", "method", "measure", "currency", "by", "period", "as_of", "filters", "warnings", "rows", "total",
    "incomplete", "positions",
]  # fmt: skip
KEYS = [
    (),
    ("year",),
    ("quarter",),
    ("month", "supplier"),
    ("establishment",),
    ("agreement", "lot"),
    ("category", "item"),
]
Bought = tuple[UUID, Agreement]


@pytest.mark.parametrize("figure", ["volume", "growth", "savings", "csr"])
@pytest.mark.parametrize("by", KEYS)
def test_every_figure_has_the_published_form(
    network: Network, bought: Bought, figure: str, by: tuple[str, ...]
) -> None:
    found = network.platform.finance.figure(query(figure, by=by, establishment=bought[0]))
    FIGURE.validate_python(found)
    assert list(found) == HEAD
    assert (found["figure"], found["method"], found["by"]) == (figure, f"{figure}/1", list(by))
    assert (found["currency"], found["period"]) == ("EUR", {"from": None, "to": None})
    assert found["filters"] == {"establishment": [str(bought[0])], "agreement": [], "supplier": []}
    assert (found["as_of"], found["incomplete"]) == (None, None)
    assert [len(lanes) for lanes in found["positions"].values()] == [1, 1, 1, 1]
    assert list(found["positions"]) == ["membership", "suppliers", "tendering", "ordering"]
    label = ["label"] if set(by) - {"year", "quarter", "month"} else []
    quantity = {"quantity"} if figure == "volume" and "item" in by else set()
    for row in found["rows"]:
        assert [name for name in row if name not in quantity] == [*by, *label, *found["total"]]
        assert quantity <= row.keys()
    assert found["rows"]


def test_the_keys_of_periods_read_year_quarter_month(network: Network, bought: Bought) -> None:
    for key, expected in (
        ("year", [("2022", "316.50")]),
        ("quarter", [("2022-Q1", "306.00"), ("2022-Q2", "10.50")]),
        ("month", [("2022-01", "102.00"), ("2022-02", "204.00"), ("2022-04", "10.50")]),
    ):
        found = network.platform.finance.figure(query("volume", by=(key,), establishment=bought[0]))
        assert pick(found["rows"], key, "amount") == expected
        assert found["total"]["amount"] == "316.50"


def test_a_volume_counts_lines_orders_and_establishments(network: Network, bought: Bought) -> None:
    total = network.figure("volume", establishment=bought[0])["total"]
    assert total == {"amount": "316.50", "lines": 3, "orders": 3, "establishments": 1}


def test_a_named_thing_has_its_id_and_its_label(network: Network, bought: Bought) -> None:
    centre, agreement = bought
    by = ("establishment", "agreement", "lot", "supplier")
    (row,) = network.figure("savings", by=by, establishment=centre)["rows"]
    ids = (centre, agreement.agreement_id, agreement.lot_id, agreement.supplier_id)
    assert tuple(row[key] for key in by) == tuple(str(one) for one in ids)
    assert row["label"] == "Centre Nord / Biosimilars / Biosimilars, lot 1 / Fournisseur"
    (row,) = network.figure("volume", by=("item",), establishment=centre)["rows"]
    assert (row["item"], row["label"], row["quantity"]) == ("TRAS-150", "TRAS-150 150 mg", "3")


def test_a_line_of_no_lot_has_a_null_lot(network: Network) -> None:
    centre = network.history({"amount": "80.00", "invoiced_on": date(2010, 3, 1)})
    (row,) = network.figure("volume", by=("lot",), establishment=centre)["rows"]
    assert (row["lot"], row["label"]) == (None, "no lot")


def test_a_measure_is_asked_by_its_name(network: Network, bought: Bought) -> None:
    found = {m: network.figure("volume", measure=m, establishment=bought[0]) for m in ("ordered", "received")}
    assert {m: figure["total"]["amount"] for m, figure in found.items()} == {"ordered": "306.00", "received": "0.00"}
    assert found["ordered"]["measure"] == "ordered"


def test_nothing_bought_is_no_rows_and_a_total_of_zero(network: Network) -> None:
    nobody = uuid4()
    assert network.figure("volume", by=("year",), establishment=nobody)["rows"] == []
    assert network.figure("volume", establishment=nobody)["total"]["amount"] == "0.00"
    assert network.figure("savings", establishment=nobody)["total"]["rate_on_baseline"] is None
    total = network.figure("csr", establishment=nobody)["total"]
    assert total == {"spend": "0.00", "rated_spend": "0.00", "coverage": None, "score": None}
    total = network.figure("growth", establishment=nobody)["total"]
    assert list(total.values()) == ["0.00", "0.00", None, None, None]


def test_a_currency_in_which_nothing_is_has_a_figure_of_nothing(network: Network) -> None:
    found = network.figure("volume", by=("year", "establishment"), currency="CHF")
    assert (found["rows"], found["total"]["amount"], found["currency"]) == ([], "0.00", "CHF")


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        ("0.01", "20000.00", "0.000001"),
        ("0.03", "20000.00", "0.000002"),
        ("-0.01", "20000.00", "-0.000001"),
        ("1.00", "3.00", "0.333333"),
        ("2.00", "3.00", "0.666667"),
        ("1.00", "0.00", None),
        ("1.00", "-0.01", None),
        ("0.00", "0.01", "0.000000"),
    ],
)
def test_a_ratio_has_six_decimals_halves_away_from_zero_and_none_of_nothing(
    part: str, whole: str, expected: str | None
) -> None:
    assert ratio(Decimal(part), Decimal(whole)) == expected


def test_rates_have_no_value_where_baseline_or_spend_is_not_above_zero(
    network: Network, agreement: Agreement, centre: UUID
) -> None:
    order_id = network.order(centre, agreement, "1", DAY)
    invoice_id = network.invoice(order_id, agreement, "1", "102.00", DAY)
    credit(network, order_id, invoice_id, "1", "102.00", DAY)
    total = network.figure("savings", establishment=centre)["total"]
    assert (total["amount"], total["saving"], total["lines"]) == ("0.00", "0.00", 2)
    assert (total["rate_on_baseline"], total["rate_on_spend"]) == (None, None)


def test_an_invoice_that_arrives_late_restates_the_period_of_its_document(
    network: Network, agreement: Agreement, centre: UUID
) -> None:
    order_id = network.order(centre, agreement, "2", date(2021, 12, 1))
    network.invoice(order_id, agreement, "1", "102.00", date(2021, 12, 30))
    before = network.figure("volume", by=("year",), establishment=centre)["rows"]
    network.invoice(order_id, agreement, "1", "102.00", date(2021, 12, 31))
    after = network.figure("volume", by=("year",), establishment=centre)["rows"]
    assert pick(before, "year", "amount") == [("2021", "102.00")]
    assert pick(after, "year", "amount") == [("2021", "204.00")]


def test_a_credit_note_counts_on_its_own_day(network: Network, agreement: Agreement, centre: UUID) -> None:
    order_id = network.order(centre, agreement, "10", date(2021, 12, 1))
    invoice_id = network.invoice(order_id, agreement, "10", "1020.00", date(2021, 12, 30))
    credit(network, order_id, invoice_id, "1", "102.00", date(2022, 1, 2))
    rows = network.figure("volume", by=("month",), establishment=centre)["rows"]
    assert pick(rows, "month", "amount") == [("2021-12", "1020.00"), ("2022-01", "-102.00")]


def test_a_cancellation_counts_on_its_own_day_for_what_has_not_arrived(
    network: Network, agreement: Agreement, centre: UUID
) -> None:
    order_id = network.order(centre, agreement, "10", date(2021, 12, 1))
    network.run(ReceiveOrderLine(order_id=order_id, line_id="1", quantity="4", received_on=date(2021, 12, 5)))
    network.run(CancelOrder(order_id=order_id, cancelled_on=date(2022, 1, 2), reason="not needed"))
    rows = network.figure("volume", measure="ordered", by=("month",), establishment=centre)["rows"]
    assert pick(rows, "month", "amount") == [("2021-12", "1020.00"), ("2022-01", "-612.00")]


def test_an_order_counts_at_its_approval_and_never_where_it_is_rejected(network: Network) -> None:
    agreement = network.sign("100", limit="50")
    centre = network.establishment(agreement)
    approved = network.order(centre, agreement, "3", date(2022, 1, 31))
    rejected = network.order(centre, agreement, "5", date(2022, 1, 31))
    asked: dict[str, Any] = {"measure": "ordered", "by": ("month",), "establishment": centre}
    assert network.figure("volume", **asked)["rows"] == []
    network.run(ApproveOrder(order_id=approved, approved_on=date(2022, 2, 1)), "approver-1")
    network.run(RejectOrder(order_id=rejected, rejected_on=date(2022, 2, 1), reason="too much"), "approver-1")
    assert pick(network.figure("volume", **asked)["rows"], "month", "amount") == [("2022-02", "300.00")]


def test_a_corrected_line_and_its_reversal_count_as_no_order_in_the_old_period(network: Network) -> None:
    line = {"amount": "80.00", "invoiced_on": date(2010, 12, 31), "agreement_id": network.record()}
    centre = network.history(line, number="PO-9")
    network.history(
        {**line, "invoiced_on": date(2011, 1, 2)}, number="PO-9", establishment_id=centre, is_correction=True,
    )  # fmt: skip
    rows = network.figure("volume", by=("year",), establishment=centre)["rows"]
    assert pick(rows, "year", "amount", "lines", "orders") == [("2010", "0.00", 0, 0), ("2011", "80.00", 1, 1)]


def test_days_are_included_on_both_ends(network: Network, agreement: Agreement, centre: UUID) -> None:
    for n, day in enumerate((date(2022, 1, 9), date(2022, 1, 10), date(2022, 1, 20), date(2022, 1, 21))):
        network.buy(centre, agreement, "1", f"{10**n}.00", day)
    first, last = date(2022, 1, 10), date(2022, 1, 20)
    found = network.figure("volume", establishment=centre, since=first, until=last)
    assert found["total"]["amount"] == "110.00"
    assert found["period"] == {"from": "2022-01-10", "to": "2022-01-20"}
    assert network.figure("volume", establishment=centre, since=first)["total"]["amount"] == "1110.00"
    assert network.figure("volume", establishment=centre, until=last)["total"]["amount"] == "111.00"


def test_whole_months_hold_their_first_and_last_day(network: Network, agreement: Agreement, centre: UUID) -> None:
    for day in (date(2024, 1, 31), date(2024, 2, 1), date(2024, 2, 29), date(2024, 3, 1)):
        network.buy(centre, agreement, "1", "1.00", day)
    february = network.figure("volume", establishment=centre, since=date(2024, 2, 1), until=date(2024, 2, 29))
    assert february["total"]["amount"] == "2.00"


def test_several_of_a_kind_add_up_and_kinds_limit_one_another(network: Network) -> None:
    one, two = network.sign("10"), network.sign("10")
    first, second = network.establishment(one, two), network.establishment(one, two)
    for n, (centre, agreement) in enumerate([(first, one), (first, two), (second, one), (second, two)]):
        network.buy(centre, agreement, "1", f"{10**n}.00", DAY)
    both = (first, second)

    def amount(**asked: Any) -> str:
        return str(network.figure("volume", **asked)["total"]["amount"])

    assert amount(establishment=both) == "1111.00"
    assert amount(establishment=both, agreement=one.agreement_id) == "101.00"
    assert amount(establishment=first, agreement=(one.agreement_id, two.agreement_id)) == "11.00"
    assert amount(establishment=both, supplier=two.supplier_id) == "1010.00"
    assert amount(establishment=second, agreement=one.agreement_id, supplier=two.supplier_id) == "0.00"


def test_rows_are_sorted_by_their_keys(network: Network) -> None:
    agreements = [network.sign("10", category=category) for category in ("B", "A", "C")]
    centres = [network.establishment(*agreements) for _ in range(2)]
    for centre in centres:
        for agreement in agreements:
            network.buy(centre, agreement, "1", "10.00", DAY)
    by = ("category", "establishment")
    rows = network.figure("volume", by=by, establishment=tuple(centres))["rows"]
    assert pick(rows, *by) == sorted((category, str(centre)) for category in "ABC" for centre in centres)


def test_several_currencies_are_refused_with_their_list(network: Network) -> None:
    euros, dollars = network.sign("10"), network.sign("10", currency="USD")
    centre = network.establishment(euros, dollars)
    network.buy(centre, euros, "1", "10.00", DAY)
    network.buy(centre, dollars, "1", "7.00", date(2021, 3, 31))
    for figure in ("volume", "savings", "csr", "growth"):
        with pytest.raises(SeveralCurrencies, match="EUR, USD") as refused:
            network.figure(figure, establishment=centre)
        assert refused.value.values == {"currencies": "EUR, USD"}
    chosen = network.figure("volume", establishment=centre, currency="USD")
    assert (chosen["currency"], chosen["total"]["amount"]) == ("USD", "7.00")
    with pytest.raises(SeveralCurrencies, match="one period is in EUR, the other in USD"):
        network.figure("growth", establishment=centre, since=date(2022, 1, 1), until=date(2022, 12, 31))
    assert network.figure("volume", establishment=centre, since=date(2022, 1, 1))["currency"] == "EUR"


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"by": ("year", "month")}, "/by"),
        ({"by": ("item", "item")}, "/by"),
        ({"since": date(2022, 1, 2), "until": date(2022, 1, 1)}, "/from"),
        ({"against_since": date(2021, 1, 1), "against_until": date(2021, 1, 2)}, "/against_from"),
    ],
)
def test_a_question_that_contradicts_itself_is_refused(asked: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadQuestion) as refused:
        query("volume", **asked)
    assert refused.value.pointer == pointer


def test_a_figure_as_of_a_moment_does_not_know_what_was_recorded_after(
    network: Network, agreement: Agreement, centre: UUID
) -> None:
    network.clock.now = datetime(2027, 7, 1, 10, 0, 0, 250_000, tzinfo=UTC)
    network.buy(centre, agreement, "1", "10.00", DAY)
    network.clock.now += timedelta(microseconds=1)
    network.buy(centre, agreement, "1", "5.00", DAY)
    found: dict[str, Any] = {}
    for as_of, amount in (
        ("2027-07-01T10:00:00.249999Z", "0.00"),
        ("2027-07-01T10:00:00.250000Z", "10.00"),
        ("2027-07-01T12:00:00.250000+02:00", "10.00"),
        ("2027-07-01T10:00:00.250001Z", "15.00"),
        ("2027-07-01", "15.00"),
        ("2027-06-30", "0.00"),
    ):
        found = network.figure("volume", establishment=centre, as_of=as_of)
        assert (as_of, found["total"]["amount"]) == (as_of, amount)
    assert found["as_of"] == "2027-06-30T21:59:59.999999Z"
