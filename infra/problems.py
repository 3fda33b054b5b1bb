"""Problem details (RFC 9457): every refusal becomes one, whose type is documented under /problems.

A failure of HTTP itself (no token, no such path, a body too large) is a refusal as well: it says its rule and remedy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse

from events.base import Refusal, Unknown
from infra.auth import NotSignedIn, NotYourRole
from infra.metrics import REFUSALS
from infra.request import Contended, OtherBody, OutcomeUnknown, Outdated
from infra.telemetry import trace_of

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1
SHOWN = 200
"""Characters of a refused value that are shown again."""


class InvalidRequest(Refusal):
    """The request does not have the form of its schema."""

    rule = "A request has the fields and forms of its schema (/openapi.json)"
    remedy = "Correct the places named, and send it again with the same Idempotency-Key."


class NoSuchPath(Refusal):
    """Nothing answers at this path."""

    rule = "The paths are those of /openapi.json"
    remedy = "Check the address."


class NoSuchMethod(Refusal):
    """The path is known, but not with this method."""

    rule = "A path answers to the methods of /openapi.json"
    remedy = "Use one of the methods named by the header Allow."


class BodyTooLarge(Refusal):
    """The body is larger than the server takes."""

    rule = "A body has a limited size"
    remedy = "Send fewer lines at a time."


class KeyMissing(Refusal):
    """A command came without a usable Idempotency-Key."""

    rule = "Every POST that moves something names its command with an Idempotency-Key, a UUID"
    remedy = "Make a new UUID for each command, and send the same one when you repeat it."


class VersionMissing(Refusal):
    """A decision on something that exists came without the version that was seen."""

    rule = "A decision on something that exists says which version it was taken on (If-Match)"
    remedy = 'Read it, and send its ETag as If-Match; "If-Match: *" says: whatever its version.'


class TokenUnreadable(Refusal):
    """A cursor or position token is not one that this server gave."""

    rule = "Cursors and position tokens are opaque: they come from an earlier answer"
    remedy = "Leave it out, or take it from an answer of this server, unchanged."


class NotReached(Refusal):
    """The figures and lists did not reach the asked position in time."""

    rule = "A read with at_least answers only when it contains what that position names"
    remedy = "Ask again in a moment, or without at_least for the newest state there is."


class Fault(Refusal):
    """The server made a mistake."""

    rule = "A fault is never the caller's"
    remedy = "Repeat with the same Idempotency-Key; if it stays, send the trace id to whoever runs the server."


STATUS: Mapping[type[Refusal], int] = {
    Unknown: 404,
    OtherBody: 422,
    Outdated: 412,
    Contended: 503,
    OutcomeUnknown: 503,
    NotSignedIn: 401,
    NotYourRole: 403,
    InvalidRequest: 422,
    NoSuchPath: 404,
    NoSuchMethod: 405,
    BodyTooLarge: 413,
    KeyMissing: 400,
    VersionMissing: 428,
    TokenUnreadable: 400,
    NotReached: 504,
    Fault: 500,
}
"""Statuses of refusals; those that are not named here answer 409."""


class Place(BaseModel):
    """One thing that is wrong, and where."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    pointer: str
    """JSON pointer (RFC 6901) to the place; empty where it is the whole."""
    where: Literal["body", "path", "query", "header"] = "body"
    detail: str
    rule: str
    remedy: str
    value: str | None = None
    """The value that was refused, shortened."""
    values: dict[str, str] = {}
    """Other values that the decision was taken on, by name: what remains, the newest version …"""


class Problem(BaseModel):
    """Problem details, `application/problem+json`."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    type: str
    """Stable; its page says the rule and what to do."""
    title: str
    """In French where Accept-Language prefers it and the title was translated, else in English."""
    status: int
    detail: str
    instance: str
    """Path of the request."""
    errors: list[Place]


def slug(refusal: type[Refusal]) -> str:
    """`ceiling-exceeded` for CeilingExceeded."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", refusal.__name__).lower()


def title(refusal: type[Refusal]) -> str:
    """`Ceiling exceeded` for CeilingExceeded."""
    return slug(refusal).replace("-", " ").capitalize()


