"""One address for people and programs: passes each request on to the process that answers it.

Which process that is follows from the routes themselves: the first part of a path belongs to one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpcore2
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic_core import from_json
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from events.base import Refusal
from infra import problems
from infra.edge import BodyLimit, SecurityHeaders
from infra.problems import NoSuchPath
from infra.telemetry import Traced, outgoing
from infra.upstream import CONNECT_SECONDS, Upstream
from infra.watch import Watch
from services import pages, web
from services.web import API, FIGURES, PREFIX, PUBLIC

SHORT = 100_000
"""Bytes: an answer that says it is not longer is passed on as a whole, a longer one as it comes."""
ANSWER_SECONDS = 630.0
"""How long a process may be silent: a rebuild takes its time, and whoever asks has a limit of their own."""
LOOK_SECONDS = 3.0
"""How long /health and /ready wait for another process."""
HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
     b"transfer-encoding", b"upgrade")
)  # fmt: skip
"""Headers of one connection, not of the message (RFC 9110, 7.6.1)."""
BROKEN = (httpcore2.NetworkError, httpcore2.ProtocolError)
NOT_TOLD = "nobody told the gateway where {} is"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class ServiceAway(Refusal):
    """The process that answers this does not answer."""

    rule = "Each part of the API is answered by its own process"
    remedy = "Ask again in a moment; a command with the same Idempotency-Key: it happens once."


class ServiceSlow(Refusal):
    """The process that answers this took too long."""

    rule = "An answer is waited for a limited time"
    remedy = "Ask again; a command with the same Idempotency-Key: it happens once."


def table() -> dict[str, str]:
    """First part of a path, below /api/v1 or at the root -> the role that answers it."""
    found: dict[str, str] = {}
    public = [(FIGURES, router) for router in PUBLIC]
    for role, router in [*((role, router) for role, routers in API.items() for router in routers), *public]:
        for part in _firsts(router):
            if found.setdefault(part, role) != role:
                msg = f"/{part} is answered by {found[part]} and by {role}"
                raise ValueError(msg)
    return {**found, "openapi.json": FIGURES}


def _firsts(router: APIRouter) -> Iterator[str]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route.path.split("/")[1]


def first_of(path: str) -> str:
    """The part of a path that says who answers it."""
    rest = path.removeprefix(PREFIX)
    return rest.split("/")[1] if "/" in rest else ""


def create_app(upstreams: Mapping[str, str]) -> FastAPI:
    """The gateway to the processes at these addresses, by role. Raises ValueError where one is not http://host:port."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=_lifespan)
    app.state.processes = {role: Upstream(url) for role, url in upstreams.items()}
    app.state.roles = table()
    app.state.statuses = {**web.STATUSES, ServiceAway: 502, ServiceSlow: 504}
    app.state.french_titles = pages.FRENCH
    problems.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Traced)
    app.add_route("/metrics", metrics)
    app.add_route("/health", health)
    app.add_route("/ready", ready)
    app.add_route("/{path:path}", forward, methods=list(METHODS))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    for process in app.state.processes.values():
        await process.close()


async def forward(request: Request) -> Response:
    """Passes a request on as it is, and its answer back, both as they come."""
    state, path = request.app.state, request.url.path
    role = state.roles.get(first_of(path))
    if role is None:
        raise NoSuchPath(f"{request.method} {path}: Not Found")
    process: Upstream | None = state.processes.get(role)
    if process is None:
        raise ServiceAway(f"{NOT_TOLD.format(role)} (GROUPEMENT_UPSTREAMS)", service=role)
    try:
        answer = await process.ask(request.method, _target(request), *_message(request), ANSWER_SECONDS)
        if answer.length is not None and answer.length <= SHORT:
            passed = Response(await answer.body(), answer.status)
        else:
            passed = StreamingResponse(answer.parts(), answer.status, background=BackgroundTask(answer.close))
    except httpcore2.TimeoutException as error:
        raise _timed_out(error, role) from error
    except BROKEN as error:
        raise ServiceAway(f"{role} does not answer: {error or type(error).__name__}", service=role) from error
    # As they are: a header may come twice.
    passed.raw_headers = [one for one in answer.headers if one[0].lower() not in HOP]
    return passed


def _timed_out(error: httpcore2.TimeoutException, role: str) -> Refusal:
    if isinstance(error, httpcore2.ConnectTimeout | httpcore2.PoolTimeout):
        return ServiceAway(f"{role} does not answer: it took no connection in {CONNECT_SECONDS:.0f} s", service=role)
    return ServiceSlow(f"{role} did not answer in {ANSWER_SECONDS:.0f} s", service=role)


def _target(request: Request) -> bytes:
    query = request.scope["query_string"]
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return path + b"?" + query if query else path


def _message(request: Request) -> tuple[list[tuple[bytes, bytes]], AsyncIterator[bytes] | None]:
    """Headers and body as they are passed on, in the trace that was found or begun here."""
    ours = [(name.encode(), value.encode()) for name, value in outgoing().items()]
    headers = [one for one in request.headers.raw if one[0] not in HOP and one[0] != b"traceparent"] + ours
    if "content-length" in request.headers:
        return headers, request.stream()
    if "transfer-encoding" in request.headers:
        return [*headers, (b"transfer-encoding", b"chunked")], request.stream()
    return headers, None


async def metrics(_: Request) -> Response:
    """What is measured here, in Prometheus' text form; each process has its own."""
    return Response(Watch("gateway").metrics(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def health(request: Request) -> JSONResponse:
    """What finance says of the figures; where it is away the gateway is alive all the same, and says so."""
    answer = await _asked(request, FIGURES, b"/health")
    if isinstance(answer, dict):
        return JSONResponse(answer)
    away = {"kind": "away", "context": FIGURES, "lane": 0, "position": 0, "detail": answer}
    return JSONResponse({"status": "alive", "poison": 0, "incomplete": [away], "positions": {}})


async def ready(request: Request) -> JSONResponse:
    """Whether every process may be asked; 503 where one may not."""
    roles = sorted(request.app.state.processes)
    answers = await asyncio.gather(*(_asked(request, role, b"/ready") for role in roles))
    reasons = [reason for role, answer in zip(roles, answers, strict=True) for reason in _reasons(role, answer)]
    return JSONResponse({"is_ready": not reasons, "reasons": reasons}, 503 if reasons else 200)


def _reasons(role: str, answer: dict[str, Any] | str) -> list[str]:
    return [answer] if isinstance(answer, str) else [f"{role}: {reason}" for reason in answer["reasons"]]


async def _asked(request: Request, role: str, path: bytes) -> dict[str, Any] | str:
    """What a process says of itself, or why it says nothing."""
    process = request.app.state.processes.get(role)
    if process is None:
        return NOT_TOLD.format(role)
    try:
        answer = await process.ask("GET", path, [(b"host", b"gateway")], None, LOOK_SECONDS)
        found: dict[str, Any] = from_json(await answer.body())
    except (httpcore2.TimeoutException, *BROKEN, ValueError) as error:
        return f"{role} does not answer: {str(error) or type(error).__name__}"
    return found
