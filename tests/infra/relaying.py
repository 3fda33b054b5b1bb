"""A relay in a process of its own, which may be killed: python -m tests.infra.relaying BOOTSTRAP LANES."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from infra.event_store import EventStore
from infra.relay import Relay
from infra.settings import Settings
from tests.infra.counting import build
from tests.processes import running


@contextmanager
def in_thread(store: EventStore, bootstrap: str) -> Iterator[Relay]:
    """A relay of this process, ended at the end."""
    relay, stop = Relay(store, bootstrap), threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        yield relay
    finally:
        stop.set()
        thread.join(120)
        assert not thread.is_alive()


def in_process(settings: Settings, bootstrap: str, lanes: int) -> AbstractContextManager[subprocess.Popen[Any]]:
    """A relay of its own process on the store of the settings, ended at the end."""
    return running("tests.infra.relaying", settings, bootstrap, str(lanes))


def main(bootstrap: str, lanes: int) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Relay(build(Settings(), lanes=lanes).store, bootstrap).run(stop)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
