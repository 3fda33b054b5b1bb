"""The commands of the generated network as HTTP requests: who sends them, where to, and under which identifiers.

Over HTTP the identifier of what a command makes follows from its Idempotency-Key, so that it is another one than in the
plan. It is known beforehand, and stands in the place of the plan's wherever a command names it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from infra.auth import Role
from infra.http import KEY, SCOPE, SUBJECT, Does
from services.access import REACH
from services.demo.plan import Plan
from services.demo.script import script
from services.demo.steps import Step
from services.membership import api as membership
from services.membership.commands import EndAdhesion, GrantAdhesion
from services.ordering import api as ordering
from services.ordering.billing import bill_id
from services.ordering.commands import ReceiveInvoice, SubmitOrder
from services.suppliers import api as suppliers
from services.tendering import api as tendering
from services.tendering.commands import SignAgreement

ROUTES: dict[type[Any], tuple[str, Does]] = {
    does.command: (module.router.prefix, does)
    for module in (membership, suppliers, tendering, ordering)
    for does in module.COMMANDS
}
"""Command -> the prefix of its router, and its route."""


class Call(NamedTuple):
    """A command as a request."""

    path: str
    body: dict[str, Any]
    key: UUID
    at: datetime
    """The moment that it names, for the generated network has a past."""
    role: Role
    actor: str
    scope: UUID | None
    queue: object
    """Requests of one queue are sent in their order."""


class Translation:
    """Translates the steps of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._ids: dict[UUID, UUID] = {}
        self._agreement_of: dict[UUID, UUID] = {}
        """Order -> its agreement, in the plan's identifiers."""
        self._learn(plan)

    def _learn(self, plan: Plan) -> None:
        """What every command makes, before the first of them: a reference price names an agreement to come."""
        supplier_of_lot: dict[UUID, UUID] = {}
        lot_of_order: dict[UUID, UUID] = {}
        steps = list(script(plan))
        for step in steps:
            command, (_, does) = step.request.command, ROUTES[type(step.request.command)]
            if does.creates and does.sources()[does.creates] == KEY:
                made = uuid5(step.request.command_id, f"{self._known(step.request.scope)}:{does.operation}")
                self._ids[getattr(command, does.creates)] = made
            match command:
                case SignAgreement():
                    supplier_of_lot |= {lot.lot_id: lot.supplier_id for lot in command.lots}
                case SubmitOrder():
                    lot_of_order[command.order_id] = command.lines[0].lot_id
                    self._agreement_of[command.order_id] = command.agreement_id
                case ReceiveInvoice():
                    supplier = supplier_of_lot[lot_of_order[command.order_id]]
                    identity = ("invoice", command.number, command.issued_on.year)
                    self._ids[bill_id(supplier, *identity)] = bill_id(self._ids[supplier], *identity)

    def call(self, step: Step) -> Call:
        """A step as a request."""
        request = step.request
        prefix, does = ROUTES[type(request.command)]
        said = request.command.model_dump(mode="json")
        sources = does.sources()
        places = {
            source: self._translated(said[name])
            for name, source in sources.items()
            if source not in (KEY, SCOPE, SUBJECT)
        }
        body = {name: self._translated(value) for name, value in said.items() if name not in sources}
        return Call(
            prefix + does.path.format(**places),
            body,
            request.command_id,
            step.at,
            _role(does.operation, is_own=request.scope is not None),
            request.actor,
            self._known(request.scope),
            self._queue(request.command),
        )

    def _queue(self, command: Any) -> UUID:
        """Orders under one agreement share its maximum; all else is about one aggregate."""
        is_adhesion = isinstance(command, GrantAdhesion | EndAdhesion)
        names = ["establishment_id"] if is_adhesion else ["order_id", "agreement_id", "supplier_id", "establishment_id"]
        aggregate: UUID = next(getattr(command, name) for name in names if hasattr(command, name))
        return self._agreement_of.get(aggregate, aggregate)

    def _known(self, planned: UUID | None) -> UUID | None:
        return None if planned is None else self._ids.get(planned, planned)

    def _translated(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self._translated(part) for name, part in value.items()}
            case list():
                return [self._translated(part) for part in value]
            case str() if len(value) == 36:  # noqa: PLR2004 - as a UUID is written
                try:
                    return str(self._known(UUID(value)))
                except ValueError:
                    return value
        return value


def _role(operation: str, *, is_own: bool) -> Role:
    """The first role that may do this for its own establishment or supplier, or for the group."""
    return next(role for role, reach in REACH[operation].items() if (reach == "own") is is_own)
