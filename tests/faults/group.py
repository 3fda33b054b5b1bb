"""Those who buy for all: agreements, members and suppliers, first what must be there, then a change now and then."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

from tests.faults.journal import Asked
from tests.faults.load import BEGAN, ENDS, PRICES, TODAY, Agreement, Market, Sender, euros


class NotOpened(Exception):
    """What must be there before anybody orders was not accepted."""


class Group:
    """The group's own desk."""

    def __init__(self, sender: Sender, market: Market, seed: int) -> None:
        self._sender, self._market = sender, market
        self._rng = random.Random(f"{seed}:group")  # noqa: S311
        self._who = sender.token("group-buyer", "buyer-1")
        self._price = 1000

    def open(self, establishments: int) -> None:
        """Raises NotOpened."""
        for agreement in self._market.agreements:
            path = f"/agreements/{agreement.agreement_id}/sign"
            self._must(self._asked("sign_agreement", "tendering", path, _signature(agreement)))
        for n in range(establishments):
            joining = {"name": f"Centre {n}", "kind": "ch", "joined_on": str(BEGAN)}
            establishment = self._must(self._asked("join_establishment", "membership", "/establishments", joining))
            for agreement in self._market.agreements:
                grant = {"agreement_id": agreement.agreement_id, "valid_from": str(BEGAN)}
                path = f"/establishments/{establishment}/adhesions"
                self._must(self._asked("grant_adhesion", "membership", path, grant))
            self._market.establishments.append(establishment)

    def step(self) -> None:
        """A change that moves no figure of those who buy, and must be known everywhere all the same."""
        if self._rng.random() < 0.5:
            name = f"Fournisseur {self._rng.getrandbits(32)}"
            self._sender.send(self._asked("register_supplier", "suppliers", "/suppliers", {"name": name}), self._who)
            return
        agreement = self._rng.choice(self._market.agreements)
        body = {
            "lot_id": agreement.lot_id, "item": "blouses", "unit_price": euros(self._rng.randrange(900, 1100)),
            "effective_on": str(TODAY), "formula": "P = P0 x I/I0",
        }  # fmt: skip
        self._sender.send(
            self._asked("revise_price", "tendering", f"/agreements/{agreement.agreement_id}/prices", body), self._who
        )

    def _must(self, asked: Asked) -> str:
        """The id of what was made or changed."""
        found, answer = self._sender.send(asked, self._who)
        if found != "accepted":
            raise NotOpened(f"{asked.what}: {found}, {answer}")
        return str(answer["id"])

    def _asked(self, what: str, context: str, path: str, body: dict[str, Any]) -> Asked:
        key = str(UUID(int=self._rng.getrandbits(128), version=4))
        return Asked(key, "group", what, context, f"/api/v1{path}", body)


def _signature(agreement: Agreement) -> dict[str, Any]:
    prices = {**PRICES, "blouses": 1000}
    lot = {
        "lot_id": agreement.lot_id, "number": "1", "title": "Lot 1", "supplier_id": agreement.supplier_id,
        "category": "33140000",
        "prices": [
            {"item": item, "label": item, "unit": "boîte", "base_units": "1", "unit_price": euros(cents)}
            for item, cents in prices.items()
        ],
    }  # fmt: skip
    return {
        "reference": f"ACC-{agreement.agreement_id[:8]}", "title": "Consommables", "currency": "EUR",
        "signed_on": str(BEGAN), "valid_from": str(BEGAN), "valid_to": str(ENDS), "maximum": "900000000.00",
        "internal_limit": {"amount": "0.00", "allowance": "0"} if agreement.is_limited else None,
        "revision_bound": "0.50", "lots": [lot],
    }  # fmt: skip
