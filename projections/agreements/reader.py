"""Which agreements there are, and how much of their maximum is used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from events.base import Value
from events.values import SignedAmount
from infra.clickhouse import Analytics, sql

PACKAGE = "projections.agreements"


class LotRow(Value):
    """A lot, and what orders reserve of it."""

    agreement_id: UUID
    lot_id: UUID
    number: str
    label: str
    supplier_id: UUID
    category: str
    maximum: SignedAmount | None
    """Null where only the agreement's counts."""
    reserved: SignedAmount
    use: Decimal | None
    """Reserved / maximum, six decimals HALF_UP; null where there is no maximum."""


class AgreementRow(Value):
    """An agreement with amendments and termination applied, and what orders reserve of its maximum."""

    agreement_id: UUID
    reference: str
    label: str
    currency: str
    is_recorded: bool
    """Recorded from imported history: no ceiling, no price list, no orders."""
    signed_on: date | None
    valid_from: date | None
    valid_to: date | None
    """Last day on which orders may be placed."""
    maximum: SignedAmount | None
    reserved: SignedAmount
    use: Decimal | None
    """Reserved / maximum, six decimals HALF_UP; null where there is no maximum."""
    lots: tuple[LotRow, ...] = ()


class Agreements:
    """The agreements as they are known now."""

    def __init__(self, analytics: Analytics) -> None:
        self._analytics = analytics

    def all(self) -> list[AgreementRow]:
        """Every agreement by reference, with its lots."""
        lots: dict[UUID, list[LotRow]] = {}
        for row in self._analytics.rows(sql(PACKAGE, "lots.sql")):
            lot = LotRow(**{**row, "maximum": row["maximum"] or None, "use": _use(row["reserved"], row["maximum"])})
            lots.setdefault(lot.agreement_id, []).append(lot)
        optional = ("signed_on", "valid_from", "valid_to", "maximum")
        return [
            AgreementRow(
                **{
                    **row,
                    **{name: row[name] or None for name in optional},
                    "is_recorded": bool(row["is_recorded"]),
                    "use": _use(row["reserved"], row["maximum"]),
                    "lots": tuple(lots.get(row["agreement_id"], ())),
                }
            )
            for row in self._analytics.rows(sql(PACKAGE, "list.sql"))
        ]

    def labels(self) -> dict[str, str]:
        """Id of an agreement -> its title, for a recorded one as well."""
        return _labels(self._analytics.rows("select agreement_id as id, label from agreements"))

    def lot_labels(self) -> dict[str, str]:
        """Id of a lot -> its title."""
        return _labels(self._analytics.rows("select lot_id as id, label from lots"))


def _labels(rows: Iterable[dict[str, object]]) -> dict[str, str]:
    return {str(row["id"]): str(row["label"]) for row in rows}


def _use(reserved: Decimal, maximum: str | None) -> Decimal | None:
    if not maximum or not Decimal(maximum):
        return None
    return (reserved / Decimal(maximum)).quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)
