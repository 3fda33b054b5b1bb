from __future__ import annotations

import pytest

from events.ordering import PastOrderRecorded
from events.tendering import BaselineMethod, BaselineSet
from tests.history.desk import MAPPING, Desk, row


def baselines(desk: Desk) -> dict[str, str]:
    return {event.item: str(event.price) for event in desk.facts(BaselineSet)}


def test_the_first_price_is_that_of_the_earliest_invoice_date(desk: Desk) -> None:
    desk.run(
        row(line="1", price="3", received="05/03/2020"),
        row(line="2", price="2", received="04/03/2020", ordered="03/03/2020"),
        row(line="3", price="1", received="06/03/2020", ordered="01/01/2019"),
    )
    [baseline] = desk.facts(BaselineSet)
    assert str(baseline.price) == "2"
    assert baseline.method is BaselineMethod.FIRST_RECORDED_PRICE
    assert str(baseline.valid_from) == "2020-03-04"
    assert baseline.evidence == "test, order A-1, line 2"


@pytest.mark.parametrize(
    ("lines", "first"), [(("10", "9"), "9"), (("007", "10"), "007"), (("a", "10"), "10"), (("b", "a"), "a")]
)
def test_of_one_day_the_line_with_the_lowest_number_is_first(desk: Desk, lines: tuple[str, str], first: str) -> None:
    desk.run(*(row(line=line, order=f"O-{line}", price="2" if line == first else "3") for line in lines))
    assert baselines(desk) == {"Gloves / box of 100": "2"}


def test_the_first_price_is_searched_across_agreements_and_establishments(desk: Desk) -> None:
    desk.run(row(), row(order="A-2", supplier="Other", hospital="Sud", category="33", price="7", received="01/01/2020"))
    assert baselines(desk) == {"Gloves / box of 100": "7"}


@pytest.mark.parametrize("zero", [{"price": "0"}, {"amount": "0"}])
def test_a_line_without_price_or_amount_sets_no_baseline_and_has_none(desk: Desk, zero: dict[str, str]) -> None:
    result = desk.run(row(line="1", received="01/01/2020", **zero), row(line="2"))
    assert baselines(desk) == {"Gloves / box of 100": "2.5"}
    [recorded] = desk.facts(PastOrderRecorded)
    assert {line.line_id: line.baseline_amount for line in recorded.lines}["1"] is None
    assert result.warnings.counts["without-baseline"] == 1


def test_an_item_that_was_never_paid_has_no_baseline(desk: Desk) -> None:
    result = desk.run(row(price="0", amount="0"), row(line="2", item="Gift", price="0"))
    assert baselines(desk) == {}
    assert result.warnings.counts["without-baseline"] == 2


def test_two_units_of_one_item_have_two_baselines(desk: Desk) -> None:
    desk.run(row(), row(line="2", unit="box of 10", price="0.3"))
    assert baselines(desk) == {"Gloves / box of 100": "2.5", "Gloves / box of 10": "0.3"}


def test_two_currencies_of_one_item_have_two_baselines(desk: Desk) -> None:
    desk.run(row(), row(order="A-2", currency="USD", price="3"))
    assert sorted((event.currency, str(event.price)) for event in desk.facts(BaselineSet)) == [
        ("EUR", "2.5"),
        ("USD", "3"),
    ]
    prices = {event.currency: str(event.lines[0].baseline_price) for event in desk.facts(PastOrderRecorded)}
    assert prices == {"EUR": "2.5", "USD": "3"}


def test_the_baseline_amount_is_rounded_half_up_to_the_cent(desk: Desk) -> None:
    desk.run(row(price="0.125", quantity="1", amount="0.13"), row(line="2", price="0.1", quantity="3", amount="0.30"))
    [recorded] = desk.facts(PastOrderRecorded)
    assert [str(line.baseline_amount) for line in recorded.lines] == ["0.13", "0.38"]


def test_the_amount_is_the_files_not_price_times_quantity(desk: Desk) -> None:
    result = desk.run(row(amount="25.07"))
    [recorded] = desk.facts(PastOrderRecorded)
    assert str(recorded.lines[0].amount) == "25.07"
    assert str(recorded.lines[0].baseline_amount) == "25.00"
    assert result.warnings.examples["amount-differs"] == ["row 2: amount 25.07, 2.50 × 10 is 25.00"]


def test_a_later_file_never_changes_a_baseline(desk: Desk) -> None:
    desk.run(row())
    result = desk.run(row(order="A-0", price="9", received="01/01/2019", ordered="01/01/2019"))
    assert (result.exit_code, result.baselines.new, result.baselines.already_there) == (0, 0, 1)
    assert baselines(desk) == {"Gloves / box of 100": "2.5"}
    assert str(desk.facts(PastOrderRecorded)[1].lines[0].baseline_price) == "2.5"
    assert result.warnings.counts["baseline-kept"] == 1
    assert "9 on 2019-01-01, recorded 2.5 on 2020-03-05" in result.warnings.examples["baseline-kept"][0]


def test_a_later_file_with_later_prices_is_nothing_strange(desk: Desk) -> None:
    desk.run(row())
    assert not desk.run(row(order="A-2", price="9", received="01/01/2021")).warnings.counts["baseline-kept"]


def test_a_correction_of_the_first_line_leaves_the_baseline_and_says_so(desk: Desk) -> None:
    desk.run(row())
    result = desk.run(row(price="2.4", amount="24.00"), correct=True)
    assert baselines(desk) == {"Gloves / box of 100": "2.5"}
    assert result.warnings.counts["baseline-kept"] == 1


def test_a_price_that_moves_by_more_than_ten_is_warned_of(desk: Desk) -> None:
    result = desk.run(
        row(line="1", price="2"), row(line="2", price="20"), row(line="3", price="20.01"), row(line="4", price="0"),
        row(line="5", item="Masks", price="2"), row(line="6", item="Masks", price="20"),
    )  # fmt: skip
    assert result.warnings.examples["price-moves"] == ["Gloves / box of 100: 2 (row 2) to 20.01 (row 4)"]
    assert result.warnings.counts["price-moves"] == 1


def test_without_a_rule_there_are_no_baselines(desk: Desk) -> None:
    result = desk.run(row(), mapping=desk.mapping(MAPPING.replace('"first-recorded-price"', '"none"')))
    assert baselines(desk) == {}
    assert desk.facts(PastOrderRecorded)[0].lines[0].baseline_price is None
    assert not result.warnings.counts["without-baseline"]
