from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from events.ordering import PastOrderRecorded
from services.history.refusals import ErrorsFileRefused
from tests.history.desk import MAPPING, ROW, Desk, row

BAD = [
    ("quantity", "-1", "-1 is negative", "A quantity is zero or more, below 10^12, with at most 6 decimals"),
    ("quantity", "1.1234567", "1.1234567 has more than 6 decimals", "A quantity is"),
    ("quantity", "1000000000000", "1000000000000 has more than 12 digits before the point", "A quantity is"),
    ("quantity", "NaN", "NaN is not a number", "A quantity is"),
    ("quantity", "Infinity", "Infinity is not a number", "A quantity is"),
    ("quantity", "1e3", "1e3 is not a number", "A quantity is"),
    ("quantity", "1_000", "1_000 is not a number", "A quantity is"),
    ("quantity", "٣", "٣ is not a number", "A quantity is"),
    ("quantity", "=1+1", "=1+1 is not a number", "A quantity is"),
    ("quantity", "", "it is empty", "A quantity is"),
    ("price", "-0.01", "-0.01 is negative", "A unit price is zero or more"),
    ("price", "0.0000001", "has more than 6 decimals", "A unit price is zero or more"),
    ("price", "1,5", "1,5 is not a number", "A unit price is zero or more"),
    ("amount", "-25", "-25.00 is negative", "An amount is zero or more, below 10^12, with at most 2 decimals"),
    ("amount", "25.001", "25.001 has more than 2 decimals", "An amount is"),
    ("amount", "999999999999999", "999999999999999 has more than 12 digits before the point", "An amount is"),
    ("currency", "EURO", "EURO is not a currency", "A currency is an ISO 4217 code"),
    ("currency", "XYZ", "XYZ is not a currency", "A currency is an ISO 4217 code"),
    ("currency", "eur", "eur is not a currency", "A currency is an ISO 4217 code"),
    ("received", "31/02/2020", "31/02/2020 is not a date", "A date is a day from 1990-01-01 to 2100-12-31, written as %d/%m/%Y"),
    ("received", "31/12/1989", "1989-12-31 is outside 1990-01-01 to 2100-12-31", "A date is"),
    ("received", "01/01/2101", "2101-01-01 is outside 1990-01-01 to 2100-12-31", "A date is"),
    ("received", "soon", "soon is not a date", "A date is"),
    ("hospital", "", "it is empty", "A name has 1 to 500 printable characters"),
    ("hospital", "x" * 501, "at most 500 characters", "A name has 1 to 500"),
    ("hospital", "a\x1b[31mb", "it has the control character U+001B", "A name has 1 to 500"),
    ("item", "x" * 301, "at most 300 characters", "A code has 1 to 300"),
    ("line", " ", "it is empty", "A code has 1 to 300"),
    ("line", "a\u202eb", "it has the control character U+202E", "A code has 1 to 300"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value", "detail", "rule"), BAD)
def test_a_bad_value_is_refused_with_its_place_and_rule(
    desk: Desk, column: str, value: str, detail: str, rule: str
) -> None:
    result = desk.run(row(), row(line="2", **{column: value}) if column != "line" else row(line=value))
    problem = result.problems[0]
    assert result.exit_code == 1
    assert (problem.file, problem.row) == ("orders.csv", 3)
    assert column in problem.column
    assert problem.value[:100] == re.sub("[\x1b\u202e]", "\ufffd", value[:100])
    assert detail in problem.detail
    assert problem.rule.startswith(rule)
    assert problem.remedy
    assert not result.is_committed
    assert not desk.facts(), "with bad rows nothing is committed"


def test_an_order_date_is_the_first_that_is_one_of_column_and_fallback(desk: Desk) -> None:
    result = desk.run(
        row(order="1", ordered="02/03/2020", planned="09/03/2020"),
        row(order="2", ordered="Date Not Captured", planned="09/03/2020"),
        row(order="3", ordered="2020-03-04"),
    )
    assert result.exit_code == 0
    days = {event.number: str(event.business_date) for event in desk.facts(PastOrderRecorded)}
    assert days == {"1": "2020-03-02", "2": "2020-03-09", "3": "2020-03-04"}


@pytest.mark.parametrize(
    ("ordered", "planned"), [("words", "words"), ("words", ""), ("", ""), ("01/01/1900", "01/03/2020")]
)
def test_an_order_without_a_date_in_range_is_refused(desk: Desk, ordered: str, planned: str) -> None:
    [problem] = desk.run(row(ordered=ordered, planned=planned)).problems
    assert problem.column == "ordered, else planned (order_date)"
    assert problem.value == f"{ordered}, else {planned}"


def test_a_line_that_was_not_received_yet_has_no_such_days(desk: Desk) -> None:
    assert desk.run(row(received="")).exit_code == 0
    [recorded] = desk.facts(PastOrderRecorded)
    assert recorded.lines[0].received_on is None
    assert recorded.lines[0].invoiced_on is None


def test_a_short_and_a_long_row_are_refused_as_cut(desk: Desk, tmp_path: Path) -> None:
    file = desk.write([row(), row(line="2"), row(line="3")])
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*lines[:2], lines[2] + ",more", lines[3][:30]]), encoding="utf-8")
    result = desk.run(file=file)
    assert [(p.row, p.column, p.detail) for p in result.problems] == [
        (3, "row", "the row has 15 cells, the header 14"),
        (4, "row", "the row has 5 cells, the header 14"),
    ]
    assert result.warnings.counts["cut-off"] == 1


