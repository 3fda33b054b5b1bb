"""A server that is asked: `groupement serve`, or the gateway of a full run."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from typing import Any
from uuid import UUID

from events.base import Refusal
from infra import auth
from infra.paging import LARGEST_PAGE, cursor_of
from infra.settings import Settings
from services.finance.query import FigureQuery

Document = dict[str, Any]
TIMEOUT_SECONDS = 600


class ServerSaysNo(Refusal):
    """The running server refused, or could not answer."""

    rule = "While `groupement serve` holds the analytics folder, it answers for it"
    remedy = "Read what it says; where it is gone, stop its process and try again."


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

    def events(self, context: str, place: str | None, aggregate: UUID | None) -> Document:
        """A page of the published events of a context from a place on, or of one aggregate."""
        asked = {"context": context, "limit": LARGEST_PAGE, "cursor": place and cursor_of(place), "id": aggregate}
        given = {name: value for name, value in asked.items() if value is not None}
        return self._ask("GET", f"events?{urllib.parse.urlencode(given)}")

    def ready(self) -> Document:
        """Whether the server may be asked, and why not."""
        return self._load(urllib.request.Request(f"{self._url}/ready"))  # noqa: S310 - the user's own server

    def health(self) -> Document:
        """What the server says of its figures."""
        return self._load(urllib.request.Request(f"{self._url}/health"))  # noqa: S310

    def _ask(self, method: str, path: str) -> Document:
        request = urllib.request.Request(  # noqa: S310 - the address is the user's own server
            f"{self._url}/api/v1/{path}", method=method, headers={"Authorization": f"Bearer {self._token}"}
        )
        return self._load(request)

    def _load(self, request: urllib.request.Request) -> Document:
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
    if "reasons" in problem:  # what /ready says
        return ServerSaysNo("; ".join(problem["reasons"]))
    place = (problem.get("errors") or [{}])[0]
    refusal = ServerSaysNo(problem.get("detail", str(error)), pointer=place.get("pointer", ""))
    for name in ("rule", "remedy"):
        if text := place.get(name):
            setattr(refusal, name, text)
    return refusal


def _parameters(query: FigureQuery) -> str:
    asked = query.model_dump(mode="json", by_alias=True, exclude={"figure"}, exclude_none=True)
    return urllib.parse.urlencode(asked, doseq=True)


def server_desk(settings: Settings, url: str) -> ServerDesk:
    """A desk at a server, with the token that is given, or one that this machine's key signs."""
    return ServerDesk(url, os.environ.get("GROUPEMENT_TOKEN") or auth.issue(settings, "admin", "cli"))
