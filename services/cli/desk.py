"""Who answers the command's questions: this process, or the server that holds the analytics folder."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from events.base import Refusal
from infra import auth
from infra.clickhouse import AnalyticsInUse
from infra.settings import Settings
from services.cli.console import Step, progress
from services.embedded import Platform, open_platform
from services.finance.query import FigureQuery

Document = dict[str, Any]
TIMEOUT_SECONDS = 600


class ServerSaysNo(Refusal):
    """The running server refused, or could not answer."""

    rule = "While `groupement serve` holds the analytics folder, it answers for it"
    remedy = "Read what it says; where it is gone, stop its process and try again."


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


class ServerDesk:
    """Asks a running server, with a token that this machine's key signs."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url.rstrip("/"), token

    def figure(self, query: FigureQuery) -> Document:
        """A figure's JSON object."""
        return self._ask("GET", f"figures/{query.figure}?{_parameters(query)}")

    def explain(self, query: FigureQuery, limit: int) -> Document:
        """The events behind it."""
        return self._ask("GET", f"explain/{query.figure}?{_parameters(query)}&limit={limit}")

    def reconcile(self) -> Document:
        """The ledger against the stores."""
        return self._ask("GET", "reconcile")

    def rebuild(self, *, accept_changes: bool, from_stores: bool) -> Document:
        """New generations of the derived tables."""
        options = urllib.parse.urlencode({"accept_changes": accept_changes, "from_stores": from_stores})
        return self._ask("POST", f"admin/rebuild?{options}")

    def lag(self) -> Document:
        """Who follows the stores, and how far behind."""
        return self._ask("GET", "lag")

    def trace(self, trace_id: str) -> Document:
        """The events that a request caused."""
        return self._ask("GET", f"traces/{urllib.parse.quote(trace_id)}")

    def _ask(self, method: str, path: str) -> Document:
        request = urllib.request.Request(  # noqa: S310 - the address is the user's own server
            f"{self._url}/api/v1/{path}", method=method, headers={"Authorization": f"Bearer {self._token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                document: Document = json.load(answer)
                return document
        except urllib.error.HTTPError as error:
            raise _refusal(error) from error
        except urllib.error.URLError as error:
            msg = f"{self._url} does not answer: {error.reason}"
            raise ServerSaysNo(msg) from error


def _refusal(error: urllib.error.HTTPError) -> ServerSaysNo:
    """The server's problem, told with the rule and the remedy that it states."""
    try:
        problem = json.loads(error.read())
    except ValueError:
        return ServerSaysNo(f"{error.code} {error.reason}")
    place = (problem.get("errors") or [{}])[0]
    refusal = ServerSaysNo(problem.get("detail", str(error)), pointer=place.get("pointer", ""))
    for name in ("rule", "remedy"):
        if text := place.get(name):
            setattr(refusal, name, text)
    return refusal


def _parameters(query: FigureQuery) -> str:
    asked = query.model_dump(mode="json", by_alias=True, exclude={"figure"}, exclude_none=True)
    return urllib.parse.urlencode(asked, doseq=True)


@contextmanager
def open_desk(settings: Settings, *, from_anything: bool = False) -> Iterator[Desk]:
    """A desk for the home: the server named by GROUPEMENT_API, this process, or the server that holds the folder.

    What was published since is projected first; `from_anything` leaves that out, for projections of another store.
    Raises AnalyticsInUse where another process holds the folder and no server answers.
    """
    if url := os.environ.get("GROUPEMENT_API"):
        yield ServerDesk(url, os.environ.get("GROUPEMENT_TOKEN") or auth.issue(settings, "admin", "cli"))
        return
    with ExitStack() as stack:
        try:
            platform = stack.enter_context(open_platform(settings))
        except AnalyticsInUse:
            if (found := served_at(settings)) is None:
                raise
            yield ServerDesk(found, auth.issue(settings, "admin", "cli"))
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
