"""A server as a process of ours: a port of its own, a log, a pid on file; ready or refused, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PORTS = range(20_000, 30_000)
"""Below the ports that clients get: one of those is soon taken while its server is away, or connects to itself."""
LEASH = 'read -r _; kill -TERM "-$1"; sleep 10; kill -KILL "-$1"'
"""Waits until our end of its input closes, which it does however we end, then ends the group."""
TAIL = 3_000

_given: set[int] = set()


class PortInUse(Exception):
    """Somebody else listens on a port that one of our servers has."""


class NotReady(Exception):
    """A server ended, or did not answer in time; the message holds the end of its log."""


class Missing(Exception):
    """Something must be installed first; the message is the one line to type."""


def free_port() -> int:
    """A port of this machine that nobody listens on, another one at each call."""
    while True:
        port = random.choice(PORTS)  # noqa: S311 - not a secret
        if port not in _given and is_free(port):
            _given.add(port)
            return port


@dataclass(eq=False)
class Process:
    """A server and its children. May be started again on the same port and folder, after any end."""

    name: str
    arguments: Sequence[str | Path]
    folder: Path
    """Where it runs, and where its log and its pid are."""
    ports: Mapping[str, int]
    """What listens there -> its port on this machine."""
    is_ready: Callable[[], bool]
    """Asked again and again until it says yes; OSError means no."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """On top of ours."""
    account: Mapping[str, Any] = field(default_factory=dict)
    """`user`, `group` and `extra_groups` of subprocess.Popen, where it may not be ours."""
    goodbye: signal.Signals = signal.SIGTERM
    """What asks it to end."""
    patience: float = 60
    """Seconds that it may take to get ready, and to end."""
    _running: subprocess.Popen[bytes] | None = None
    _leash: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What it printed, over all its starts."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Its pid, which leads its group; None where it does not run. Also in `<name>.pid` while it does."""
        return self._running.pid if self._running and self._running.poll() is None else None

    def start(self) -> None:
        """Starts it and waits until it answers. Raises PortInUse, NotReady."""
        for name, port in self.ports.items():
            if not is_free(port):
                raise PortInUse(f"port {port} ({name}) is in use: end what listens there, or choose another one")
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(  # noqa: S603 - our own arguments
                list(self.arguments), cwd=self.folder, env={**os.environ, **self.environment},
                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, **self.account,
            )  # fmt: skip
        self._leash = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", LEASH, "leash", str(self._running.pid)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._pid_file.write_text(str(self._running.pid))
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise

    def ask(self) -> None:
        """Asks it to end, and does not wait; may be called while another thread starts it."""
        if (running := self._running) is not None:
            running.send_signal(self.goodbye)

    def stop(self) -> None:
        """Asks it to end, and kills it where it does not in time."""
        if self._running is None:
            return
        self.ask()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running.wait(self.patience)
        self.kill()

    def kill(self) -> None:
        """Ends it and its children at once, as a loss of power would."""
        if self._running is None:
            return
        pids = self._signal(signal.SIGKILL)
        self._running.wait()
        while any(map(_is_alive, pids)):  # its children are not ours to wait for
            time.sleep(0.001)
        _close(self._running)
        if self._leash is not None:
            self._leash.kill()
            self._leash.wait()
            _close(self._leash)
        self._running = self._leash = None
        self._pid_file.unlink(missing_ok=True)

    def pause(self) -> None:
        """Lets it hang: it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def _signal(self, number: signal.Signals) -> list[int]:
        """Sends it to all of them; returns who they are."""
        if self._running is None:
            return []
        leader, *others = family(self._running.pid)
        # A pid that was waited for may be another's by now.
        pids = others if self._running.poll() is not None else [leader, *others]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pids

    def _wait(self) -> None:
        process, until = self._running, time.monotonic() + self.patience
        while process is not None and process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError):
                if self.is_ready():
                    return
            time.sleep(0.02)
        what = "is not ready" if self.pid else f"ended with {process.returncode if process else None}"
        msg = f"{self.name} {what}; the end of {self.log}:\n{self.log.read_text(errors='replace')[-TAIL:]}"
        raise NotReady(msg)


def family(leader: int) -> list[int]:
    """A process, then those of its group and its descendants: PostgreSQL's children lead groups of their own."""
    parents, groups = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, after_name = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
            parents[pid], groups[pid] = int(after_name[1]), int(after_name[2])
    others = parents.keys() - {leader}
    return [leader, *(pid for pid in others if groups[pid] == leader or _descends(pid, leader, parents))]


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _descends(pid: int, leader: int, parents: Mapping[int, int]) -> bool:
    while pid := parents.get(pid, 0):
        if pid == leader:
            return True
    return False


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that just ended does not count
        try:
            taken.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
