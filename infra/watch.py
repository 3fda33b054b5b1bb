"""How a process is watched from outside: is it alive, may it be used, and its metrics in Prometheus' form.

`Part` is what one piece of work (a relay, a projector, the reactions) shows of itself; it is asked when somebody
looks, so the work itself counts nothing. A process without an HTTP API serves all of it on a port of its own.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from pydantic_core import to_json

from infra.metrics import REGISTRY

if TYPE_CHECKING:  # it brings Kafka along, which few processes need
    from infra.relay import Relay

SAMPLE_SECONDS = 1.0
"""How often a process looks at its own lanes: how exactly it knows for how long one has been behind."""
SAMPLES = 4_000
"""Ends of a lane that are remembered: of an hour, and after that coarser by half, and so on."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a lane stands."""

    context: str
    lane: int
    done: int
    """The last position dealt with."""
    end: int
    """The last position that there is."""


def _nothing() -> Any:
    return ()


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of work as who watches sees it. Each function is cheap, and may raise: then it has nothing to say."""

    name: str
    """`relay`, `reactions`, `projector`."""
    context: str
    """Whose events it works on; empty for all of them."""
    state: Callable[[], str]
    """What it does, or what it waits for and why."""
    is_working: Callable[[], bool]
    standings: Callable[[], Iterable[Standing]] = _nothing
    counts: Callable[[], Iterable[tuple[str, int]]] = _nothing
    """Counters since its start, each under a name of its own: `events`, and `errors` on the way."""
    problems: Callable[[], Iterable[tuple[str, str]]] = _nothing
    """Why figures are not whole: kind (`poison`, `chain`, `dead letter`) and context of each."""


def relay_part(relay: Relay) -> Part:
    """A relay, as who watches sees it."""
    context = relay.store.context

    def standings() -> Iterator[Standing]:
        marks = relay.marks
        for lane, lag in relay.lag.items():
            if (mark := marks.get(lane)) is not None:
                yield Standing(context, lane, mark.pos, mark.pos + lag)

    return Part(
        "relay",
        context,
        lambda: relay.state,
        # A second relay that waits for the seat is as good as it can be.
        lambda: relay.state == "relaying" or relay.state.startswith("waiting: another relay"),
        standings,
        lambda: (("events", relay.sent), ("errors", relay.errors)),
    )


class Delay:
    """For how long a lane has been behind: the age of the oldest end that it has not reached."""

    def __init__(self) -> None:
        self._ends: deque[tuple[float, int]] = deque()

    def seconds(self, done: int, end: int, now: float) -> float:
        """How long ago the first position after `done` was seen; 0 where there is none. `now` never decreases."""
        ends = self._ends
        if done >= end:
            ends.clear()  # an end may have been seen further than it is now: a topic was made anew
        while ends and ends[0][1] <= done:
            ends.popleft()
        if end > done and (not ends or end > ends[-1][1]):
            ends.append((now, end))
        if len(ends) > SAMPLES:
            # The oldest is what counts: of the others every second one may go.
            self._ends = deque([ends[0], *list(ends)[2::2]])
        return now - self._ends[0][0] if self._ends else 0.0


@dataclass(slots=True)
class Watch(Collector):
    """All parts of a process."""

    role: str
    """What the process is: `relay`, `ordering` …"""
    parts: Sequence[Part] = ()
    reasons: Callable[[], list[str]] = list
    """Why the process may not be used, besides its parts."""
    numbers: Callable[[], Mapping[str, int | None]] = dict
    """What `/health` counts besides, by name; null where it is not known yet. Waits for nobody."""
    clock: Callable[[], float] = time.monotonic
    _delays: dict[tuple[str, str, int], Delay] = field(default_factory=dict)
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> list[tuple[Part, Standing, float]]:
        """Every lane of every part, and for how many seconds it has been behind."""
        found = []
        with self._looking:
            for part in self.parts:
                for one in _told(part.standings):
                    delay = self._delays.setdefault((part.name, one.context, one.lane), Delay())
                    found.append((part, one, delay.seconds(one.done, one.end, self.clock())))
        return found

    def ready(self) -> list[str]:
        """Why the process may not be used; empty where it may."""
        idle = [f"{_name(part)}: {part.state()}" for part in self.parts if not part.is_working()]
        return [*self.reasons(), *idle]

    def states(self) -> dict[str, str]:
        """What each part does."""
        return {_name(part): part.state() for part in self.parts}

    def collect(self) -> Iterator[Metric]:
        """What its parts show, as metrics."""
        place = ["part", "context", "lane"]
        events = GaugeMetricFamily("groupement_lag_events", "Positions that a lane has not dealt with.", labels=place)
        seconds = GaugeMetricFamily(
            "groupement_lag_seconds", "For how long a lane has had something to deal with.", labels=place
        )
        for part, one, behind in self.look():
            labels = [part.name, one.context, str(one.lane)]
            events.add_metric(labels, max(0, one.end - one.done))
            seconds.add_metric(labels, behind)
        of_part = ["part", "context"]
        working = GaugeMetricFamily("groupement_part_working", "1 where a part works, else 0.", labels=of_part)
        done = CounterMetricFamily(
            "groupement_part_done", "What a part did, such as events.", labels=[*of_part, "what"]
        )
        errors = CounterMetricFamily("groupement_part_errors", "What went wrong on the way.", labels=of_part)
        problems = GaugeMetricFamily(
            "groupement_problems",
            "Why figures are not whole: poison (unreadable events), chain (missing ones), dead letters.",
            labels=["part", "kind", "context"],
        )
        for part in self.parts:
            labels = [part.name, part.context]
            working.add_metric(labels, int(part.is_working()))
            for name, count in _told(part.counts):
                if name == "errors":
                    errors.add_metric(labels, count)
                else:
                    done.add_metric([*labels, name], count)
            found = list(_told(part.problems))
            for kind, context in sorted(set(found)):
                problems.add_metric([part.name, kind, context], found.count((kind, context)))
        yield from (family for family in (events, seconds, working, done, errors, problems) if family.samples)

    def metrics(self) -> bytes:
        """All metrics of the process, in Prometheus' text form."""
        return generate_latest(_Both(self))


