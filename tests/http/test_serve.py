"""Serving: on this machine only, and ended without cutting an answer off."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from infra.address import AddressTaken, NotLoopback, check, listening
from infra.auth import issue
from infra.positions import position_token
from infra.request import Position
from infra.settings import Settings
from services.processes import Role
from tests.http.serving import served


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "8.8.8.8"])
def test_an_address_that_others_reach_is_refused(host: str) -> None:
    with pytest.raises(NotLoopback):
        check(host)
    with pytest.raises(NotLoopback):
        listening(host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_an_address_of_this_machine_is_taken(host: str) -> None:
    with listening(host, 0) as listener:
        assert listener.getsockname()[1]


@pytest.mark.parametrize("host", ["", "no.such.host.invalid"])
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(AddressTaken):
        check(host)


def test_a_port_in_use_is_refused_with_its_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(AddressTaken) as refused:
        listening("127.0.0.1", other.getsockname()[1])
    assert refused.value.values["port"] in refused.value.detail


def test_a_signal_ends_the_server_after_the_answers_that_run(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    headers = {"Authorization": f"Bearer {issue(settings, 'auditor', 'user-1')}"}
    waiting = position_token([Position("ordering", 0, 10**6)])
    with served(settings.home) as (url, process), ThreadPoolExecutor(1) as pool:
        assert httpx2.get(f"{url}/health").status_code == 200
        # A read that waits its full time for a position that never comes.
        slow = pool.submit(httpx2.get, f"{url}/api/v1/orders?at_least={waiting}", headers=headers, timeout=30)
        time.sleep(1)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert slow.result().status_code == 504
        process.wait(timeout=20)
        assert time.monotonic() - started < 12
        assert process.stdout is not None
        assert process.stdout.read() == "ended\n"


def test_a_command_over_a_socket_is_in_the_figures_after_its_position(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    headers = {"Authorization": f"Bearer {issue(settings, 'group-buyer', 'user-1')}", "Idempotency-Key": str(uuid4())}
    with (
        served(settings.home) as (url, _),
        httpx2.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30) as client,
    ):
        done = client.post("/suppliers", json={"name": "Fournisseur Alpha"})
        assert done.status_code == 201
        listed = client.get("/suppliers", params={"at_least": done.headers["Groupement-Position"]}).json()["rows"]
        assert [row["label"] for row in listed] == ["Fournisseur Alpha"]


@pytest.mark.parametrize("role", [Role.RELAY, Role.REACTIONS])
def test_what_watches_a_process_listens_where_its_api_would(role: Role, tmp_path: Path) -> None:
    given = {"GROUPEMENT_HOME": str(tmp_path), "GROUPEMENT_KAFKA_BOOTSTRAP": "127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "run", role, "--host", "0.0.0.0", "--port", "9"],
        env=os.environ | given, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.returncode, "NotLoopback" in done.stderr) == (1, True), done.stderr
