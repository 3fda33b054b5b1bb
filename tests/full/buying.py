"""A supplier, an agreement, a member that may order under it: all through the gateway, each known when it is needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from infra.positions import position_token, positions_in
from tests.full.stack import Stack

TODAY = datetime.now(UTC).date()
BEGAN, ENDS = str(TODAY - timedelta(days=30)), str(TODAY + timedelta(days=600))
PRICE = Decimal("9.50")


class Market:
    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.agreement, self.lot = uuid4(), uuid4()
        supplier = stack.done("group-buyer", "/suppliers", {"name": "Fournisseur Alpha"})
        self.supplier = UUID(supplier["created"])
        member = {"name": "Centre Nord", "kind": "ch", "joined_on": BEGAN}
        joined = stack.done("group-buyer", "/establishments", member)
        self.establishment = UUID(joined["created"])
        signed = stack.done("group-buyer", f"/agreements/{self.agreement}/sign", self._agreement())
        adhesion = {"agreement_id": str(self.agreement), "valid_from": BEGAN}
        granted = stack.done("group-buyer", f"/establishments/{self.establishment}/adhesions", adhesion)
        self.known = position_token(
            [place for done in (supplier, granted, signed) for place in positions_in(done["position"])]
        )
        """What ordering must know before it decides on an order here."""

    def _agreement(self) -> dict[str, Any]:
        price = {"item": "gants", "label": "Gants", "unit": "boîte de 10", "base_units": "10", "unit_price": str(PRICE)}
        lot = {
            "lot_id": str(self.lot), "number": "1", "title": "Lot 1", "supplier_id": str(self.supplier),
            "category": "33140000", "prices": [price],
        }  # fmt: skip
        return {
            "reference": f"ACC-{str(self.agreement)[:8]}", "title": "Consommables", "currency": "EUR", "signed_on": BEGAN,
            "valid_from": BEGAN, "valid_to": ENDS, "maximum": "1000000.00", "revision_bound": "0.10", "lots": [lot],
        }  # fmt: skip

    def order(self, quantity: int = 10) -> dict[str, Any]:
        """An order that was submitted."""
        line = {"line_id": "1", "lot_id": str(self.lot), "item": "gants", "quantity": str(quantity)}
        body = {"agreement_id": str(self.agreement), "number": f"BC-{uuid4().hex[:8]}", "ordered_on": str(TODAY)}
        return self.stack.done(
            "officer", "/orders", body | {"lines": [line]}, tenant=self.establishment, at_least=self.known
        )

    def invoiced(self, quantity: int = 10) -> dict[str, Any]:
        """An order that was received and invoiced; the answer to the last command."""
        order = self.order(quantity)["id"]
        receipt = {"line_id": "1", "quantity": str(quantity), "received_on": str(TODAY)}
        self.stack.done("officer", f"/orders/{order}/receive", receipt, tenant=self.establishment)
        line = {"line_id": "1", "quantity": str(quantity), "amount": f"{quantity * PRICE:.2f}"}
        bill = {"number": f"F-{uuid4().hex[:8]}", "issued_on": str(TODAY), "received_on": str(TODAY), "vat": "0.00"}
        return self.stack.done(
            "officer", f"/orders/{order}/invoice", bill | {"lines": [line]}, tenant=self.establishment
        )

    def volume(self, at_least: str | None = None) -> Decimal:
        """What the establishment was invoiced, once finance contains a position."""
        if at_least:
            self.stack.contains(at_least)
        found = self.stack.read("finance", "/figures/volume", establishment=str(self.establishment))
        return Decimal(found["total"]["amount"])
