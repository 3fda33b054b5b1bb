"""Many at once: calls that a barrier releases together, in threads of this process, or in processes of their own."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
Build = Callable[[Any], Any]
"""Makes a service of settings; importable, so that another process can call it too."""

PATIENCE = 60
"""Seconds after which a race is lost."""


def in_threads(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """What each call returned or raised, when all of them start at the same moment."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T | Exception:
        barrier.wait(PATIENCE)
        return _outcome(call)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls, timeout=PATIENCE))


def in_processes(build: Build, settings: Any, shares: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """What the service answered or refused, where each share of requests is sent by a process of its own.

    All processes open the same store, and start to send when the last of them is ready.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["services.ordering.app"])
    barrier, answers = context.Barrier(len(shares)), context.SimpleQueue()
    processes = [
        context.Process(target=_send, args=(build, settings, share, n, barrier, answers), daemon=True)
        for n, share in enumerate(shares)
    ]
    for process in processes:
        process.start()
    found = dict(answers.get() for _ in processes)
    for process in processes:
        process.join(PATIENCE)
    return [found[n] for n in range(len(shares))]


def _send(build: Build, settings: Any, share: Sequence[Any], n: int, barrier: Any, answers: Any) -> None:
    found: list[Any] = []
    try:
        service = build(settings)
        barrier.wait(PATIENCE)
        found = [_outcome(partial(service.handle, request)) for request in share]
    except Exception as error:  # noqa: BLE001 - what went wrong is the other process's to say
        found = [error]
        barrier.abort()
    answers.put((n, found))


def _outcome(call: Callable[[], T]) -> T | Exception:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - an outcome like any other
        return error
