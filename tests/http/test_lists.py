"""Lists are paged without loss or repeat, and may be asked to contain a change."""

from __future__ import annotations

import re
import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from infra import positions
from infra.paging import cursor_of
from infra.positions import position_token, positions_in
from infra.request import Position, Request
from services.embedded import Pump
from services.ordering.commands import WithdrawOrder
from tests.http.world import TODAY, World


def pages(world: World, who: str, path: str) -> list[list[dict[str, Any]]]:
    found = []
    while path:
        answer = world.get(who, path)
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["rows"])
        link = answer.headers.get("Link")
        assert (link is None) == (answer.json()["next"] is None)
        path = re.fullmatch(r'</api/v1(.+)>; rel="next"', link)[1] if link else ""  # type: ignore[index]
    return found


def test_pages_joined_are_the_list(world: World) -> None:
    orders = {str(world.order(world.own)) for _ in range(7)}
    world.platform.catch_up()
    found = pages(world, "officer", "/orders?limit=3&state=ordered")
    ids = [row["order_id"] for rows in found for row in rows]
    assert set(ids) >= orders
    assert len(set(ids)) == len(ids)
    assert all(len(rows) <= 3 for rows in found)
    assert all(row["commitment"] == "ordered" for rows in found for row in rows)


def test_an_order_that_comes_meanwhile_disturbs_no_page(world: World) -> None:
    for _ in range(4):
        world.order(world.own)
    world.platform.catch_up()
    first = world.get("officer", "/orders?limit=2").json()
    new = str(world.order(world.own))
    world.platform.catch_up()
    rest = [
        row["order_id"] for rows in pages(world, "officer", f"/orders?limit=50&cursor={first['next']}") for row in rows
    ]
    assert not {row["order_id"] for row in first["rows"]} & set(rest)
    assert len(set(rest) - {new}) == len(rest) - (new in rest)


@pytest.mark.parametrize("path", ["/agreements", "/establishments", "/suppliers"])
def test_lists_that_are_at_hand_are_paged_alike(world: World, path: str) -> None:
    world.platform.catch_up()
    whole = pages(world, "auditor", f"{path}?limit=200")
    by_one = pages(world, "auditor", f"{path}?limit=1")
    assert len(whole[0]) == 2
    assert [row for rows in by_one for row in rows] == whole[0]


@pytest.mark.parametrize("path", ["/orders", "/agreements", "/establishments", "/suppliers", "/events"])
@pytest.mark.parametrize(
    "cursor", ["%00", "!!!", cursor_of("nonsense"), cursor_of("2022-13-99_x"), cursor_of(str(UUID(int=5)))]
)
def test_a_cursor_of_no_page_is_refused(world: World, path: str, cursor: str) -> None:
    answer = world.get("admin", f"{path}?cursor={cursor}")
    place = answer.json()["errors"][0]
    assert (answer.status_code, place["where"], place["pointer"]) == (400, "query", "/cursor")


def test_a_list_asked_for_a_position_contains_the_change(world: World) -> None:
    with world.platform.pump:
        for _ in range(5):
            done = world.post("officer", "/orders", world.order_body()).json()
            rows = world.get("officer", f"/orders?limit=200&at_least={done['position']}").json()["rows"]
            assert done["id"] in {row["order_id"] for row in rows}


def test_a_position_that_is_not_reached_says_the_lag(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "WAIT_SECONDS", 0.2)
    end = world.platform.ordering.store.last_pos()
    token = position_token([Position("ordering", 0, end + 1_000_000)])
    started = time.monotonic()
    answer = world.get("officer", f"/orders?at_least={token}")
    assert time.monotonic() - started < 5
    assert (answer.status_code, answer.json()["type"]) == (504, "/problems/not-reached")
    said = answer.json()["errors"][0]["values"]
    assert int(said["lag"]) >= 1_000_000
    assert re.fullmatch(r"at \d+ of \d+, \d+ missing", said["ordering:0"]), "lane by lane"


def test_a_command_asked_for_a_position_of_others_is_decided_when_ordering_knows_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.platform.tendering.store
    with Pump(world.platform):
        agreement = uuid4()
        signed = world.post("group-buyer", f"/agreements/{agreement}/sign", world.agreement_body(agreement)).json()
        granted = world.post(
            "group-buyer",
            f"/establishments/{world.own}/adhesions",
            {"agreement_id": str(agreement), "valid_from": str(TODAY)},
        ).json()
        body = world.order_body() | {"agreement_id": str(agreement)}
        known = position_token([*positions_in(signed["position"]), *positions_in(granted["position"])])
        # The body's lot is of another agreement: ordering says so only when it knows this one.
        answer = world.post("officer", f"/orders?at_least={known}", body)
    assert (answer.status_code, answer.json()["type"]) != (404, "/problems/unknown"), answer.text
    monkeypatch.setattr("services.ordering.api.WAIT_SECONDS", 0.1)
    token = position_token([Position("tendering", 0, store.last_pos() + 1_000), Position("ordering", 0, 10**9)])
    late = world.post("officer", f"/orders?at_least={token}", body)
    assert (late.status_code, late.json()["type"]) == (504, "/problems/not-reached")
    assert list(late.json()["errors"][0]["values"]) == ["lag", "tendering:0"], "its own positions it knows"


@pytest.mark.parametrize(
    "token", ["x", "!!!", cursor_of("ordering:0"), cursor_of("ordering:a:1"), cursor_of("a:b:c:d")]
)
def test_a_position_token_of_nobody_is_refused(world: World, token: str) -> None:
    for path in ("/orders", "/establishments", "/figures/volume"):
        answer = world.get("auditor", f"{path}?at_least={token}")
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/token-unreadable")


def test_a_position_token_says_what_was_put_in() -> None:
    places = (Position("ordering", 0, 12), Position("ordering", 3, 90))
    assert positions_in(position_token(places)) == places


def test_events_are_read_to_the_end_and_on_from_there(world: World) -> None:
    rows, cursor = [], ""
    while found := world.get("auditor", f"/events?limit=7{cursor}").json():
        if not found["rows"]:
            break
        rows += found["rows"]
        cursor = f"&cursor={found['next']}"
    assert len({row["position"] for row in rows}) == len(rows) > 7
    assert not [row for row in rows if row["type"].startswith("_")]
    order_id = world.order(world.own)
    later = world.get("auditor", f"/events?limit=50{cursor}").json()["rows"]
    assert str(order_id) in {row["stream_id"] for row in later}


def test_the_events_of_one_aggregate_are_read_as_stored(world: World) -> None:
    order_id = world.received(world.own)
    rows = world.get("auditor", f"/events?id={order_id}").json()["rows"]
    assert [row["type"] for row in rows] == ["ordering.OrderSubmitted.v1", "ordering.OrderLineReceived.v1"]
    assert rows[0]["data"]["lines"][0]["amount"] == "95.00"


def test_what_is_internal_to_a_service_is_not_shown(world: World) -> None:
    key, body = uuid4(), world.order_body()
    world.post("officer", "/orders", body, key=key)
    receipt = Request(WithdrawOrder(order_id=key, withdrawn_on=TODAY, reason="x"), key, "u", world.own).receipt_stream()
    assert world.platform.ordering.store.events(receipt)
    assert world.get("admin", f"/events?id={receipt}").json()["rows"] == []
