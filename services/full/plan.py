"""What the full run consists of: its processes, their ports, their settings, where their data lie."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from events.base import Refusal
from infra.local import clickhouse, kafka, postgres
from infra.local.process import free_port, is_free
from infra.settings import READER, Settings
from services.processes import Role

LANES = 8
"""Lanes of ordering: so many partitions, and so many readers at most."""
SERVERS = ("kafka", "postgres", "clickhouse")
OFFSETS = {role.value: n for n, role in enumerate(Role, start=1)} | {
    "gateway": 0, "kafka": 10, "postgres": 11, "clickhouse": 12,
}  # fmt: skip
"""Name -> its port, counted from the first one."""
STOPPING: tuple[tuple[str, ...], ...] = (
    ("gateway",),
    ("membership", "suppliers", "tendering", "ordering", "finance"),
    ("reactions", "relay", "projector"),
    SERVERS,
)
"""In which order they end: nobody is asked who has no more to answer from."""


class PortsInUse(Refusal):
    """Somebody else listens on ports that the full run needs."""

    rule = "Each process of the full run has a port of its own"
    remedy = "Stop what listens there, or choose others: make full PORT=9000, or PORT=0 for free ones."


def ports(first: int) -> dict[str, int]:
    """Name -> port; free ones where `first` is 0. Raises PortsInUse with the names of those that are taken."""
    found = {name: first + offset if first else free_port() for name, offset in OFFSETS.items()}
    if taken := [f"{port} ({name})" for name, port in found.items() if not is_free(port)]:
        raise PortsInUse(f"in use: port {', '.join(taken)}", ports=", ".join(taken))
    return dict(sorted(found.items(), key=lambda item: OFFSETS[item[0]]))


@dataclass(frozen=True, slots=True)
class Servers:
    """The three servers, as the processes of ours reach them."""

    kafka: kafka.Kafka
    postgres: postgres.Postgres
    clickhouse: clickhouse.ClickHouse


def environment(
    settings: Settings, servers: Servers, ports: Mapping[str, int], name: str, *, is_demo: bool
) -> dict[str, str]:
    """The settings of a process, as environment variables."""
    database = conninfo_to_dict(servers.postgres.dsn)
    writes_figures = name in (Role.PROJECTOR, "migrate")
    user = (database["user"], database.get("password", ""))
    if name == Role.FINANCE:
        user = (READER, servers.postgres.finance_password)
    found = {
        "home": settings.home,
        "postgres_host": database["host"],
        "postgres_port": database.get("port", 5432),
        "postgres_user": user[0],
        "postgres_password": user[1],
        "kafka_bootstrap": servers.kafka.bootstrap,
        "lanes": LANES,
        **servers.clickhouse.settings("projector" if writes_figures else READER),
        "metrics_port": ports.get(name, 0),
        "log_format": "json",
    }
    if name == Role.GATEWAY:
        upstreams = {role.value: f"http://127.0.0.1:{ports[role]}" for role in Role if role is not Role.GATEWAY}
        found["upstreams"] = json.dumps(upstreams)
    if name == "migrate":
        found["postgres_finance_password"] = servers.postgres.finance_password
    if is_demo:
        found["clock_header"] = "true"
    return {f"GROUPEMENT_{key.upper()}": str(value) for key, value in found.items()}


def folders(settings: Settings) -> dict[str, Path]:
    """Server -> where its data lie, in the home; PostgreSQL's elsewhere where its account cannot enter the home.

    That is so where all of this runs as root: PostgreSQL refuses to, and root's own folder is closed to others.
    """
    home = settings.home.absolute()
    found = {name: home / "full" / name for name in SERVERS}
    if os.geteuid() == 0 and not all(_is_open(folder) for folder in home.parents):
        found["postgres"] = Path("/var/lib/groupement") / hashlib.sha256(bytes(home)).hexdigest()[:12] / "postgres"
    for folder in found.values():
        folder.mkdir(parents=True, exist_ok=True)
    return found


def _is_open(folder: Path) -> bool:
    return not folder.exists() or bool(folder.stat().st_mode & stat.S_IXOTH)


def says_something(port: int) -> bool:
    """Whether a process of ours answers: alive, perhaps not ready. OSError means no."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        with connection.makefile("rb") as answer:  # to its end: else the other side finds the connection broken
            return b" 200 " in answer.read().partition(b"\r\n")[0]


def wanted(ports: Mapping[str, int]) -> Iterator[Role]:
    """Our own processes, in the order in which they start."""
    return (Role(name) for name in ports if name not in SERVERS)
