"""The matrix role x operation x {own, other, none}, made from the OpenAPI document and compared with the table.

An operation without a sample here fails the tests; so does one that the document does not mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import Response

from infra.auth import Role
from services import access, web
from services.access import REACH
from services.web import openapi
from tests.http.world import TODAY, WHO, World

DAY = str(TODAY)
NOBODY = uuid4()
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass
class Call:
    """A request that succeeds for whoever may make it on what belongs to the tenant."""

    path: str
    body: dict[str, Any] | None = None
    method: str = "POST"
    unseen: Callable[[Response], bool] | None = None
    """For what names no object: whether an answer shows nothing of the tenant. Else it must be 404."""


@dataclass(frozen=True)
class Tenant:
    establishment: UUID
    supplier: UUID


def _order(
    act: str, body: dict[str, Any], agreement: str = "free", prepare: str = "order"
) -> Callable[[World, Tenant], Call]:
    def call(world: World, tenant: Tenant) -> Call:
        order_id = getattr(world, prepare)(tenant.establishment, getattr(world, agreement), tenant.supplier)
        return Call(f"/orders/{order_id}/{act}", body)

    return call


def _submit(world: World, tenant: Tenant) -> Call:
    # Nobody can name a tenant: whoever tries to is refused, its own as well, so the own one is left out.
    named = {} if tenant.establishment == world.own else {"establishment_id": str(tenant.establishment)}
    return Call("/orders", world.order_body() | named, unseen=lambda answer: answer.status_code == 422)


def _invoice(world: World, tenant: Tenant) -> Call:
    line = {"line_id": "1", "quantity": "1", "amount": "9.50"}
    body = {"number": f"F-{uuid4().hex[:6]}", "issued_on": DAY, "received_on": DAY, "vat": "1.90", "lines": [line]}
    return Call(f"/orders/{world.order(tenant.establishment)}/invoice", body)


def _credit_note(world: World, tenant: Tenant) -> Call:
    order_id, invoice_id = world.invoiced(tenant.establishment)
    line = {"line_id": "1", "quantity": "1", "amount": "9.50"}
    body = {
        "invoice_id": str(invoice_id),
        "number": f"A-{uuid4().hex[:6]}",
        "issued_on": DAY,
        "vat": "1.90",
        "lines": [line],
    }
    return Call(f"/orders/{order_id}/credit-note", body)


def _shows_none(key: str, value: Callable[[Tenant], UUID], path: str) -> Callable[[World, Tenant], Call]:
    def call(world: World, tenant: Tenant) -> Call:
        world.received(tenant.establishment, supplier=tenant.supplier)
        world.platform.catch_up()
        hidden = str(value(tenant))
        return Call(
            path.format(hidden=hidden),
            None,
            "GET",
            lambda answer: hidden not in {row[key] for row in answer.json()["rows"]},
        )

    return call


def _sign(world: World, _: Tenant) -> Call:
    return Call(f"/agreements/{uuid4()}/sign", world.agreement_body(uuid4()))


def _agreement(act: str, body: Callable[[World, UUID], dict[str, Any]]) -> Callable[[World, Tenant], Call]:
    def call(world: World, _: Tenant) -> Call:
        agreement = uuid4()
        world.sign(agreement)
        return Call(f"/agreements/{agreement}/{act}", body(world, agreement))

    return call


def _price(world: World, agreement: UUID) -> dict[str, Any]:
    lot = str(world.lots[agreement, world.seller])
    return {"lot_id": lot, "item": "gants", "unit_price": "9.60", "effective_on": DAY, "formula": "9.50 x 1.01"}


def _baseline(world: World, _: Tenant) -> Call:
    # Reference prices are frozen before the signature: the agreement does not exist yet.
    agreement = uuid4()
    body = {
        "agreement_id": str(agreement), "lot_id": str(uuid4()), "item": "gants", "method": "study", "price": "1.20",
        "currency": "EUR", "evidence": "étude 12", "valid_from": DAY,
    }  # fmt: skip
    del body["agreement_id"]
    return Call(f"/agreements/{agreement}/baselines", body)


def _member(act: str, body: dict[str, Any]) -> Callable[[World, Tenant], Call]:
    """On an establishment that stands in for the tenant's, which other samples still need."""

    def call(world: World, _: Tenant) -> Call:
        member = uuid4()
        world.join(member, "Clinique Est")
        path = act.format(agreement=world.free)
        return Call(f"/establishments/{member}/{path}", body)

    return call


