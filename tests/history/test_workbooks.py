from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from services.history.reading import open_table
from services.history.refusals import TooLarge, Unreadable
from services.history.workbook import rows_of
from tests.history.desk import MAPPING, ROW, Desk, row

HEADER = list(ROW)


def write(path: Path, *sheets: tuple[str, list[list[Any]]]) -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for title, rows in sheets:
        sheet = workbook.create_sheet(title)
        for cells in rows:
            sheet.append(cells)
    workbook.save(path)
    return path


def typed(cells: dict[str, str]) -> list[Any]:
    """A row as a spreadsheet program keeps it: numbers and days, not their texts."""
    found: list[Any] = []
    for name, cell in cells.items():
        if name in {"ordered", "planned", "received"} and cell:
            day, month, year = cell.split("/")
            found.append(date(int(year), int(month), int(day)))
        elif name in {"quantity", "price", "amount", "line"}:
            found.append(float(cell))
        else:
            found.append(cell or None)
    return found


def test_a_workbook_gives_the_same_facts_as_the_same_table_in_csv(desk: Desk, tmp_path: Path) -> None:
    rows = [
        row(),
        row(line="2", price="0.1", quantity="3", amount="0.30", item="Masks, FFP2"),
        row(order="A-2", price="1234567.891234", quantity="7", amount="8641975.24"),
        row(order="A-3", price="0.000001", quantity="1000000", amount="1.00", received=""),
    ]
    file = write(tmp_path / "orders.xlsx", ("Orders", [HEADER, *map(typed, rows)]))
    first = desk.run(file=file)
    assert (first.exit_code, first.rows.new) == (0, 4)
    events = len(desk.facts())
    second = desk.run(*rows)
    assert (second.exit_code, second.rows.new, second.rows.already_there) == (0, 0, 4), second.problems
    assert len(desk.facts()) == events


def test_a_problem_in_a_workbook_names_the_row_of_the_sheet(desk: Desk, tmp_path: Path) -> None:
    rows = [[], HEADER, typed(row()), [], typed(row(line="2", quantity="-3"))]
    result = desk.run(file=write(tmp_path / "orders.xlsx", ("Orders", rows)))
    assert [(problem.row, problem.detail) for problem in result.problems] == [(5, "-3 is negative")]


def test_the_sheet_of_a_workbook_may_be_named(desk: Desk, tmp_path: Path) -> None:
    file = write(tmp_path / "orders.xlsx", ("Notes", [["nothing"]]), ("Orders", [HEADER, typed(row())]))
    assert desk.run(file=file, mapping=desk.mapping('sheet = "Orders"\n' + MAPPING)).rows.new == 1
    with pytest.raises(Unreadable, match=r"it has no sheet 'Order'; sheets: \['Notes', 'Orders'\]"):
        desk.run(file=file, mapping=desk.mapping('sheet = "Order"\n' + MAPPING))


def test_a_formula_is_never_evaluated(tmp_path: Path) -> None:
    file = write(tmp_path / "formulas.xlsx", ("S", [["a", "b"], ["=1+1", '=HYPERLINK("http://x")'], ["x", 1]]))
    with open_table(file, {"a"}) as table:
        assert [raw.cells for raw in table.rows] == [["x", "1"]], "a formula without a kept value is empty"


def test_cells_become_the_text_that_csv_would_have(tmp_path: Path) -> None:
    cells = ["é", 12, 0.1 + 0.2, 1e-7, 123456789012.34, True, date(2020, 1, 2), datetime(2020, 1, 2, 3, 4), None]  # noqa: DTZ001
    file = write(tmp_path / "cells.xlsx", ("S", [["head"] * len(cells), cells]))
    with open_table(file, set()) as table:
        assert next(table.rows).cells == [
            "é", "12", "0.3", "0.0000001", "123456789012.34", "TRUE", "2020-01-02", "2020-01-02", "",
        ]  # fmt: skip


@pytest.mark.parametrize("size", [10, 1000, -30])
def test_a_truncated_workbook_is_refused(desk: Desk, tmp_path: Path, size: int) -> None:
    whole = write(tmp_path / "orders.xlsx", ("Orders", [HEADER, typed(row())])).read_bytes()
    (tmp_path / "orders.xlsx").write_bytes(whole[:size])
    with pytest.raises(Unreadable, match="not a readable XLSX workbook"):
        desk.run(file=tmp_path / "orders.xlsx")
    assert not desk.facts()


def test_an_empty_workbook_is_refused(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="is empty"):
        desk.run(file=write(tmp_path / "empty.xlsx", ("Orders", [])))


def bomb(path: Path, cells: int = 4_000_000) -> Path:
    """A workbook of a few kilobytes whose sheet fills the memory of whoever reads it."""
    write(path, ("S", [["a"]]))
    with zipfile.ZipFile(path) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    row_xml = b"<row>" + b'<c t="n"><v>1</v></c>' * 1000 + b"</row>"
    parts["xl/worksheets/sheet1.xml"] = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        + row_xml * (cells // 1000)
        + b"</sheetData></worksheet>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return path


def test_a_workbook_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    file = bomb(tmp_path / "bomb.xlsx")
    assert file.stat().st_size < 1_000_000
    with pytest.raises(TooLarge, match="more memory or time than is allowed"), rows_of(file, memory=256 << 20):
        pass


def test_a_workbook_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="took longer than"), rows_of(bomb(tmp_path / "slow.xlsx"), seconds=0):
        pass


def test_leaving_a_workbook_early_ends_its_process(tmp_path: Path) -> None:
    file = write(tmp_path / "long.xlsx", ("S", [["a" * 100] for _ in range(5000)]))
    with rows_of(file) as (total, rows):
        assert total == 5000
        next(rows)
    with pytest.raises(ValueError, match="closed file"):
        list(rows)
