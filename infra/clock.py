"""Time as a request says it: for generated networks, whose past is told over HTTP (settings.clock_header)."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.requests import Request as HttpRequest
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.event_store import utc_now
from infra.problems import InvalidRequest, response

HEADER = "Groupement-Now"
_told: ContextVar[datetime | None] = ContextVar("told", default=None)


def told_now() -> datetime:
    """The time that the request names, else the machine's."""
    return _told.get() or utc_now()


class TimeHeader:
    """Takes the time of a request from its header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        text = Headers(scope=scope).get(HEADER) if scope["type"] == "http" else None
        try:
            token = _told.set(_instant(text) if text else None)
        except InvalidRequest as refusal:
            await response(HttpRequest(scope), refusal)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            _told.reset(token)


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidRequest(f"{HEADER} is no instant with its zone: {text[:40]}", pointer=f"/{HEADER}")
    return found.astimezone(UTC)