def test_all_problems_of_a_row_are_told_at_once(desk: Desk) -> None:
    result = desk.run(row(quantity="x", currency="?", received="never", hospital=""))
    assert len(result.problems) == 5, "received is the invoice date too"
    assert result.rows_refused == 1


def test_a_row_begins_on_the_line_where_its_first_cell_is(desk: Desk) -> None:
    result = desk.run(row(item="Gloves,\nsmall"), row(line="2", quantity="x"))
    assert result.problems[0].row == 4


@pytest.mark.parametrize(("quantity", "price"), [("999999999", "100000"), ("999999999999.995", "1")])
def test_price_times_quantity_stays_below_the_limit_of_amounts(desk: Desk, quantity: str, price: str) -> None:
    """The cent counts: 999,999,999,999.995 would be rounded up to 10^12."""
    [problem] = desk.run(row(quantity=quantity, price=price, amount="1.00")).problems
    assert problem.detail == f"{price} × {quantity} is too much"


def test_reference_price_times_quantity_stays_below_the_limit_of_amounts(desk: Desk) -> None:
    big = row(line="2", quantity="999999999999", price="0.1", amount="1.00", received="06/03/2020")
    [problem] = desk.run(row(), big).problems
    assert (problem.row, problem.detail) == (3, "2.50 × 999999999999 is too much")


def test_an_order_has_one_currency(desk: Desk) -> None:
    [problem] = desk.run(row(), row(line="2", currency="USD")).problems
    assert (problem.row, problem.column, problem.value) == (3, "currency", "USD")


def test_two_rows_of_one_line_with_other_content_are_in_conflict(desk: Desk) -> None:
    [problem] = desk.run(row(), row(amount="26.00")).problems
    assert problem.row == 3
    assert "is also in row 2: amount '25.00', now '26.00'" in problem.detail


def test_two_rows_of_one_line_with_the_same_content_count_once(desk: Desk) -> None:
    result = desk.run(row(), row(quantity="10.0"))
    assert (result.exit_code, result.rows.new, result.rows_repeated) == (0, 1, 1)


