"""What the services know already of the things that a file names. Reads only."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Protocol
from uuid import UUID

from events.base import Event
from events.suppliers import SupplierRegistered
from events.tendering import AgreementRecorded, BaselineSet
from infra.event_store import EventStore
from infra.request import Accepted, Request
from services.membership import establishment
from services.membership.establishment import Establishment
from services.ordering import order
from services.ordering.order import Order

ONE_DAY = timedelta(days=1)


class Service(Protocol):
    """A context as the import uses it."""

    @property
    def store(self) -> EventStore: ...  # noqa: D102
    def handle_many(self, requests: Sequence[Request[Any]]) -> list[Accepted]: ...  # noqa: D102


class Platform(Protocol):
    """The four contexts, and the reactions between them."""

    @property
    def membership(self) -> Service: ...  # noqa: D102
    @property
    def suppliers(self) -> Service: ...  # noqa: D102
    @property
    def tendering(self) -> Service: ...  # noqa: D102
    @property
    def ordering(self) -> Service: ...  # noqa: D102
    def react(self) -> object: ...  # noqa: D102


class Known:
    """The state of the services before an import."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def orders(self, order_ids: Iterable[UUID]) -> dict[UUID, tuple[Order | None, int]]:
        """The orders that there are, and their versions."""
        return self._platform.ordering.store.states(order_ids, order.evolve)

    def establishments(self, establishment_ids: Iterable[UUID]) -> dict[UUID, Establishment | None]:
        """The establishments that there are, with their adhesions."""
        found = self._platform.membership.store.states(establishment_ids, establishment.evolve)
        return {key: state for key, (state, _) in found.items()}

    def suppliers(self, supplier_ids: Iterable[UUID]) -> Container[UUID]:
        """Those that are registered."""
        return self._platform.suppliers.store.firsts(supplier_ids)

    def agreements(self, agreement_ids: Iterable[UUID]) -> Container[UUID]:
        """Those that are recorded."""
        return self._platform.tendering.store.firsts(agreement_ids)

    def baselines(self, baseline_ids: Iterable[UUID]) -> dict[UUID, BaselineSet]:
        """The reference prices that are recorded for items: a first price never changes."""
        found = self._platform.tendering.store.firsts(baseline_ids)
        return {key: event for key, event in found.items() if isinstance(event, BaselineSet)}

    def name(self, thing_id: str) -> str:
        """The name of a supplier or an agreement."""
        key = UUID(thing_id)
        event: Event | None = self._platform.suppliers.store.first(key) or self._platform.tendering.store.first(key)
        match event:
            case SupplierRegistered():
                return event.name
            case AgreementRecorded():
                return event.title
        return thing_id


def missing_adhesion(known: Establishment | None, agreement_id: UUID, first: date) -> tuple[date, date | None] | None:
    """The days of an adhesion that an establishment lacks, from its first order on; None where it lacks none.

    The last day is None where the adhesion lasts as long as the agreement. Days that are granted stay as they are.
    """
    if known is None:
        return first, None
    granted = [since for since, _ in known.adhesions.get(agreement_id, ())]
    last = min(granted) - ONE_DAY if granted else None
    if known.left_on is not None:
        last = min(last or known.left_on, known.left_on)
    return None if last is not None and last < first else (first, last)
