"""The whole full run as a user starts it, and how the tests talk to it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from infra import auth
from infra.positions import positions_in
from infra.settings import Settings

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 180.0


@dataclass
class Stack:
    """A full run on a home."""

    home: Path
    process: subprocess.Popen[str]
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=60))

    @property
    def log(self) -> str:
        return (self.home / "said.log").read_text()

    @property
    def note(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "full.json").read_text())
        return found

    @property
    def url(self) -> str:
        return str(self.note["url"])

    def part(self, name: str) -> dict[str, Any]:
        return next(one for one in self.note["processes"] if one["name"] == name)

    @property
    def variables(self) -> dict[str, str]:
        """What full.env gives to other commands."""
        return dict(re.findall(r"^export (\w+)='(.*)'$", (self.home / "full.env").read_text(), re.MULTILINE))

    def settings(self) -> Settings:
        return Settings(home=self.home)

    def command(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command of the product, as somebody types it who has read full.env."""
        return subprocess.run(
            [sys.executable, "-m", "services.cli", *arguments],
            env=environment(self.variables | variables), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def ask(
        self, method: str, role: str, path: str, *, tenant: UUID | None = None, body: Any = None, **query: Any
    ) -> httpx2.Response:
        """A request to the gateway."""
        is_supplier = role == "supplier"
        token = auth.issue(
            self.settings(), role, f"user-{role}", None if is_supplier else tenant, tenant if is_supplier else None
        )
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4()), "If-Match": "*"}
        return self.client.request(
            method, f"{self.url}/api/v1{path}", headers=headers, params=query, json=body if method == "POST" else None
        )

    def done(self, role: str, path: str, body: Any, *, tenant: UUID | None = None, **query: Any) -> dict[str, Any]:
        """The answer to a command that was accepted."""
        answer = self.ask("POST", role, path, tenant=tenant, body=body, **query)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        found: dict[str, Any] = answer.json()
        return found

    def read(self, role: str, path: str, *, tenant: UUID | None = None, **query: Any) -> dict[str, Any]:
        answer = self.ask("GET", role, path, tenant=tenant, **query)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        found: dict[str, Any] = answer.json()
        return found

    def contains(self, position: str) -> None:
        """Waits until finance contains a position: on a machine that has other things to do, longer than one read."""

        def is_there() -> bool:
            answer = self.ask("GET", "finance", "/figures/volume", at_least=position)
            assert answer.status_code in (200, 502, 503, 504), answer.text
            return answer.is_success

        self.until(is_there, f"visible: {positions_in(position)}")

    def until(self, is_so: Callable[[], Any], what: str) -> Any:
        """Waits until something is so, and returns it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                if found := is_so():
                    return found
            except (OSError, httpx2.TransportError, ValueError):
                pass
            assert self.process.poll() is None, f"the full run ended: {self.log}"
            time.sleep(0.1)
        pytest.fail(f"not in time: {what}\n{self.log[-3_000:]}")

    def ready(self) -> None:
        self.until(lambda: self.client.get(f"{self.url}/ready").status_code == 200, "ready")

    def end(self) -> int:
        """Ctrl-C, and the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_SECONDS)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GROUPEMENT_")}
    given = {name: value for name, value in os.environ.items() if name == "GROUPEMENT_PG_DSN"}
    return clean | given | {"PYTHONPATH": str(ROOT)} | dict(variables)


@contextmanager
def new_home() -> Iterator[Path]:
    """A folder that PostgreSQL's account may enter."""
    home = Path(tempfile.mkdtemp(prefix="groupement-full-"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def full_run(home: Path, *arguments: str) -> Iterator[Stack]:
    """A full run, ready, ended by Ctrl-C at the end unless it has ended before."""
    with (home / "said.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "--home", str(home), "full", "--port", "0", *arguments],
            env=environment({}), stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True, start_new_session=True,
        )  # fmt: skip
    found = Stack(home, process)
    try:
        found.ready()
        yield found
    finally:
        found.client.close()
        if process.poll() is None:
            found.end()
