"""Published events as a terminal shows them, from the stores or from a server: the newest, and then what comes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from infra.event_store import EventStore
from infra.log import Entry, Log, Mark
from infra.settings import Settings
from services.cli.server import ServerDesk
from services.embedded import open_contexts


class Shown(NamedTuple):
    """An event, and where it stands."""

    place: dict[str, Any]
    body: dict[str, Any]


class Follower(Protocol):
    """Where events come from."""

    def new(self) -> Iterator[Shown]:
        """What was published since the last call; at the first, the newest."""


def _from_end(end: int, limit: int) -> int:
    # Receipts and other internal events stand between: three positions for each event shown are enough.
    return max(0, end - 3 * limit) if limit else 0


class StoreFollower:
    """Reads the stores."""

    def __init__(self, settings: Settings, contexts: Sequence[str], aggregate: UUID | None, limit: int) -> None:
        stores = [store for store in open_contexts(settings).stores if store.context in contexts]
        self._aggregate, self._limit = aggregate, 0 if aggregate else limit
        self._logs = [(store, Log(store, self._begin(store))) for store in stores]

    def _begin(self, store: EventStore) -> dict[int, Mark]:
        start = Mark(_from_end(store.last_pos(), self._limit))
        return dict.fromkeys(range(store.lanes), start)

    def new(self) -> Iterator[Shown]:
        """What was published since the last call; at the first, the newest."""
        for store, log in self._logs:
            found: list[Entry] = []
            while (page := log.page()) is not None:
                found += [entry for entry in page if self._aggregate in (None, entry.stream_id)]
                found = found[-self._limit :] if self._limit else found
            for entry in found:
                place = {"context": store.context, "lane": entry.lane, "position": entry.pos, "type": entry.type,
                         "aggregate": str(entry.stream_id), "version": entry.version}  # fmt: skip
                yield Shown(place, json.loads(entry.raw))


class ServerFollower:
    """Asks a server, page by page."""

    def __init__(self, desk: ServerDesk, contexts: Sequence[str], aggregate: UUID | None, limit: int) -> None:
        self._desk, self._aggregate, self._limit = desk, aggregate, limit
        ends = [(row["context"], row["end"]) for row in desk.lag()["rows"]]
        last = {context: max(end for name, end in ends if name == context) for context in contexts}
        self._places = {context: str(0 if aggregate else _from_end(end, limit)) for context, end in last.items()}

    def new(self) -> Iterator[Shown]:
        """What was published since the last call; at the first, the newest."""
        for context, place in self._places.items():
            found, limit = list(self._rows(context, place)), 0 if self._aggregate else self._limit
            if found:
                last = found[-1]
                self._places[context] = str(last["version"] if self._aggregate else last["position"])
            for row in found[-limit:] if limit else found:
                names = ("lane", "position", "type", "version")
                told = {"context": context, "aggregate": row["stream_id"], **{name: row[name] for name in names}}
                yield Shown(told, row["data"])

    def _rows(self, context: str, place: str) -> Iterator[dict[str, Any]]:
        while rows := self._desk.events(context, place, self._aggregate)["rows"]:
            yield from rows
            place = str(rows[-1]["version" if self._aggregate else "position"])
