"""A desk at which files are imported: writes small files, runs imports, and reads what was published."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from events.base import Event
from infra.log import Log
from services.embedded import Contexts
from services.history.result import ImportResult
from services.history.run import import_orders

MAPPING = """
source = { constant = "test" }
order_number = { column = "order" }
line_id = { column = "line" }
establishment = { column = "hospital" }
supplier = { column = "supplier" }
item = { columns = ["item", "unit"], separator = " / " }
label = { column = "item" }
category = { column = "category" }
unit = { column = "unit" }
quantity = { column = "quantity" }
unit_price = { column = "price" }
amount = { column = "amount" }
currency = { column = "currency" }
agreement = { columns = ["supplier", "category"], separator = " / " }
invoice_number = { template = "{order}/{line}" }
baseline = "first-recorded-price"
order_date = { column = "ordered", formats = ["%d/%m/%Y"], fallback = { column = "planned", formats = ["%d/%m/%Y"] } }
received_date = { column = "received", formats = ["%d/%m/%Y"] }
invoice_date = { column = "received", formats = ["%d/%m/%Y"] }
"""
ROW = {
    "order": "A-1", "line": "1", "hospital": "Hôpital Nord", "supplier": "Labo SA", "item": "Gloves", "unit": "box of 100",
    "category": "33141420", "quantity": "10", "price": "2.50", "amount": "25.00", "currency": "EUR",
    "ordered": "01/03/2020", "planned": "", "received": "05/03/2020",
}  # fmt: skip


def row(**changes: str) -> dict[str, str]:
    """A good row, with changes."""
    return {**ROW, **changes}


def quiet(step: str, done: int, total: int) -> None:
    """A progress that nobody watches."""


@dataclass
class Desk:
    contexts: Contexts
    folder: Path

    def mapping(self, text: str = MAPPING) -> Path:
        path = self.folder / "mapping.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def write(self, rows: Iterable[dict[str, str]], name: str = "orders.csv") -> Path:
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, ROW)
            writer.writeheader()
            writer.writerows(rows)
        return path

    def run(self, *rows: dict[str, str], file: Path | None = None, **options: Any) -> ImportResult:
        """Imports rows, or a file."""
        mapping = options.pop("mapping", None) or self.mapping()
        options.setdefault("progress", quiet)
        return import_orders(self.contexts, file or self.write(rows), mapping, **options)

    def facts(self, *classes: type[Event]) -> list[Any]:
        """Every published event, or those of some classes, in the order of the logs."""
        found: list[Event] = []
        for store in self.contexts.stores:
            log = Log(store)
            while (page := log.page()) is not None:
                found += [store.mapper.language.load(entry.type, entry.raw) for entry in page]
        return [event for event in found if not classes or isinstance(event, classes)]

    def positions(self) -> list[int]:
        """How far each store has come, internal events included."""
        return [store.last_pos() for store in self.contexts.stores]
