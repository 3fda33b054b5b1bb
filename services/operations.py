"""For whoever watches the installation: is it alive, may it be asked, what happened, and its projections made anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request as HttpRequest

from events.base import Value
from infra.event_store import EventStore, is_internal
from infra.http import REFUSED
from infra.log import BeyondTheEnd, Entry, Log, Mark
from infra.paging import LARGEST_PAGE, PAGE, Cursor, cursor_of, link_next, place_of
from infra.problems import TokenUnreadable
from infra.watch import Watch
from projections.traces.reader import CausedEvent
from services.finance.api import in_short
from services.lag import LaneLag

router = APIRouter(tags=["operations"])
admin = APIRouter(tags=["operations"])
"""What changes projections: for the process that may write them."""
health_of_figures = APIRouter(tags=["health"])
health_of_process = APIRouter(tags=["health"])
"""The same path for processes that know no figures: they live, or they do not answer."""
watched = APIRouter(tags=["health"])

Step = Callable[[str, int, int], None]
Context = Literal["membership", "suppliers", "tendering", "ordering"]


class EventView(Value):
    """An event as it is stored."""

    context: str
    lane: int
    position: int | None
    """Its place in the context's log; null where the events of one aggregate are asked."""
    stream_id: UUID
    """The aggregate."""
    version: int
    """Its place among the aggregate's events."""
    type: str
    """Stored name and version."""
    recorded_at: datetime | None
    data: Any
    """The stored JSON; a text where it cannot be read."""


class EventPage(Value):
    """Events in the order of the log, or of the aggregate."""

    rows: list[EventView]
    next: str | None
    """Where to go on, later too: at the end of the log it waits for what comes. Null where nothing was there yet."""


def _store(request: HttpRequest, context: Context) -> EventStore:
    stores: Sequence[EventStore] = request.app.state.platform.stores
    return next(store for store in stores if store.context == context)


@router.get("/events", responses=REFUSED)
def list_events(
    request: HttpRequest,
    response: Response,
    context: Context = "ordering",
    id: Annotated[UUID | None, Query(description="The events of one aggregate.")] = None,  # noqa: A002 - its name outside
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE,
) -> EventPage:
    """The published events of a context as they are stored, oldest first. Nothing internal is shown."""
    start = _number(place_of(cursor))
    store = _store(request, context)
    rows = _of_log(store, start, limit) if id is None else _of_aggregate(store, id, start, limit)
    last = (rows[-1].version if id else rows[-1].position) if rows else None
    following = cursor if last is None else cursor_of(str(last))
    link_next(request, response, following if len(rows) == limit else None)
    return EventPage(rows=rows, next=following)


def _number(place: str | None) -> int:
    if place is not None and not place.isdigit():
        raise TokenUnreadable("the cursor is of another list", pointer="/cursor")
    return int(place or 0)


def _of_log(store: EventStore, start: int, limit: int) -> list[EventView]:
    try:
        log = Log(store, {lane: Mark(start) for lane in range(store.lanes)})
    except BeyondTheEnd as error:
        raise TokenUnreadable("the cursor is beyond the log's end", pointer="/cursor") from error
    found: list[Entry] = []
    while len(found) < limit and (entries := log.page(limit - len(found))) is not None:
        found += entries
    return [
        EventView(
            context=store.context,
            lane=entry.lane,
            position=entry.pos,
            stream_id=entry.stream_id,
            version=entry.version,
            type=entry.type,
            recorded_at=entry.recorded_at,
            data=_data(entry.raw),
        )
        for entry in found
    ]


def _of_aggregate(store: EventStore, stream_id: UUID, start: int, limit: int) -> list[EventView]:
    stored = store.recorder.select_events(stream_id, gt=start, limit=limit)
    return [
        EventView(
            context=store.context,
            lane=store.lane(stream_id),
            position=None,
            stream_id=stream_id,
            version=event.originator_version,
            type=event.topic,
            recorded_at=None,
            data=_data(event.state),
        )
        for event in stored
        if not is_internal(event)
    ]


class TracePage(Value):
    """What one request caused."""

    rows: list[CausedEvent]


@router.get("/traces/{trace_id}", responses=REFUSED)
def read_trace(
    request: HttpRequest, trace_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="As in the log.")]
) -> TracePage:
    """The events that a request caused, by its trace (the answer's Groupement-Trace), and their rows in the ledger."""
    return TracePage(rows=request.app.state.platform.read.traces.events(trace_id))


class LagPage(Value):
    """Who follows the stores, and how far behind."""

    rows: list[LaneLag]


@router.get("/lag", responses=REFUSED)
def read_lag(request: HttpRequest) -> LagPage:
    """How far relay, projector and reactions are behind the stores, lane by lane, in events and seconds."""
    return LagPage(rows=request.app.state.platform.lags())


def _data(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


class Rebuilds(Protocol):
    """What may write the projections."""

    def rebuild(self, step: Step, *, accept_changes: bool, from_stores: bool) -> dict[str, Any]:
        """New generations of the derived tables; figures before and after."""


@admin.post("/admin/rebuild", responses=REFUSED)
def rebuild(request: HttpRequest, accept_changes: bool = False, from_stores: bool = False) -> dict[str, Any]:
    """Makes the derived tables anew; figures before and after, which are equal, or nothing is switched.

    `accept_changes` switches although figures differ; `from_stores` reads the stores again too.
    """
    platform: Rebuilds = request.app.state.platform
    return platform.rebuild(lambda *_: None, accept_changes=accept_changes, from_stores=from_stores)


class Health(Value):
    """Alive. `incomplete` says why figures are not whole, if they are not."""

    status: Literal["alive"] = "alive"
    poison: int
    """Events that could not be read."""
    incomplete: list[dict[str, Any]] | None
    positions: dict[str, list[int]]
    """How far figures have come, one number for each lane of a context."""


@health_of_figures.get("/health")
def health(request: HttpRequest) -> Health:
    """Whether the process answers, and whether figures are whole."""
    finance = request.app.state.platform.finance
    incomplete = in_short(finance.incomplete())
    poison = sum(problem["kind"] == "poison" for problem in incomplete or ())
    return Health(poison=poison, incomplete=incomplete, positions=finance.positions())


@watched.get("/metrics", include_in_schema=False)
def metrics(request: HttpRequest) -> Response:
    """What is measured, in Prometheus' text form."""
    return Response(request.app.state.watch.metrics(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class Alive(Value):
    """Alive."""

    status: Literal["alive"] = "alive"


@health_of_process.get("/health", name="alive")
def alive() -> Alive:
    """Whether the process answers."""
    return Alive()


class Readiness(Value):
    """Whether requests should be sent here."""

    is_ready: bool
    reasons: list[str]
    """Why not."""


@watched.get("/ready", responses={503: {"model": Readiness}})
def ready(request: HttpRequest, response: Response) -> Readiness:
    """Whether the stores answer and the projections follow them; 503 where not."""
    watch: Watch = request.app.state.watch
    reasons = watch.ready()
    response.status_code = 503 if reasons else 200
    return Readiness(is_ready=not reasons, reasons=reasons)