def test_good_rows_are_committed_when_asked(desk: Desk) -> None:
    result = desk.run(row(), row(line="2", quantity="-1"), accept_partial=True)
    assert (result.exit_code, result.is_committed) == (1, True)
    [recorded] = desk.facts(PastOrderRecorded)
    assert [line.line_id for line in recorded.lines] == ["1"]


def test_a_refused_row_sets_no_reference_price(desk: Desk) -> None:
    early = row(line="2", received="01/01/2019", price="9.00", quantity="-1")
    desk.run(row(), early, accept_partial=True)
    [recorded] = desk.facts(PastOrderRecorded)
    assert str(recorded.lines[0].baseline_price) == "2.5"


def test_bad_rows_are_written_with_all_columns_and_an_error(desk: Desk, tmp_path: Path) -> None:
    errors = tmp_path / "bad.csv"
    result = desk.run(
        row(), row(line="2", quantity="-1", item="=HYPERLINK(1)"), row(line="3", currency="?"), errors=errors
    )
    assert result.errors_file == errors
    with errors.open(encoding="utf-8-sig", newline="") as stream:
        bad = list(csv.DictReader(stream))
    assert [list(line) for line in bad] == [[*ROW, "error"]] * 2
    assert [line["line"] for line in bad] == ["2", "3"]
    assert bad[0]["quantity"] == "'-1", "what a spreadsheet would run is text"
    assert bad[0]["item"] == "'=HYPERLINK(1)"
    assert bad[0]["hospital"] == "Hôpital Nord"
    assert bad[0]["error"].startswith("quantity (quantity): -1 is negative. A quantity is zero or more")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r="])
def test_no_cell_of_the_errors_file_is_a_formula(desk: Desk, tmp_path: Path, start: str) -> None:
    errors = tmp_path / "bad.csv"
    desk.run(row(quantity="x", supplier=f"{start}cmd|' /C calc'!A0"), errors=errors)
    with errors.open(encoding="utf-8-sig", newline="") as stream:
        cells = [cell for line in csv.reader(stream) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_conflicts_are_in_the_errors_file_too(desk: Desk, tmp_path: Path) -> None:
    desk.run(row())
    desk.run(row(amount="26.00"), errors=tmp_path / "bad.csv")
    assert "amount '25.00', now '26.00'" in (tmp_path / "bad.csv").read_text(encoding="utf-8-sig")


def test_without_bad_rows_there_is_no_errors_file(desk: Desk, tmp_path: Path) -> None:
    assert desk.run(row(), errors=tmp_path / "bad.csv").errors_file is None
    assert not (tmp_path / "bad.csv").exists()


def test_the_errors_file_never_overwrites_what_is_imported(desk: Desk, tmp_path: Path) -> None:
    file = desk.write([row(quantity="x")])
    for errors in (file, desk.mapping(), tmp_path, tmp_path / "nowhere" / "bad.csv"):
        with pytest.raises(ErrorsFileRefused):
            desk.run(file=file, errors=errors)
    assert file.read_text(encoding="utf-8").startswith("order,line")


def test_numbers_may_be_written_the_french_way(desk: Desk) -> None:
    text = MAPPING + '[numbers]\ndecimal = ","\nthousands = "\u202f"\n'
    result = desk.run(
        row(quantity="1\u202f000", price="2,5", amount="2\u202f500,00"),
        row(line="2", quantity="1\u202f00", price="2,5", amount="25,00"),
        row(line="3", price="2.5", amount="25,00"),
        mapping=desk.mapping(text),
        accept_partial=True,
    )
    assert [problem.detail for problem in result.problems] == ["1\ufffd00 is not a number", "2.5 is not a number"]
    [recorded] = desk.facts(PastOrderRecorded)
    assert (str(recorded.lines[0].quantity), str(recorded.lines[0].amount)) == ("1000", "2500.00")


def test_names_are_the_same_however_their_accents_are_encoded(desk: Desk) -> None:
    result = desk.run(row(), row(line="2", hospital="Ho\u0302pital Nord "))
    assert result.establishments.new == 1