def _supplier(act: str, body: dict[str, Any], *, suspended: bool = False) -> Callable[[World, Tenant], Call]:
    def call(world: World, _: Tenant) -> Call:
        supplier = UUID(world.post("group-buyer", "/suppliers", {"name": "Fournisseur Gamma"}).json()["id"])
        if suspended:
            world.post("group-buyer", f"/suppliers/{supplier}/suspend", {"suspended_on": DAY, "reason": "audit"})
        return Call(f"/suppliers/{supplier}/{act}", body)

    return call


def _judge(act: str, body: dict[str, Any]) -> Callable[[World, Tenant], Call]:
    def call(world: World, tenant: Tenant) -> Call:
        return Call(f"/suppliers/{tenant.supplier}/ratings/{world.rating(tenant.supplier)}/{act}", body)

    return call


def _figure(path: str) -> Callable[[World, Tenant], Call]:
    def call(world: World, tenant: Tenant) -> Call:
        world.invoiced(tenant.establishment)
        world.platform.catch_up()
        return Call(f"{path}?establishment={tenant.establishment}", None, "GET")

    return call


def _get(path: str) -> Callable[[World, Tenant], Call]:
    """A read of something that belongs to the whole group."""
    return lambda world, _: Call(path.format(free=world.free), None, "GET", lambda _: True)


def _read_order(world: World, tenant: Tenant) -> Call:
    return Call(f"/orders/{world.order(tenant.establishment, supplier=tenant.supplier)}", None, "GET")


SAMPLES: dict[str, Callable[[World, Tenant], Call]] = {
    "submit_order": _submit,
    "withdraw_order": _order("withdraw", {"withdrawn_on": DAY, "reason": "erreur"}, "limited"),
    "cancel_order": _order("cancel", {"cancelled_on": DAY, "reason": "erreur"}),
    "receive_order_line": _order("receive", {"line_id": "1", "quantity": "1", "received_on": DAY}),
    "return_order_line": _order("return", {"line_id": "1", "quantity": "1", "returned_on": DAY, "reason": "abîmé"}, prepare="received"),
    "receive_invoice": _invoice,
    "receive_credit_note": _credit_note,
    "approve_order": _order("approve", {"approved_on": DAY}, "limited"),
    "reject_order": _order("reject", {"rejected_on": DAY, "reason": "trop cher"}, "limited"),
    "list_orders": _shows_none("establishment_id", lambda tenant: tenant.establishment, "/orders?limit=200"),
    "read_order": _read_order,
    "list_agreements": _get("/agreements"),
    "read_agreement": _get("/agreements/{free}"),
    "sign_agreement": _sign,
    "amend_agreement": _agreement("amend", lambda *_: {"ground": "R2194-1", "justification": "clause 12", "signed_on": DAY, "maximum": "1100000.00"}),
    "revise_price": _agreement("prices", _price),
    "terminate_agreement": _agreement("terminate", lambda *_: {"terminated_on": DAY, "reason": "défaillance"}),
    "set_baseline": _baseline,
    "list_establishments": _shows_none("establishment_id", lambda tenant: tenant.establishment, "/establishments?limit=200"),
    "read_establishment": lambda _, tenant: Call(f"/establishments/{tenant.establishment}", None, "GET"),
    "list_adhesions": _shows_none("establishment_id", lambda tenant: tenant.establishment, "/adhesions"),
    "join_establishment": lambda *_: Call("/establishments", {"name": "Clinique", "kind": "private", "joined_on": DAY}),
    "leave_establishment": _member("leave", {"left_on": DAY, "reason": "fusion"}),
    "open_site": lambda _, tenant: Call(f"/establishments/{tenant.establishment}/sites", {"name": "Site B", "opened_on": DAY}),
    "grant_adhesion": lambda world, tenant: Call(f"/establishments/{tenant.establishment}/adhesions", {"agreement_id": str(uuid4()), "valid_from": DAY}),
    "end_adhesion": _member("adhesions/{agreement}/end", {"ended_on": str(TODAY + timedelta(days=1)), "reason": "fin"}),
    "list_suppliers": _shows_none("supplier_id", lambda tenant: tenant.supplier, "/suppliers?limit=200"),
    "read_supplier": lambda _, tenant: Call(f"/suppliers/{tenant.supplier}", None, "GET"),
    "register_supplier": lambda *_: Call("/suppliers", {"name": "Fournisseur Delta"}),
    "suspend_supplier": _supplier("suspend", {"suspended_on": DAY, "reason": "audit"}),
    "reinstate_supplier": _supplier("reinstate", {"reinstated_on": DAY}, suspended=True),
    "declare_csr_rating": lambda _, tenant: Call(f"/suppliers/{tenant.supplier}/ratings", {"scores": {"overall": 60}, "published_on": DAY}),
    "verify_csr_rating": _judge("verify", {}),
    "reject_csr_rating": _judge("reject", {"reason": "autre société"}),
    "read_figure": _figure("/figures/volume"),
    "explain_figure": _figure("/explain/volume"),
    "reconcile": _get("/reconcile"),
    "list_events": _get("/events"),
    "read_trace": _get(f"/traces/{TRACE}"),
    "read_lag": _get("/lag"),
    "rebuild": lambda *_: Call("/admin/rebuild"),
}  # fmt: skip

