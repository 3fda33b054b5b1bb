"""The HTTP application, put together, and served. What it is made of is in the lists at the top."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import uvicorn
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from eventsourcing.persistence import PersistenceError
from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from events.base import Refusal
from infra import problems
from infra.auth import Verifier, signing_key
from infra.clock import TimeHeader
from infra.edge import BodyLimit, SecurityHeaders
from infra.telemetry import Traced
from projections.orders.reader import BadCursor
from services import access, operations, pages
from services.finance import api as finance
from services.finance.query import BadQuestion
from services.membership import api as membership
from services.ordering import api as ordering
from services.ordering.inbox import KnowledgeIncomplete
from services.serving import Serving
from services.suppliers import api as suppliers
from services.tendering import api as tendering

PREFIX = "/api/v1"
API: Mapping[str, Sequence[APIRouter]] = {
    "ordering": (ordering.router,),
    "tendering": (tendering.router,),
    "membership": (membership.router,),
    "suppliers": (suppliers.router,),
    "finance": (finance.router, operations.router),
    "projector": (operations.admin,),
}
"""What needs a token and a role, by the part that answers it: all of them in the embedded run, or each a process."""
FIGURES = "finance"
PUBLIC = (operations.health_of_figures, operations.watched, pages.router)
"""What needs no token, in the process that has the figures."""
PUBLIC_ELSEWHERE = (operations.health_of_process, operations.watched)
GRACE_SECONDS = 10
"""How long running requests may take to end after a signal."""
KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open: longer than the gateway keeps one, which so never finds it closed."""

DESCRIPTION = """\
Orders, framework agreements, suppliers and their CSR ratings, and figures that open down to the events behind them.

- Every call needs a bearer token (`groupement token --role ROLE`). The token says whose data they are: nothing in a
  path or body does. What belongs to somebody else answers 404, exactly like what does not exist.
- Every POST that moves something needs an `Idempotency-Key`, a UUID: repeated with the same key it happens once, and
  gets the first answer.
- A decision on something that exists needs `If-Match` with the ETag that was seen: 428 without, 412 where it changed
  since. Facts that arrive from outside (receipts, returns, invoices, credit notes, ratings, sites) may do without.
- Every command answers with a position (`Groupement-Position`); a list or figure asked with `at_least=` that position
  contains the change, or answers 504 after a few seconds.
- Refusals are problem details (RFC 9457) whose types are explained under `/problems`.
- Amounts, prices and quantities are decimal strings; a JSON number with a point is refused.
"""
TAGS = {
    "orders": "What establishments order, receive, and are billed.",
    "agreements": "Framework agreements: lots, prices, maxima, reference prices.",
    "establishments": "Members of the group, and what they may order under.",
    "suppliers": "Who sells to the group, and how their social responsibility is rated.",
    "figures": "Volume, growth, savings and CSR, the events behind them, and the proof.",
    "operations": "Events as stored, and projections made anew.",
    "health": "Alive, and ready.",
}


class PartAway(Refusal):
    """A store or the projections do not answer."""

    rule = "An answer is given from what is stored, or not at all"
    remedy = "Ask again in a moment; a command with the same Idempotency-Key."


STATUSES: dict[type[Refusal], int] = {BadCursor: 400, BadQuestion: 422, KnowledgeIncomplete: 503, PartAway: 503}
"""Statuses of refusals of the services that are no 409; the rest is in infra/problems."""


def create_app(platform: Serving, parts: Iterable[str] = tuple(API)) -> FastAPI:
    """The application on a platform that is open: the routes of some of the parts of API, or of all of them."""
    app = _application(parts)
    app.state.platform = platform
    app.state.is_generated = platform.settings.demo_mark.exists()
    app.state.verifier = Verifier(signing_key(platform.settings))
    app.state.watch = platform.watch()
    if platform.settings.clock_header:
        app.add_middleware(TimeHeader)
    return app


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document of all parts; needs no platform."""
    return _application(API).openapi()


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serves until SIGINT or SIGTERM, lets running requests end, for 10 s at most, and returns."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    server = uvicorn.Server(config)

    def end(*_: object) -> None:
        server.should_exit = True

    # Uvicorn raises the signal again when it is done, which would end the process before its platform is closed.
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _application(parts: Iterable[str]) -> FastAPI:
    app = FastAPI(
        title="groupement",
        summary="A purchasing group: orders, agreements, suppliers' CSR, and figures that reconcile to the cent",
        description=DESCRIPTION,
        version="1",
        docs_url=None,  # its page loads from a CDN; /docs is ours
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.statuses = STATUSES
    app.state.french_titles = pages.FRENCH
    problems.install(app)
    for kind in (PersistenceError, ClickHouseError):
        app.add_exception_handler(kind, _on_away)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Traced)
    api = APIRouter(prefix=PREFIX, dependencies=[Depends(access.check)])
    for router in (router for part in parts for router in API[part]):
        _mark(router)
        api.include_router(router)
    app.include_router(api)
    # Figures come with what people read: their pages are about the whole API, wherever its parts are answered.
    is_whole = FIGURES in parts
    for router in PUBLIC if is_whole else PUBLIC_ELSEWHERE:
        app.include_router(router)
    app.openapi = lambda: _document(app) if set(parts) == set(API) else openapi()  # type: ignore[method-assign]
    return app


def _on_away(request: Request, error: Exception) -> Response:
    return problems.response(request, PartAway(f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"))


def _mark(router: APIRouter) -> None:
    """Writes who may use an operation into its documentation. Raises KeyError for one that is not in the table."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            roles = {role.value: reach for role, reach in access.REACH[route.name].items()}
            route.openapi_extra = {**(route.openapi_extra or {}), "x-roles": roles}


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=[{"name": name, "description": text} for name, text in TAGS.items()],
            servers=[{"url": "/", "description": "this server"}],
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        reference = "#/components/schemas/{model}"
        problem = problems.Problem.model_json_schema(ref_template=reference, mode="serialization")
        document["components"]["schemas"] |= {**problem.pop("$defs"), "Problem": problem}
        app.openapi_schema = document
    return app.openapi_schema