def status_of(refusal: type[Refusal], more: Mapping[type[Refusal], int] | None = None) -> int:
    """The HTTP status of a refusal: its own, else that of the nearest class above it, else 409."""
    known = {**STATUS, **(more or {})}
    return next((known[cls] for cls in refusal.__mro__ if cls in known), HTTPStatus.CONFLICT)


def refusals(above: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Every refusal of the modules that are loaded."""
    for cls in above.__subclasses__():
        yield cls
        yield from refusals(cls)


def response(request: HttpRequest, refusal: Refusal, places: list[Place] | None = None) -> JSONResponse:
    """The refusal as problem details."""
    kind = type(refusal)
    REFUSALS.labels(slug(kind)).inc()
    status = status_of(kind, getattr(request.app.state, "statuses", None))
    titles: Mapping[str, str] = getattr(request.app.state, "french_titles", {})
    in_french = request.headers.get("accept-language", "").lower().startswith("fr") and slug(kind) in titles
    name = refusal.pointer.removeprefix("/").partition("/")[0]
    place = Place(
        pointer=refusal.pointer,
        where="path" if name in request.path_params else "query" if name in request.query_params else "body",
        detail=refusal.detail,
        rule=kind.rule,
        remedy=kind.remedy,
        values=refusal.values,
    )
    problem = Problem(
        type=f"/problems/{slug(kind)}",
        title=titles[slug(kind)] if in_french else title(kind),
        status=status,
        detail=refusal.detail,
        instance=request.url.path,
        errors=places or [place],
    )
    headers = {"Content-Language": "fr" if in_french else "en"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_SECONDS)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(problem.model_dump(mode="json"), status, headers, MEDIA_TYPE)


_REMEDIES = {"missing": "Add it.", "extra_forbidden": "Take it out, or correct its spelling."}


def places_of(errors: Any) -> list[Place]:
    """Pydantic's errors, each with its JSON pointer, the rule that it breaks and the value."""
    return [_place(error) for error in errors]


def _place(error: Mapping[str, Any]) -> Place:
    where, *path = error["loc"] or ("body",)
    if error["type"] == "json_invalid":
        path = []
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    absent = error["type"] in ("missing", "json_invalid")
    return Place(
        pointer=pointer,
        where=where,
        detail=error["msg"].removeprefix("Value error, "),
        rule=f"{InvalidRequest.rule}: {error['type']}",
        remedy=_REMEDIES.get(error["type"], "Correct the value."),
        value=None if absent else str(error.get("input"))[:SHOWN],
    )


def install(app: FastAPI) -> None:
    """Answers every refusal, every invalid request and every fault of an app with problem details."""

    async def on_refusal(request: HttpRequest, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)  # noqa: S101 - registered for Refusal only
        return response(request, error)

    async def on_invalid(request: HttpRequest, error: Exception) -> JSONResponse:
        places = places_of(getattr(error, "errors", list)())
        if any(place.where == "header" and place.pointer.lower() == "/idempotency-key" for place in places):
            return response(request, KeyMissing("the command has no Idempotency-Key that is a UUID"), places)
        message = f"{len(places)} place{'s' * (len(places) > 1)} of the request cannot be read"
        return response(request, InvalidRequest(message), places)

    async def on_http(request: HttpRequest, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for HTTPException only
        found = response(request, _of_http(request, error))
        found.headers.update(error.headers or {})
        return found

    async def on_fault(request: HttpRequest, _: Exception) -> JSONResponse:
        return response(request, Fault("the server could not answer", trace_id=trace_id(request)))

    handlers: list[tuple[type[Exception], Callable[..., Any]]] = [
        (Refusal, on_refusal),
        (RequestValidationError, on_invalid),
        (HTTPException, on_http),
        (Exception, on_fault),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def _of_http(request: HttpRequest, error: HTTPException) -> Refusal:
    kinds: Mapping[int, type[Refusal]] = {404: NoSuchPath, 405: NoSuchMethod, 413: BodyTooLarge}
    kind = kinds.get(error.status_code, InvalidRequest)
    return kind(f"{request.method} {request.url.path}: {error.detail}")


def trace_id(request: HttpRequest) -> str:
    """The trace of a request: what the caller named, or what was made for it; empty where nobody gives any."""
    return str(request.scope.get("trace_id") or trace_of(request.headers.get("traceparent", "")))
