"""What the stores of a generated network hold, read without the product: SQLite and JSON only."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

SMALL = 750
"""Orders of the networks that tests build."""
Document = dict[str, Any]


class Facts:
    """The published events of the four stores."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def raw(self, context: str) -> list[tuple[str, bytes]]:
        """Name and stored bytes of a context's events, oldest first."""
        with sqlite3.connect(self._home / "stores" / f"{context}.db") as database:
            rows = database.execute("select topic, state from stored_events order by rowid").fetchall()
        database.close()
        return [(topic, state) for topic, state in rows if not topic.startswith("_")]

    def of(self, name: str) -> list[Document]:
        """The documents of an event such as `ordering.OrderSubmitted`."""
        context = name.partition(".")[0]
        return [json.loads(state) for topic, state in self.raw(context) if topic == f"{name}.v1"]

    def invoiced(self) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
        """Year -> what was invoiced, and what was saved on lines that have a reference price; credit notes taken off."""
        volume: dict[str, Decimal] = defaultdict(Decimal)
        saved: dict[str, Decimal] = defaultdict(Decimal)
        for name, sign in (("ordering.InvoiceReceived", 1), ("ordering.CreditNoteReceived", -1)):
            for document in self.of(name):
                assert document["currency"] == "EUR"
                year = document["business_date"][:4]
                for line in document["lines"]:
                    volume[year] += sign * Decimal(line["amount"])
                    if line["baseline_amount"] is not None:
                        saved[year] += sign * (Decimal(line["baseline_amount"]) - Decimal(line["amount"]))
        return dict(volume), dict(saved)
