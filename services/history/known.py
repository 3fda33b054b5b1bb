"""What the services know already of the things that a file names. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
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

    def order(self, order_id: UUID) -> tuple[Order | None, int]:
        """An order and its version."""
        return self._platform.ordering.store.state(order_id, order.evolve)

    def establishment(self, establishment_id: UUID) -> Establishment | None:
        """An establishment with its adhesions."""
        return self._platform.membership.store.state(establishment_id, establishment.evolve)[0]

    def has_supplier(self, supplier_id: UUID) -> bool:
        """Whether a supplier is registered."""
        return self._platform.suppliers.store.first(supplier_id) is not None

    def has_agreement(self, agreement_id: UUID) -> bool:
        """Whether an agreement is recorded."""
        return self._platform.tendering.store.first(agreement_id) is not None

    def baseline(self, baseline_id: UUID) -> BaselineSet | None:
        """The reference price that is recorded for an item: a first price never changes."""
        event = self._platform.tendering.store.first(baseline_id)
        return event if isinstance(event, BaselineSet) else None

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
