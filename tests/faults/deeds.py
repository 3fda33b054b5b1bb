"""What is done to a platform that runs: each deed by name, and whether it had an effect."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, suppress

from clickhouse_connect.driver.exceptions import ClickHouseError
from kafka import KafkaAdminClient

from infra.kafka import opened, topic_of
from infra.local.process import NotReady, PortInUse
from tests.disk import fill
from tests.faults.stack import Stack

TARGETS: Mapping[str, tuple[str, ...]] = {
    "API": ("ordering", "gateway", "membership", "tendering", "suppliers", "finance"),
    "relay": ("relay",),
    "reactions": ("reactions",),
    "projector": ("projector",),
    "Kafka": ("kafka",),
    "PostgreSQL": ("postgres",),
    "ClickHouse": ("clickhouse",),
}
"""What is killed -> the processes among which one is chosen."""
WEIGHTS = {"API": 6, "relay": 5, "reactions": 4, "projector": 5, "Kafka": 2, "PostgreSQL": 3, "ClickHouse": 3}
"""How often each is chosen: a broker takes its time to come back."""
NO_SPACE = ("NOT_ENOUGH_SPACE", "No space left")
PROBE = "space_probe"


class Deeds:
    """Does them, counts those that had an effect, and mends what was broken."""

    def __init__(self, stack: Stack, rng: random.Random, hang_seconds: float) -> None:
        self.fired: Counter[str] = Counter()
        self.ended_by_itself: Counter[str] = Counter()
        """Processes that somebody had to start again though nobody had ended them."""
        self._stack, self._rng, self._hang_seconds = stack, rng, hang_seconds
        self._starting: dict[str, threading.Thread] = {}

    def kill(self, target: str) -> None:
        """Ends a process and its children at once, and starts it again after a moment."""
        name = self._rng.choice(TARGETS[target])
        self._await(name)
        self._stack.processes[name].kill()
        self.fired[f"{target} killed"] += 1
        self._start(name, self._rng.uniform(0, 1))

    def hang(self, target: str) -> None:
        """Lets a process hang, connections and all."""
        name = self._rng.choice(TARGETS[target])
        self._await(name)
        process = self._stack.processes[name]
        process.pause()
        time.sleep(self._hang_seconds)
        process.resume()
        self.fired[f"{target} hung"] += 1

    def cut(self) -> None:
        """Cuts answers: what the server did is done, and nobody learns it."""
        for name, proxy in (("PostgreSQL", self._stack.postgres_proxy), ("HTTP", self._stack.http_proxy)):
            before = proxy.cuts
            proxy.cut(3)
            _until(lambda proxy=proxy, before=before: proxy.cuts > before, 10)  # type: ignore[misc]
            self.fired[f"answer of {name} cut"] += proxy.cuts - before

    def fill_the_disk(self) -> None:
        """Leaves ClickHouse no space for a while."""
        if not self._stack.is_small_disk:
            return
        self._await("clickhouse")
        filler = fill(self._stack.clickhouse_folder)
        try:
            if _until(self._is_refused, 10):
                self.fired["disk of ClickHouse full"] += 1
            time.sleep(2)
        finally:
            filler.unlink()
        _until(self._is_cleared, 10)

    def _is_refused(self) -> bool:
        """Whether the engine has no space for what is not small."""
        try:
            with closing(self._stack.analytics()) as analytics:
                analytics.command(f"create table if not exists {PROBE} (n UInt64) engine = MergeTree order by n")
                analytics.command(f"insert into {PROBE} select rand64() from numbers(2000000)")
        except ClickHouseError as error:
            return any(said in str(error) for said in NO_SPACE)
        return False

    def _is_cleared(self) -> bool:
        with suppress(ClickHouseError), closing(self._stack.analytics()) as analytics:
            analytics.command(f"drop table if exists {PROBE} sync")
            return True
        return False

    def delete_clickhouse(self) -> None:
        """Deletes all that the engine has; whoever runs the platform migrates again."""
        self._await("clickhouse")
        process = self._stack.processes["clickhouse"]
        process.kill()
        shutil.rmtree(self._stack.clickhouse_folder / "data")
        process.start()
        self._migrate()
        self.fired["data of ClickHouse deleted"] += 1

    def delete_topic(self) -> None:
        """Deletes a topic with all that is in it; whoever runs the platform migrates again."""
        self._await("kafka")
        topic = topic_of(self._rng.choice(["ordering", "tendering"]))
        with closing(opened(KafkaAdminClient, self._stack.settings.kafka_bootstrap)) as admin:
            admin.delete_topics([topic])
        time.sleep(1)
        self._migrate()
        self.fired["topic deleted"] += 1

    def _migrate(self) -> None:
        for name in ("postgres", "kafka", "clickhouse"):
            self._await(name)
        _until(self._migrated, 60)

    def _migrated(self) -> bool:
        try:
            self._stack.migrate()
        except Exception:  # noqa: BLE001 - whatever is away is waited for
            return False
        return True

    def look(self) -> None:
        """Starts again whoever ended without being told to, as a supervisor does."""
        for name, process in self._stack.processes.items():
            thread = self._starting.get(name)
            if process.pid is None and (thread is None or not thread.is_alive()):
                self.ended_by_itself[name] += 1
                self._start(name, 0)

    def mend(self) -> None:
        """Everything runs again when this returns."""
        for name in self._stack.processes:
            self._await(name)

    def _start(self, name: str, delay: float) -> None:
        def start() -> None:
            time.sleep(delay)
            with suppress(NotReady, PortInUse):  # whatever it waits for: it is started again when it is needed
                self._stack.processes[name].start()

        thread = threading.Thread(target=start, name=f"start {name}", daemon=True)
        self._starting[name] = thread
        thread.start()

    def _await(self, name: str) -> None:
        """Returns when a process runs. Whoever ended meanwhile is started again: one may need another to get ready."""
        while True:
            thread = self._starting.get(name)
            if thread is not None:
                thread.join()
            if self._stack.processes[name].pid is not None:
                return
            self.look()


def _until(happened: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def never(fired: Counter[str], *, is_small_disk: bool) -> list[str]:
    """What should have happened and did not: then a run proves nothing."""
    wanted = {f"{target} killed" for target in TARGETS}
    wanted |= {"answer of PostgreSQL cut", "answer of HTTP cut", "data of ClickHouse deleted", "topic deleted"}
    wanted |= {"disk of ClickHouse full"} if is_small_disk else set()
    hung = [] if any(kind.endswith(" hung") for kind in fired) else ["anything hung"]
    return sorted(wanted - fired.keys()) + hung
