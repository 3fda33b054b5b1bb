"""Membership, put together: commands in, events out. `build` is the only place where its parts meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast
from uuid import UUID

from events.base import AlreadyExists, Event, Unknown
from events.membership import EVENTS, EstablishmentJoined
from infra.event_store import Accepted, Clock, EventStore, Request, Transaction, open_store, utc_now
from infra.settings import Settings
from services.membership import establishment
from services.membership.commands import MembershipCommand
from services.membership.establishment import Establishment, siret_stream


class SiretTaken(Event):
    """Internal: the establishment that has a SIRET."""

    TOPIC: ClassVar[str] = "_membership.SiretTaken.v1"
    establishment_id: UUID


def build(settings: Settings, clock: Clock = utc_now) -> Membership:
    """The membership service on the store that the settings name."""
    classes: list[type[Event]] = [*EVENTS, SiretTaken]
    return Membership(open_store("membership", classes, settings.store_environment("membership"), clock))


class Membership:
    """Commands on establishments."""

    def __init__(self, store: EventStore) -> None:
        self.store = store

    def handle(self, request: Request[MembershipCommand]) -> Accepted:
        """Runs a command, once. Raises Refusal."""
        return self.store.execute(request, self._decide)

    def handle_many(self, requests: Sequence[Request[MembershipCommand]]) -> list[Accepted]:
        """Runs commands in one transaction: all or none. Raises Refusal."""
        return self.store.execute_many(requests, self._decide)

    def establishment(self, establishment_id: UUID, scope: UUID | None = None) -> tuple[Establishment, int]:
        """An establishment and its version, for whoever may see it. Raises Unknown."""
        found, version = self.store.state(establishment_id, establishment.evolve)
        if found is None or scope not in (None, establishment_id):
            msg = f"establishment {establishment_id} is not known"
            raise Unknown(msg)
        return found, version

    def _decide(self, tx: Transaction, request: Request[MembershipCommand]) -> UUID:
        command = request.command
        stream = command.establishment_id
        if request.scope not in (None, stream):
            msg = f"establishment {stream} is not known"
            raise Unknown(msg, pointer="/establishment_id")
        known = tx.read(stream, establishment.evolve)
        tx.expect(stream)
        found = establishment.decide(known, command)
        for event in found:
            if isinstance(event, EstablishmentJoined):
                self._take_siret(tx, event)
        tx.append(stream, found, establishment.evolve)
        return stream

    def _take_siret(self, tx: Transaction, joined: EstablishmentJoined) -> None:
        if joined.siret is None:
            return
        identity = siret_stream(joined.siret)
        if (taken := tx.find_single(identity)) is not None:
            holder = cast("SiretTaken", taken).establishment_id
            msg = f"SIRET {joined.siret} is that of establishment {holder}"
            raise AlreadyExists(msg, pointer="/siret", establishment_id=holder)
        tx.single(identity, SiretTaken(establishment_id=joined.establishment_id))
