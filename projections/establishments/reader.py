"""Who is a member of the group, and under which agreements it may order."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from events.base import Value
from events.membership import EstablishmentKind
from infra.clickhouse import Analytics, sql


class EstablishmentRow(Value):
    """A member of the group."""

    establishment_id: UUID
    label: str
    kind: EstablishmentKind
    siret: str | None
    finess: str | None
    joined_on: date
    left_on: date | None
    """Last day of membership."""
    sites: int
    adhesions: int
    """Agreements under which it was ever allowed to order."""


class AdhesionRow(Value):
    """An establishment's right to order under an agreement, last day included; null: as long as that lasts."""

    establishment_id: UUID
    agreement_id: UUID
    valid_from: date
    valid_to: date | None


class Establishments:
    """The establishments as they are known now."""

    def __init__(self, analytics: Analytics) -> None:
        self._analytics = analytics

    def all(self) -> list[EstablishmentRow]:
        """Every establishment by name."""
        rows = self._analytics.rows(sql("projections.establishments", "list.sql"))
        optional = ("siret", "finess", "left_on")
        return [EstablishmentRow(**{**row, **{name: row[name] or None for name in optional}}) for row in rows]

    def adhesions(self, establishment_id: UUID | None = None, agreement_id: UUID | None = None) -> list[AdhesionRow]:
        """The adhesions of an establishment, or to an agreement, or all: a row for each period."""
        rows = self._analytics.rows(
            "select establishment_id, agreement_id, valid_from, valid_to from adhesions "
            "where (isNull({establishment:Nullable(UUID)}) or establishment_id = {establishment:Nullable(UUID)}) "
            "and (isNull({agreement:Nullable(UUID)}) or agreement_id = {agreement:Nullable(UUID)}) "
            "order by establishment_id, agreement_id, valid_from",
            {
                "establishment": str(establishment_id) if establishment_id else None,
                "agreement": str(agreement_id) if agreement_id else None,
            },
        )
        return [AdhesionRow(**{**row, "valid_to": row["valid_to"] or None}) for row in rows]

    def labels(self) -> dict[str, str]:
        """Id -> name."""
        rows = self._analytics.rows("select establishment_id, label from establishments")
        return {str(row["establishment_id"]): row["label"] for row in rows}
