"""The whole platform as processes: the three servers, ours around them, and a proxy on the two ways that are cut."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from infra.clickhouse import Server, open_server
from infra.local import clickhouse, kafka, postgres
from infra.local.process import Process, free_port
from infra.settings import Settings
from services.migration import migrate
from tests.disk import mounted
from tests.faults.proxy import Proxy

LANES = 4
API = ("membership", "suppliers", "tendering", "ordering", "finance")
ROLES = (*API, "gateway", "relay", "reactions", "projector")
SERVERS = ("kafka", "postgres", "clickhouse")
DISK = "400m"
"""Size of the small disk on which ClickHouse lies, where mounting is allowed."""


@dataclass
class Stack:
    """Everything that runs, by name."""

    settings: Settings
    """As the projector has them, past the proxies."""
    url: str
    """Where buyers ask: through the proxy, at the gateway."""
    processes: dict[str, Process]
    http_proxy: Proxy
    postgres_proxy: Proxy
    clickhouse_folder: Path
    is_small_disk: bool

    def analytics(self) -> Server:
        """A connection of our own to the engine."""
        return open_server(self.settings)

    def migrate(self) -> None:
        """What whoever runs the platform types after something is gone: databases, topics and tables are made again."""
        for _ in migrate(self.settings):
            pass


@contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """The platform on an empty folder, ended at the end."""
    folder.chmod(0o711)  # PostgreSQL's account must enter
    with ExitStack() as stack:
        clickhouse_folder = folder / "clickhouse"
        clickhouse_folder.mkdir()
        is_small = stack.enter_context(mounted(clickhouse_folder, DISK))
        broker = stack.enter_context(kafka.running(folder / "kafka"))
        database = stack.enter_context(postgres.running(folder / "postgres"))
        engine = stack.enter_context(clickhouse.running(clickhouse_folder))
        if database.process is None:
            msg = "GROUPEMENT_PG_DSN names a server that is not ours to kill: unset it"
            raise ValueError(msg)
        place = conninfo_to_dict(database.dsn)
        port = int(str(place["port"]))
        postgres_proxy = stack.enter_context(Proxy(free_port(), port, (b"COMMIT",)))
        common = {
            "home": folder / "home", "lanes": LANES, "kafka_bootstrap": broker.bootstrap, "postgres_host": "127.0.0.1",
            "postgres_port": port, "postgres_user": place["user"], "postgres_password": place["password"],
        }  # fmt: skip
        settings = Settings.model_validate({**common, **engine.settings("projector")})
        settings.home.mkdir()
        for _ in migrate(settings):
            pass
        ports = {role: free_port() for role in ROLES}
        upstreams = {role: f"http://127.0.0.1:{ports[role]}" for role in (*API, "projector")}
        readers = Settings.model_validate({**common, **engine.settings("finance")})
        found = {}
        for role in ROLES:
            given = settings if role == "projector" else readers
            more: dict[str, Any] = {"upstreams": json.dumps(upstreams)} if role == "gateway" else {}
            if role == "ordering":
                more["postgres_port"] = postgres_proxy.port
            found[role] = _process(role, ports[role], folder / "ours", _environment(given, more))
        with ThreadPoolExecutor() as pool:
            for process in found.values():
                stack.callback(process.stop)
            list(pool.map(Process.start, found.values()))
        found |= {"kafka": broker.process, "postgres": database.process, "clickhouse": engine.process}
        http_proxy = stack.enter_context(Proxy(free_port(), ports["gateway"], (b"POST ",)))
        url = f"http://127.0.0.1:{http_proxy.port}"
        yield Stack(settings, url, found, http_proxy, postgres_proxy, clickhouse_folder, is_small)


def _environment(settings: Settings, more: Mapping[str, Any]) -> dict[str, str]:
    said = settings.model_dump(exclude={"upstreams"}) | dict(more)
    found = {f"GROUPEMENT_{name.upper()}": str(value) for name, value in said.items()}
    return {**found, "PYTHONPATH": ":".join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"}


def _process(role: str, port: int, folder: Path, environment: Mapping[str, str]) -> Process:
    folder.mkdir(exist_ok=True)
    arguments = [sys.executable, "-m", "services.processes", role, str(port)]
    return Process(role, arguments, folder, {role: port}, lambda: _is_alive(port), environment)


def _is_alive(port: int) -> bool:
    """Whether a process answers; what it says of itself is another matter."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True


def is_caught_up(stack: Stack, ends: Mapping[tuple[str, int], int]) -> bool:
    """Whether raw log and ledger have come to these positions. Raises what the engine raises."""
    with closing(stack.analytics()) as analytics:
        for table in ("raw_log", "ledger"):
            rows = analytics.rows(f"select app, lane, max(pos) as pos from {table} group by app, lane")
            if {(row["app"], row["lane"]): row["pos"] for row in rows} != dict(ends):
                return False
    return True
