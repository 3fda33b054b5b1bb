"""Work besides a thread that waits for a signal, and the signal."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


class Work:
    """Something that runs in a thread with an event loop of its own, until it is told to stop."""

    def __init__(self, run: Callable[[asyncio.Event], Awaitable[None]]) -> None:
        self._run = run
        self._thread = threading.Thread(target=self._loop, name="work")
        self._stop: Callable[[], None] = lambda: None
        self._is_started = threading.Event()
        self.fault: BaseException | None = None
        """What ended it although nobody told it to."""

    def start(self) -> None:
        """Begins."""
        self._thread.start()
        self._is_started.wait()

    def stop(self) -> None:
        """Lets it finish what it has begun."""
        self._stop()
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._thread.is_alive()

    def _loop(self) -> None:
        try:
            asyncio.run(self._until_stopped())
        except BaseException as fault:  # noqa: BLE001 - told to whoever watches the process
            self.fault = fault

    async def _until_stopped(self) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(stop.set)

        self._stop = tell
        self._is_started.set()
        await self._run(stop)


@contextmanager
def signalled() -> Iterator[threading.Event]:
    """Set by SIGTERM and SIGINT."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
