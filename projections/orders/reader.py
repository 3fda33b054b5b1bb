"""What has happened to each order: a list, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from events.base import Refusal, Value
from events.values import SignedAmount
from infra.clickhouse import Analytics, sql

NO_ID = UUID(int=0)


class BadCursor(Refusal):
    """The cursor is none that a page of this list gave."""

    rule = "A cursor is taken from the page before, as it is"
    remedy = "Start again without a cursor."


class OrderRow(Value):
    """An order on its three axes: commitment, receipt, billing. Amounts are net of cancellations, returns, credits."""

    order_id: UUID
    establishment_id: UUID
    agreement_id: UUID | None
    supplier_id: UUID | None
    number: str
    source: str | None
    """Name of the imported source; null for an order placed here."""
    ordered_on: date
    currency: str
    commitment: Literal["waiting", "ordered", "rejected", "withdrawn", "cancelled", "recorded"]
    receipt: Literal["none", "partial", "full"]
    billing: Literal["none", "partial", "full"]
    excess: SignedAmount
    """What needs an approval, while the order waits for it."""
    ordered: SignedAmount
    received: SignedAmount
    invoiced: SignedAmount


@dataclass(frozen=True, slots=True)
class Page:
    """A page of orders, and the cursor of the next one, None at the end."""

    rows: list[OrderRow]
    next_cursor: str | None


class Orders:
    """The orders as they are known now."""

    def __init__(self, analytics: Analytics) -> None:
        self._analytics = analytics

    def page(
        self,
        establishment_id: UUID | None = None,
        supplier_id: UUID | None = None,
        state: str | None = None,
        agreement_id: UUID | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page:
        """Up to `limit` orders, the newest day first, after a cursor. Raises BadCursor."""
        day, order_id = _place(after)
        found = self._analytics.rows(
            sql("projections.orders", "page.sql"),
            {
                "establishment": _text(establishment_id),
                "supplier": _text(supplier_id),
                "agreement": _text(agreement_id),
                "state": state or "",
                "after_day": day,
                "after_id": order_id,
                "limit": limit + 1,
            },
        )
        rows = [
            OrderRow(
                order_id=row["order_id"],
                establishment_id=row["establishment_id"],
                agreement_id=None if row["agreement"] == NO_ID else row["agreement"],
                supplier_id=None if row["supplier"] == NO_ID else row["supplier"],
                number=row["order_number"],
                source=row["order_source"] or None,
                ordered_on=row["day"],
                currency=row["order_currency"],
                commitment=row["commitment"],
                receipt=row["receipt"],
                billing=row["billing"],
                excess=row["waiting_excess"],
                ordered=row["ordered_amount"],
                received=row["received_amount"],
                invoiced=row["invoiced_amount"],
            )
            for row in found[:limit]
        ]
        more = len(found) > limit
        return Page(rows, f"{rows[-1].ordered_on}_{rows[-1].order_id}" if more else None)


def _text(value: UUID | None) -> str | None:
    return str(value) if value else None


def _place(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "", ""
    day, _, order_id = cursor.partition("_")
    try:
        return date.fromisoformat(day).isoformat(), str(UUID(order_id))
    except ValueError as error:
        msg = f"cursor {cursor!r} is not one of this list"
        raise BadCursor(msg, pointer="/cursor") from error
