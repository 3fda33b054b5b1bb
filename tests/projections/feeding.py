"""Projectors that are fed from Kafka: in a thread of the test, or in a process that may be killed.

python -m tests.projections.feeding BOOTSTRAP CONTEXT…
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from infra.clickhouse import open_server
from infra.origin import Origin, Stores
from infra.settings import Settings
from projections.kafka_feed import KafkaFeed
from tests.processes import running


class Fed:
    """A feed in a thread of its own."""

    def __init__(self, make: Callable[[], KafkaFeed]) -> None:
        self.trouble: BaseException | None = None
        self._made = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(make,))
        self._thread.start()
        assert self._made.wait(30)

    def _run(self, make: Callable[[], KafkaFeed]) -> None:
        async def main() -> None:
            self.feed, self._stop = make(), asyncio.Event()
            self._loop = asyncio.get_running_loop()
            self._made.set()
            await self.feed.run(self._stop)

        try:
            asyncio.run(main())
        except BaseException as trouble:  # noqa: BLE001 - the test looks at it
            self.trouble = trouble

    def end(self) -> None:
        with contextlib.suppress(RuntimeError):  # it ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive()


@contextmanager
def in_thread(
    settings: Settings, bootstrap: str, contexts: Sequence[str], origin: Origin | None = None
) -> Iterator[Fed]:
    """A feed of this process on the server of the settings, ended at the end."""
    fed = Fed(lambda: KafkaFeed(partial(open_server, settings), bootstrap, contexts, origin or Stores(settings)))
    try:
        yield fed
    finally:
        fed.end()


def in_process(
    settings: Settings, bootstrap: str, contexts: Sequence[str]
) -> AbstractContextManager[subprocess.Popen[Any]]:
    """A feed of its own process, killed at the end."""
    return running("tests.projections.feeding", settings, bootstrap, *contexts, only=("home", "clickhouse", "lanes"))


async def _main(bootstrap: str, contexts: Sequence[str]) -> None:
    settings, stop = Settings(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    feed = KafkaFeed(partial(open_server, settings), bootstrap, contexts, Stores(settings))
    await feed.run(stop)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2:]))
