"""One address for people and programs: passes each request on to the process that answers it.

Which process that is follows from the routes themselves: the first part of a path belongs to one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from events.base import Refusal
from infra import problems
from infra.edge import BodyLimit, SecurityHeaders
from infra.problems import NoSuchPath
from infra.telemetry import Traced, outgoing
from infra.watch import Watch
from services import pages, web
from services.web import API, FIGURES, PREFIX, PUBLIC

TIMEOUT = httpx2.Timeout(630, connect=2, pool=10)
"""Seconds: a rebuild takes its time, and whoever asks has a limit of their own; a process that is there accepts at
once."""
LIMITS = httpx2.Limits(max_connections=400, max_keepalive_connections=100, keepalive_expiry=30)
LOOK_SECONDS = 3.0
"""How long /health and /ready wait for another process."""
HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
     "upgrade")
)  # fmt: skip
"""Headers of one connection, not of the message (RFC 9110, 7.6.1)."""
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
    """The gateway to the processes at these addresses, by role."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=_lifespan)
    app.state.upstreams = dict(upstreams)
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
    # Proxies of the environment are not for processes of our own.
    async with httpx2.AsyncClient(timeout=TIMEOUT, limits=LIMITS, trust_env=False) as client:
        app.state.client = client
        yield


async def forward(request: Request) -> Response:
    """Passes a request on as it is, and its answer back, both as they come."""
    state, path = request.app.state, request.url.path
    role = state.roles.get(first_of(path))
    if role is None:
        raise NoSuchPath(f"{request.method} {path}: Not Found")
    if role not in state.upstreams:
        raise ServiceAway(f"nobody told the gateway where {role} is (GROUPEMENT_UPSTREAMS)", service=role)
    client: httpx2.AsyncClient = state.client
    target = httpx2.URL(state.upstreams[role]).copy_with(raw_path=_raw_path(request))
    try:
        answer = await client.send(_request(client, request, target), stream=True)
    except httpx2.TimeoutException as error:
        raise _timed_out(error, role) from error
    except httpx2.TransportError as error:
        raise ServiceAway(f"{role} does not answer: {error or type(error).__name__}", service=role) from error
    passed = StreamingResponse(answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose))
    # As they are: a header may come twice.
    passed.raw_headers = [
        (name.encode(), value.encode("latin-1")) for name, value in _kept(answer.headers.multi_items())
    ]
    return passed


def _timed_out(error: httpx2.TimeoutException, role: str) -> Refusal:
    if isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return ServiceAway(f"{role} does not answer: it took no connection in {TIMEOUT.connect:.0f} s", service=role)
    return ServiceSlow(f"{role} did not answer in {TIMEOUT.read:.0f} s", service=role)


def _raw_path(request: Request) -> bytes:
    query = request.scope["query_string"]
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return path + b"?" + query if query else path


def _request(client: httpx2.AsyncClient, request: Request, target: httpx2.URL) -> httpx2.Request:
    headers = {**dict(_kept(request.headers.items())), **outgoing()}
    # A body of unknown length would be sent in chunks even where there is none.
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    return client.build_request(request.method, target, headers=headers, content=request.stream() if has_body else None)


def _kept(headers: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in headers if name.lower() not in HOP)


async def metrics(_: Request) -> Response:
    """What is measured here, in Prometheus' text form; each process has its own."""
    return Response(Watch("gateway").metrics(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def health(request: Request) -> JSONResponse:
    """What finance says of the figures; where it is away the gateway is alive all the same, and says so."""
    answer = await _asked(request, FIGURES, "/health")
    if isinstance(answer, dict):
        return JSONResponse(answer)
    away = {"kind": "away", "context": FIGURES, "lane": 0, "position": 0, "detail": answer}
    return JSONResponse({"status": "alive", "poison": 0, "incomplete": [away], "positions": {}})


async def ready(request: Request) -> JSONResponse:
    """Whether every process may be asked; 503 where one may not."""
    roles = sorted(request.app.state.upstreams)
    answers = await asyncio.gather(*(_asked(request, role, "/ready") for role in roles))
    reasons = [reason for role, answer in zip(roles, answers, strict=True) for reason in _reasons(role, answer)]
    return JSONResponse({"is_ready": not reasons, "reasons": reasons}, 503 if reasons else 200)


def _reasons(role: str, answer: dict[str, Any] | str) -> list[str]:
    return [answer] if isinstance(answer, str) else [f"{role}: {reason}" for reason in answer["reasons"]]


async def _asked(request: Request, role: str, path: str) -> dict[str, Any] | str:
    """What a process says of itself, or why it says nothing."""
    client: httpx2.AsyncClient = request.app.state.client
    try:
        answer = await client.get(f"{request.app.state.upstreams.get(role, '')}{path}", timeout=LOOK_SECONDS)
        found: dict[str, Any] = answer.json()
    except (httpx2.TransportError, httpx2.InvalidURL, ValueError) as error:
        return f"{role} does not answer: {str(error) or type(error).__name__}"
    return found
