"""A ClickHouse server on this machine, over HTTP: the engine of chdb-core in a child of ours (docs/adr/0006).

For tests and for `make full`: production runs ClickHouse's own server, with the same users. Asked to stop it ends at
once, as by a kill: what was inserted is on disk, and the engine's own way waits five seconds for idle connections.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from infra.local.process import NotReady, Process, free_port

CHILD = Path(__file__).with_name("clickhouse_child.py")
USERS = Path(__file__).parents[1] / "clickhouse-users.xml"
CONFIG = """<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{port}</http_port>
  <users_config>users.xml</users_config>
  <timezone>UTC</timezone>
  <logger><console>true</console><console_log_level>warning</console_log_level></logger>
</clickhouse>
"""
OPENING = """<clickhouse>
  <quotas><opening><interval><duration>2000000000</duration><queries>3</queries></interval></opening></quotas>
  <users>
    <default>
      <password/>
      <profile>default</profile>
      <quota>opening</quota>
      <grants>
        <query>GRANT CREATE DATABASE ON groupement.*</query>
        <query>GRANT SYSTEM LISTEN, FILE, CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </default>
  </users>
</clickhouse>
"""
"""The engine opens itself as `default`, without a password: it may ask what opens the server, and nothing after."""
WHAT_TO_DO = (
    "the engine in chdb-core does not start as a server; where a new version closed that door, see docs/adr/0006"
)

User = Literal["projector", "finance"]


class DoorClosed(Exception):
    """The engine in chdb-core no longer runs as a server."""


@dataclass(frozen=True, slots=True)
class ClickHouse:
    """A server, and how to reach it."""

    port: int
    passwords: Mapping[User, str]
    process: Process

    def settings(self, user: User) -> dict[str, Any]:
        """What `infra.settings.Settings` takes to reach it as a user."""
        return {
            "clickhouse_host": "127.0.0.1",
            "clickhouse_port": self.port,
            "clickhouse_user": user,
            "clickhouse_password": self.passwords[user],
        }


@contextlib.contextmanager
def running(folder: Path, port: int | None = None) -> Iterator[ClickHouse]:
    """A server on a folder, which keeps the data. Raises DoorClosed, PortInUse."""
    port = port or free_port()
    passwords: dict[User, str] = {"projector": secrets.token_urlsafe(), "finance": secrets.token_urlsafe()}
    opening = folder / "users.d" / "opening.xml"
    opening.parent.mkdir(parents=True, exist_ok=True)
    opening.write_text(OPENING)
    shutil.copyfile(USERS, folder / "users.xml")
    (folder / "config.xml").write_text(CONFIG.format(port=port))
    process = Process(
        "clickhouse",
        [sys.executable, "-P", CHILD, _engine(), folder / "data"],
        folder,
        {"ClickHouse": port},
        lambda: _answers(port),
        {f"GROUPEMENT_{user.upper()}_PASSWORD": password for user, password in passwords.items()},
    )
    try:
        process.start()
    except NotReady as error:
        raise DoorClosed(f"{WHAT_TO_DO}\n{error}") from error
    try:
        yield ClickHouse(port, passwords, process)
    finally:
        process.stop()


def _engine() -> Path:
    """The folder with the engine, found without importing it."""
    package = importlib.util.find_spec("chdb")
    for folder in (package and package.submodule_search_locations) or ():
        if any(Path(folder).glob("_chdb*.so")):
            return Path(folder)
    raise DoorClosed(f"{WHAT_TO_DO}: there is no module _chdb")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    with contextlib.closing(connection):
        connection.request("GET", "/ping")
        return connection.getresponse().status == http.client.OK
