"""What stands around the whole HTTP application: a limit on bodies, and headers that keep pages to themselves."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 4_000_000
"""Bytes of a body. An order of 5,000 lines, the most there may be, takes about 1,000,000."""
SECURITY = {
    # Swagger UI's style sheet holds its icons as data: images; everything else comes from this server, or not at all.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class BodyLimit:
    """Refuses a body above the limit (413), whether its length was announced or not."""

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, counting what it sends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        size = int(announced) if announced.isdigit() else 0
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            # An announced size is believed before a byte is read.
            message = await receive() if size <= self._limit else None
            seen += len(message.get("body", b"")) if message else size
            if message is None or seen > self._limit:
                raise HTTPException(413, f"more than {self._limit:,} bytes")
            return message

        await self._app(scope, limited, send)


class SecurityHeaders:
    """Adds the headers of SECURITY to every answer, and keeps answers of the API out of caches."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, adding headers to its answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                if scope.get("path", "").startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)
