"""Orders over HTTP, by many clients at once, against a loop of the library's `Application.save`, on one PostgreSQL.

Ours is the process of ordering as `groupement run ordering` starts it: token, body, decision, commit, answer, log. The
clients are a process of their own on the same cores. The peer is that of `submitting`. All of it is durable.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from events.ordering import OrderSubmitted
from infra import auth, schema
from infra.local import clickhouse
from infra.local.postgres import Postgres
from infra.local.postgres import running as postgres
from infra.local.process import Process, free_port
from infra.settings import Settings
from services.full.plan import says_something
from tests.bench import market, peer
from tests.bench.client import Answer, Load, ask, post

GROUPS = "select count(*) from stored_events where topic = %s group by xmin"
"""Orders of each transaction that wrote any."""

WHERE_IT_SPENDS = """\
What limits it is the one Python process: it is busy all the time, 0.9 ms of a core for an order (1.0 before its answers
were written once), while clients and PostgreSQL share the other core. A third is deciding and writing, as in the part
without HTTP; a half is the application around it, of which FastAPI's routing, dependencies and validation are the most,
the log a seventh; the rest is uvicorn's h11. uvloop and httptools take off 5 %: not worth two packages. Signatures of
tokens that were seen are not verified again, and nothing but a commit takes a thread: with a thread for each dependency
and for the answer too, and FastAPI's 40 of them, it was a quarter slower and groups half as large.
"""


def measure(orders: int = 6_400, clients: int = 64, rounds: int = 3) -> dict[str, Any]:
    """Orders a second by both ways, medians of alternating rounds, and the ratio; answers and groups of all rounds."""
    ours, loop = [], []
    answers: list[float] = []
    groups: list[int] = []
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o711)
        engine = stack.enter_context(clickhouse.running(home / "clickhouse"))
        server = stack.enter_context(postgres(home / "postgres"))
        numbered = partial(market.settings, server, home, count(1))
        for _ in range(rounds):
            settings = numbered().model_copy(update={**engine.settings("finance"), "log_format": "json"})
            made = market.ordering(settings)
            schema.note_store_version(settings, "ordering")
            with _process(settings, home / "ours") as port:
                ask(Load(port, _requests(settings, orders // 10), clients))
                found = ask(Load(port, _requests(settings, orders), clients))
            ours.append(_rate(found))
            answers += [(one.answered - one.sent) * 1_000 for one in found]
            groups += _groups(server, settings)
            makes = [peer.of(recorded) for recorded in market.submitted(made)][:orders]
            made.store.close()
            application = peer.Orders(numbered().store_environment("ordering"))
            started = time.perf_counter()
            for make in makes:
                application.save(make())
            loop.append(len(makes) / (time.perf_counter() - started))
            application.close()
    return {
        "orders": orders,
        "clients": clients,
        "orders_per_second": {"ours": statistics.median(ours), "loop": statistics.median(loop)},
        "ratio": statistics.median(ours) / statistics.median(loop),
        "answer_ms": {"median": statistics.median(answers), "p99": statistics.quantiles(answers, n=100)[98]},
        "group": {"mean": statistics.mean(groups), "largest": max(groups)},
    }


@contextmanager
def _process(settings: Settings, folder: Path) -> Iterator[int]:
    """The process of ordering; its port."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    environment = {
        f"GROUPEMENT_{name.upper()}": str(value)
        for name, value in settings.model_dump(exclude={"upstreams"}).items()
    } | {"PYTHONPATH": ":".join(filter(None, sys.path))}  # fmt: skip
    process = Process(
        "ordering", [sys.executable, "-m", "services.processes", "ordering", str(port)], folder, {"ordering": port},
        lambda: says_something(port), environment,
    )  # fmt: skip
    process.start()
    try:
        yield port
    finally:
        process.stop()


def _requests(settings: Settings, orders: int) -> list[str]:
    tokens: dict[Any, str] = {}
    found = []
    for request in market.requests(orders):
        said = request.command.model_dump(mode="json", exclude={"order_id", "establishment_id"})
        who = request.command.establishment_id
        tokens[who] = tokens.get(who) or auth.issue(settings, "officer", "officer-1", establishment_id=who)
        found.append(post("/api/v1/orders", tokens[who], str(request.command_id), said))
    return found


def _rate(answers: list[Answer]) -> float:
    refused = [one.status for one in answers if one.status != 201]
    assert not refused, f"{len(refused)} orders were not accepted: {refused[:5]}"
    return len(answers) / (max(one.answered for one in answers) - min(one.sent for one in answers))


def _groups(server: Postgres, settings: Settings) -> list[int]:
    with server.connect(settings.postgres_dbname) as connection:
        return [row[0] for row in connection.execute(GROUPS, (OrderSubmitted.TOPIC,))]


if __name__ == "__main__":
    print(measure())  # noqa: T201
