"""A small group to ask over HTTP: two establishments, two suppliers, two agreements, and a token for everybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from httpx2 import Response
from starlette.testclient import TestClient

from events.base import Command
from infra import auth
from infra.request import Accepted, Request
from services.embedded import Platform
from services.membership.commands import GrantAdhesion, JoinEstablishment
from services.ordering.commands import ReceiveInvoice, ReceiveOrderLine, SubmitOrder
from services.suppliers.commands import DeclareCsrRating, RegisterSupplier
from services.tendering.commands import SignAgreement

TODAY = datetime.now(UTC).date()
BEGAN, ENDS = TODAY - timedelta(days=300), TODAY + timedelta(days=600)
WHO = ["officer", "approver", "group-approver", "group-buyer", "supplier", "finance", "auditor", "admin"]
"""Roles as the tests call them: an approver's token may have an establishment or not."""


@dataclass
class World:
    platform: Platform
    client: TestClient
    own: UUID = field(default_factory=uuid4)
    """The establishment of the officer and the approver."""
    other: UUID = field(default_factory=uuid4)
    seller: UUID = field(default_factory=uuid4)
    """The supplier of the supplier's token."""
    rival: UUID = field(default_factory=uuid4)
    free: UUID = field(default_factory=uuid4)
    """An agreement without an internal limit."""
    limited: UUID = field(default_factory=uuid4)
    """An agreement under which every order waits for an approval."""
    lots: dict[tuple[UUID, UUID], UUID] = field(default_factory=dict)
    """Agreement and supplier -> lot."""

    def __post_init__(self) -> None:
        for supplier, name in ((self.seller, "Fournisseur Alpha"), (self.rival, "Fournisseur Bêta")):
            self.run(RegisterSupplier(supplier_id=supplier, name=name))
        for agreement in (self.free, self.limited):
            self.sign(agreement)
        for establishment, name in ((self.own, "Centre Nord"), (self.other, "Centre Sud")):
            self.join(establishment, name)
        self.platform.react()

    def run(self, command: Command, actor: str = "somebody") -> Accepted:
        """A command put straight to its service, for what happened before."""
        context = type(command).__module__.split(".")[1]
        return getattr(self.platform, context).handle(Request(command, uuid4(), actor))  # type: ignore[no-any-return]

    def join(self, establishment: UUID, name: str) -> None:
        """A member that may order under both agreements."""
        self.run(JoinEstablishment(establishment_id=establishment, name=name, kind="ch", joined_on=BEGAN))
        for agreement in (self.free, self.limited):
            self.run(GrantAdhesion(establishment_id=establishment, agreement_id=agreement, valid_from=BEGAN))

    def sign(self, agreement: UUID) -> None:
        """An agreement with a lot for each supplier."""
        for supplier in (self.seller, self.rival):
            self.lots[agreement, supplier] = uuid4()
        limit = {"amount": "0.00", "allowance": "0"} if agreement == self.limited else None
        self.run(
            SignAgreement.model_validate(
                self.agreement_body(agreement) | {"agreement_id": agreement, "internal_limit": limit}
            )
        )

    def agreement_body(self, agreement: UUID) -> dict[str, Any]:
        """The body that signs an agreement."""
        return {
            "reference": f"ACC-{str(agreement)[:8]}", "title": "Consommables", "currency": "EUR", "signed_on": str(BEGAN),
            "valid_from": str(BEGAN), "valid_to": str(ENDS), "maximum": "1000000.00", "revision_bound": "0.10",
            "lots": [
                {
                    "lot_id": str(self.lots.get((agreement, supplier), uuid4())), "number": str(n), "title": f"Lot {n}",
                    "supplier_id": str(supplier), "category": "33140000",
                    "prices": [{"item": "gants", "label": "Gants", "unit": "boîte de 10", "base_units": "10", "unit_price": "9.50"}],
                }
                for n, supplier in enumerate((self.seller, self.rival), 1)
            ],
        }  # fmt: skip

    def order_body(self, agreement: UUID | None = None, supplier: UUID | None = None) -> dict[str, Any]:
        """The body that submits an order."""
        agreement = agreement or self.free
        lot = self.lots[agreement, supplier or self.seller]
        line = {"line_id": "1", "lot_id": str(lot), "item": "gants", "quantity": "10"}
        number = f"BC-{uuid4().hex[:8]}"
        return {"agreement_id": str(agreement), "number": number, "ordered_on": str(TODAY), "lines": [line]}

    def order(self, establishment: UUID, agreement: UUID | None = None, supplier: UUID | None = None) -> UUID:
        """An order that was submitted."""
        body = self.order_body(agreement, supplier)
        order_id = uuid4()
        self.run(SubmitOrder.model_validate(body | {"order_id": order_id, "establishment_id": establishment}), "author")
        return order_id

    def received(self, establishment: UUID, agreement: UUID | None = None, supplier: UUID | None = None) -> UUID:
        """An order of which a part arrived."""
        order_id = self.order(establishment, agreement, supplier)
        self.run(ReceiveOrderLine(order_id=order_id, line_id="1", quantity="4", received_on=TODAY))
        return order_id

    def invoiced(self, establishment: UUID, supplier: UUID | None = None) -> tuple[UUID, UUID]:
        """An order that was invoiced, and its invoice."""
        order_id = self.received(establishment, supplier=supplier)
        bill = {"number": f"F-{uuid4().hex[:8]}", "issued_on": TODAY, "received_on": TODAY, "vat": "7.60"}
        line = {"line_id": "1", "quantity": "4", "amount": "38.00"}
        self.run(ReceiveInvoice.model_validate(bill | {"order_id": order_id, "lines": [line]}))
        order, _ = self.platform.ordering.order(order_id)
        return order_id, next(iter(order.invoices))

    def rating(self, supplier: UUID) -> UUID:
        """A rating that a supplier declared."""
        rating_id = uuid4()
        scores = {"overall": 62}
        published = TODAY - timedelta(days=30)
        asked = {"supplier_id": supplier, "rating_id": rating_id, "scores": scores, "published_on": published}
        self.run(DeclareCsrRating.model_validate(asked), "declarer")
        return rating_id

    def token(self, who: str, **more: Any) -> str:
        """A token for one of WHO."""
        role = "approver" if who == "group-approver" else who
        establishment = self.own if who in ("officer", "approver") else None
        supplier = self.seller if who == "supplier" else None
        claims = {"establishment_id": establishment, "supplier_id": supplier, "seconds": 600} | more
        return auth.issue(self.platform.settings, role, f"user-{who}", **claims)

    def get(self, who: str | None, path: str, **more: Any) -> Response:
        """A read by one of WHO, None: without a token."""
        return self.ask("GET", who, path, **more)

    def post(self, who: str | None, path: str, body: Any = None, *, key: UUID | None = None, **more: Any) -> Response:
        """A command with a key of its own, made on whatever version there is."""
        headers = {"Idempotency-Key": str(key or uuid4()), "If-Match": "*"} | more.pop("headers", {})
        return self.ask("POST", who, path, json=body or {}, headers=headers, **more)

    def ask(
        self, method: str, who: str | None, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> Response:
        """A request to /api/v1."""
        bearer = {"Authorization": f"Bearer {self.token(who)}"} if who else {}
        kept = {name: value for name, value in ((headers or {}) | bearer).items() if value}
        return self.client.request(method, f"/api/v1{path}", headers=kept, **more)


Prepare = Callable[[World, str], Any]
