"""Commands that come at the same time, so that they are one group, in a known order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

from infra.event_store import Accepted, Request, Transaction
from tests.infra.counting import Counting, Open
from tests.racing import PATIENCE

Outcomes = list[Any]
"""Answers, or what was raised instead."""


class Waiting(deque[Any]):
    """A queue that tells who has joined it."""

    def __init__(self) -> None:
        super().__init__()
        self.joined = threading.Semaphore(0)

    def append(self, ticket: Any) -> None:
        super().append(ticket)
        self.joined.release()


class Crowd:
    """Commands that come, in this order, while another transaction is at work; they are the next one's."""

    def __init__(self, counting: Counting) -> None:
        self.counting = counting
        self.inserts: list[int] = []
        """Events of each transaction that was tried for the commands that came."""
        self._queue = Waiting()
        counting.store._execution._group._waiting = self._queue
        self._insert = counting.store.recorder.insert_events

    def comes(self, *requests: Request[Any]) -> Outcomes:
        return self.decides(*((request, self.counting.decide) for request in requests))

    def decides(self, *calls: tuple[Request[Any], Callable[[Transaction, Request[Any]], UUID]]) -> Outcomes:
        at_work, done = threading.Event(), threading.Event()

        def long(tx: Transaction, request: Request[Any]) -> UUID:
            at_work.set()
            assert done.wait(PATIENCE)
            return self.counting.decide(tx, request)

        store = self.counting.store
        with ThreadPoolExecutor(len(calls) + 1) as pool:
            first = pool.submit(store.execute, Request(Open(counter_id=uuid4()), uuid4(), "officer-1"), long)
            assert at_work.wait(PATIENCE)
            self._queue.joined.acquire(timeout=PATIENCE)
            futures = []
            for request, decide in calls:
                futures.append(pool.submit(store.execute, request, decide))
                assert self._queue.joined.acquire(timeout=PATIENCE)
            store.recorder.insert_events = self._counted(iter([False]))  # type: ignore[method-assign]
            done.set()
            assert not first.result(PATIENCE).repeated
            return [outcome(future) for future in futures]

    def _counted(self, is_ours: Iterator[bool]) -> Callable[..., Any]:
        def insert(events: Sequence[Any], **more: Any) -> Any:
            if next(is_ours, True):
                self.inserts.append(len(events))
            return self._insert(events, **more)

        return insert


def outcome(future: Future[Accepted]) -> Accepted | Exception:
    error = future.exception(PATIENCE)
    return error if isinstance(error, Exception) else future.result()
