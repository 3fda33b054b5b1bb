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
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from infra.event_store import Request
from infra.local.postgres import running
from services.ordering.app import Ordering
from tests.bench import market, peer

Call = Callable[[], object]


def measure(orders: int = 6_400, threads: int = 64, rounds: int = 3) -> dict[str, Any]:
    """Orders a second by each way, medians of some rounds, and the ratios of ours to the peer's."""
    found: dict[str, list[float]] = {"ours": [], "ours_one_thread": [], "peer_loop": [], "peer_threads": []}
    answered: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with running(Path(folder) / "postgres") as server:
            settings = partial(market.settings, server, Path(folder), count(1))
            for _ in range(rounds):
                ordering = market.ordering(settings())
                requests, few = market.requests(orders), market.requests(orders // 8)
                found["ours"].append(_rate([partial(_timed, ordering, r, answered) for r in requests], threads))
                makes = [peer.of(recorded) for recorded in market.submitted(ordering)]
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


if __name__ == "__main__":
    print(measure())  # noqa: T201
