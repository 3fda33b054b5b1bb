"""The queue of group commit: who leads, who waits, and what an interruption leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from infra import group_commit
from infra.event_store import OutcomeUnknown
from infra.group_commit import GroupCommit
from tests.infra.crowd import Waiting
from tests.racing import PATIENCE


def test_nobody_waits_for_company() -> None:
    groups: list[list[int]] = []

    def work(jobs: Sequence[int]) -> list[int]:
        groups.append(list(jobs))
        return list(jobs)

    queue = GroupCommit[int, int](work)
    assert [queue.submit(n) for n in range(3)] == [0, 1, 2]
    assert groups == [[0], [1], [2]]


def test_who_is_interrupted_while_waiting_leaves_the_queue_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(threading.Event):
        made = 0

        def __init__(self) -> None:
            super().__init__()
            type(self).made += 1
            self.is_second = self.made == 2

        def wait(self, timeout: float | None = None) -> bool:
            assert super().wait(PATIENCE), "nobody called it"
            if self.is_second:
                raise KeyboardInterrupt
            return True

    monkeypatch.setattr(group_commit, "threading", SimpleNamespace(Event=Interrupted, Lock=threading.Lock))
    go = threading.Event()
    done: list[str] = []

    def work(jobs: Sequence[str]) -> list[str]:
        assert go.wait(PATIENCE)
        done.extend(jobs)
        return list(jobs)

    queue, joined = GroupCommit[str, str](work), Waiting()
    queue._waiting = joined
    with ThreadPoolExecutor(3) as pool:
        futures = []
        for job in ("first", "interrupted", "third"):
            futures.append(pool.submit(queue.submit, job))
            assert joined.joined.acquire(timeout=PATIENCE)
        go.set()
        assert isinstance(futures[1].exception(PATIENCE), KeyboardInterrupt)
        assert [futures[0].result(PATIENCE), futures[2].result(PATIENCE)] == ["first", "third"]
    assert done == ["first", "third"]
    assert queue.submit("next") == "next"


def test_where_the_one_at_work_is_stopped_the_others_know_nothing_and_the_next_go_on() -> None:
    began, go = threading.Event(), threading.Event()

    def work(jobs: Sequence[str]) -> list[str]:
        if "first" in jobs:
            began.set()
            assert go.wait(PATIENCE)
        if "stopped" in jobs:
            raise KeyboardInterrupt
        return list(jobs)

    queue, joined = GroupCommit[str, str](work), Waiting()
    queue._waiting = joined
    with ThreadPoolExecutor(4) as pool:
        pool.submit(queue.submit, "first")
        assert began.wait(PATIENCE)
        joined.joined.acquire()
        futures = []
        for job in ("stopped", "neighbour"):
            futures.append(pool.submit(queue.submit, job))
            joined.joined.acquire()
        go.set()
        assert isinstance(futures[0].exception(PATIENCE), KeyboardInterrupt)
        assert isinstance(futures[1].exception(PATIENCE), OutcomeUnknown)
    assert queue.submit("next") == "next"
