"""Who sells to the group, and how they are rated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal
from uuid import UUID

from events.base import Value
from events.suppliers import CsrScores
from infra.clickhouse import Analytics, sql

PACKAGE = "projections.suppliers"
FAR = datetime(2200, 1, 1, tzinfo=UTC)


class SupplierRow(Value):
    """A supplier with the rating that it declared last, whatever became of it."""

    supplier_id: UUID
    label: str
    siren: str | None
    vat_number: str | None
    country: str | None
    is_suspended: bool
    suspended_on: date | None
    """First day without orders, where it is suspended."""
    rating_id: UUID | None
    rating_state: Literal["none", "declared", "verified", "rejected", "expired"]
    """Only a verified one counts in figures."""
    scores: CsrScores | None
    published_on: date | None
    expires_on: date | None
    """The first day on which the rating no longer counts."""


def valid_scores(analytics: Analytics, day: date, as_of: datetime | None = None) -> dict[UUID, int]:
    """Supplier -> overall score (0-100) of the rating that counts on a day, as known at an instant."""
    known = (as_of or FAR).astimezone(UTC).replace(tzinfo=None)
    rows = analytics.rows(sql(PACKAGE, "valid_ratings.sql"), {"day": day.isoformat(), "as_of": known})
    return {row["supplier_id"]: row["score"] for row in rows}


class Suppliers:
    """The suppliers as they are known now."""

    def __init__(self, analytics: Analytics) -> None:
        self._analytics = analytics

    def all(self, day: date) -> list[SupplierRow]:
        """Every supplier by name; a rating counts as expired or not on `day`."""
        return [_row(row) for row in self._analytics.rows(sql(PACKAGE, "list.sql"), {"day": day.isoformat()})]

    def labels(self) -> dict[str, str]:
        """Id -> name."""
        rows = self._analytics.rows("select supplier_id, label from suppliers")
        return {str(row["supplier_id"]): row["label"] for row in rows}


def _row(row: Mapping[str, Any]) -> SupplierRow:
    scores = json.loads(row["scores"]) if row["scores"] else None
    known = {name: value or None for name, value in row.items()}
    suspended_on = known["suspended_on"] if row["is_suspended"] else None
    rating_id = row["rating_id"] if row["rating_state"] != "none" else None
    return SupplierRow(
        **{
            **known,
            "scores": scores,
            "is_suspended": bool(row["is_suspended"]),
            "suspended_on": suspended_on,
            "rating_id": rating_id,
        }
    )
