"""Rows of an XLSX workbook, read by a process of its own with limits of memory and time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from services.history import workbook_process
from services.history.refusals import TooLarge, Unreadable, place

MEMORY = 2 * 1024**3
"""Bytes of address space of the reading process."""
SECONDS = 300
"""Seconds that it may take."""
LONGEST_ROW = 1 << 20
"""Bytes of one row as JSON."""


@contextmanager
def rows_of(
    file: Path, sheet: str = "", memory: int = MEMORY, seconds: int = SECONDS
) -> Iterator[tuple[int, Iterator[list[str]]]]:
    """The number of rows of a sheet, and its rows from the first on. Formulas are never evaluated: kept values count.

    Raises Unreadable, TooLarge.
    """
    command = [sys.executable, "-I", workbook_process.__file__, str(file.resolve()), sheet, str(memory), str(seconds)]
    # Isolated, and named by its file: the process needs none of our packages, wherever we are run from.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            lines = _lines(file, process, late, seconds)
            yield json.loads(next(lines)), (json.loads(line) for line in lines)
        finally:
            timer.cancel()
            process.kill()


def _lines(file: Path, process: subprocess.Popen[bytes], late: threading.Event, seconds: int) -> Iterator[bytes]:
    """What the process writes. Raises where it ends badly; the refusal it wrote itself is its last line."""
    output: IO[bytes] = process.stdout  # type: ignore[assignment]
    last = b""
    number = -1
    while line := output.readline(LONGEST_ROW + 1):
        number += 1
        if len(line) > LONGEST_ROW:
            msg = f"{place(file, number)}: the row is longer than {LONGEST_ROW} bytes"
            raise TooLarge(msg, file=file.name, row=number)
        if last:
            yield last
        last = line
    if process.wait() == 0:
        yield last
        return
    if late.is_set():
        msg = f"{file.name}: reading the workbook took longer than {seconds} s"
        raise TooLarge(msg, file=file.name)
    if process.returncode == workbook_process.REFUSED:
        msg = f"{file.name}: {json.loads(last)}"
        raise Unreadable(msg, file=file.name)
    if process.returncode < 0 or process.returncode == workbook_process.OUT_OF_MEMORY:
        msg = f"{file.name}: reading the workbook needs more memory or time than is allowed ({SECONDS} s)"
        raise TooLarge(msg, file=file.name)
    msg = f"{file.name} is not a readable XLSX workbook: it is damaged, truncated, encrypted or of another kind"
    raise Unreadable(msg, file=file.name)
