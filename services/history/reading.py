"""Files of history as rows of text: CSV with its delimiter and quotes detected, or XLSX. One row in memory at a time.

Raises Unreadable or TooLarge with the place; a refused file has harmed nothing.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import IO, NamedTuple

from services.history import workbook
from services.history.refusals import TooLarge, Unreadable, place

LONGEST_RECORD = 1 << 20
"""Bytes of one row; a cell has at most 131,072 characters (the csv module's limit)."""
MOST_COLUMNS = 500
MOST_ROWS = 1_000_000
SAMPLE = 50
"""Lines from which delimiter and quotes are detected."""
DELIMITERS = (",", ";", "\t", "|")
_ENCLOSED = re.compile(r"[,;\t|\n]'[^'\n]*'[,;\t|\r\n]")
_OPENED = re.compile(r'[,;\t|\n]"')
_FOREIGN = {
    b"\xff\xfe": "it is UTF-16 text",
    b"\xfe\xff": "it is UTF-16 text",
    b"\xd0\xcf\x11\xe0": "it is a workbook of the old kind (.xls)",
    b"\x1f\x8b": "it is compressed (gzip)",
    b"%PDF": "it is a PDF document",
}


class RawRow(NamedTuple):
    """A row as the file has it."""

    number: int
    """Line on which it begins, the header's first line being 1."""
    cells: list[str]
    done: int
    """How far the reader is, of the table's total."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's header and rows. Rows without any text are left out."""

    header: tuple[str, ...]
    rows: Iterator[RawRow]
    total: int
    """Bytes of a CSV file, rows of a workbook."""
    ending: list[str]
    """After the last row: what was strange at the end of the file."""


@contextmanager
def open_table(file: Path, wanted: set[str], sheet: str | None = None) -> Iterator[Table]:
    """Opens a file of either kind, which its first bytes tell. `wanted` columns help to detect the delimiter.

    Raises Unreadable, TooLarge: here, or while the rows are read.
    """
    if file.exists() and not file.is_file():
        msg = f"{file} is not a file"
        raise Unreadable(msg, file=file.name)
    try:
        stream = file.open("rb")
    except OSError as error:
        msg = f"{file}: {error.strerror}"
        raise Unreadable(msg, file=file.name) from error
    with stream:
        head = stream.read(4)
        stream.seek(0)
        for magic, kind in _FOREIGN.items():
            if head.startswith(magic):
                msg = f"{file.name} is not read: {kind}"
                raise Unreadable(msg, file=file.name)
        if head == b"PK\x03\x04":
            with workbook.rows_of(file, sheet or "") as (total, rows):
                numbered = (RawRow(n, cells, n) for n, cells in enumerate(rows, start=1))
                yield _table(file, numbered, total, [])
        else:
            ending: list[str] = []
            yield _table(file, _records(file, stream, wanted, ending), file.stat().st_size, ending)


def _table(file: Path, found: Iterator[RawRow], total: int, ending: list[str]) -> Table:
    filled = (row for row in found if any(cell.strip() for cell in row.cells))
    header = next(filled, None)
    if header is None:
        msg = f"{file.name} is empty"
        raise Unreadable(msg, file=file.name)
    if len(header.cells) > MOST_COLUMNS:
        msg = f"{place(file, header.number)}: {len(header.cells)} columns; at most {MOST_COLUMNS} are read"
        raise TooLarge(msg, file=file.name)
    return Table(tuple(cell.strip() for cell in header.cells), _counted(file, filled), total, ending)


def _counted(file: Path, rows: Iterator[RawRow]) -> Iterator[RawRow]:
    for n, row in enumerate(rows, start=1):
        if n > MOST_ROWS:
            msg = f"{place(file, row.number)}: more than {MOST_ROWS} rows"
            raise TooLarge(msg, file=file.name, row=row.number)
        yield row


class _Lines:
    """A file's lines as text, each checked before the next is read."""

    def __init__(self, file: Path, stream: IO[bytes]) -> None:
        self.file, self.stream = file, stream
        self.number = self.done = self.record_size = 0
        self.is_ended = True

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = self.stream.readline(LONGEST_RECORD + 1)
        if not raw:
            raise StopIteration
        if self.number == 0:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        self.number += 1
        self.done += len(raw)
        self.record_size += len(raw)
        self.is_ended = raw.endswith(b"\n")
        if self.record_size > LONGEST_RECORD:
            msg = f"{place(self.file, self.number)}: a row longer than {LONGEST_RECORD} bytes, or a quote never closed"
            raise TooLarge(msg, file=self.file.name, row=self.number)
        if (at := raw.find(b"\0")) >= 0:
            msg = f"{place(self.file, self.number)}: byte {at + 1} is 0: the file is binary, or not UTF-8"
            raise Unreadable(msg, file=self.file.name, row=self.number)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            msg = (
                f"{place(self.file, self.number)}: byte {error.start + 1} (0x{raw[error.start]:02x}) is not UTF-8: "
                f"{error.reason}"
            )
            raise Unreadable(msg, file=self.file.name, row=self.number) from error


def _records(file: Path, stream: IO[bytes], wanted: set[str], ending: list[str]) -> Iterator[RawRow]:
    """The records of a CSV file. A broken quote makes all that follows doubtful: the file is refused there."""
    sample = _Lines(file, stream)
    head = []
    for line in islice(sample, SAMPLE):
        sample.record_size = 0
        head.append(line)
    delimiter, quote = _dialect(head, wanted)
    stream.seek(0)
    lines = _Lines(file, stream)
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)
    while True:
        first, lines.record_size = lines.number + 1, 0
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            msg = f"{place(file, first)}: the row cannot be taken apart: {error}"
            raise Unreadable(msg, file=file.name, row=first) from error
        yield RawRow(first, cells, lines.done)
    if not lines.is_ended:
        ending.append("the last line has no end: the file may have been cut off")


def _dialect(head: Sequence[str], wanted: set[str]) -> tuple[str, str]:
    """Delimiter and quote: those that find most wanted columns, then most cells in rows as wide as the header."""

    def score(dialect: tuple[str, str]) -> tuple[int, int]:
        rows: list[list[str]] = []
        # A sample may end within quotes; the rows before count.
        with contextlib.suppress(csv.Error):
            rows.extend(csv.reader(head, delimiter=dialect[0], quotechar=dialect[1], strict=True))
        header = [cell.strip() for cell in rows[0]] if rows else []
        return len(wanted.intersection(header)), sum(len(row) for row in rows if len(row) == len(header))

    text = "\n" + "".join(head)
    # Apostrophes are text in most files: they are quotes only where they enclose cells, and quotation marks do not.
    quotes = ("'",) if _ENCLOSED.search(text) and not _OPENED.search(text) else ('"',)
    # Of two that are as good the first is taken: max keeps it.
    return max(product(DELIMITERS, quotes), key=score)
