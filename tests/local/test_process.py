"""A server as a process of ours, told with Python's own small HTTP server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from infra.local.process import NotReady, PortInUse, Process, free_port
from tests.local.remains import Remains

CHILDREN = """
import subprocess, sys
child = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(child)
subprocess.Popen(child, start_new_session=True)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
SERVE = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"


def server(folder: Path, before: str = "", port: int | None = None, patience: float = 10) -> Process:
    port = port or free_port()

    def answers() -> bool:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
            return bool(answer.status == 200)

    script = f"{before}\n{SERVE}"
    return Process(
        "pages", [sys.executable, "-c", script, str(port)], folder, {"Pages": port}, answers, patience=patience
    )


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts a server; every one of them is ended after the test."""
    found: list[Process] = []

    def start(before: str = "", patience: float = 10) -> Process:
        found.append(server(tmp_path, before, patience=patience))
        found[-1].start()
        return found[-1]

    yield start
    for process in found:
        process.kill()


def test_it_is_ready_when_it_answers_and_leaves_nothing_when_it_is_stopped(started: Callable[..., Process]) -> None:
    process = started()
    remains = Remains(process)
    process.stop()
    assert process.pid is None
    remains.assert_gone()


def test_killed_it_takes_its_children_along_whatever_groups_they_lead(started: Callable[..., Process]) -> None:
    process = started(CHILDREN)
    remains = Remains(process)
    assert len(remains.processes) == 3
    process.kill()
    remains.assert_gone()


def test_it_starts_again_on_its_port_and_keeps_its_log(started: Callable[..., Process]) -> None:
    process = started("print('hello', flush=True)")
    for _ in range(2):
        process.kill()
        process.start()
    assert process.log.read_text().count("hello") == 3


def test_one_that_does_not_listen_to_its_stop_is_killed(started: Callable[..., Process]) -> None:
    process = started(STUBBORN, patience=2)
    remains = Remains(process)
    process.stop()
    remains.assert_gone()


def test_stopped_after_it_ended_by_itself_nothing_is_left(started: Callable[..., Process]) -> None:
    process = started()
    remains = Remains(process)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.stop()
    remains.assert_gone()


def test_paused_it_answers_nothing_and_resumed_it_goes_on(started: Callable[..., Process]) -> None:
    process = started()
    process.pause()
    with pytest.raises(TimeoutError), urlopen(f"http://127.0.0.1:{process.ports['Pages']}/", timeout=0.3):
        pass
    process.resume()
    assert process.is_ready()


def test_a_port_in_use_is_refused_with_its_name(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port := free_port()))
        taken.listen()
        with pytest.raises(PortInUse, match=rf"port {port} \(Pages\) is in use"):
            server(tmp_path, port=port).start()


@pytest.mark.parametrize(
    ("before", "what"),
    [
        ("raise SystemExit('no disk')", "ended with 1"),
        ("import time; print('no disk', flush=True); time.sleep(60)", "is not ready"),
    ],
)
def test_one_that_does_not_come_up_is_refused_with_the_end_of_its_log(tmp_path: Path, before: str, what: str) -> None:
    process = server(tmp_path, before, patience=1)
    with pytest.raises(NotReady, match=f"(?s)pages {what}.*pages.log.*no disk"):
        process.start()
    assert process.pid is None


def test_ports_are_below_those_that_clients_get_and_given_once() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    given = [free_port() for _ in range(300)]
    assert max(given) < first
    assert len(set(given)) == 300


PARENT = """
import sys
from pathlib import Path
from tests.local.test_process import server
process = server(Path(sys.argv[1]))
process.start()
print(process.pid, flush=True)
sys.stdin.read()
"""


def test_it_ends_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()
