"""The log: one JSON object a line, with the trace of the request that is dealt with."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from structlog.contextvars import bound_contextvars

from infra import problems
from infra.metrics import REGISTRY
from infra.telemetry import Traced, configure, current_trace, outgoing, trace_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    """What the process says while a test runs, as JSON."""
    root, ours = logging.getLogger(), [logging.getLogger(name) for name in ("infra", "services")]
    before = root.handlers, root.level, [one.level for one in ours]
    stream = io.StringIO()
    configure("json", "ordering", stream)
    yield stream
    root.handlers = before[0]
    root.setLevel(before[1])
    for one, level in zip(ours, before[2], strict=True):
        one.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(Traced)

    @app.get("/orders/{number}")
    def order(number: str) -> str:
        logging.getLogger("infra.try").info("looked at an order")
        return current_trace()

    @app.get("/broken")
    def broken() -> None:
        msg = "secret path"
        raise RuntimeError(msg)

    @app.get("/ready")
    def ready() -> str:
        return "yes"

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    "header",
    ["", "x", "00-0-0-01", f"ff-{TRACE}-00f067aa0ba902b7-01", f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-00f067aa0ba902b7-01"],
)  # fmt: skip
def test_a_header_that_names_no_trace_is_no_trace(header: str) -> None:
    assert trace_of(header) == ""


def test_the_trace_of_the_caller_holds_in_the_handler_the_log_and_the_answer(
    client: TestClient, told: io.StringIO
) -> None:
    answer = client.get("/orders/7?token=abc", headers={"traceparent": PARENT})
    assert (answer.json(), answer.headers["Groupement-Trace"]) == (TRACE, TRACE)
    assert [(line["event"], line["trace_id"]) for line in lines(told)] == [
        ("looked at an order", TRACE),
        ("request", TRACE),
    ]


def test_a_request_without_a_trace_gets_one_of_its_own(client: TestClient) -> None:
    first, second = client.get("/orders/7").json(), client.get("/orders/7").json()
    assert len(first) == 32
    assert first != second


def test_a_request_is_told_with_what_was_done_and_without_its_query(client: TestClient, told: io.StringIO) -> None:
    client.get("/orders/7?token=abc")
    line = lines(told)[-1]
    assert {"role", "level", "logger", "timestamp", "ms"} <= line.keys()
    assert (line["method"], line["path"], line["operation"], line["status"]) == ("GET", "/orders/7", "order", 200)
    assert "abc" not in told.getvalue()


def test_who_asks_every_few_seconds_is_not_told(client: TestClient, told: io.StringIO) -> None:
    client.get("/ready")
    assert lines(told) == []


def test_a_fault_is_told_once_with_its_place_and_the_trace_that_the_caller_was_given(
    client: TestClient, told: io.StringIO
) -> None:
    answer = client.get("/broken")
    trace = answer.json()["errors"][0]["values"]["trace_id"]
    faults = [line for line in lines(told) if line["level"] == "error"]
    assert [(line["event"], line["trace_id"]) for line in faults] == [("fault", trace)]
    assert "secret path" in faults[0]["exception"]


def test_libraries_speak_the_same_form_and_only_when_something_is_wrong(told: io.StringIO) -> None:
    logging.getLogger("library.client").info("connected")
    logging.getLogger("library.client").warning("lost %s", "node 1")
    assert [(line["logger"], line["event"]) for line in lines(told)] == [("library.client", "lost node 1")]


def test_a_person_at_a_terminal_sees_warnings_only(told: io.StringIO) -> None:
    stream = io.StringIO()
    configure("text", "serve", stream)
    logging.getLogger("infra.try").info("looked at an order")
    logging.getLogger("infra.try").warning("the relay waits")
    assert "looked" not in stream.getvalue()
    assert "the relay waits" in stream.getvalue()


def test_a_trace_goes_on_to_the_next_process() -> None:
    assert outgoing() == {}
    with bound_contextvars(trace_id=TRACE):
        assert trace_of(outgoing()["traceparent"]) == TRACE


def count(method: str, operation: str) -> float:
    labels = {"method": method, "operation": operation, "status": "4xx"}
    return REGISTRY.get_sample_value("groupement_http_request_duration_seconds_count", labels) or 0


def test_paths_and_methods_that_do_not_exist_are_one_label_each(client: TestClient) -> None:
    before = count("GET", "none"), count("other", "order")
    client.get("/a")
    client.get("/b")
    client.request("FOO", "/orders/7")
    client.request("BAR", "/orders/7")
    assert (count("GET", "none"), count("other", "order")) == (before[0] + 2, before[1] + 2)
