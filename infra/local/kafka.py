"""Apache Kafka on this machine: one node, broker and controller, from its jars."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from infra.local.needs import line_to_type
from infra.local.process import Missing, NotReady, Process, free_port

POM = Path(__file__).with_name("pom.xml")
JAVA_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC")
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    # After a kill the controller waits as long for the broker that it knew: nine seconds, if we let it.
    "broker.session.timeout.ms": 2_000,
    "broker.heartbeat.interval.ms": 500,
}
"""What differs from Kafka's defaults, on every machine; `<folder>/server.properties` holds the rest."""
METADATA_REQUEST = struct.pack(">ihhihi", 14, 3, 1, 0, -1, 0)
"""Which brokers are there? Metadata version 1, no client id, no topics."""


@dataclass(frozen=True, slots=True)
class Kafka:
    """A broker, and how to reach it."""

    bootstrap: str
    process: Process


@contextlib.contextmanager
def running(folder: Path, port: int | None = None, settings: Mapping[str, object] | None = None) -> Iterator[Kafka]:
    """A broker on a folder, which keeps topics and messages; `settings` as in server.properties.

    Raises Missing, PortInUse, NotReady.
    """
    port, controller = port or free_port(), free_port()
    java = [_java(), *JAVA_OPTIONS, "-cp", f"{jars()}/*"]
    properties = _formatted(folder, java, port, controller, settings or {})
    process = Process(
        "kafka",
        [*java, "kafka.Kafka", properties],
        folder,
        {"Kafka": port, "Kafka's controller": controller},
        lambda: _brokers(port) > 0,
    )
    process.start()
    try:
        yield Kafka(f"127.0.0.1:{port}", process)
    finally:
        process.stop()


def jars() -> Path:
    """The folder of Kafka's jars: KAFKA_HOME's, else one in the user's cache, filled by Maven once. Raises Missing."""
    if home := os.environ.get("KAFKA_HOME"):
        return Path(home) / "libs"
    cache = user_cache_path("groupement")
    folder = cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        maven = shutil.which("mvn")
        if maven is None:
            raise Missing(f"Apache Kafka's jars need Maven, or KAFKA_HOME; type:\n  {line_to_type(['maven'])}")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as half:
            arguments = ["-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={half}/jars"]
            made = subprocess.run([maven, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
            if made.returncode:
                msg = (
                    f"Maven could not copy Apache Kafka's jars; type:\n  mvn -f {POM} dependency:resolve\n{made.stdout}"
                )
                raise Missing(msg)
            with contextlib.suppress(OSError):  # another process was faster
                Path(half, "jars").rename(folder)
    return folder


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise Missing(f"Apache Kafka needs a Java runtime; type:\n  {line_to_type(['default-jre-headless'])}")
    return java


def _formatted(folder: Path, java: list[str], port: int, controller: int, more: Mapping[str, object]) -> Path:
    """The broker's properties, in a folder that is formatted where it was not yet."""
    folder.mkdir(parents=True, exist_ok=True)
    data, properties = folder / "data", folder / "server.properties"
    places = {
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "log.dirs": data,
    }
    properties.write_text("".join(f"{name}={value}\n" for name, value in {**SETTINGS, **places, **more}.items()))
    if not (data / "meta.properties").exists():
        arguments = ["kafka.tools.StorageTool", "format", "-t", cluster_id(uuid.uuid4()), "-c", str(properties)]
        done = subprocess.run([*java, *arguments], cwd=folder, check=False, capture_output=True, text=True)  # noqa: S603
        if done.returncode:
            msg = f"Apache Kafka did not format {data}: {done.stderr or done.stdout}"
            raise NotReady(msg)
    return properties


def cluster_id(identity: uuid.UUID) -> str:
    """A cluster's id as Kafka writes it. One in 64 would begin with a dash, which its tool takes for an option."""
    return "k" + base64.urlsafe_b64encode(identity.bytes).rstrip(b"=").decode()[1:]


def _brokers(port: int) -> int:
    """How many brokers take requests: none while the only one gets ready."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection, connection.makefile("rb") as answer:
        connection.sendall(METADATA_REQUEST)
        _size, _correlation, brokers = struct.unpack(">iii", answer.read(12))
        return int(brokers)
