"""What must exist before past orders: establishments, suppliers, agreements, reference prices, adhesions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from uuid import UUID

from events.base import Command
from events.membership import EstablishmentKind
from events.tendering import BaselineMethod
from services.history import identity
from services.history.known import Known, missing_adhesion
from services.history.plan import Plan
from services.history.result import Counts, ImportResult
from services.history.rows import Row
from services.membership.commands import GrantAdhesion, JoinEstablishment
from services.suppliers.commands import RegisterSupplier
from services.tendering.commands import RecordAgreement, SetBaseline

K = TypeVar("K")
Wish = tuple[UUID, Command]
"""A command, and the thing that it is about."""


def establishments(plan: Plan, known: Known, result: ImportResult) -> Iterator[Wish]:
    """Establishments join on the day of their first order."""
    named = _earliest(plan.rows, identity.establishment_id)
    joined = known.establishments(named)
    for key, row in named.items():
        if _is_new(result.establishments, is_known=joined.get(key) is not None):
            yield (
                key,
                JoinEstablishment(
                    establishment_id=key,
                    name=row.establishment,
                    kind=EstablishmentKind.OTHER,
                    joined_on=row.ordered_on,
                ),
            )


def suppliers(plan: Plan, known: Known, result: ImportResult) -> Iterator[Wish]:
    """Suppliers are registered by their name."""
    named = _earliest(plan.rows, identity.supplier_id)
    registered = known.suppliers(named)
    for key, row in named.items():
        if _is_new(result.suppliers, is_known=key in registered):
            yield key, RegisterSupplier(supplier_id=key, name=row.supplier)


def agreements(plan: Plan, known: Known, result: ImportResult) -> Iterator[Wish]:
    """Agreements are recorded, with the category of their first order."""
    named = _earliest(plan.rows, identity.agreement_id)
    recorded = known.agreements(named)
    for key, row in named.items():
        if _is_new(result.agreements, is_known=key in recorded):
            yield (
                key,
                RecordAgreement(
                    agreement_id=key,
                    reference=row.agreement,
                    title=row.agreement,
                    supplier_id=identity.supplier_id(row),
                    category=row.category,
                    currency=row.currency,
                    source=row.source,
                ),
            )


def baselines(plan: Plan, result: ImportResult) -> Iterator[Wish]:
    """First prices are frozen as reference prices; those that are recorded hold."""
    result.baselines.already_there = len(plan.recorded)
    for key, row in plan.baselines.items():
        result.baselines.new += 1
        yield (
            key,
            SetBaseline(
                baseline_id=key,
                item=row.item,
                method=BaselineMethod.FIRST_RECORDED_PRICE,
                price=row.unit_price,
                currency=row.currency,
                evidence=f"{row.source}, order {row.order_number}, line {row.line_id}"[:500],
                valid_from=row.invoiced_on,
                approved_by=identity.ACTOR,
            ),
        )


def adhesions(plan: Plan, known: Known, result: ImportResult) -> Iterator[Wish]:
    """Establishments adhere to the agreements under which they ordered, from the first order's day on.

    An earlier file's adhesion is extended by the days before it, never changed.
    """
    needed = _earliest(plan.rows, _adhesion)
    joined = known.establishments({establishment_id for establishment_id, _ in needed})
    for (establishment_id, agreement_id), row in needed.items():
        establishment = joined.get(establishment_id)
        days = missing_adhesion(establishment, agreement_id, row.ordered_on)
        if days is None and establishment is not None and not establishment.adhesions.get(agreement_id):
            example = f"row {row.number}: {row.establishment} left on {establishment.left_on}"
            result.warnings.add("no-adhesion", f"{example}, ordered on {row.ordered_on}")
        elif _is_new(result.adhesions, is_known=days is None) and days is not None:
            yield (
                establishment_id,
                GrantAdhesion(
                    establishment_id=establishment_id, agreement_id=agreement_id, valid_from=days[0], valid_to=days[1]
                ),
            )


def _adhesion(row: Row) -> tuple[UUID, UUID]:
    return identity.establishment_id(row), identity.agreement_id(row)


def _earliest(rows: Iterable[Row], key_of: Callable[[Row], K]) -> dict[K, Row]:
    """Key -> its row with the earliest order day, of several the first of the file."""
    found: dict[K, Row] = {}
    for row in rows:
        key = key_of(row)
        if key not in found or row.ordered_on < found[key].ordered_on:
            found[key] = row
    return found


def _is_new(counts: Counts, *, is_known: bool) -> bool:
    if is_known:
        counts.already_there += 1
    else:
        counts.new += 1
    return not is_known
