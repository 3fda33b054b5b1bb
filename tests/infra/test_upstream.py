"""The gateway's connections: used again while they are open, closed when they are old, and never more than there may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpcore2
import pytest

from infra import upstream
from infra.upstream import Answer, Upstream

HEAD = b"HTTP/1.1 200 OK\r\n"
SHORT = HEAD + b"content-length: 5\r\nset-cookie: a\r\nset-cookie: b\r\n\r\nHello"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
HOST = [(b"host", b"x")]


@dataclass
class Server:
    """Answers each request with the same bytes, and remembers what it was sent."""

    reply: bytes = SHORT
    ends: bool = False
    """Whether it closes a connection after an answer."""
    pause: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    left: int = 0
    requests: list[bytes] = field(default_factory=list)
    url: str = ""

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if b"chunked" in head:
                    head += await reader.readuntil(b"0\r\n\r\n")
                self.requests.append(head)
                await self.pause.wait()
                writer.write(self.reply)
                await writer.drain()
                if self.ends:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left += 1
        finally:
            writer.close()


@asynccontextmanager
async def serving(reply: bytes = SHORT, *, ends: bool = False) -> AsyncIterator[tuple[Server, Upstream]]:
    found = Server(reply, ends)
    found.pause.set()
    listening = await asyncio.start_server(found.meet, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    process = Upstream(found.url)
    try:
        yield found, process
    finally:
        await process.close()
        listening.close()


async def asked(process: Upstream, seconds: float = 5) -> Answer:
    return await process.ask("GET", b"/a?b=c", HOST, None, seconds)


@pytest.fixture
def two_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "MOST", 2)
    monkeypatch.setattr(upstream, "TURN_SECONDS", 0.2)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(test(), 20)

    asyncio.run(bounded())


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "127.0.0.1:1", "http://", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not http://host:port"):
        Upstream(url)


@pytest.mark.parametrize(("reply", "length", "body"), [(SHORT, 5, b"Hello"), (CHUNKED, None, b"abcde")])
def test_an_answer_comes_as_it_was_sent_and_its_connection_is_used_again(
    reply: bytes, length: int | None, body: bytes
) -> None:
    async def test() -> None:
        async with serving(reply) as (server, process):
            for _ in range(3):
                answer = await asked(process)
                assert (answer.status, answer.length, await answer.body()) == (200, length, body)
            assert server.connections == 1
            assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\nhost: x\r\n")
            if reply is SHORT:
                assert [value for name, value in answer.headers if name == b"set-cookie"] == [b"a", b"b"]

    run(test)


def test_each_request_on_its_way_has_a_connection_and_the_last_one_used_is_taken_first() -> None:
    async def test() -> None:
        async with serving() as (server, process):
            answers = [await asked(process) for _ in range(3)]
            for answer in answers:
                await answer.body()
            assert server.connections == 3
            for _ in range(5):
                await (await asked(process)).body()
            assert server.connections == 3

    run(test)


def test_a_body_of_unknown_length_is_sent_in_chunks() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def test() -> None:
        async with serving() as (server, process):
            sent = [*HOST, (b"transfer-encoding", b"chunked")]
            await (await process.ask("POST", b"/", sent, body(), 5)).body()
            assert server.requests[0].endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")

    run(test)


def test_a_connection_that_the_process_closed_is_not_used_again() -> None:
    async def test() -> None:
        async with serving(ends=True) as (server, process):
            for _ in range(3):
                assert await (await asked(process)).body() == b"Hello"
                await asyncio.sleep(0.05)  # its end arrives
            assert server.connections == 3

    run(test)


def test_what_was_long_unused_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "IDLE_SECONDS", 0.2)

    async def test() -> None:
        async with serving() as (server, process):
            for answer in [await asked(process) for _ in range(4)]:
                await answer.body()
            for _ in range(4):
                await asyncio.sleep(0.08)
                await (await asked(process)).body()
            await asyncio.sleep(0.05)
            assert (server.connections, server.left) == (4, 3)

    run(test)


def test_an_answer_that_is_not_read_to_its_end_costs_its_connection() -> None:
    async def test() -> None:
        async with serving(CHUNKED) as (server, process):
            answer = await asked(process)
            await answer.close()
            await answer.close()
            await (await asked(process)).body()
            assert server.connections == 2

    run(test)


def test_an_answer_that_breaks_off_is_told() -> None:
    async def test() -> None:
        async with serving(SHORT[:-2], ends=True) as (_, process):
            answer = await asked(process)
            with pytest.raises(httpcore2.RemoteProtocolError):
                await answer.body()

    run(test)


def test_silence_is_told_and_the_next_request_gets_an_answer() -> None:
    async def test() -> None:
        async with serving() as (server, process):
            server.pause.clear()
            with pytest.raises(httpcore2.ReadTimeout):
                await asked(process, 0.1)
            server.pause.set()
            assert await (await asked(process)).body() == b"Hello"

    run(test)


def test_who_needs_one_connection_more_than_there_may_be_waits_for_it(two_at_most: None) -> None:
    async def test() -> None:
        async with serving() as (server, process):
            first, second = await asked(process), await asked(process)
            with pytest.raises(httpcore2.PoolTimeout):
                await asked(process)
            waiting = asyncio.ensure_future(asked(process))
            await asyncio.sleep(0.05)
            await first.body()
            assert await (await waiting).body() == b"Hello"
            # Who fails, or gives up while he waits, leaves no turn taken.
            waiting = asyncio.ensure_future(asked(process))
            await second.body()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            for _ in range(5):
                answers = [await asked(process), await asked(process)]
                for answer in answers:
                    await answer.body()
            assert server.connections <= 3

    run(test)


def test_a_process_that_is_away_is_told_each_time(two_at_most: None) -> None:
    async def test() -> None:
        async with serving() as (server, _):
            url = server.url
        process = Upstream(url)
        for _ in range(5):
            with pytest.raises(httpcore2.ConnectError):
                await asked(process)

    run(test)
