"""Every refusal is problem details: which place, which value, which rule, what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from eventsourcing.persistence import PersistenceError
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from events.base import AlreadyExists, Refusal, Unknown
from infra import problems
from infra.edge import BODY_LIMIT
from infra.problems import Problem, refusals, slug, status_of
from infra.request import Contended, OtherBody, OutcomeUnknown, Outdated
from services.pages import FRENCH
from services.web import openapi
from tests.http.world import World

SCHEMA = Draft202012Validator(Problem.model_json_schema(mode="serialization"))


def problem_of(answer: Any) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    SCHEMA.validate(document)
    assert document["status"] == answer.status_code
    assert document["type"].startswith("/problems/")
    assert all(place["rule"] and place["remedy"] and place["detail"] for place in document["errors"])
    return document


@pytest.mark.parametrize(
    ("change", "pointer", "said"),
    [
        ({"lines": [{"line_id": "1", "lot_id": str(UUID(int=1)), "item": "x", "quantity": 1.5}]}, "/lines/0/quantity", "binary number"),
        ({"lines": [{"line_id": "1", "lot_id": "nope", "item": "x", "quantity": "1"}]}, "/lines/0/lot_id", "UUID"),
        ({"lines": [{"line_id": "1", "lot_id": str(UUID(int=1)), "item": "x", "quantity": "-1"}]}, "/lines/0/quantity", "above zero"),
        ({"lines": [{"line_id": "1", "lot_id": str(UUID(int=1)), "item": "x", "quantity": "1.1234567"}]}, "/lines/0/quantity", "decimals"),
        ({"lines": [{"line_id": "1", "lot_id": str(UUID(int=1)), "item": "x", "quantity": "NaN"}]}, "/lines/0/quantity", "finite number"),
        ({"lines": [{"line_id": "1", "lot_id": str(UUID(int=1)), "item": "x", "quantity": "1000000000000"}]}, "/lines/0/quantity", "12 digits"),
        ({"lines": []}, "/lines", "at least 1"),
        ({"lines": "x"}, "/lines", "tuple"),
        ({"ordered_on": "2022-06-01T10:00:00"}, "/ordered_on", "instant such as"),
        ({"ordered_on": "1989-12-31"}, "/ordered_on", "1990"),
        ({"ordered_on": 1577836800}, "/ordered_on", "day"),
        ({"number": ""}, "/number", "at least 1"),
        ({"a/b~c": 1}, "/a~1b~0c", "not permitted"),
    ],
)  # fmt: skip
def test_an_invalid_body_is_told_its_place(world: World, change: dict[str, Any], pointer: str, said: str) -> None:
    answer = world.post("officer", "/orders", world.order_body() | change)
    document = problem_of(answer)
    assert (document["status"], document["type"]) == (422, "/problems/invalid-request")
    place = next(place for place in document["errors"] if place["pointer"] == pointer)
    assert said in place["detail"]
    assert place["where"] == "body"


def test_a_body_that_lacks_a_field_is_told_to_add_it(world: World) -> None:
    body = world.order_body()
    del body["number"]
    place = problem_of(world.post("officer", "/orders", body))["errors"][0]
    assert (place["pointer"], place["remedy"], place["value"]) == ("/number", "Add it.", None)


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"[]", b'"x"', b"1e999", b""])
def test_a_body_that_is_not_the_expected_json_is_refused(world: World, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    answer = world.ask("POST", "officer", "/orders", headers=headers, content=body)
    assert answer.status_code == 422
    problem_of(answer)


def test_json_of_another_media_type_is_refused(world: World) -> None:
    headers = {"Content-Type": "text/plain", "Idempotency-Key": str(uuid4())}
    answer = world.ask("POST", "officer", "/orders", headers=headers, content=json.dumps(world.order_body()))
    assert problem_of(answer)["status"] == 422


def test_a_refusal_of_the_domain_keeps_its_place_rule_and_values(world: World) -> None:
    body = world.order_body()
    body["lines"][0]["unit_price"] = "9.99"
    document = problem_of(world.post("officer", "/orders", body))
    assert (document["status"], document["type"]) == (409, "/problems/not-on-price-list")
    place = document["errors"][0]
    assert (place["pointer"], place["values"]["price"]) == ("/lines/0/unit_price", "9.5")
    assert document["instance"] == "/api/v1/orders"


def test_a_place_that_the_path_names_is_said_to_be_in_the_path(world: World) -> None:
    body = {"line_id": "1", "quantity": "1", "received_on": "2022-01-01"}
    place = problem_of(world.post("officer", f"/orders/{uuid4()}/receive", body))["errors"][0]
    assert (place["where"], place["pointer"]) == ("path", "/order_id")
    place = problem_of(world.get("officer", "/orders/none"))["errors"][0]
    assert (place["where"], place["pointer"]) == ("path", "/order_id")


def test_a_query_is_told_its_place(world: World) -> None:
    place = problem_of(world.get("officer", "/orders?limit=1000"))["errors"][0]
    assert (place["where"], place["pointer"], place["value"]) == ("query", "/limit", "1000")


def test_a_title_is_french_where_the_reader_prefers_it(world: World) -> None:
    french = world.get("officer", f"/orders/{uuid4()}", headers={"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"})
    english = world.get("officer", f"/orders/{uuid4()}", headers={"Accept-Language": "en"})
    assert (problem_of(french)["title"], french.headers["Content-Language"]) == (FRENCH["unknown"], "fr")
    assert (problem_of(english)["title"], english.headers["Content-Language"]) == ("Unknown", "en")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/api/v1/orders", 405),
        ("GET", "/problems/none", 404),
        ("GET", "/assets/manifest.json", 404),
    ],
)
def test_a_wrong_address_is_a_problem_too(world: World, method: str, path: str, status: int) -> None:
    assert problem_of(world.client.request(method, path))["status"] == status


def test_a_large_body_is_refused_whether_announced_or_not(world: World) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(BODY_LIMIT // 100_000 + 1):
            yield b" " * 100_000

    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    announced = world.ask("POST", "officer", "/orders", headers=headers, content=b" " * (BODY_LIMIT + 1))
    unannounced = world.ask("POST", "officer", "/orders", headers=headers, content=chunks())
    for answer in (announced, unannounced):
        assert (problem_of(answer)["status"], answer.json()["type"]) == (413, "/problems/body-too-large")


def test_the_largest_order_fits_the_limit_of_bodies(world: World) -> None:
    line = {
        "line_id": "x" * 40,
        "lot_id": str(uuid4()),
        "item": "y" * 60,
        "quantity": "999999999.123456",
        "unit_price": "9.5",
    }
    body = world.order_body() | {"lines": [line | {"line_id": str(n)} for n in range(5000)]}
    assert problem_of(world.post("officer", "/orders", body))["type"] == "/problems/not-on-price-list"


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(Unknown, 404), (AlreadyExists, 409), (OtherBody, 422), (Outdated, 412), (Contended, 503), (OutcomeUnknown, 503)],
)
def test_a_refusal_has_its_status(refusal: type[Refusal], status: int) -> None:
    class Narrower(refusal):  # type: ignore[valid-type, misc]
        rule = remedy = "x"

    assert status_of(refusal) == status_of(Narrower) == status


def _failing(error: Exception) -> TestClient:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    def fail() -> None:
        raise error

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize("error", [Contended("busy"), OutcomeUnknown("cut")])
def test_what_may_be_repeated_says_when(error: Refusal) -> None:
    answer = _failing(error).get("/")
    assert problem_of(answer)["status"] == 503
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("path", "error"),
    [("/events?context=ordering", PersistenceError("connection refused")), ("/orders", ClickHouseError("refused"))],
)
def test_a_store_or_projections_that_are_away_are_told_as_such(
    world: World, path: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(world.platform.ordering.store.recorder, "select_notifications", away)
    monkeypatch.setattr(world.platform.analytics, "rows", away)
    answer = world.get("admin", path)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/part-away")
    assert answer.headers["Retry-After"]


def test_a_fault_says_nothing_of_the_inside() -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = _failing(RuntimeError("secret path")).get("/", headers=headers)
    assert problem_of(answer)["status"] == 500
    assert "secret" not in answer.text
    assert trace in answer.text


def test_every_refusal_says_its_rule_and_remedy() -> None:
    ours = [kind for kind in refusals() if not kind.__module__.startswith("tests")]
    assert len(ours) > 50
    assert [kind for kind in ours if not (kind.rule and kind.remedy and kind.__doc__)] == []


def test_no_french_title_is_of_a_problem_that_is_gone() -> None:
    openapi()
    assert FRENCH.keys() - {slug(kind) for kind in refusals()} == set()
