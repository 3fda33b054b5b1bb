"""What belongs to another tenant answers exactly like what does not exist."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import Response

from infra.telemetry import TRACE_HEADER
from tests.http.world import TODAY, World

DAY = str(TODAY)
ACTS: dict[str, dict[str, Any]] = {
    "withdraw": {"withdrawn_on": DAY, "reason": "x"},
    "cancel": {"cancelled_on": DAY, "reason": "x"},
    "receive": {"line_id": "1", "quantity": "1", "received_on": DAY},
    "return": {"line_id": "1", "quantity": "1", "returned_on": DAY, "reason": "x"},
    "invoice": {"number": "F", "issued_on": DAY, "received_on": DAY, "vat": "0.00", "lines": [{"line_id": "1", "quantity": "1", "amount": "9.50"}]},
    "credit-note": {"invoice_id": str(uuid4()), "number": "A", "issued_on": DAY, "vat": "0.00", "lines": [{"line_id": "1", "quantity": "1", "amount": "9.50"}]},
}  # fmt: skip


def alike(answer: Response, named: UUID, absent: Response, nobody: UUID) -> bool:
    """Whether two answers differ in nothing but the id that was asked for, and each request's own trace."""
    own = ("content-length", TRACE_HEADER.lower())
    headers = [{n: v for n, v in one.headers.items() if n not in own} for one in (answer, absent)]
    return (
        answer.status_code == absent.status_code == 404
        and headers[0] == headers[1]
        and answer.text.replace(str(named), "ID") == absent.text.replace(str(nobody), "ID")
    )


@pytest.mark.parametrize("who", ["officer", "approver", "supplier"])
def test_another_s_order_reads_like_none(world: World, who: str) -> None:
    order_id, nobody = world.order(world.other, supplier=world.rival), uuid4()
    assert alike(world.get(who, f"/orders/{order_id}"), order_id, world.get(who, f"/orders/{nobody}"), nobody)


@pytest.mark.parametrize("act", ACTS)
def test_a_command_on_another_s_order_is_answered_like_one_on_none(world: World, act: str) -> None:
    order_id, nobody = world.order(world.other), uuid4()
    mine = world.post("officer", f"/orders/{order_id}/{act}", ACTS[act])
    assert alike(mine, order_id, world.post("officer", f"/orders/{nobody}/{act}", ACTS[act]), nobody)


@pytest.mark.parametrize("act", ["approve", "reject"])
def test_a_decision_on_another_s_order_is_answered_like_one_on_none(world: World, act: str) -> None:
    order_id, nobody = world.order(world.other, world.limited), uuid4()
    body = {"approved_on": DAY} if act == "approve" else {"rejected_on": DAY, "reason": "x"}
    mine = world.post("approver", f"/orders/{order_id}/{act}", body)
    assert alike(mine, order_id, world.post("approver", f"/orders/{nobody}/{act}", body), nobody)


def test_another_s_version_is_not_told(world: World) -> None:
    order_id = world.order(world.other)
    answer = world.post("officer", f"/orders/{order_id}/cancel", ACTS["cancel"], headers={"If-Match": '"99"'})
    assert answer.status_code == 404


@pytest.mark.parametrize("who", ["officer", "approver"])
def test_another_establishment_reads_like_none(world: World, who: str) -> None:
    nobody = uuid4()
    answer = world.get(who, f"/establishments/{world.other}")
    assert alike(answer, world.other, world.get(who, f"/establishments/{nobody}"), nobody)


def test_another_supplier_reads_like_none_to_a_supplier(world: World) -> None:
    nobody = uuid4()
    answer = world.get("supplier", f"/suppliers/{world.rival}")
    assert alike(answer, world.rival, world.get("supplier", f"/suppliers/{nobody}"), nobody)


def test_a_rating_for_another_supplier_is_answered_like_one_for_none(world: World) -> None:
    nobody, body = uuid4(), {"scores": {"overall": 99}, "published_on": DAY}
    answer = world.post("supplier", f"/suppliers/{world.rival}/ratings", body)
    assert alike(answer, world.rival, world.post("supplier", f"/suppliers/{nobody}/ratings", body), nobody)


@pytest.mark.parametrize(
    "path", ["/figures/volume", "/figures/savings", "/figures/growth", "/figures/csr", "/explain/volume"]
)
def test_a_figure_of_another_establishment_is_answered_like_one_of_none(world: World, path: str) -> None:
    nobody = uuid4()
    answer = world.get("officer", f"{path}?establishment={world.other}")
    assert alike(answer, world.other, world.get("officer", f"{path}?establishment={nobody}"), nobody)


@pytest.mark.parametrize("path", ["/orders", "/adhesions"])
def test_a_list_of_another_establishment_is_empty_like_that_of_none(world: World, path: str) -> None:
    world.order(world.other)
    world.platform.catch_up()
    for establishment in (world.other, uuid4()):
        answer = world.get("officer", f"{path}?establishment={establishment}")
        assert (answer.status_code, answer.json()["rows"]) == (200, [])


def test_a_supplier_sees_the_orders_to_itself_only(world: World) -> None:
    mine, theirs = world.order(world.other), world.order(world.own, supplier=world.rival)
    world.platform.catch_up()
    shown = {row["order_id"] for row in world.get("supplier", "/orders?limit=200").json()["rows"]}
    assert str(mine) in shown
    assert str(theirs) not in shown
    filtered = world.get("supplier", f"/orders?supplier={world.rival}").json()["rows"]
    assert filtered == []


def test_an_officer_s_figures_are_of_its_own_establishment_whatever_it_asks(world: World) -> None:
    world.invoiced(world.own)
    world.invoiced(world.other)
    world.platform.catch_up()
    everybody = world.get("finance", "/figures/volume?by=establishment").json()
    mine = world.get("officer", "/figures/volume?by=establishment").json()
    assert {row["establishment"] for row in everybody["rows"]} == {str(world.own), str(world.other)}
    assert [row["establishment"] for row in mine["rows"]] == [str(world.own)]
    assert mine["total"]["amount"] == mine["rows"][0]["amount"] != everybody["total"]["amount"]
    assert mine["filters"]["establishment"] == [str(world.own)]


def test_what_explains_an_officer_s_figure_is_of_its_own_establishment(world: World) -> None:
    world.invoiced(world.own)
    world.invoiced(world.other)
    world.platform.catch_up()
    for figure in ("volume", "savings", "csr"):
        answer = world.get("officer", f"/explain/{figure}?limit=1000")
        assert answer.json()["events"] or figure == "savings"
        assert str(world.other) not in answer.text


def test_two_tenants_may_use_the_same_key(world: World) -> None:
    key, body = uuid4(), world.order_body()
    mine = world.post("officer", "/orders", body, key=key)
    token = world.token("officer", establishment_id=world.other)
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(key)}
    theirs = world.client.post("/api/v1/orders", json=body, headers=headers)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]


def test_what_could_not_be_read_is_shown_to_those_who_may_read_everything(world: World) -> None:
    poison = [
        {
            "kind": "poison",
            "context": "ordering",
            "lane": 0,
            "position": 9,
            "detail": 'ordering.X.v1: "3 M" is no amount',
        }
    ]
    short = [{**poison[0], "detail": "ordering.X.v1"}]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.platform.finance, "incomplete", lambda: poison)
        for path in ("/figures/volume", "/explain/volume"):
            assert world.get("finance", path).json()["incomplete"] == poison
            assert world.get("officer", path).json()["incomplete"] == short
        assert world.client.get("/health").json()["incomplete"] == short
        assert world.client.get("/health").json()["poison"] == 1
