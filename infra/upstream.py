"""The connections of a gateway to a process behind it. HTTP is httpcore's; which connection is taken is decided here.

httpcore's own pool looks at all its connections at each request, with a system call for each: with 64 clients that was
a third of what the gateway did.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Sequence

import httpcore2

CONNECT_SECONDS = 2.0
"""A process that is there accepts at once."""
IDLE_SECONDS = 30.0
"""How long a connection is kept for the next request."""
MOST = 400
"""Connections to a process; who needs one more waits for it."""
TURN_SECONDS = 10.0
"""How long a request waits for a connection."""


class Upstream:
    """A process at `http://host:port`. Used from one event loop. Raises ValueError where that is no such address."""

    def __init__(self, url: str) -> None:
        address = httpcore2.URL(url)
        if address.scheme != b"http" or not address.host:
            msg = f"{url!r} is not http://host:port"
            raise ValueError(msg)
        self._origin = address.origin
        self._idle: deque[httpcore2.AsyncHTTPConnection] = deque()
        self._turns = asyncio.Semaphore(MOST)

    async def ask(
        self,
        method: str,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        body: AsyncIterable[bytes] | None,
        seconds: float,
    ) -> Answer:
        """The answer to a request, as soon as its headers are there; it must be read to its end, or closed.

        `target`: path and query, as they stand in a request line. `seconds`: how long it may be silent.
        Raises httpcore2's NetworkError, ProtocolError and TimeoutException.
        """
        await self._turn()
        connection = None
        try:
            connection = await self._connection()
            origin = self._origin
            url = httpcore2.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=target)
            limits = {"connect": min(CONNECT_SECONDS, seconds), "read": seconds, "write": seconds}
            request = httpcore2.Request(
                method, url, headers=list(headers), content=body, extensions={"timeout": limits}
            )
            return Answer(await connection.handle_async_request(request), self, connection)
        except BaseException:
            self.take_back(connection)
            raise

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError as error:
            raise httpcore2.PoolTimeout from error

    async def _connection(self) -> httpcore2.AsyncHTTPConnection:
        """The one that was used last, if it is still open, or a new one. The longest unused grow old and are closed."""
        while self._idle and self._idle[0].has_expired():
            await self._idle.popleft().aclose()
        while self._idle:
            connection = self._idle.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore2.AsyncHTTPConnection(self._origin, keepalive_expiry=IDLE_SECONDS)

    def take_back(self, connection: httpcore2.AsyncHTTPConnection | None) -> None:
        """Keeps a connection for the next request, if it may be used again."""
        if connection is not None and connection.is_available():
            self._idle.append(connection)
        self._turns.release()

    async def close(self) -> None:
        """Closes what is idle."""
        while self._idle:
            await self._idle.pop().aclose()


class Answer:
    """Status, headers as they came, and body of an answer."""

    def __init__(
        self, response: httpcore2.Response, upstream: Upstream, connection: httpcore2.AsyncHTTPConnection
    ) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response, self._upstream, self._connection = response, upstream, connection
        self._is_closed = False

    @property
    def length(self) -> int | None:
        """Bytes of the body, if the answer says it."""
        return next((int(value) for name, value in self.headers if name.lower() == b"content-length"), None)

    async def parts(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        try:
            async for part in self._response.aiter_stream():
                yield part
        finally:
            await self.close()

    async def body(self) -> bytes:
        """The body as a whole."""
        return b"".join([part async for part in self.parts()])

    async def close(self) -> None:
        """Lets go of the connection; where the body was not read to its end, closes it."""
        if not self._is_closed:
            self._is_closed = True
            try:
                await self._response.aclose()
            finally:
                self._upstream.take_back(self._connection)