class _Both(Collector):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()
        yield from self._watch.collect()


def _told(question: Callable[[], Iterable[Any]]) -> list[Any]:
    try:
        return list(question())
    except Exception:  # noqa: BLE001 - whoever watches must see the rest; the part's state says what is wrong
        return []


def _name(part: Part) -> str:
    return f"{part.name} {part.context}".strip()


def answer(watch: Watch, path: str) -> tuple[int, str, bytes] | None:
    """Status, media type and body of `/metrics`, `/health` and `/ready`; None elsewhere."""
    match path.partition("?")[0]:
        case "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, watch.metrics()
        case "/health":
            body = {"status": "alive", "role": watch.role, "parts": watch.states(), **watch.numbers()}
            return HTTPStatus.OK, "application/json", to_json(body)
        case "/ready":
            reasons = watch.ready()
            status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
            return status, "application/json", to_json({"is_ready": not reasons, "reasons": reasons})
    return None


@contextmanager
def watched(watch: Watch, port: int, host: str = "127.0.0.1") -> Iterator[int]:
    """Serves `/metrics`, `/health` and `/ready` while the block runs; yields the port, a free one for 0.

    Looks at the parts each second besides, so that lags in seconds are right. Raises OSError where the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answer(watch, self.path)
            status, kind, body = found or (HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /health or /ready\n")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: who watches asks every few seconds."""

    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            watch.look()

    with ThreadingHTTPServer((host, port), Handler) as server:
        threads = [threading.Thread(target=run, daemon=True) for run in (server.serve_forever, sample)]
        for thread in threads:
            thread.start()
        try:
            yield server.server_address[1]
        finally:
            ended.set()
            server.shutdown()
            for thread in threads:
                thread.join()
