"""Tendering, put together: commands in, events out. `build` is the only place where its parts meet."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from events.base import Event, Unknown
from events.tendering import EVENTS
from infra.event_store import Accepted, Clock, EventStore, Request, Transaction, open_store, utc_now
from infra.settings import Settings
from services.tendering import agreement
from services.tendering.agreement import Agreement
from services.tendering.amendment import amend
from services.tendering.baseline import set_baseline
from services.tendering.commands import (
    AmendAgreement,
    RecordAgreement,
    RevisePrice,
    SetBaseline,
    SignAgreement,
    TenderingCommand,
    TerminateAgreement,
)
from services.tendering.signature import sign


def build(settings: Settings, clock: Clock = utc_now) -> Tendering:
    """The tendering service on the store that the settings name."""
    return Tendering(open_store("tendering", EVENTS, settings.store_environment("tendering"), clock))


class Tendering:
    """Commands on agreements and reference prices. They belong to the group: `scope` limits nothing here."""

    def __init__(self, store: EventStore) -> None:
        self.store = store

    def handle(self, request: Request[TenderingCommand]) -> Accepted:
        """Runs a command, once. Raises Refusal."""
        return self.store.execute(request, self._decide)

    def handle_many(self, requests: Sequence[Request[TenderingCommand]]) -> list[Accepted]:
        """Runs commands in one transaction: all or none. Raises Refusal."""
        return self.store.execute_many(requests, self._decide)

    def agreement(self, agreement_id: UUID) -> tuple[Agreement, int]:
        """A signed or recorded agreement and its version. Raises Unknown."""
        found, version = self.store.state(agreement_id, agreement.evolve)
        if found is None or found.founded is None:
            msg = f"agreement {agreement_id} is not known"
            raise Unknown(msg)
        return found, version

    def _decide(self, tx: Transaction, request: Request[TenderingCommand]) -> UUID:
        command = request.command
        stream = command.baseline_id if isinstance(command, SetBaseline) else command.agreement_id
        known = tx.read(stream, agreement.evolve)
        tx.expect(stream)
        tx.append(stream, [_answer(known, command)], agreement.evolve)
        return stream


def _answer(known: Agreement | None, command: TenderingCommand) -> Event:
    match command:
        case SetBaseline():
            return set_baseline(known, command)
        case SignAgreement():
            return sign(known, command)
        case RecordAgreement():
            return agreement.record(known, command)
        case RevisePrice():
            return agreement.revise(known, command)
        case AmendAgreement():
            return amend(known, command)
        case TerminateAgreement():
            return agreement.terminate(known, command)
