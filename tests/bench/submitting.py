"""Orders that many threads submit at once, against a loop of the library's `Application.save`, on one PostgreSQL.

Ours decides: terms, adhesion, standing, the ceiling of the agreement, and writes order, reservation and receipt. The
peer only saves the order's own event, which it makes of values that are at hand, one `save` for each: in a loop, and in
as many threads. Both are durable when they answer: `fsync` and `synchronous_commit` are on, as PostgreSQL comes.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from psycopg.conninfo import conninfo_to_dict

from events.base import Event
from events.membership import AdhesionGranted
from events.ordering import OrderSubmitted
from events.tendering import AgreementSigned, Lot, PriceListLine
from infra.event_store import Request, utc_now
from infra.local.postgres import Postgres, running
from infra.log import Entry
from infra.settings import Settings
from services.ordering.app import Ordering, build
from services.ordering.commands import OrderedLine, SubmitOrder
from tests.bench import peer

ROOT = UUID("5c8a1f0e-58f5-4c4f-9d6e-0a1f6f0f2b11")
ESTABLISHMENTS, AGREEMENTS, ITEMS, LINES = 64, 30, 20, 3
DAY = date(2022, 3, 1)
Call = Callable[[], object]


def measure(orders: int = 6_400, threads: int = 64, rounds: int = 3) -> dict[str, Any]:
    """Orders a second by each way, medians of some rounds, and the ratios of ours to the peer's."""
    found: dict[str, list[float]] = {"ours": [], "ours_one_thread": [], "peer_loop": [], "peer_threads": []}
    answered: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with running(Path(folder) / "postgres") as server:
            settings = partial(_settings, server, Path(folder), count(1))
            for _ in range(rounds):
                ordering = _ordering(settings())
                requests, few = _requests(orders), _requests(orders // 8)
                found["ours"].append(_rate([partial(_timed, ordering, r, answered) for r in requests], threads))
                makes = [peer.of(recorded) for recorded in _submitted(ordering)]
                found["ours_one_thread"].append(_rate([partial(ordering.handle, request) for request in few], 1))
                ordering.store.close()
                for name, at_once in (("peer_loop", 1), ("peer_threads", threads)):
                    application = peer.Orders(settings().store_environment("ordering"))
                    found[name].append(_rate([partial(_save, application, make) for make in makes], at_once))
                    application.close()
    rates = {name: statistics.median(rates) for name, rates in found.items()}
    return {
        "orders": orders,
        "threads": threads,
        "orders_per_second": {name: round(rate) for name, rate in rates.items()},
        "answer_ms": {
            "median": round(statistics.median(answered) * 1000, 1),
            "p99": round(statistics.quantiles(answered, n=100)[98] * 1000, 1),
        },
        "ratio_to_loop": round(rates["ours"] / rates["peer_loop"], 2),
        "ratio_to_threads": round(rates["ours"] / rates["peer_threads"], 2),
    }


def _rate(calls: Sequence[Call], threads: int) -> float:
    """Calls a second, where threads that start together share them."""
    barrier = threading.Barrier(threads + 1)

    def run(mine: Sequence[Call]) -> None:
        barrier.wait()
        for call in mine:
            call()

    workers = [threading.Thread(target=run, args=(calls[n::threads],)) for n in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return len(calls) / (time.perf_counter() - start)


def _timed(ordering: Ordering, request: Request[Any], answered: list[float]) -> None:
    start = time.perf_counter()
    ordering.handle(request)
    answered.append(time.perf_counter() - start)


def _save(application: peer.Orders, make: peer.Make) -> None:
    application.save(make())


def _submitted(ordering: Ordering) -> list[Any]:
    found, start = [], 0
    while page := ordering.store.recorder.select_notifications(start, 5_000, inclusive_of_start=False):
        start = page[-1].id
        found += [ordering.store.mapper.to_domain_event(one) for one in page if one.topic == OrderSubmitted.TOPIC]
    return found


def _settings(server: Postgres, home: Path, numbers: count[int]) -> Settings:
    name = f"bench_{next(numbers)}"
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    given = conninfo_to_dict(server.dsn)
    return Settings(
        home=home,
        postgres_host=str(given["host"]),
        postgres_port=int(str(given["port"])),
        postgres_user=str(given["user"]),
        postgres_password=str(given["password"]),
        postgres_dbname=name,
    )


def _ordering(settings: Settings) -> Ordering:
    """Ordering with signed agreements and the adhesion of every establishment to each."""
    ordering = build(settings)
    _note(ordering, "tendering", [_agreement(n) for n in range(AGREEMENTS)])
    adhesions = [
        AdhesionGranted(
            establishment_id=_id("establishment", n), agreement_id=_id("agreement", m), valid_from=DAY, valid_to=None
        )
        for n in range(ESTABLISHMENTS)
        for m in range(AGREEMENTS)
    ]
    _note(ordering, "membership", adhesions)
    return ordering


def _note(ordering: Ordering, context: str, facts: Sequence[Event]) -> None:
    entries = []
    for n, fact in enumerate(facts):
        raw = fact.stamped(uuid4(), utc_now(), "bench", "").model_dump_json().encode()
        entries.append(Entry(0, n + 1, n, uuid4(), 1, fact.TOPIC, utc_now(), raw))
    ordering.react(context, entries)


def _agreement(n: int) -> AgreementSigned:
    prices = tuple(
        PriceListLine(item=f"item {k}", label=f"Item {k}", unit="box of 10", base_units="10", unit_price="12.50")
        for k in range(ITEMS)
    )
    lot = Lot(
        lot_id=_id("lot", n), number="1", title="Lot 1", supplier_id=_id("supplier", n), category="33600000",
        prices=prices, maximum="900000000",
    )  # fmt: skip
    return AgreementSigned(
        agreement_id=_id("agreement", n), reference=f"A{n}", title=f"Agreement {n}", currency="EUR", signed_on=DAY,
        valid_from=DAY, valid_to=DAY.replace(year=DAY.year + 3), maximum="900000000", revision_bound="0.10", lots=(lot,),
    )  # fmt: skip


def _requests(orders: int) -> list[Request[Any]]:
    return [Request(_command(n), uuid4(), "officer-1") for n in range(orders)]


def _command(n: int) -> SubmitOrder:
    agreement = n % AGREEMENTS
    return SubmitOrder(
        order_id=uuid4(),
        establishment_id=_id("establishment", n % ESTABLISHMENTS),
        agreement_id=_id("agreement", agreement),
        number=f"PO-{n}",
        ordered_on=DAY,
        lines=tuple(
            OrderedLine(
                line_id=str(k), lot_id=_id("lot", agreement), item=f"item {(n + k) % ITEMS}", quantity=str(1 + k)
            )
            for k in range(LINES)
        ),
    )


def _id(kind: str, n: int) -> UUID:
    return uuid5(ROOT, f"{kind}:{n}")


if __name__ == "__main__":
    print(measure())  # noqa: T201
