"""Reads one sheet of a workbook and writes its rows to standard output, one JSON array of texts a line.

Runs as a process of its own (`workbook.py`), because a hostile workbook may take all memory or time: the process limits
itself before it opens the file. Imports nothing of ours.
"""

import json
import resource
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from python_calamine import CalamineWorkbook, SheetTypeEnum

REFUSED = 3
"""Exit code where the last line written says what is wrong."""
OUT_OF_MEMORY = 4
"""Exit code where the sheet needs more than is allowed."""


def text(cell: Any) -> str:
    """A cell as a file in CSV would have it: ISO days, numbers with the 15 digits that a workbook keeps."""
    match cell:
        case str():
            return cell
        case bool():
            return str(cell).upper()
        case float():
            return format(Decimal(format(cell, ".15g")), "f")
        case datetime():
            return cell.date().isoformat()
        case date():
            return cell.isoformat()
    return str(cell)


def main(path: str, sheet: str, memory: int, seconds: int) -> int:
    """Writes the number of rows, then the rows."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    workbook = CalamineWorkbook.from_path(path)
    names = [found.name for found in workbook.sheets_metadata if found.typ == SheetTypeEnum.WorkSheet]
    if not names or (sheet and sheet not in names):
        print(json.dumps(f"it has no sheet {sheet!r}; sheets: {names}" if sheet else "it has no sheet"))  # noqa: T201
        return REFUSED
    found = workbook.get_sheet_by_name(sheet or names[0])
    print(found.end[0] + 1 if found.end else 0)  # noqa: T201
    for row in found.iter_rows():
        print(json.dumps([text(cell) for cell in row]))  # noqa: T201
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
