"""Ordering's reactions in a thread, or in a process that may be killed: python -m tests.services.ordering.reacting."""

from __future__ import annotations

import asyncio
import faulthandler
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from infra.settings import Settings
from services.ordering.consumer import Reactions, build
from tests.processes import running


@contextmanager
def in_thread(settings: Settings, reactions: Reactions | None = None) -> Iterator[Reactions]:
    """Reactions of this process, ended at the end."""
    running = reactions or build(settings)
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(running.run(stop),))
    thread.start()
    try:
        yield running
    except BaseException:
        show(running, loop)
        raise
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        if thread.is_alive():
            show(running, loop)
        assert not thread.is_alive()
        loop.close()
        running.ordering.store.close()
        assert running.state == "stopped"


def show(reactions: Reactions, loop: asyncio.AbstractEventLoop) -> None:
    """What reactions and all threads wait for, in the report of the test."""
    sys.stderr.write(f"{reactions.health} {reactions.counts} {reactions.lag}\n")
    for task in asyncio.all_tasks(loop):
        task.print_stack()
    faulthandler.dump_traceback(2)


def in_process(settings: Settings) -> AbstractContextManager[subprocess.Popen[Any]]:
    """Reactions of a process of their own, killed at the end."""
    return running("tests.services.ordering.reacting", settings)


if __name__ == "__main__":
    asyncio.run(build(Settings()).run(asyncio.Event()))
