"""What an import did, or would do: counts, warnings, problems."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.history.refusals import Problem

EXAMPLES = 5
"""Examples that are kept of each kind of warning."""
LISTED = 100
"""Problems that the document lists; all of them are in the errors file."""
SHOWN = 20
"""Problems that a person is shown."""
THINGS = ("rows", "orders", "establishments", "suppliers", "agreements", "adhesions", "baselines")

WARNINGS = {
    "amount-differs": "the amount is not unit price × quantity, HALF_UP to the cent; the file's amount counts",
    "received-before-ordered": "the line was received before its order day; both days are kept",
    "price-moves": "the item's price moves by more than ×10: savings against its first price say little",
    "without-baseline": "the line has no reference price: its price or amount is zero, or its item was never invoiced",
    "baseline-kept": "the file's first price is not the recorded reference price; the recorded one holds",
    "no-adhesion": "the establishment had left before its first order under the agreement; no adhesion is granted",
    "cut-off": "the end of the file looks cut off",
}
"""Kind -> what it means."""


class Warnings:
    """Strange things that are no errors: counted, the first of each kind kept as examples."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, kind: str, example: str) -> None:
        """Counts one."""
        self.counts[kind] += 1
        if self.counts[kind] <= EXAMPLES:
            self.examples.setdefault(kind, []).append(example)

    def document(self) -> list[dict[str, Any]]:
        """As JSON, in the order of `WARNINGS`."""
        return [
            {"kind": kind, "count": self.counts[kind], "says": says, "examples": self.examples[kind]}
            for kind, says in WARNINGS.items()
            if self.counts[kind]
        ]


@dataclass
class Counts:
    """How many of a kind of thing are new, and how many were there before."""

    new: int = 0
    already_there: int = 0


@dataclass
class ImportResult:
    """The outcome of an import. Counts are of what was, or in a dry run or refused import would be, committed."""

    file: Path
    mapping: Path
    is_dry_run: bool
    is_committed: bool = False
    read: int = 0
    rows: Counts = field(default_factory=Counts)
    rows_corrected: int = 0
    rows_repeated: int = 0
    rows_refused: int = 0
    orders: Counts = field(default_factory=Counts)
    orders_extended: int = 0
    orders_corrected: int = 0
    establishments: Counts = field(default_factory=Counts)
    suppliers: Counts = field(default_factory=Counts)
    agreements: Counts = field(default_factory=Counts)
    adhesions: Counts = field(default_factory=Counts)
    baselines: Counts = field(default_factory=Counts)
    warnings: Warnings = field(default_factory=Warnings)
    problems: list[Problem] = field(default_factory=list)
    errors_file: Path | None = None
    events_written: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 where rows were refused, whether or not the others were committed."""
        return 1 if self.problems else 0

    def lines(self) -> list[str]:
        """The outcome as a person reads it: counts, warnings with an example, problems, what was written."""
        document = self.document()
        told = [f"{self.file.name} by {self.mapping.name}: {self.read:,} rows in {self.seconds:.1f} s"]
        for thing in THINGS:
            counts = {name.replace("_", " "): n for name, n in document[thing].items() if name != "read" and n}
            told.append(f"  {thing:<15} {', '.join(f'{n:,} {name}' for name, n in counts.items()) or 'none'}")
        for warning in document["warnings"]:
            told += [f"warning: {warning['count']:,} × {warning['says']}", f"  such as {warning['examples'][0]}"]
        for problem in self.problems[:SHOWN]:
            told.append(f"refused: {problem.file}, row {problem.row}, {problem}")
        if len(self.problems) > SHOWN:
            told.append(f"… and {len(self.problems) - SHOWN:,} more; --errors FILE.csv writes all of them to a file")
        if self.errors_file:
            told.append(f"The {self.rows_refused:,} refused rows are in {self.errors_file}.")
        if self.is_committed:
            told.append(f"{self.events_written:,} events written.")
        elif self.problems and not self.is_dry_run:
            told.append("Nothing was written: correct the refused rows, or import the others with --accept-partial.")
        return told

    def document(self) -> dict[str, Any]:
        """The outcome as JSON."""
        return {
            "file": self.file.name,
            "mapping": self.mapping.name,
            "dry_run": self.is_dry_run,
            "committed": self.is_committed,
            "rows": {
                "read": self.read,
                **vars(self.rows),
                "corrected": self.rows_corrected,
                "repeated": self.rows_repeated,
                "refused": self.rows_refused,
            },
            "orders": {
                **vars(self.orders),
                "extended": self.orders_extended,
                "corrected": self.orders_corrected,
            },
            "establishments": vars(self.establishments),
            "suppliers": vars(self.suppliers),
            "agreements": vars(self.agreements),
            "adhesions": vars(self.adhesions),
            "baselines": vars(self.baselines),
            "warnings": self.warnings.document(),
            "problems": {
                "count": len(self.problems),
                "listed": [problem.document() for problem in self.problems[:LISTED]],
            },
            "errors_file": str(self.errors_file) if self.errors_file else None,
            "events_written": self.events_written,
            "seconds": f"{self.seconds:.2f}",
        }
