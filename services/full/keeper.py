"""Keeps a process up: starts it, sees it end, starts it again after a pause that grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from infra.local.process import NotReady, PortInUse, Process

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a process that ended is started again: twice as long each time, up to a limit."""
GOOD_SECONDS = 60.0
"""A process that lived so long begins with the first pause again."""
LOOK_SECONDS = 0.2


class Keeper:
    """One process, watched by a thread. What is public may be read from other threads."""

    def __init__(self, process: Process, name: str, port: int, changed: Callable[[Keeper], None]) -> None:
        self.process, self.name, self.port = process, name, port
        self.state = "up" if process.pid else "waiting"
        """`starting`, `up`, `down: …` with the time until the next start, `stopped`."""
        self.starts = 1 if process.pid else 0
        self.since = time.monotonic()
        """When it got into this state."""
        self._changed = changed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"keeper of {name}", daemon=True)

    def start(self) -> None:
        """Starts the process, or watches the one that runs."""
        self._thread.start()

    def stop(self) -> None:
        """Lets the process end, and returns when it has."""
        self._stop.set()
        was_starting = self.state == "starting"
        self._says("stopping")
        if was_starting:
            self.process.ask()  # its thread waits for it to get ready, and so sees that it has ended
        if self._thread.ident is not None:
            self._thread.join()
        self.process.stop()
        self._says("stopped")

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self.process.pid

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return max(0, self.starts - 1)

    def _keep(self) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            if self.process.pid is None and not self._start():
                pause = self._rest(pause)
                continue
            began = time.monotonic()
            while self.process.pid is not None and not self._stop.wait(LOOK_SECONDS):
                pass
            if not self._stop.is_set():
                lived = time.monotonic() - began
                pause = self._rest(FIRST_PAUSE if lived > GOOD_SECONDS else pause)

    def _start(self) -> bool:
        self._says("starting")
        self.starts += 1
        try:
            self.process.kill()  # what is left of the one before
            self.process.start()
        except (NotReady, PortInUse) as error:
            if not self._stop.is_set():
                self._says(f"down: {str(error).partition(chr(10))[0]}")
            return False
        self._says("up")
        return True

    def _rest(self, pause: float) -> float:
        why = self.state.removeprefix("down: ") if self.state.startswith("down") else "it ended"
        self._says(f"down: {why}, again in {pause:.3g} s")
        self._stop.wait(pause)
        return min(2 * pause, LONGEST_PAUSE)

    def _says(self, state: str) -> None:
        if state != self.state:
            self.state, self.since = state, time.monotonic()
            with suppress(Exception):  # who shows it may have gone
                self._changed(self)
