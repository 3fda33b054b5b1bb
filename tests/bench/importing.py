"""The import of a delivery history, from file to figures, against bare loops of the library's batched save.

While the import runs, each of its transactions is followed by the peers', which save the same events (what must exist
before an order, the orders, the identities of their bills, the receipts of the commands) in one transaction each, on a
store of their own with the same settings: whatever the machine does meanwhile, it does to all. Their time is taken off
the import's.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import Mapper

from events.base import Event
from events.ordering import PastLine, PastOrderRecorded
from infra.event_store import Accepted, EventStore, Request
from infra.mapper import Recorded
from infra.settings import Settings
from services.embedded import Platform, open_platform
from services.history.known import Service
from services.history.run import import_orders
from tests.bench import peer
from tests.history.lookalike import rows, write

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "scms" / "scms_delivery_history.csv"
ROWS = 10_324
PEERS = ("library", "library_orders_only", "our_events", "our_events_ready")
Save = Callable[[], object]
WHERE_IT_SPENDS = """\
Where a whole import of the real file spends its time (sampled): 12 % reading lines into typed values, 9 % deciding the
whole file before the first commit, 10 % on what must exist before an order (establishments, suppliers, agreements,
reference prices, adhesions, and ordering's notes of them), 69 % on the orders. Of the orders' part, a fifth is
validation of commands and events, a ninth SQLite, a ninth JSON, an eighth ids and stamps of events; the rest is Python
of the decisions, no part of it large. The garbage collector is off during an import, and so for the peers in it: with
it on, a fifth of the time went into looking through the rows and the plan of the whole file.
"""


class OurEvents(Application[UUID]):
    """The library's `save` with our events and their JSON."""

    def __init__(self, mapper: Mapper[UUID], environment: dict[str, str]) -> None:
        self._given = mapper
        super().__init__(environment)

    def construct_mapper(self) -> Mapper[UUID]:
        return self._given


class Followed:
    """The four contexts, where whatever is written is saved again by the peers, and timed."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._platform = platform
        self._places = {store.context: _Place(store, folder) for store in platform.stores}
        self.membership = _Service(self, platform.membership)
        self.suppliers = _Service(self, platform.suppliers)
        self.tendering = _Service(self, platform.tendering)
        self.ordering = _Service(self, platform.ordering)

    @property
    def events(self) -> dict[str, int]:
        """Context -> events that were written."""
        return {context: place.events for context, place in self._places.items()}

    def react(self) -> None:
        self._platform.react()
        self.follow("ordering")
        self.seconds["before_orders"] = time.perf_counter()
        self.seconds["peers_before_orders"] = self.seconds["peers"]

    def follow(self, context: str) -> None:
        """Lets the peers save what a context wrote since."""
        began = time.perf_counter()
        is_orders = "before_orders" in self.seconds
        for name, save in self._places[context].saves().items():
            seconds = _seconds(save)
            self.seconds[name] += seconds
            self.seconds[f"{name}, orders"] += seconds if is_orders else 0
        self.seconds["peers"] += time.perf_counter() - began

    def close(self) -> None:
        for place in self._places.values():
            place.close()


class _Service:
    """A service whose transactions are followed by the peers'."""

    def __init__(self, followed: Followed, service: Service) -> None:
        self.store = service.store
        self._followed, self._service = followed, service

    def handle_many(self, requests: Sequence[Request[Any]]) -> list[Accepted]:
        accepted = self._service.handle_many(requests)
        self._followed.follow(self.store.context)
        return accepted


class _Place:
    """A store, and those of the peers beside it."""

    def __init__(self, store: EventStore, folder: Path) -> None:
        self.events = 0
        self._store, self._pos = store, store.last_pos()
        environments = {name: _sqlite(folder / f"{store.context}-{name}.db") for name in PEERS}
        self._applications: dict[str, Application[UUID]] = {
            name: peer.Orders(environment) if name.startswith("library") else OurEvents(store.mapper, environment)
            for name, environment in environments.items()
        }

    def saves(self) -> dict[str, Save]:
        """What each peer does about the events since the last time."""
        stored = self._store.recorder.select_notifications(self._pos + 1, 1_000_000)
        recorded: list[Recorded] = [self._store.mapper.to_domain_event(one) for one in stored]
        if not recorded:
            return {}
        self._pos = stored[-1].id
        self.events += len(recorded)
        makes = [peer.of(one) for one in recorded]
        orders = [peer.of(one) for one in recorded if isinstance(one.event, PastOrderRecorded)]
        ours = [partial(_made, one, peer.fields_of(one.event)) for one in recorded]
        each: dict[str, Sequence[Callable[[], Any]]] = dict(zip(PEERS, (makes, orders, ours), strict=False))
        saves: dict[str, Save] = {name: partial(_save, self._applications[name], some) for name, some in each.items()}
        return saves | {PEERS[-1]: partial(self._applications[PEERS[-1]].save, *recorded)}

    def close(self) -> None:
        for application in self._applications.values():
            application.close()


def measure(rounds: int = 3) -> dict[str, Any]:
    """Seconds of import, of its orders alone, of the peers and of the projection: medians of some rounds."""
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            document = _round(Path(folder), found)
    seconds = {name: statistics.median(all_rounds) for name, all_rounds in found.items()}
    return {
        "file": "the real SCMS file" if REAL.exists() else "a generated look-alike",
        "lines": document["rows"]["read"],
        "commands": document["events_written"],
        "events": round(seconds.pop("events")),
        "events_of_others": round(seconds.pop("events_of_others")),
        "seconds": {name: round(one, 3) for name, one in seconds.items()},
        "ratios": {name: round(seconds[name] / seconds["import"], 2) for name in PEERS},
        "ratios_of_orders": {name: round(seconds[f"{name}, orders"] / seconds["orders"], 2) for name in PEERS},
    }


def _round(folder: Path, found: dict[str, list[float]]) -> dict[str, Any]:
    file = REAL
    if not REAL.exists():
        file = folder / "lookalike.csv"
        write(file, rows(ROWS))
    with open_platform(Settings(home=folder / "home")) as platform:
        followed = Followed(platform, folder)
        started = time.perf_counter()
        result = import_orders(followed, file, ROOT / "mappings" / "scms.toml", progress=lambda *_: None)
        ended = time.perf_counter()
        seconds = followed.seconds
        found["import"].append(ended - started - seconds["peers"])
        peers_of_orders = seconds["peers"] - seconds["peers_before_orders"]
        found["orders"].append(ended - seconds["before_orders"] - peers_of_orders)
        found["project"].append(_seconds(platform.catch_up))
        found["events"].append(sum(followed.events.values()))
        found["events_of_others"].append(sum(n for context, n in followed.events.items() if context != "ordering"))
        for name in PEERS:
            found[name].append(seconds[name])
            found[f"{name}, orders"].append(seconds[f"{name}, orders"])
        followed.close()
    return result.document()


def _made(recorded: Recorded, fields: dict[str, Any]) -> Recorded:
    """Our event, made of values that are at hand."""
    if "lines" in fields:
        fields = {**fields, "lines": tuple(PastLine(**line) for line in fields["lines"])}
    event: Event = type(recorded.event)(**fields)
    return Recorded(recorded.originator_id, recorded.originator_version, event)


def _save(application: Application[UUID], makes: Sequence[Callable[[], Any]]) -> None:
    application.save(*[make() for make in makes])


def _sqlite(path: Path) -> dict[str, str]:
    return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path)}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(measure())  # noqa: T201
