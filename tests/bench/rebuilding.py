"""Rebuild and projection over growing logs: time is linear, memory is flat.

The largest log is not read from a store, which would take longer than all the rest: its raw log is made inside the
engine, of the events of a small store again and again, under other ids, positions and times. It is only rebuilt.
"""

from __future__ import annotations

import contextlib
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
from infra.event_store import EventStore
from infra.log import Log
from infra.settings import Settings
from projections.projector import Projector, batches
from projections.rebuild import rebuild
from projections.tables import TABLES
from services.ordering.app import build
from tests.bench.synthetic import fill

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
COPIED = 10_000_000
"""From so many events on the log is made of copies."""
ORDERS = 5 * 1096
"""Orders of the store that is copied: each of its days as often as any other."""
AT_ONCE = 6
"""Copies that one insert adds."""
TELL_SECONDS = 30.0
COPY = """
insert into raw_log (app, lane, pos, prev, stream_id, version, event_id, type, recorded_at, bytes, raw)
with
    (select (min(pos), max(pos)) from raw_log where pos <= {last:UInt64}) as ends,
    number * (ends.2 - ends.1 + 1) as shift,
    leftPad(lower(hex(toUInt32(number))), 8, '0') as begins,
    concat(begins, substring(toString(stream_id), 9)) as stream,
    concat(begins, substring(toString(event_id), 9)) as event,
    recorded_at + toIntervalSecond(number * {seconds:UInt32}) as recorded,
    replaceOne(
        replaceOne(replaceAll(raw, toString(stream_id), stream), toString(event_id), event),
        concat('"recorded_at":"', formatDateTime(recorded_at, '%Y-%m-%dT%H:%i:%SZ')),
        concat('"recorded_at":"', formatDateTime(recorded, '%Y-%m-%dT%H:%i:%SZ'))
    ) as written
select
    app, lane, pos + shift, if(prev = 0, ends.1 - 1, prev) + shift, toUUID(stream), version, toUUID(event), type,
    recorded, length(written), written
from numbers({from:UInt64}, {count:UInt64}) as n cross join (select * from raw_log where pos <= {last:UInt64}) as t
"""


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Seconds and peak memory for each size, each in a process of its own; slope of log(seconds) over log(events)."""
    found = []
    for size in sizes:
        print(f"  {size:,} events …", flush=True)  # noqa: T201 - the person waits for it
        answer = subprocess.run(
            [sys.executable, "-m", "tests.bench.rebuilding", str(size)], stdout=subprocess.PIPE, check=True, text=True
        )
        found.append(json.loads(answer.stdout.splitlines()[-1]))
    first, last = found[0], found[-1]
    slope = math.log(last["rebuild_seconds"] / first["rebuild_seconds"]) / math.log(last["events"] / first["events"])
    return {"sizes": found, "slope": slope}


def _one(events: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = build(Settings(home=home)).store
        is_copied = events >= COPIED
        fill(store, 3 * ORDERS if is_copied else events)
        analytics = open_embedded(home / "analytics")
        projector = Projector(analytics)
        if is_copied:
            events = _copy(projector, store, events)
        _forget_peak()
        before = _rss()
        started = time.perf_counter()
        if is_copied:
            _derive(projector, store.context, events)  # so that there is something to compare with
        else:
            for _ in projector.catch_up(store):
                pass
        projected = time.perf_counter() - started
        projector_rss = _rss()
        _tell(f"projected in {projected:.0f} s")
        started = time.perf_counter()
        done = rebuild(projector, _Told())
        rebuilt = time.perf_counter() - started
        assert all(one.is_switched and one.events == events for one in done), done
        found = {
            "events": events,
            "project_seconds": None if is_copied else projected,
            "rebuild_seconds": rebuilt,
            "rss_before_mb": before,
            "rss_projected_mb": projector_rss,
            "rss_rebuilt_mb": _rss(),
        }
        analytics.close()
    return found


def _copy(projector: Projector, store: EventStore, events: int) -> int:
    """A raw log of about so many events; how many they are."""
    projector.adopt(store.context, store.epoch, store.lanes)
    for batch in batches(Log(store)):
        projector.append(store.context, batch)
    last, copies = store.last_pos(), events // (3 * ORDERS)
    tell = _Told()
    for start in range(1, copies, AT_ONCE):
        place = {"last": last, "seconds": ORDERS, "from": start, "count": min(AT_ONCE, copies - start)}
        projector.analytics.command(COPY, place, {"async_insert": 0})
        tell("copied", start * 3 * ORDERS, events)
    return copies * 3 * ORDERS


def _derive(projector: Projector, app: str, events: int) -> None:
    tell = _Told()
    for table in TABLES:
        done = 0
        for step in projector.steps(table, projector.current(table), app):
            done += step
            tell(table, done, events)


class _Told:
    """Tells how far something is, now and then."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() - self._at > TELL_SECONDS:
            self._at = time.monotonic()
            _tell(f"{what}: {done:,} of {total:,} events")


def _tell(text: str) -> None:
    print(f"    {text}", file=sys.stderr, flush=True)  # noqa: T201 - the person waits for it


def _forget_peak() -> None:
    """Lets the peak begin anew, where the kernel can: what made the log is not what is measured."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _rss() -> float:
    """Peak resident memory of this process in MB; `getrusage` would tell that of who started it, where it was larger."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(_one(int(sys.argv[1]))))  # noqa: T201 - read by measure
