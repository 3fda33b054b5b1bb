"""Those who ask, in a process of its own: prepared requests over connections that stay open, and when each was answered.

Run as `python -m tests.bench.client FILE`, where the file holds a Load as JSON; prints a list of Answers as JSON. Times
are of the machine's monotonic clock, the same one in every process. A client shares the cores with what it asks, so it
does little: what it sends was made before.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
POSITION = re.compile(rb"\r\ngroupement-position: (\S+)\r\n", re.IGNORECASE)
LIMIT_SECONDS = 900


@dataclass(frozen=True)
class Load:
    """What to send, and how."""

    port: int
    requests: Sequence[str]
    connections: int
    rate: float = 0.0
    """Requests a second, each at its time whether or not others were answered; 0: the next when one was."""
    follow: str = ""
    """A request that is sent with the position of an answer, in the place of `{position}`, right after it."""
    follow_every: int = 1


@dataclass(frozen=True)
class Answer:
    """What became of one request, in seconds of the monotonic clock."""

    due: float
    sent: float
    answered: float
    status: int
    position: str
    followed: float = 0.0
    """When the request that follows was answered, with 200; 0 where there was none."""


def ask(load: Load) -> list[Answer]:
    """Sends everything from another process; the answers in the order in which they came."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(asdict(load), file)
        file.flush()
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.client", file.name],
            capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS,
        )  # fmt: skip
    return [Answer(*row) for row in json.loads(done.stdout)]


def post(path: str, token: str, key: str, body: object) -> str:
    """A command as the bytes of a request."""
    text = json.dumps(body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}"
    )


def get(path: str, token: str) -> str:
    """A question as the bytes of a request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"


class _Connection:
    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> tuple[int, str]:
        """Status and position of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        await reader.readexactly(int(length[1]) if length else 0)
        position = POSITION.search(head)
        return int(head[9:12]), position[1].decode() if position else ""


async def _run(load: Load) -> list[Answer]:
    start = time.monotonic()
    requests = iter(
        [(start + (n / load.rate if load.rate else 0.0), one.encode()) for n, one in enumerate(load.requests)]
    )
    found: list[Answer] = []
    followers: list[asyncio.Task[None]] = []
    free: list[_Connection] = []

    async def follow(n: int, position: str) -> None:
        connection = free.pop() if free else _Connection(load.port)
        status, _ = await connection.send(load.follow.replace("{position}", position).encode())
        if status == 200:
            found[n] = Answer(**{**asdict(found[n]), "followed": time.monotonic()})
        free.append(connection)

    async def work(mine: Iterator[tuple[float, bytes]]) -> None:
        connection = _Connection(load.port)
        for due, request in mine:
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            sent = time.monotonic()
            status, position = await connection.send(request)
            found.append(Answer(due, sent, time.monotonic(), status, position))
            if load.follow and position and len(found) % load.follow_every == 0:
                followers.append(asyncio.create_task(follow(len(found) - 1, position)))

    await asyncio.gather(*(work(requests) for _ in range(load.connections)))
    await asyncio.gather(*followers)
    return found


if __name__ == "__main__":
    answers = asyncio.run(_run(Load(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
    print(json.dumps([list(asdict(one).values()) for one in answers]))  # noqa: T201 - read by `ask`
