"""Commands over HTTP happen once, on the version that was seen, and say where they stand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from tests.http.world import TODAY, World


def test_a_command_answers_with_id_version_and_position(world: World) -> None:
    answer = world.post("officer", "/orders", world.order_body())
    assert answer.status_code == 201
    done = answer.json()
    assert done["id"] == done["created"]
    assert answer.headers["ETag"] == f'"{done["version"]}"'
    assert answer.headers["Groupement-Position"] == done["position"]


def test_a_repeated_command_happens_once_and_gets_the_first_answer(world: World) -> None:
    key, body = uuid4(), world.order_body()
    first = world.post("officer", "/orders", body, key=key)
    again = world.post("officer", "/orders", body, key=key)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    before = world.platform.ordering.store.last_pos()
    world.post("officer", "/orders", body, key=key)
    assert world.platform.ordering.store.last_pos() == before


def test_repeats_that_arrive_together_are_one_command(world: World) -> None:
    key, body = uuid4(), world.order_body()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.post("officer", "/orders", body, key=key), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    order_id = UUID(answers[0].json()["id"])
    assert len(world.platform.ordering.store.events(order_id)) == 1


def test_the_same_key_for_another_body_is_refused(world: World) -> None:
    key, body = uuid4(), world.order_body()
    world.post("officer", "/orders", body, key=key)
    answer = world.post("officer", "/orders", body | {"number": "another"}, key=key)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/other-body")


@pytest.mark.parametrize("key", ["", "not-a-uuid", "123"])
def test_a_command_without_a_usable_key_is_refused(world: World, key: str) -> None:
    answer = world.post("officer", "/orders", world.order_body(), headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/key-missing")
    assert answer.json()["errors"][0]["where"] == "header"


def test_a_key_may_be_quoted_as_its_draft_writes_it(world: World) -> None:
    key, body = uuid4(), world.order_body()
    first = world.post("officer", "/orders", body, headers={"Idempotency-Key": f'"{key}"'})
    assert first.status_code == 201
    assert world.post("officer", "/orders", body, key=key).json() == first.json()


def test_a_decision_needs_the_version_that_was_seen(world: World) -> None:
    order_id = world.order(world.own)
    body = {"cancelled_on": str(TODAY), "reason": "erreur"}
    answer = world.post("officer", f"/orders/{order_id}/cancel", body, headers={"If-Match": ""})
    assert (answer.status_code, answer.json()["type"]) == (428, "/problems/version-missing")


@pytest.mark.parametrize("seen", ['"7"', 'W/"1"', "1", '"one"', '"1", "2"'])
def test_a_decision_on_another_version_is_refused(world: World, seen: str) -> None:
    order_id = world.order(world.own)
    body = {"cancelled_on": str(TODAY), "reason": "erreur"}
    answer = world.post("officer", f"/orders/{order_id}/cancel", body, headers={"If-Match": seen})
    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/outdated")


def test_a_decision_on_the_version_that_was_read_is_taken(world: World) -> None:
    order_id = world.order(world.own)
    read = world.get("officer", f"/orders/{order_id}")
    body = {"cancelled_on": str(TODAY), "reason": "erreur"}
    answer = world.post("officer", f"/orders/{order_id}/cancel", body, headers={"If-Match": read.headers["ETag"]})
    assert answer.status_code == 200
    again = world.get("officer", f"/orders/{order_id}")
    assert again.json()["commitment"] == "cancelled"
    assert again.headers["ETag"] == answer.headers["ETag"] != read.headers["ETag"]


def test_a_fact_from_outside_needs_no_version_but_holds_to_one_that_is_named(world: World) -> None:
    order_id = world.order(world.own)
    body = {"line_id": "1", "quantity": "1", "received_on": str(TODAY)}
    path = f"/orders/{order_id}/receive"
    assert world.post("officer", path, body, headers={"If-Match": ""}).status_code == 200
    assert world.post("officer", path, body, headers={"If-Match": '"1"'}).status_code == 412
    assert world.post("officer", path, body, headers={"If-Match": '"2"'}).status_code == 200


@pytest.mark.parametrize("field", ["establishment_id", "order_id"])
def test_a_body_cannot_say_whose_order_it_is(world: World, field: str) -> None:
    answer = world.post("officer", "/orders", world.order_body() | {field: str(world.other)})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{field}"


def test_the_author_is_who_the_token_says(world: World) -> None:
    order_id = UUID(world.post("officer", "/orders", world.order_body()).json()["id"])
    order, _ = world.platform.ordering.order(order_id)
    assert order.author == "user-officer"
    assert order.establishment_id == world.own


def test_the_trace_of_the_caller_is_kept_with_the_event(world: World) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    order_id = UUID(world.post("officer", "/orders", world.order_body(), headers=headers).json()["id"])
    assert world.platform.ordering.store.events(order_id)[0].event.trace_id == trace
