"""The process of the projector: the only writer of the projections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any, Self

from infra import schema
from infra.clickhouse import Analytics, open_server
from infra.event_store import Clock
from infra.origin import Stores
from infra.settings import Settings
from infra.watch import Part, Standing, Watch
from projections.kafka_feed import KafkaFeed
from projections.projector import Projector
from services.embedded import open_contexts
from services.processes import CONTEXTS
from services.processes.serving import serve
from services.processes.work import Work
from services.projecting import Step, make_anew
from services.reading import Reading
from services.serving import Serving


class ProjectorProcess(Serving):
    """The only writer of the projections: fed from Kafka, or making all anew while it is asked to."""

    def __init__(self, settings: Settings, analytics: Analytics, clock: Clock) -> None:
        schema.check("ClickHouse", schema.analytics_version(analytics), schema.ANALYTICS_VERSION)
        super().__init__("projector", settings, open_contexts(settings, clock).stores, Reading(analytics))
        self._one_at_a_time = threading.Lock()
        self._feed = self._new_feed()
        self._work = Work(self._feed.run)

    def _new_feed(self) -> KafkaFeed:
        settings = self.settings
        return KafkaFeed(lambda: open_server(settings), settings.kafka_bootstrap, CONTEXTS, Stores(settings))

    def __enter__(self) -> Self:
        """Begins to read."""
        self._work.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends after the steps that run."""
        with self._one_at_a_time:
            self._work.stop()
        super().__exit__()

    def rebuild(self, step: Step, *, accept_changes: bool, from_stores: bool) -> dict[str, Any]:
        """New generations of the derived tables, while nothing is read from Kafka."""
        with self._one_at_a_time, ExitStack() as stack:
            self._work.stop()
            stack.callback(self._begin_anew)
            projector = Projector(stack.enter_context(closing(open_server(self.settings))))
            return make_anew(projector, self.stores, step, accept_changes=accept_changes, from_stores=from_stores)

    def _begin_anew(self) -> None:
        self._feed = self._new_feed()
        self._work = Work(self._feed.run)
        self._work.start()

    def watch(self) -> Watch:
        """What the process shows of itself."""
        return Watch("projector", [self._part()], self.troubles)

    def _part(self) -> Part:
        def standings() -> Iterator[Standing]:
            reached = self.reading.projected.positions("raw_log")
            for (context, lane), left in list(self._feed.lag.items()):
                done = reached.get((context, lane), 0)
                yield Standing(context, lane, done, done + left)

        return Part(
            "projector",
            "",
            lambda: self._feed.state,
            lambda: self._feed.state == "projecting",
            standings,
            lambda: (("events", self._feed.events), ("errors", self._feed.unreadable)),
            lambda: ((one.kind, one.app) for one in self.reading.projected.problems()),
        )


def run(settings: Settings, host: str, port: int) -> None:
    """Serves until a signal ends it."""
    serve(ProjectorProcess, settings, host, port)
