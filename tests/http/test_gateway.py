"""The gateway: every path leads to the process that has its route; an answer comes as it is, or says who is away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
import uvicorn
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from infra.auth import issue
from infra.edge import BODY_LIMIT
from infra.settings import Settings
from services import gateway, web
from services.gateway import create_app, first_of, table
from tests.http.serving import served

ROLES = ("membership", "suppliers", "tendering", "ordering", "finance", "projector")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def client(home: Settings) -> Iterator[TestClient]:
    """A gateway before a server that has every part."""
    with served(home.home) as (url, _), TestClient(create_app(dict.fromkeys(ROLES, url))) as found:
        yield found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def headers(settings: Settings, role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue(settings, role, 'user-1')}", "Idempotency-Key": str(uuid4())}


def test_every_path_of_the_api_leads_to_the_part_that_has_it() -> None:
    roles = table()
    of_routes = {
        f"{web.PREFIX}{route.path}": part
        for part, routers in web.API.items()
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
    }
    paths = set(web.openapi()["paths"]) - {"/health", "/ready"}
    assert {path: roles[first_of(path)] for path in paths} == {path: of_routes[path] for path in paths}


def test_pages_are_those_of_the_process_that_has_the_figures() -> None:
    roles = table()
    for path in ("/", "/docs", "/catalogue", "/problems/unknown", "/assets/style.css", "/openapi.json"):
        assert roles[first_of(path)] == "finance", path


def test_a_path_that_two_parts_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "API", {**web.API, "twin": web.API["ordering"]})
    with pytest.raises(ValueError, match="/orders is answered by ordering and by twin"):
        table()


def test_a_command_and_what_it_changed_pass_through(client: TestClient, home: Settings) -> None:
    done = client.post("/api/v1/suppliers", json={"name": "Fournisseur Alpha"}, headers=headers(home, "group-buyer"))
    assert (done.status_code, done.headers["ETag"]) == (201, '"1"')
    asked: dict[str, str | int] = {"at_least": done.headers["Groupement-Position"], "limit": 1}
    listed = client.get("/api/v1/suppliers", params=asked, headers=headers(home, "admin"))
    assert [row["label"] for row in listed.json()["rows"]] == ["Fournisseur Alpha"]
    assert len(listed.headers.get_list("Groupement-Trace")) == 1


def test_what_a_part_refuses_comes_as_it_is(client: TestClient, home: Settings) -> None:
    refused = client.post("/api/v1/suppliers", json={"nom": "x"}, headers=headers(home, "group-buyer"))
    assert (refused.status_code, refused.headers["Content-Type"]) == (422, "application/problem+json")
    assert client.get("/api/v1/orders").status_code == 401
    assert client.delete("/api/v1/orders").status_code == 405
    assert client.get("/api/v1/orders/x/y/z", headers=headers(home, "admin")).json()["type"] == "/problems/no-such-path"


def test_figures_as_csv_and_pages_pass_through(client: TestClient, home: Settings) -> None:
    table_of_figures = client.get("/api/v1/figures/volume?format=csv&by=year", headers=headers(home, "finance"))
    assert table_of_figures.headers["Content-Type"].startswith("text/csv")
    assert "groupement" in client.get("/").text
    assert client.get("/openapi.json").json()["paths"].keys() == web.openapi()["paths"].keys()


def test_a_path_of_nobody_is_refused_here(client: TestClient) -> None:
    answer = client.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-path")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_large_body_is_refused_here(client: TestClient, home: Settings, is_announced: bool) -> None:
    body = b" " * (BODY_LIMIT + 1)
    content = body if is_announced else iter([body])
    answer = client.post("/api/v1/suppliers", content=content, headers=headers(home, "group-buyer"))
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")


def test_a_part_that_is_away_is_named(home: Settings) -> None:
    upstreams = {"ordering": f"http://127.0.0.1:{free_port()}"}
    with TestClient(create_app(upstreams)) as client:
        answer = client.get("/api/v1/orders", headers=headers(home, "admin"))
        assert (answer.status_code, answer.json()["type"]) == (502, "/problems/service-away")
        assert "ordering does not answer" in answer.json()["detail"]
        unknown = client.get("/api/v1/suppliers", headers=headers(home, "admin"))
        assert (unknown.status_code, unknown.json()["errors"][0]["values"]) == (502, {"service": "suppliers"})
        assert client.get("/health").json()["incomplete"][0]["kind"] == "away", "alive, and figures are unknown"
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert ready.json()["reasons"][0].startswith("ordering does not answer")


class Behind(BaseHTTPRequestHandler):
    """A process behind the gateway, without its log."""

    def log_message(self, *_: object) -> None: ...


@contextmanager
def behind(handler: type[Behind]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes a request and says nothing before it is let go."""
    let_go = threading.Event()

    class Silent(Behind):
        def do_GET(self) -> None:
            let_go.wait(30)

    with behind(Silent) as url:
        try:
            yield url
        finally:
            let_go.set()


