"""Rebuild and projection over growing logs: time is linear, memory is flat."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from infra.clickhouse import open_embedded
from infra.settings import Settings
from projections.projector import Projector
from projections.rebuild import rebuild
from services.ordering.app import build
from tests.bench.synthetic import fill

SIZES = (10_000, 100_000, 1_000_000)


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Seconds and peak memory for each size, each in a process of its own; slope of log(seconds) over log(events)."""
    found = []
    for size in sizes:
        answer = subprocess.run(
            [sys.executable, "-m", "tests.bench.rebuilding", str(size)], capture_output=True, check=True, text=True
        )
        found.append(json.loads(answer.stdout.splitlines()[-1]))
    first, last = found[0], found[-1]
    slope = math.log(last["rebuild_seconds"] / first["rebuild_seconds"]) / math.log(last["events"] / first["events"])
    return {"sizes": found, "slope": slope}


def _one(events: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = build(Settings(home=home)).store
        fill(store, events)
        analytics = open_embedded(home / "analytics")
        projector = Projector(analytics)
        before = _rss()
        started = time.perf_counter()
        for _ in projector.catch_up(store):
            pass
        projected = time.perf_counter() - started
        projector_rss = _rss()
        started = time.perf_counter()
        rebuild(projector)
        rebuilt = time.perf_counter() - started
        found = {
            "events": events,
            "project_seconds": projected,
            "rebuild_seconds": rebuilt,
            "rss_before_mb": before,
            "rss_projected_mb": projector_rss,
            "rss_rebuilt_mb": _rss(),
        }
        analytics.close()
    return found


def _rss() -> float:
    """Peak resident memory of this process in MB; `getrusage` would tell that of who started it, where it was larger."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(_one(int(sys.argv[1]))))  # noqa: T201 - read by measure
