"""A projector that is used from threads and waits for its engine, for as long as it is away."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, closing
from typing import TypeVar

from clickhouse_connect.driver.exceptions import ClickHouseError, Error

from infra.clickhouse import Analytics, NoRoom
from infra.pending import Pending
from projections.projector import Projector, StepLost

ENGINE_IS_AWAY = (ClickHouseError, NoRoom, StepLost, OSError)
"""Away, full, restarted without its data, or told so by a statement: all of it is waited for, and told."""
DAMAGED = frozenset(
    ("ATTEMPT_TO_READ_AFTER_EOF", "BAD_SIZE_OF_FILE_IN_DATA_PART", "CANNOT_DECOMPRESS", "CANNOT_READ_ALL_DATA",
     "CHECKSUM_DOESNT_MATCH", "CORRUPTED_DATA", "FILE_DOESNT_EXIST", "NO_FILE_IN_DATA_PART")
)  # fmt: skip
"""What the engine calls it where files of a table are broken."""
RETRY_SECONDS = 0.5
CLOSE_SECONDS = 10.0
"""How long work on its way may take to end. What is left behind then harms nobody: positions are read from the data."""
log = logging.getLogger(__name__)
T = TypeVar("T")


class PatientProjector:
    """Opens the engine when it is there, mends and makes its tables after each error, and tries again."""

    def __init__(self, open_analytics: Callable[[], Analytics]) -> None:
        self.errors = 0
        self._open = open_analytics
        self._threads: set[threading.Thread] = set()
        self._opening = threading.Lock()
        self._projector: Projector | None = None
        self._is_doubtful = self._is_damaged = False
        self._said: dict[str, str] = {}
        self._pending = Pending()

    async def use(self, who: str, work: Callable[[Projector], T]) -> T:
        """What `work` returns, when the engine has answered. Raises what `work` raises of other matters."""
        while True:
            try:
                with self._pending.doing(who):
                    found = await self.thread(lambda: work(self._sure()))
            except ENGINE_IS_AWAY as error:
                self.errors += 1
                self._is_doubtful = True
                self._is_damaged |= isinstance(error, Error) and error.name in DAMAGED
                if who not in self._said:
                    log.warning("%s: ClickHouse: %s", who, error)
                self._said[who] = str(error)
            else:
                self._said.pop(who, None)
                return found
            await asyncio.sleep(RETRY_SECONDS)

    def _sure(self) -> Projector:
        with self._opening:
            if self._projector is None:
                with ExitStack() as opening:
                    self._projector = Projector(opening.enter_context(closing(self._open())))
                    opening.pop_all()
            elif self._is_doubtful:
                self._projector.mend(reads_all=self._is_damaged)
                self._projector.migrate()
            self._is_doubtful = self._is_damaged = False
            return self._projector

    async def thread(self, work: Callable[[], T]) -> T:
        """Does something beside the event loop. No process waits for such a thread in order to end."""
        found: Future[T] = Future()
        found.set_running_or_notify_cancel()

        def run() -> None:
            try:
                found.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                found.set_exception(error)
            finally:
                self._threads.discard(thread)

        thread = threading.Thread(target=run, name="projector", daemon=True)
        self._threads.add(thread)
        thread.start()
        return await asyncio.wrap_future(found)

    def troubles(self) -> list[str]:
        """What it waits for now."""
        slow = self._pending.slow().values()
        silent = [f"waiting for ClickHouse: no answer for {max(slow):.0f} s"] if slow else []
        return [*sorted({f"waiting for ClickHouse: {said}" for said in self._said.values()}), *silent]

    def close(self) -> None:
        """Lets go of the engine when the work on its way has ended; of an engine that hangs, some time later."""
        end = time.monotonic() + CLOSE_SECONDS
        for thread in list(self._threads):
            thread.join(max(0.0, end - time.monotonic()))
        if self._threads:
            log.warning("ClickHouse does not answer: what was asked of it is left to it")
        if self._projector is not None:
            self._projector.analytics.close()