def test_a_part_that_takes_too_long_is_named(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "ANSWER_SECONDS", 0.3)
    with silent() as url, TestClient(create_app({"finance": url})) as client:
        answer = client.get("/api/v1/figures/volume", headers=headers(home, "finance"))
    assert (answer.status_code, answer.json()["type"]) == (504, "/problems/service-slow")
    assert "finance" in answer.json()["detail"]


@contextmanager
def raw(reply: bytes) -> Iterator[tuple[str, list[str]]]:
    """A server that answers with these bytes, and the headers that it was sent."""
    seen: list[str] = []

    class Raw(Behind):
        def do_POST(self) -> None:
            seen.append(str(self.headers))
            self.wfile.write(reply)
            self.close_connection = True

    with behind(Raw) as url:
        yield url, seen


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    half = b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf"
    with raw(half) as (url, _), TestClient(create_app({"ordering": url})) as client:
        answer = client.post("/api/v1/orders", json={})
    assert (answer.status_code, answer.json()["type"]) == (502, "/problems/service-away")
    assert "it happens once" in answer.text


@contextmanager
def listening(upstreams: dict[str, str]) -> Iterator[int]:
    """A gateway on a port: Starlette's test client reads every answer to its end."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(upstreams), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        thread.join()


def test_who_goes_away_lets_go_of_the_process_behind() -> None:
    gone = threading.Event()

    class Endless(Behind):
        def do_GET(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n")
            try:
                while True:
                    self.wfile.write(b"a line\n" * 10_000)
            except OSError:
                gone.set()

    with behind(Endless) as url, listening({"finance": url}) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /api/v1/figures/volume HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in client.recv(10_000)
            assert not gone.wait(0.3)
        assert gone.wait(10), "the process behind still writes to nobody"


def test_a_body_of_unknown_length_and_the_trace_of_who_asks_are_passed_on_once(home: Settings) -> None:
    trace = "0123456789abcdef0123456789abcdef"
    parent = {"traceparent": f"00-{trace}-0123456789abcdef-01", "Connection": "keep-alive, x"}
    nothing = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with raw(nothing) as (url, seen), TestClient(create_app({"ordering": url})) as client:
        answer = client.post("/api/v1/orders", content=iter([b"{", b"}"]), headers=parent)
    assert (answer.status_code, answer.headers["Groupement-Trace"]) == (200, trace)
    sent = seen[0].lower()
    assert sent.count("traceparent: 00-" + trace) == sent.count("traceparent") == 1
    assert "transfer-encoding: chunked" in sent
    assert "connection:" not in sent


def test_ready_is_what_all_parts_are(client: TestClient) -> None:
    assert client.get("/ready").json() == {"is_ready": True, "reasons": []}
    assert client.get("/health").json()["status"] == "alive"
    assert "groupement_http_request_duration_seconds" in client.get("/metrics").text
