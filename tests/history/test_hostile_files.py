from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path

import pytest

from events.ordering import PastOrderRecorded
from services.history.reading import LONGEST_RECORD, MOST_COLUMNS, open_table
from services.history.refusals import ImportRefused, TooLarge, Unreadable
from tests.history.desk import ROW, Desk, row

HEADER = ",".join(ROW).encode()
GOOD = b"A-1,1,Nord,Labo,Gloves,box,3314,10,2.50,25.00,EUR,01/03/2020,,05/03/2020"


def refusal_of(desk: Desk, content: bytes, name: str = "hostile.csv") -> ImportRefused:
    """Imports a file that must be refused, and checks that nothing was written."""
    file = desk.folder / name
    file.write_bytes(content)
    before = desk.positions()
    with pytest.raises(ImportRefused) as caught:
        desk.run(file=file, errors=desk.folder / "bad.csv")
    assert desk.positions() == before
    assert not (desk.folder / "bad.csv").exists()
    assert name in caught.value.detail
    assert caught.value.rule
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n\n , \n", "is empty"),
        (HEADER + b"\n", "has a header, and no row below"),
        (HEADER + b"\n" + GOOD.replace(b"Nord", b"H\xf4pital") + b"\n", "line 2: byte 8 (0xf4) is not UTF-8"),
        ((HEADER.decode() + "\n").encode("utf-16"), "it is UTF-16 text"),
        (HEADER.decode().encode("utf-16-le") + b"\n", "line 1: byte 2 is 0: the file is binary, or not UTF-8"),
        (HEADER + b"\n" + GOOD + b"\n" + GOOD[:20] + b"\0\0", "line 3: byte 21 is 0"),
        (bytes(range(256)) * 100, "is 0: the file is binary"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 100, "is 0: the file is binary"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "line 1: byte 1 (0x89) is not UTF-8"),
        (gzip.compress(HEADER, mtime=0), "it is compressed (gzip)"),
        (b"%PDF-1.7\n", "it is a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "it is a workbook of the old kind (.xls)"),
        (b"PK\x03\x04" + b"\0" * 100, "is not a readable XLSX workbook"),
        (HEADER + b'\n"' + GOOD + b"\n" + GOOD + b"\n", "line 2: the row cannot be taken apart: unexpected end of data"),
        (HEADER + b"\n" + GOOD + b"\n" + GOOD.replace(b"Nord", b'"No"rd') + b"\n", "line 3: the row cannot be taken apart"),
        (HEADER + b"\n" + GOOD.replace(b"Nord", b"x" * 131_073) + b"\n", "line 2: the row cannot be taken apart: field larger"),
        (HEADER + b'\n"' + b"x\n" * 100_000, "line 2: the row cannot be taken apart: field larger"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused_with_its_place(desk: Desk, content: bytes, said: str) -> None:
    refusal = refusal_of(desk, content)
    assert isinstance(refusal, Unreadable)
    assert said in refusal.detail


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADER + b"\n" + b"x" * (LONGEST_RECORD + 1), "line 2: a row longer than 1048576 bytes"),
        (HEADER + b"\n" + b'"x\n",' * (LONGEST_RECORD // 4), "or a quote never closed"),
        (b"x," * MOST_COLUMNS + b"x\n", "line 1: 501 columns; at most 500 are read"),
    ],
)
def test_a_file_beyond_the_limits_is_refused(desk: Desk, content: bytes, said: str) -> None:
    refusal = refusal_of(desk, content)
    assert isinstance(refusal, TooLarge)
    assert said in refusal.detail


@pytest.mark.parametrize("start", [b"", HEADER + b"\n"])
def test_a_line_of_a_gigabyte_takes_no_memory(desk: Desk, start: bytes) -> None:
    file = desk.folder / "long.csv"
    with file.open("wb") as stream:
        stream.write(start)
        stream.truncate(1 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match="a row longer than"):
            desk.run(file=file)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_file_cut_within_a_character_is_refused(desk: Desk) -> None:
    whole = (HEADER + b"\n" + GOOD + b"\n" + GOOD).decode() + " é"
    assert "line 3" in refusal_of(desk, whole.encode()[:-1]).detail


def test_what_is_no_file_is_refused(desk: Desk) -> None:
    os.mkfifo(desk.folder / "pipe.csv")
    for path in (desk.folder / "missing.csv", desk.folder, desk.folder / "pipe.csv", Path("/dev/zero")):
        with pytest.raises(Unreadable):
            desk.run(file=path)


def test_formulas_are_text_and_are_never_run(desk: Desk) -> None:
    formula = "=cmd|'/C calc'!A0"
    assert desk.run(row(supplier=formula, item="@SUM(1)")).exit_code == 0
    [recorded] = desk.facts(PastOrderRecorded)
    assert recorded.lines[0].label == "@SUM(1)"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ['"', "'", ""])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiter_quotes_mark_and_line_ends_are_detected(
    tmp_path: Path, delimiter: str, quote: str, start: str, end: str
) -> None:
    other = "," if delimiter != "," else ";"
    table = [["order no", "what", "price"], ["1", f"a{other}b {other} c", "2"], ["2", "plain", "3"]]
    if quote:
        table[1][1] = f"one{delimiter}two{delimiter}{quote * 2}three{quote * 2}"
    lines = [delimiter.join(f"{quote}{cell}{quote}" for cell in cells) for cells in table]
    file = tmp_path / "table.csv"
    file.write_bytes((start + end.join(lines) + end).encode())
    with open_table(file, {"order no", "price"}) as found:
        assert found.header == ("order no", "what", "price")
        expected = table[1][1].replace(quote * 2, quote) if quote else table[1][1]
        assert [raw.cells for raw in found.rows] == [["1", expected, "2"], ["2", "plain", "3"]]


def test_an_apostrophe_in_the_data_is_no_quote(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("order,who\n1,'s-Hertogenbosch\n2,Côte d'Ivoire\n", encoding="utf-8")
    with open_table(file, {"order", "who"}) as found:
        assert [raw.cells[1] for raw in found.rows] == ["'s-Hertogenbosch", "Côte d'Ivoire"]


def test_empty_lines_are_no_rows(desk: Desk) -> None:
    file = desk.folder / "gaps.csv"
    file.write_bytes(b"\n" + HEADER + b"\n\n" + GOOD + b"\n,,,,,,,,,,,,,\n\n" + GOOD.replace(b"A-1", b"A-2") + b"\n\n")
    result = desk.run(file=file)
    assert (result.exit_code, result.read, result.rows.new) == (0, 2, 2)


def test_more_rows_than_the_limit_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.history.reading.MOST_ROWS", 2)
    with pytest.raises(TooLarge, match="line 4: more than 2 rows"):
        desk.run(row(), row(line="2"), row(line="3"))
    assert not desk.facts()
