"""Who answers the command's questions: this process, or the server that holds the analytics folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from events.base import Refusal
from infra.clickhouse import AnalyticsInUse, open_server
from infra.event_store import utc_now
from infra.settings import Settings
from services.cli.console import Step, progress
from services.cli.server import Document, server_desk
from services.embedded import Platform, open_platform
from services.finance.query import FigureQuery
from services.processes.finance import FinanceProcess


class Desk(Protocol):
    """What can be asked."""

    def figure(self, query: FigureQuery) -> Document:
        """A figure's JSON object."""

    def explain(self, query: FigureQuery, limit: int) -> Document:
        """The events behind it."""

    def reconcile(self) -> Document:
        """The ledger against the stores."""

    def rebuild(self, *, accept_changes: bool, from_stores: bool) -> Document:
        """New generations of the derived tables."""

    def lag(self) -> Document:
        """Who follows the stores, and how far behind."""

    def trace(self, trace_id: str) -> Document:
        """The events that a request caused."""


class NoServer(Refusal):
    """What is asked needs the server of a full run."""

    rule = "In the full run projections are written by the projector alone"
    remedy = "Set GROUPEMENT_API to the address of the gateway; full.env in the home does."


class NotThroughTheApi(Refusal):
    """The command works on the stores themselves, and these are not here."""

    rule = "Import, backup and the like read or write stores, which a server does not hand out"
    remedy = "Unset GROUPEMENT_API to work on this home; for a full run, read its full.env, which names its stores."


class OnlyEmbedded(Refusal):
    """The command runs everything in one process, and a full run has one for each part."""

    rule = "demo and serve are for a home of their own, in one process"
    remedy = "Unset GROUPEMENT_API and the settings of the full run, or use what is named."


class HereDesk:
    """Answers from this process."""

    def __init__(self, platform: Platform, step: Step) -> None:
        self._platform = platform
        self._step = step

    def figure(self, query: FigureQuery) -> Document:
        """A figure's JSON object."""
        return self._platform.finance.figure(query)

    def explain(self, query: FigureQuery, limit: int) -> Document:
        """The events behind it."""
        return self._platform.finance.explain(query, limit)

    def reconcile(self) -> Document:
        """The ledger against the stores."""
        return self._platform.finance.reconcile(lambda done, total: self._step("folding events", done, total))

    def rebuild(self, *, accept_changes: bool, from_stores: bool) -> Document:
        """New generations of the derived tables, from the raw log or from the stores themselves."""
        return self._platform.rebuild(self._step, accept_changes=accept_changes, from_stores=from_stores)

    def lag(self) -> Document:
        """Who follows the stores, and how far behind."""
        return {"rows": [row.model_dump(mode="json") for row in self._platform.lags()]}

    def trace(self, trace_id: str) -> Document:
        """The events that a request caused."""
        return {"rows": [row.model_dump(mode="json") for row in self._platform.read.traces.events(trace_id)]}


class ReadingDesk:
    """Answers from the servers of a full run, without its gateway: reads, and writes nothing."""

    def __init__(self, finance: FinanceProcess, step: Step) -> None:
        self._process = finance
        self._step = step

    def figure(self, query: FigureQuery) -> Document:
        """A figure's JSON object."""
        return self._process.finance.figure(query)

    def explain(self, query: FigureQuery, limit: int) -> Document:
        """The events behind it."""
        return self._process.finance.explain(query, limit)

    def reconcile(self) -> Document:
        """The ledger against the stores."""
        return self._process.finance.reconcile(lambda done, total: self._step("folding events", done, total))

    def rebuild(self, *, accept_changes: bool, from_stores: bool) -> Document:
        """Refused: the projector may be writing."""
        asked = "--from-stores" * from_stores or "--accept-changes" * accept_changes
        raise NoServer(f"rebuild {asked}".strip())

    def lag(self) -> Document:
        """Who follows the stores, and how far behind."""
        return {"rows": [row.model_dump(mode="json") for row in self._process.lags()]}

    def trace(self, trace_id: str) -> Document:
        """The events that a request caused."""
        return {"rows": [row.model_dump(mode="json") for row in self._process.read.traces.events(trace_id)]}


def check_stores(settings: Settings) -> None:
    """Refuses to work on the stores of this home where the command is told to ask a server elsewhere.

    Raises NotThroughTheApi.
    """
    url = os.environ.get("GROUPEMENT_API")
    if url and not settings.postgres_host and served_at(settings) != url.rstrip("/"):
        raise NotThroughTheApi(f"GROUPEMENT_API is {url}, and the stores of {settings.home} are others")


def check_embedded(settings: Settings, other: str) -> None:
    """Refuses what runs everything in one process where the settings are those of a full run. Raises OnlyEmbedded."""
    if os.environ.get("GROUPEMENT_API") or settings.clickhouse_host or settings.kafka_bootstrap:
        raise OnlyEmbedded(f"with the settings of a full run there is: {other}")


@contextmanager
def open_desk(settings: Settings, *, from_anything: bool = False) -> Iterator[Desk]:
    """A desk for the home: the server named by GROUPEMENT_API, this process, or the server that holds the folder.

    What was published since is projected first; `from_anything` leaves that out, for projections of another store.
    Raises AnalyticsInUse where another process holds the folder and no server answers.
    """
    if url := os.environ.get("GROUPEMENT_API"):
        yield server_desk(settings, url)
        return
    with ExitStack() as stack:
        if settings.clickhouse_host:
            process = stack.enter_context(FinanceProcess(settings, open_server(settings), utc_now))
            yield ReadingDesk(process, stack.enter_context(progress()))
            return
        try:
            platform = stack.enter_context(open_platform(settings))
        except AnalyticsInUse:
            if (found := served_at(settings)) is None:
                raise
            yield server_desk(settings, found)
            return
        step = stack.enter_context(progress())
        if not from_anything:
            platform.catch_up(lambda done, total: step("projecting events", done, total))
        yield HereDesk(platform, step)


def served_at(settings: Settings) -> str | None:
    """The address of the server that holds the home's analytics, where there is one."""
    note = settings.home / "serve.json"
    if not note.exists():
        return None
    url: str = json.loads(note.read_text(encoding="utf-8"))["url"]
    return url
