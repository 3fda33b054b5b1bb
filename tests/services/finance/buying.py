"""What tests of figures share: a credit note, and how rows are read."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from services.ordering.commands import BilledLine, ReceiveCreditNote
from tests.network import Network


def pick(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def credit(network: Network, order_id: UUID, invoice_id: UUID, quantity: str, amount: str, on: date) -> None:
    line = BilledLine(line_id="1", quantity=quantity, amount=amount)
    network.run(
        ReceiveCreditNote(
            order_id=order_id, invoice_id=invoice_id, number=network.number("AV"), issued_on=on, vat="0", lines=[line]
        )
    )