PLACES = {
    operation["operationId"]: (path, method.upper())
    for path, methods in openapi()["paths"].items()
    for method, operation in methods.items()
}
OPERATIONS = {
    operation["operationId"]: operation
    for path, methods in openapi()["paths"].items()
    for operation in methods.values()
    if path.startswith("/api/")
}


def reach(operation: str, who: str) -> str:
    """What the document says of the caller: own, all, or nothing."""
    role = "approver" if who == "group-approver" else who
    found: str = OPERATIONS[operation]["x-roles"].get(role, "")
    return "all" if who == "group-approver" and found else found


def tenants(world: World) -> dict[str, Tenant]:
    return {"own": Tenant(world.own, world.seller), "other": Tenant(world.other, world.rival)}


def send(world: World, who: str | None, call: Call) -> Response:
    if call.method == "GET":
        return world.get(who, call.path)
    return world.post(who, call.path, call.body)


def test_every_operation_has_a_row_in_the_table_and_a_sample() -> None:
    assert set(SAMPLES) == set(OPERATIONS) == set(REACH)
    assert {role for operation in OPERATIONS.values() for role in operation["x-roles"]} == {role.value for role in Role}
    assert all(operation["x-roles"] for operation in OPERATIONS.values())


def test_every_route_of_the_api_is_behind_the_check() -> None:
    documented = [operation for operation in OPERATIONS.values() if operation.get("security")]
    assert len(documented) == len(OPERATIONS)


def test_an_operation_that_the_table_does_not_know_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "REACH", {name: row for name, row in REACH.items() if name != "submit_order"})
    with pytest.raises(KeyError, match="submit_order"):
        openapi()


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_role_reaches_its_own_and_no_more(world: World, operation: str, who: str) -> None:
    reached = reach(operation, who)
    if not reached:
        answer = send(world, who, _of_nobody(operation))
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-your-role")
        return
    for whose, tenant in tenants(world).items():
        call = SAMPLES[operation](world, tenant)
        answer = send(world, who, call)
        if whose == "own" or reached == "all":
            assert answer.status_code in (200, 201), f"{whose}: {answer.text}"
        elif call.unseen is not None:
            assert call.unseen(answer), f"{whose}: {answer.text}"
        else:
            assert answer.status_code == 404, f"{whose}: {answer.text}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nobody_reaches_anything_without_a_token(world: World, operation: str) -> None:
    before = [store.last_pos() for store in world.platform.contexts.stores]
    answer = send(world, None, _of_nobody(operation))
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/not-signed-in")
    assert [store.last_pos() for store in world.platform.contexts.stores] == before


def _of_nobody(operation: str) -> Call:
    """The operation on something that does not exist."""
    path, method = PLACES[operation]
    named = path.replace("{figure}", "volume").removeprefix(web.PREFIX)
    return Call(re.sub(r"{\w+}", str(NOBODY), named), {}, method)
