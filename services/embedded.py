"""The embedded run: every service, its projections and finance in one process, on one folder.

The same parts run as processes of their own in the full stack; here the notification logs are read directly.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, RLock, Thread
from typing import Any, Self

from infra.clickhouse import Analytics, open_embedded
from infra.event_store import Clock, EventStore, utc_now
from infra.log import Log, Mark
from infra.settings import Settings
from infra.watch import Part, Standing, Watch
from projections.projector import Projector
from services.finance.app import Finance
from services.lag import LaneLag, lags
from services.membership import app as membership
from services.ordering import app as ordering
from services.projecting import Progress, Step, make_anew, project
from services.reading import Reading
from services.serving import Serving
from services.suppliers import app as suppliers
from services.tendering import app as tendering

PAGE = 2_000
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contexts:
    """The four services that take commands, on their stores. No analytics: any number of processes may have them."""

    settings: Settings
    membership: membership.Membership
    suppliers: suppliers.Suppliers
    tendering: tendering.Tendering
    ordering: ordering.Ordering

    @property
    def stores(self) -> tuple[EventStore, ...]:
        """The stores, in the order in which figures name them."""
        return (self.membership.store, self.suppliers.store, self.tendering.store, self.ordering.store)

    def react(self) -> None:
        """Feeds ordering with what the other contexts published since."""
        for store in self.stores:
            if store.context != "ordering":
                marks = {lane: Mark(self.ordering.noted_pos(store.context, lane)) for lane in range(store.lanes)}
                log = Log(store, marks)
                while (page := log.page(PAGE)) is not None:
                    self.ordering.react(store.context, page)


class Platform(Serving):
    """Everything in one process. Only one process at a time may have a home's analytics open."""

    def __init__(self, contexts: Contexts, analytics: Analytics, clock: Clock) -> None:
        super().__init__("serve", contexts.settings, contexts.stores, Reading(analytics))
        self.contexts = contexts
        self.membership, self.suppliers = contexts.membership, contexts.suppliers
        self.tendering, self.ordering = contexts.tendering, contexts.ordering
        self.analytics = analytics
        self.clock = clock
        self.projector = Projector(analytics)
        self.finance = Finance(self.projector, contexts.stores, clock)
        self.pump = Pump(self)
        self._one_at_a_time = RLock()

    def react(self) -> None:
        """Feeds ordering with what the other contexts published since."""
        self.contexts.react()

    def catch_up(self, on_progress: Progress | None = None) -> None:
        """Lets reactions and projections take in everything that was published.

        Raises BeyondTheEnd, OtherStore, ChainBroken.
        """
        with self._one_at_a_time:
            try:
                self.react()
            finally:
                # Where ordering cannot go on, what was published is projected all the same.
                project(self.projector, self.stores, on_progress)

    def rebuild(self, step: Step, *, accept_changes: bool = False, from_stores: bool = False) -> dict[str, Any]:
        """New generations of the derived tables; figures before and after, which are equal or nothing is switched.

        `from_stores` forgets the raw log too and reads the stores again: for projections that belong to other stores.
        """
        with self._one_at_a_time:
            if from_stores:
                # Reactions first, as whenever events are taken in.
                self.react()
            return make_anew(self.projector, self.stores, step, accept_changes=accept_changes, from_stores=from_stores)

    def lags(self) -> list[LaneLag]:
        """How far projections and reactions are behind the stores."""
        return lags(self.stores, self.reading.projected, self.ordering, utc_now())

    def watch(self) -> Watch:
        """What the process shows of itself."""
        return Watch(self.role, [self.part()], self.troubles)

    def part(self) -> Part:
        """Reactions and projections, as who watches sees them. They are one: there is nothing between the stores."""

        def standings() -> Iterator[Standing]:
            for store, done in zip(self.contexts.stores, self.pump.seen, strict=False):
                yield Standing(store.context, 0, done, store.last_pos())

        return Part(
            "projector",
            "",
            lambda: self.pump.trouble or "projecting",
            lambda: self.pump.trouble is None,
            standings,
            problems=lambda: ((one.kind, one.app) for one in self.projector.problems()),
        )


class Pump:
    """Keeps reactions and projections up with the stores while something is served."""

    def __init__(self, platform: Platform, every_seconds: float = 0.05) -> None:
        self._platform = platform
        self._every = every_seconds
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="pump", daemon=True)
        self.trouble: str | None = None
        """Why it stands still; None while it runs. It tries again, and figures and /health say so meanwhile."""
        self.seen: tuple[int, ...] = ()
        """For each store the end that was taken in; empty before the first time."""

    def __enter__(self) -> Self:
        """Starts."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends after the step that runs."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        pause = self._every
        while not self._stopping.wait(pause):
            ends = tuple(store.last_pos() for store in self._platform.contexts.stores)
            if ends == self.seen and self.trouble is None:
                continue
            try:
                self._platform.catch_up()
            except Exception as trouble:
                # Whatever it is, the server must go on answering, say so, and try again.
                log.exception("reactions and projections stand still")
                self.trouble, pause = f"{type(trouble).__name__}: {trouble}", 2.0
            else:
                self.trouble, pause, self.seen = None, self._every, ends


def open_contexts(settings: Settings, clock: Clock = utc_now) -> Contexts:
    """The four services on the stores that the settings name."""
    return Contexts(
        settings,
        membership.build(settings, clock),
        suppliers.build(settings, clock),
        tendering.build(settings, clock),
        ordering.build(settings, clock),
    )


@contextmanager
def open_platform(settings: Settings, clock: Clock = utc_now) -> Iterator[Platform]:
    """Everything on a home folder. Raises AnalyticsInUse where another process has its analytics open."""
    analytics = open_embedded(settings.analytics)
    try:
        yield Platform(open_contexts(settings, clock), analytics, clock)
    finally:
        analytics.close()
