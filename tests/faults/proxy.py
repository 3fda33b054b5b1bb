"""A TCP proxy that cuts a connection when the server has answered, and before the client hears it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self

CHUNK = 1 << 16


class Proxy:
    """Listens on a port of this machine and passes on to another. Runs in a thread of its own."""

    def __init__(self, port: int, target: int, marks: tuple[bytes, ...]) -> None:
        self.port = port
        self.cuts = 0
        """Answers that were cut."""
        self._target = target
        self._marks = marks
        """What a client sends that is worth cutting the answer to, such as COMMIT."""
        self._armed = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self, times: int = 1) -> None:
        """The next answers to something marked are cut."""
        self._armed += times

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            try:
                server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
            except OSError:
                to_client.close()
                return
            cut = asyncio.Event()
            ways = [
                asyncio.ensure_future(self._ask(client, to_server, cut)),
                asyncio.ensure_future(self._answer(server, to_client, cut)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                to_client.transport.abort()
                to_server.close()

    async def _ask(self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, cut: asyncio.Event) -> None:
        while data := await client.read(CHUNK):
            if self._armed and any(mark in data for mark in self._marks):
                self._armed -= 1
                cut.set()
            to_server.write(data)
            await to_server.drain()

    async def _answer(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter, cut: asyncio.Event) -> None:
        while data := await server.read(CHUNK):
            if cut.is_set():
                self.cuts += 1
                return
            to_client.write(data)
            await to_client.drain()
