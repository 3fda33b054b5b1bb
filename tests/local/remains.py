"""What a server must not leave behind: processes, ports, the file with its pid."""

from __future__ import annotations

import socket
from pathlib import Path

from infra.local.process import Process, family


class Remains:
    """Everything that a running server consists of, to be asked for after its end."""

    def __init__(self, process: Process) -> None:
        assert process.pid is not None
        self._pids = family(process.pid)
        self._process = process
        assert self.pid_file.read_text() == str(process.pid)
        assert self.ports == [], "what listens takes its ports"

    @property
    def pid_file(self) -> Path:
        return self._process.folder / f"{self._process.name}.pid"

    @property
    def processes(self) -> list[int]:
        return [pid for pid in self._pids if _is_alive(pid)]

    @property
    def ports(self) -> list[int]:
        """Those that are free again."""
        return [port for port in self._process.ports.values() if _is_free(port)]

    def assert_gone(self) -> None:
        assert self.processes == []
        assert self.ports == list(self._process.ports.values())
        assert not self.pid_file.exists()


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
