"""One id from a request to the ledger: in the log, in the answer, in the event, and in what the event became."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from infra.metrics import REGISTRY
from infra.telemetry import configure
from tests.http.world import World


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    """What the process says while a test runs, as JSON."""
    root, ours = logging.getLogger(), logging.getLogger("infra")
    before = root.handlers, root.level, ours.level
    stream = io.StringIO()
    configure("json", "ordering", stream)
    yield stream
    root.handlers = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def lines(told: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.getvalue().splitlines()]


def test_one_id_leads_from_the_request_through_the_log_to_the_ledger(world: World, told: io.StringIO) -> None:
    trace = uuid4().hex
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = world.post("officer", "/orders", world.order_body(), headers=headers)
    assert answer.headers["Groupement-Trace"] == trace
    order_id = UUID(answer.json()["id"])
    assert [(line["event"], line["trace_id"]) for line in lines(told)] == [("command", trace), ("request", trace)]
    assert lines(told)[0]["stream_id"] == str(order_id)
    assert {one.event.trace_id for one in world.platform.ordering.store.events(order_id)} == {trace}

    world.platform.catch_up()
    caused = world.get("auditor", f"/traces/{trace}").json()["rows"]
    assert {one["type"] for one in caused} == {"ordering.OrderSubmitted.v1", "ordering.CeilingReserved.v1"}
    submitted = next(one for one in caused if one["type"] == "ordering.OrderSubmitted.v1")
    assert submitted["stream_id"] == str(order_id)

    explained = world.get("finance", "/explain/volume?measure=ordered&limit=200").json()["events"]
    rows = [row for row in explained if row["event_id"] == submitted["event_id"]]
    assert [row["order_id"] for row in rows] == [str(order_id)]
    assert submitted["ledger_rows"] >= 1


def test_a_request_that_names_no_trace_can_be_followed_by_the_one_that_it_got(world: World) -> None:
    trace = world.post("officer", "/orders", world.order_body()).headers["Groupement-Trace"]
    world.platform.catch_up()
    assert world.get("auditor", f"/traces/{trace}").json()["rows"]


def test_a_refused_request_caused_nothing(world: World, told: io.StringIO) -> None:
    body = {**world.order_body(), "lines": [{**world.order_body()["lines"][0], "quantity": "0"}]}
    answer = world.post("officer", "/orders", body)
    assert answer.status_code >= 400
    trace = answer.headers["Groupement-Trace"]
    world.platform.catch_up()
    assert world.get("auditor", f"/traces/{trace}").json()["rows"] == []
    assert {line["trace_id"] for line in lines(told) if line["event"] == "request"} >= {trace}


def test_no_token_stands_in_the_log(world: World, told: io.StringIO) -> None:
    world.post("officer", "/orders", world.order_body())
    assert "eyJ" not in told.getvalue()
    assert "Bearer" not in told.getvalue()


def test_what_is_no_trace_is_refused(world: World) -> None:
    answer = world.get("auditor", "/traces/x%27%20or%201=1")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/trace_id"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def test_what_became_of_commands_is_counted(world: World) -> None:
    def counts() -> dict[str, float]:
        return {
            outcome: value("groupement_commands_total", command="SubmitOrder", outcome=outcome)
            for outcome in ("accepted", "repeated", "refused")
        }

    before, key, body = counts(), uuid4(), world.order_body()
    world.post("officer", "/orders", body, key=key)
    world.post("officer", "/orders", body, key=key)
    world.post("officer", "/orders", body | {"number": "BC-other"}, key=key)
    after = counts()
    assert {outcome: after[outcome] - before[outcome] for outcome in after} == {
        "accepted": 1,
        "repeated": 1,
        "refused": 1,
    }


def test_metrics_are_beside_the_api_and_need_no_token(world: World) -> None:
    answer = world.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'groupement_part_working{context="",part="projector"} 1.0' in answer.text
    assert "/metrics" not in world.client.get("/openapi.json").json()["paths"]
