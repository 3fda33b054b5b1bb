from __future__ import annotations

from pathlib import Path

import pytest

from services.history.mapping import load_mapping
from services.history.refusals import BadMapping, ColumnsMissing
from tests.history.desk import MAPPING, Desk, row


def refusal_of(path: Path) -> BadMapping:
    with pytest.raises(BadMapping) as caught:
        load_mapping(path)
    assert path.name in caught.value.detail
    assert caught.value.rule
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("change", "pointer", "said"),
    [
        (('baseline = "first-recorded-price"', 'baseline = "lowest"'), "/baseline", "'first-recorded-price' or 'none', not 'lowest'"),
        (('line_id = { column = "line" }', ""), "/line_id", "line_id is missing"),
        (('supplier = { column = "supplier" }', 'suplier = { column = "supplier" }'), "/supplier", "suplier is not a key (did you mean 'supplier'?); allowed: source, order_number"),
        (('{ column = "price" }', '{ column = "price", constant = "3" }'), "/unit_price", "give exactly one of column, columns, template, constant"),
        (('{ column = "price" }', "{}"), "/unit_price", "give exactly one of"),
        (('{ column = "price" }', '{ colum = "price" }'), "/unit_price/colum", "unit_price.colum is not a key (did you mean 'column'?); allowed: column, columns, separator, template, constant"),
        (('{ column = "price" }', '"price"'), "/unit_price", 'unit_price is a table such as { column = "…" }'),
        (('"{order}/{line}"', '"order-line"'), "/invoice_number", "a template names at least one column in braces"),
        (('formats = ["%d/%m/%Y"], fallback', 'formats = ["dd/mm"], fallback'), "/order_date", "'dd/mm' is not the format of a whole date"),
        (('formats = ["%d/%m/%Y"], fallback', 'formats = ["%d/%m"], fallback'), "/order_date", "'%d/%m' is not the format of a whole date"),
        (('fallback = { column = "planned"', 'fallback = { colunm = "planned"'), "/order_date/fallback/colunm", "allowed: column, formats, fallback, constant"),
        (('baseline = "first', 'numbers = { decimal = "," , thousands = "," }\nbaseline = "first'), "/numbers", "two different signs"),
    ],
)  # fmt: skip
def test_a_bad_mapping_names_file_key_and_what_is_allowed(
    desk: Desk, change: tuple[str, str], pointer: str, said: str
) -> None:
    assert change[0] in MAPPING
    refusal = refusal_of(desk.mapping(MAPPING.replace(*change)))
    assert refusal.pointer == pointer
    assert said in refusal.detail


def test_every_fault_of_a_mapping_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("")
    detail = refusal_of(path).detail
    assert all(f"{key} is missing" in detail for key in ("source", "quantity", "order_date", "baseline"))


@pytest.mark.parametrize("content", [b"source = ", b"\xff\xfe", b"\x00\x01", b"[" * 100_000, b"#" * 1_000_001])
def test_what_is_no_toml_is_no_mapping(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    refusal_of(path)


def test_a_mapping_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refusal_of(tmp_path / "missing.toml")
    refusal_of(tmp_path)


def test_columns_that_the_file_lacks_are_named_with_those_it_has(desk: Desk) -> None:
    mapping = desk.mapping(MAPPING.replace('"amount"', '"Amount"').replace('"planned"', '"nowhere near"'))
    with pytest.raises(ColumnsMissing) as caught:
        desk.run(row(), mapping=mapping)
    said = caught.value.detail
    assert "amount names column 'Amount', which is not there (did you mean 'amount'?)" in said
    assert "order_date names column 'nowhere near', which is not there;" in said or "not there." in said
    assert "Columns present: 'order', 'line', 'hospital'" in said


def test_a_column_that_the_header_has_twice_is_ambiguous(desk: Desk, tmp_path: Path) -> None:
    text = desk.write([row()]).read_text(encoding="utf-8").replace("planned", "amount", 1)
    file = tmp_path / "twice.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ColumnsMissing, match="column 'amount', which the header has 2 times"):
        desk.run(file=file)


def test_parts_of_an_order_may_be_constants(desk: Desk) -> None:
    text = MAPPING.replace('currency = { column = "currency" }', 'currency = { constant = "CHF" }')
    text = text.replace('supplier = { column = "supplier" }', 'supplier = { constant = "Only One" }')
    text = text[: text.index("received_date")] + "received_date = { constant = 2021-02-03 }\n"
    result = desk.run(row(), mapping=desk.mapping(text))
    assert result.exit_code == 0
    [recorded] = [event for event in desk.facts() if event.TOPIC == "ordering.PastOrderRecorded.v1"]
    assert recorded.currency == "CHF"
    assert str(recorded.lines[0].received_on) == "2021-02-03"
    assert recorded.lines[0].invoiced_on is None
