"""How fast orders of the past are recorded, against a bare loop of the library's batched save of the same events.

Both write the same events, receipts included, in the same batches, into SQLite files with the same settings. The bare
loop decides nothing: it has the events, maps them and saves them. A second bare loop also makes the events first, from
values that are at hand, as any program must that begins with a row of a file.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from eventsourcing.persistence import EventStore as LibraryStore

from events.base import Event
from events.tendering import AgreementRecorded, BaselineMethod, BaselineSet
from infra.event_store import CommandAccepted, EventStore, Request, utc_now
from infra.log import Entry
from infra.mapper import Recorded
from infra.settings import Settings
from services.ordering.app import Ordering, build
from services.ordering.commands import PastOrderLine, RecordPastOrder
from services.ordering.past_order import past_order_id

ROOT = UUID("c0a80121-7ac0-4e1c-8a3f-6d5f2b1e9a10")
ESTABLISHMENTS, AGREEMENTS, ITEMS = 40, 78, 300
DAY = date(2012, 1, 2)
Batch = list[Recorded]


def measure(orders: int = 6_000, batch: int = 300, rounds: int = 3) -> dict[str, Any]:
    """Seconds for the same orders by the three ways, the best of some rounds, and the ratios of the speeds."""
    seconds: dict[str, list[float]] = {"recorded": [], "bare": [], "bare_and_made": []}
    events = 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            ordering = _ordering(home / "recorded")
            requests = [Request(_command(n), uuid4(), "import") for n in range(orders)]
            parts = [requests[start : start + batch] for start in range(0, orders, batch)]
            start = ordering.store.last_pos()
            seconds["recorded"].append(_seconds(lambda part: ordering.handle_many(part), parts))  # noqa: B023, PLW0108
            batches = list(_batches(ordering.store, start, batch))
            events = sum(map(len, batches))
            for name, prepare in (("bare", _same), ("bare_and_made", _made)):
                other = build(Settings(home=home / name)).store
                library = LibraryStore(other.mapper, other.recorder)
                work = [prepare(events) for events in batches]
                seconds[name].append(_seconds(lambda make: library.put(make()), work))  # noqa: B023
                other.close()
            ordering.store.close()
    best = {name: min(found) for name, found in seconds.items()}
    return {
        "orders": orders,
        "events": events,
        "batch": batch,
        "seconds": {name: round(found, 3) for name, found in best.items()},
        "ratio": round(best["bare"] / best["recorded"], 2),
        "ratio_to_bare_and_made": round(best["bare_and_made"] / best["recorded"], 2),
    }


def _seconds(work: Callable[[Any], object], parts: Iterable[Any]) -> float:
    start = time.perf_counter()
    for part in parts:
        work(part)
    return time.perf_counter() - start


def _batches(store: EventStore, start: int, size: int) -> Iterator[Batch]:
    """The events that were recorded, in the same transactions: a batch ends with its last command's receipt."""
    found: Batch = []
    receipts = 0
    while page := store.recorder.select_notifications(start, 5_000, inclusive_of_start=False):
        start = page[-1].id
        for stored in page:
            found.append(store.mapper.to_domain_event(stored))
            receipts += isinstance(found[-1].event, CommandAccepted)
            if receipts == size:
                yield found
                found, receipts = [], 0
    if found:
        yield found


def _same(events: Batch) -> Callable[[], Batch]:
    return lambda: events


def _made(events: Batch) -> Callable[[], Batch]:
    values = [(type(r.event), _values(r.event), r.originator_id, r.originator_version) for r in events]
    return lambda: [Recorded(stream, version, _make(cls, given)) for cls, given, stream, version in values]


def _values(event: Event) -> dict[str, Any]:
    given = dict(event)
    if "lines" in given:
        given["lines"] = [(type(line), dict(line)) for line in given["lines"]]
    return given


def _make(cls: type[Event], given: dict[str, Any]) -> Event:
    if "lines" in given:
        given = {**given, "lines": tuple(line_cls(**line) for line_cls, line in given["lines"])}
    return cls(**given)


def _ordering(home: Path) -> Ordering:
    """Ordering with the recorded agreements and reference prices that the orders name."""
    ordering = build(Settings(home=home))
    facts: list[Event] = [
        AgreementRecorded(
            agreement_id=_id("agreement", n),
            reference=f"R{n}",
            title=f"Agreement {n}",
            supplier_id=_id("supplier", n),
            category="ARV",
            currency="USD",
            source="bench",
        )
        for n in range(AGREEMENTS)
    ]
    facts += [
        BaselineSet(
            baseline_id=_id("baseline", n),
            item=f"item {n}",
            method=BaselineMethod.FIRST_RECORDED_PRICE,
            price=Decimal("12.5"),
            currency="USD",
            evidence="first line",
            valid_from=DAY,
            approved_by="import",
        )
        for n in range(ITEMS)
    ]
    entries = []
    for n, fact in enumerate(facts):
        raw = fact.stamped(uuid4(), utc_now(), "bench", "").model_dump_json().encode()
        entries.append(Entry(0, n + 1, n, uuid4(), 1, fact.TOPIC, utc_now(), raw))
    ordering.react("tendering", entries)
    return ordering


def _command(n: int) -> RecordPastOrder:
    """An order of one to three lines, as of a file of deliveries."""
    establishment = _id("establishment", n % ESTABLISHMENTS)
    return RecordPastOrder(
        order_id=past_order_id(establishment, "bench", f"PO-{n}"),
        establishment_id=establishment,
        source="bench",
        number=f"PO-{n}",
        currency="USD",
        lines=tuple(_line(n, nth) for nth in range(1 + n % 3)),
    )


def _line(n: int, nth: int) -> PastOrderLine:
    item, agreement = (n + nth) % ITEMS, (n + nth) % AGREEMENTS
    day = DAY + timedelta(n % 1_000)
    return PastOrderLine(
        line_id=f"{n}-{nth}",
        agreement_id=_id("agreement", agreement),
        supplier_id=_id("supplier", agreement),
        category="ARV",
        item=f"item {item}",
        label=f"item {item}, tablets, oral",
        unit="30 tablets",
        quantity=Decimal(100 + nth),
        unit_price=Decimal("11.25"),
        amount=Decimal("11.25") * (100 + nth),
        baseline_id=_id("baseline", item),
        ordered_on=day,
        received_on=day + timedelta(60),
        invoiced_on=day + timedelta(60),
        invoice_number=f"INV-{n}-{nth}",
    )


def _id(kind: str, n: int) -> UUID:
    return uuid5(ROOT, f"{kind}:{n}")


if __name__ == "__main__":
    print(measure())  # noqa: T201
