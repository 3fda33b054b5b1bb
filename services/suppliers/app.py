"""Suppliers, put together: commands in, events out. `build` is the only place where its parts meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast
from uuid import UUID

from events.base import AlreadyExists, Event, Unknown
from events.suppliers import EVENTS, SupplierRegistered
from events.values import paris_day
from infra.event_store import Accepted, Clock, EventStore, Request, Transaction, open_store, utc_now
from infra.settings import Settings
from services.suppliers import supplier
from services.suppliers.commands import SuppliersCommand
from services.suppliers.supplier import Supplier, identity_streams


class NumberTaken(Event):
    """Internal: the supplier that has a SIREN or VAT number."""

    TOPIC: ClassVar[str] = "_suppliers.NumberTaken.v1"
    supplier_id: UUID


def build(settings: Settings, clock: Clock = utc_now) -> Suppliers:
    """The suppliers service on the store that the settings name."""
    classes: list[type[Event]] = [*EVENTS, NumberTaken]
    return Suppliers(open_store("suppliers", classes, settings.store_environment("suppliers"), clock))


class Suppliers:
    """Commands on suppliers and their ratings."""

    def __init__(self, store: EventStore) -> None:
        self.store = store

    def handle(self, request: Request[SuppliersCommand]) -> Accepted:
        """Runs a command, once. Raises Refusal."""
        return self.store.execute(request, self._decide)

    def handle_many(self, requests: Sequence[Request[SuppliersCommand]]) -> list[Accepted]:
        """Runs commands in one transaction: all or none. Raises Refusal."""
        return self.store.execute_many(requests, self._decide)

    def supplier(self, supplier_id: UUID, scope: UUID | None = None) -> tuple[Supplier, int]:
        """A supplier and its version, for whoever may see it. Raises Unknown."""
        found, version = self.store.state(supplier_id, supplier.evolve)
        if found is None or scope not in (None, supplier_id):
            msg = f"supplier {supplier_id} is not known"
            raise Unknown(msg)
        return found, version

    def _decide(self, tx: Transaction, request: Request[SuppliersCommand]) -> UUID:
        command = request.command
        stream = command.supplier_id
        if request.scope not in (None, stream):
            msg = f"supplier {stream} is not known"
            raise Unknown(msg, pointer="/supplier_id")
        known = tx.read(stream, supplier.evolve)
        tx.expect(stream)
        found = supplier.decide(known, command, request.actor, paris_day(self.store.clock()))
        for event in found:
            if isinstance(event, SupplierRegistered):
                self._take_numbers(tx, event)
        tx.append(stream, found, supplier.evolve)
        return stream

    def _take_numbers(self, tx: Transaction, registered: SupplierRegistered) -> None:
        for name, identity in identity_streams(registered).items():
            if (taken := tx.find_single(identity)) is not None:
                holder = cast("NumberTaken", taken).supplier_id
                msg = f"{getattr(registered, name)} is the {name} of supplier {holder}"
                raise AlreadyExists(msg, pointer=f"/{name}", supplier_id=holder)
            tx.single(identity, NumberTaken(supplier_id=registered.supplier_id))
