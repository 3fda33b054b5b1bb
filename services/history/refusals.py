"""Why a file, a mapping or a row of an import is refused."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from events.base import Refusal

SHOWN = 200
"""Characters of a refused value that are repeated in a message."""


class ImportRefused(Refusal):
    """The whole import is refused: nothing was read further, nothing was committed."""

    rule = "An import needs a readable file and a mapping that fits it"
    remedy = "Correct what the message names, and import again."


class BadMapping(ImportRefused):
    """The mapping is not one."""

    rule = "A mapping is a TOML file with the keys of docs/import.md"
    remedy = "Correct the keys that the message names."


class ColumnsMissing(ImportRefused):
    """The mapping names columns that the file does not have, or has twice."""

    rule = "Every column that a mapping names is in the file's header once"
    remedy = "Correct the name in the mapping; it is the header's, letter for letter."


class Unreadable(ImportRefused):
    """The file is not what an import reads."""

    rule = "A file of history is CSV in UTF-8, or XLSX, with one header line and rows below"
    remedy = "Export it again as CSV UTF-8 or as XLSX."


class TooLarge(ImportRefused):
    """The file passes a limit of the reader."""

    rule = "The reader's limits are in docs/import.md: a file beyond them is broken or must be split"
    remedy = "Look at the place named; where it is right, split the file."


class ErrorsFileRefused(ImportRefused):
    """The file for bad rows cannot be written there."""

    rule = "Bad rows go to a file of their own in a folder that exists"
    remedy = "Name another file with --errors."


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is refused."""

    file: str
    row: int
    """Line of the file on which the row begins, the header's first line being 1; in a workbook the sheet's row."""
    column: str
    value: str
    detail: str
    rule: str
    remedy: str

    def document(self) -> dict[str, str | int]:
        """As JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """One line for a terminal or an error column."""
        return f"{self.column}: {self.detail}. {self.rule}. {self.remedy}"


def shown(value: str) -> str:
    """A value as a message repeats it: shortened, and without characters that could steer a terminal."""
    text = value if len(value) <= SHOWN else f"{value[:SHOWN]}… ({len(value)} characters)"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def place(file: Path, line: int | None = None) -> str:
    """File and line, as messages begin."""
    return file.name if line is None else f"{file.name}, line {line}"
