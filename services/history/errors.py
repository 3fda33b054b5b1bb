"""The file of bad rows: all their columns as they were, and why each row is refused."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from services.history.mapping import Mapping
from services.history.reading import open_table
from services.history.refusals import ErrorsFileRefused, Problem

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so may be run by a spreadsheet program."""


def harmless(cell: str) -> str:
    """A cell that no spreadsheet program takes for a formula: a leading apostrophe makes it text."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def check_errors_file(errors: Path, *inputs: Path) -> None:
    """Raises ErrorsFileRefused where bad rows cannot be written there, or would overwrite an input."""
    if errors.is_dir() or not errors.resolve().parent.is_dir():
        raise ErrorsFileRefused(f"{errors} is not a file in a folder that exists", file=errors)
    if errors.exists() and any(given.exists() and errors.samefile(given) for given in inputs):
        raise ErrorsFileRefused(f"{errors} is a file that the import reads", file=errors)


def write_errors(errors: Path, file: Path, mapping: Mapping, problems: Iterable[Problem]) -> None:
    """Writes the bad rows of a file, read once more, as CSV in UTF-8 with the column `error` added.

    Whole or not at all: it is written beside and moved into place. Raises ErrorsFileRefused.
    """
    why: dict[int, list[str]] = defaultdict(list)
    for problem in problems:
        why[problem.row].append(str(problem))
    beside = errors.with_name(f".{errors.name}.part")
    try:
        with (
            open_table(file, mapping.columns(), mapping.sheet) as table,
            beside.open("w", encoding="utf-8-sig", newline="") as stream,
        ):
            writer = csv.writer(stream)
            writer.writerow([*map(harmless, table.header), "error"])
            for raw in table.rows:
                if raw.number in why:
                    cells = [*raw.cells, *[""] * (len(table.header) - len(raw.cells))]
                    writer.writerow([harmless(cell) for cell in [*cells, "; ".join(why[raw.number])]])
        beside.replace(errors)
    except OSError as error:
        raise ErrorsFileRefused(f"{errors}: {error.strerror}", file=errors) from error
    finally:
        beside.unlink(missing_ok=True)
