"""What is measured: every metric's name, unit and labels stand here; whoever measures sets them.

Labels are of few values, all known to the code: no tenant, no id, no path. What happened to one order is in the log,
by its trace id.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # the time of its first value, for each series: twice the series, for nobody

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
EVENTS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)

BUILD = Gauge("groupement_build_info", "1, with the version that runs.", ["version"], registry=REGISTRY)
COMMANDS = Counter(
    "groupement_commands",
    "Commands over HTTP by outcome: accepted, repeated (answered before), refused, unknown (the store did not say), "
    "fault.",
    ["command", "outcome"],
    registry=REGISTRY,
)
REFUSALS = Counter(
    "groupement_refusals", "Answers that refuse, by the type of their problem.", ["problem"], registry=REGISTRY
)
HTTP_SECONDS = Histogram(
    "groupement_http_request_duration_seconds",
    "Time to answer a request, by operation (operationId of /openapi.json).",
    ["method", "operation", "status"],
    buckets=SECONDS,
    registry=REGISTRY,
)
LOST_RACES = Counter(
    "groupement_lost_races",
    "Transactions that were decided again because somebody else wrote first, by the event that they could not add to "
    "its stream: ordering.Ceiling… says how contended a maximum is.",
    ["context", "event"],
    registry=REGISTRY,
)
BATCH_EVENTS = Histogram(
    "groupement_projector_batch_events",
    "Events of one insert, by table.",
    ["table"],
    buckets=EVENTS,
    registry=REGISTRY,
)
INSERT_SECONDS = Histogram(
    "groupement_projector_insert_duration_seconds",
    "Time of one insert into the analytics engine, by table.",
    ["table"],
    buckets=SECONDS,
    registry=REGISTRY,
)
VISIBLE_SECONDS = Histogram(
    "groupement_projector_visible_seconds",
    "From the recording of an event to its figures, for the oldest event of each batch.",
    ["context"],
    buckets=SECONDS,
    registry=REGISTRY,
)


@contextmanager
def inserting(table: str, events: int) -> Iterator[None]:
    """Measures an insert of so many events; one that raises too."""
    BATCH_EVENTS.labels(table).observe(events)
    with INSERT_SECONDS.labels(table).time():
        yield


def shown(context: str, recorded_at: datetime) -> None:
    """Notes that figures now contain an event that was recorded at this time."""
    VISIBLE_SECONDS.labels(context).observe((datetime.now(UTC) - recorded_at).total_seconds())
