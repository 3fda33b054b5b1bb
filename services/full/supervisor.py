"""Brings the full run up, keeps it up, and stops it in order. Nothing is lost: what was accepted is in the stores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from events.base import Refusal
from infra.local import clickhouse, kafka, postgres
from infra.local.process import Process
from infra.settings import Settings
from services.full.keeper import Keeper
from services.full.plan import STOPPING, Servers, environment, folders, says_something, wanted

NOTE, VARIABLES = "full.json", "full.env"


class RunsAlready(Refusal):
    """Another full run is up on this home."""

    rule = "A home has one full run at a time: its servers own their folders"
    remedy = "Use the one that runs (full.json in the home says where), or another --home."


class NotMade(Refusal):
    """Databases, topics and tables could not be made."""

    rule = "The full run begins with `groupement migrate`"
    remedy = "Read what it said; logs of the servers are in the folder full/ of the home."


class Supervisor:
    """Everything that runs, by name. What is public may be read from other threads."""

    def __init__(self, settings: Settings, ports: Mapping[str, int], told: Callable[[str], None]) -> None:
        self.settings = settings
        self.ports = ports
        self.keepers: dict[str, Keeper] = {}
        self.is_demo = False
        self._told = told
        self._folder = settings.home / "full" / "processes"
        self._writing = threading.Lock()

    @property
    def url(self) -> str:
        """The address of the gateway."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @contextmanager
    def running(self, *, is_demo: bool, stop: threading.Event) -> Iterator[None]:
        """Everything up, or on its way, while the block runs. Raises RunsAlready, NotMade, Missing, NotReady.

        Where `stop` is set meanwhile, what is left to start is not started.
        """
        self.is_demo = is_demo
        self._folder.mkdir(parents=True, exist_ok=True)
        with _alone(self.settings.home / "full" / "in-use.lock"), ExitStack() as stack:
            servers = self._servers(stack)
            stack.callback(self._forget)
            # The keepers end before the servers' own contexts do, which then find them stopped.
            stack.callback(self._stop)
            for name, process in (("kafka", servers.kafka.process), ("postgres", servers.postgres.process),
                                  ("clickhouse", servers.clickhouse.process)):  # fmt: skip
                if process is not None:  # somebody else's otherwise
                    self._keep(name, process)
            environments = partial(environment, self.settings, servers, self.ports, is_demo=is_demo)
            if not stop.is_set():
                self._migrate(environments(name="migrate"))
                self._note_variables(environments(name="commands"))
                for role in wanted(self.ports):
                    self._keep(role.value, self._process(role.value, environments(name=role.value)))
            yield

    def _servers(self, stack: ExitStack) -> Servers:
        places, ports = folders(self.settings), self.ports
        contexts = {
            "kafka": kafka.running(places["kafka"], ports["kafka"]),
            "postgres": postgres.running(places["postgres"], ports["postgres"]),
            "clickhouse": clickhouse.running(places["clickhouse"], ports["clickhouse"]),
        }
        self._told("starting Kafka, PostgreSQL and ClickHouse")
        found: dict[str, Any] = {}
        with ThreadPoolExecutor(len(contexts)) as pool:
            started = {name: pool.submit(context.__enter__) for name, context in contexts.items()}
        faults = []
        for name, future in started.items():
            if (fault := future.exception()) is not None:
                faults.append(fault)
                continue
            stack.push(contexts[name])
            found[name] = future.result()
        if faults:
            raise faults[0]
        return Servers(**found)

    def _migrate(self, variables: Mapping[str, str]) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", "migrate"], env={**os.environ, **variables}, cwd=self._folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, start_new_session=True,
        )  # fmt: skip
        if done.returncode:
            raise NotMade(done.stderr.strip()[-2_000:] or f"it ended with {done.returncode}")
        for line in done.stdout.splitlines():
            self._told(line)

    def _process(self, name: str, variables: Mapping[str, str]) -> Process:
        port = self.ports[name]
        arguments = [sys.executable, "-m", "services.processes", name, str(port)]
        return Process(name, arguments, self._folder, {name: port}, lambda: says_something(port), variables)

    def _keep(self, name: str, process: Process) -> None:
        keeper = Keeper(process, name, self.ports[name], self._changed)
        self.keepers[name] = keeper
        self._changed(keeper)
        keeper.start()

    def _changed(self, keeper: Keeper) -> None:
        pid = f", pid {keeper.pid}" if keeper.pid else ""
        self._told(f"{keeper.name}: {keeper.state}, port {keeper.port}{pid}")
        with self._writing:
            note = self.settings.home / NOTE
            new = note.with_suffix(".new")
            new.write_text(json.dumps(self.document(), indent=2), encoding="utf-8")
            new.replace(note)

    def document(self) -> dict[str, Any]:
        """What runs, for programs: address, and port, pid, state of each process."""
        return {
            "url": self.url,
            "pid": os.getpid(),
            "is_demo": self.is_demo,
            "logs": str(self._folder),
            "processes": [
                {"name": one.name, "port": one.port, "pid": one.pid, "state": one.state, "restarts": one.restarts}
                for one in list(self.keepers.values())
            ],
        }

    def _note_variables(self, variables: Mapping[str, str]) -> None:
        """Leaves what other commands need to reach the same servers; it holds passwords."""
        told = {**variables, "GROUPEMENT_API": self.url}
        for name in ("GROUPEMENT_METRICS_PORT", "GROUPEMENT_LOG_FORMAT", "GROUPEMENT_CLOCK_HEADER"):
            told.pop(name, None)
        path = self.settings.home / VARIABLES
        path.touch(mode=0o600)
        path.write_text("".join(f"export {name}='{value}'\n" for name, value in told.items()), encoding="utf-8")

    def _stop(self) -> None:
        for names in STOPPING:
            found = [self.keepers[name] for name in names if name in self.keepers]
            with ThreadPoolExecutor(max(1, len(found))) as pool:
                list(pool.map(Keeper.stop, found))

    def _forget(self) -> None:
        for name in (NOTE, VARIABLES):
            (self.settings.home / name).unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    try:
        lock = FileLock(path, blocking=False).acquire()
    except Timeout as error:
        raise RunsAlready(f"{path.parent} is in use") from error
    with lock:
        yield
