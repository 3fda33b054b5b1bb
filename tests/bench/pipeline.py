"""The pipeline against its peers: relay, projector from Kafka, ClickHouse's Kafka engine, the library's own runner."""

from __future__ import annotations

import asyncio
import gc
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from kafka import KafkaProducer

from infra.clickhouse import Analytics, open_server, raw_batch, sql
from infra.event_store import EventStore
from infra.kafka import headers_of, make_topics, opened, topic_of
from infra.local import clickhouse, kafka, postgres
from infra.log import Entry, Log
from infra.memory import collect_seldom
from infra.origin import Stores
from infra.relay import Relay
from infra.settings import Settings
from infra.topic import PRODUCER
from projections import partitions
from projections.kafka_feed import KafkaFeed
from projections.projector import Projector, batches
from projections.tables import RAW, TABLES, rows_sql
from services.ordering.app import build
from tests.bench import runner
from tests.bench.synthetic import fill

EVENTS, LANES, RUNS = 200_000, 8, 3
CONTEXT = "ordering"
WAYS = {
    "alone": "kafka-python alone, messages at hand",
    "relay": "relay: store to Kafka",
    "file": "inserts of the same bytes at hand, same SQL, one after the other",
    "feed": "projector: Kafka to ledger, exactly once",
    "engine": "ClickHouse's Kafka engine with two materialized views, at least once",
    "engines": "the same with two consumers, a thread each",
    "runner": "the library's projection runner, one event at a time",
}
DERIVED = {"ledger": "raw_log"}
"""What the peers write too: the orders are left out, on all sides."""
GRANTS = """<clickhouse><users><bench>
  <password/><profile>default</profile><quota>default</quota><default_database>groupement</default_database>
  <grants><query>GRANT ALL ON *.*</query></grants>
</bench></users></clickhouse>"""
ENGINE = """
create table queue (raw String) engine = Kafka
settings kafka_broker_list = '{bootstrap}', kafka_topic_list = '{topic}', kafka_group_name = '{group}',
    kafka_format = 'RawBLOB', kafka_num_consumers = {consumers}, kafka_thread_per_consumer = 1,
    kafka_max_block_size = 100000, kafka_flush_interval_ms = 500
"""
TO_RAW = """
create materialized view to_raw to raw_log as
with mapFromArrays(_headers.name, _headers.value) as said
select
    'ordering' as app, _partition as lane, toUInt64(said['pos']) as pos, toUInt64(said['prev']) as prev,
    toUUID(_key) as stream_id, toUInt32(said['version']) as version, toUUIDOrZero(substring(raw, 14, 36)) as event_id,
    said['ce_type'] as type, parseDateTime64BestEffort(said['recorded_at'], 6, 'UTC') as recorded_at,
    length(raw) as bytes, raw
from queue
"""

WHERE_IT_SPENDS = """\
Processor time of an event of 1.5 KB: the projector's client takes 18 µs, of which aiokafka's fetching and decoding is 8,
headers into an entry 4, the body over loopback 4, its RowBinary 2; the server 28 µs, of which the ledger's statement is
12 to 17 (2 for JSON, 3 for checks, 1 for roll-ups, the rest for lines as rows and their parts), the raw log's 5, merges
the rest. Kafka's engine runs the same statement, in one thread. Both cores are busy for nine tenths of the time in which
messages arrive; when the last one is in the raw log, the ledger is half of them behind and goes on alone, in one thread,
for a quarter of the run. With perfect overlap it would be 1.5 times the engine. Two threads for the ledger's statement
(with a LIMIT BY that joins them before the sort: without it tokens differ, and events double) take 15 % off a step.

The relay takes 32 µs of an event: sending 20, as its peer, reading the log 5, headers 4, checkpoints and waiting for all
of a page the rest; and it waits a quarter of the time for the broker, for a page is noted before the next one leaves.
"""


def measure(events: int = EVENTS) -> dict[str, Any]:
    """Events a second, medians of alternating runs, and the ratios that issue 4 asks for."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o711)
        (home / "clickhouse" / "users.d").mkdir(parents=True)
        (home / "clickhouse" / "users.d" / "bench.xml").write_text(GRANTS)
        broker = stack.enter_context(kafka.running(home / "kafka"))
        engine = stack.enter_context(clickhouse.running(home / "clickhouse"))
        settings = Settings(**{**engine.settings("projector"), "home": home, "lanes": LANES, "clickhouse_user": "bench",
                               "clickhouse_password": ""})  # fmt: skip
        store = build(settings).store
        fill(store, events)
        entries = [entry for page in iter(Log(store).page, None) for entry in page]
        collect_seldom()  # as the processes do, and for the peers too: what lies here in memory is of the bench alone
        analytics = stack.enter_context(closing(open_server(settings)))
        stack.enter_context(patch.dict(TABLES, DERIVED, clear=True))
        ways: dict[str, Callable[[], float]] = {
            "alone": lambda: _alone(broker.bootstrap, entries),
            "relay": lambda: _relay(broker.bootstrap, store),
            "file": lambda: _file(analytics, store),
            "feed": lambda: _feed(settings, broker.bootstrap, analytics, entries),
            "engine": lambda: _engine(analytics, broker.bootstrap, entries, 1),
            "engines": lambda: _engine(analytics, broker.bootstrap, entries, 2),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(RUNS):
            for way, run in ways.items():
                seconds[way].append(run())
        store.close()
        rates = {way: events / statistics.median(took) for way, took in seconds.items()}
        with postgres.running(home / "postgres") as server:
            rates["runner"] = statistics.median(runner.measure(server) for _ in range(RUNS))
    return {
        "events": events,
        "lanes": LANES,
        "rates": rates,
        "ratios": {
            "relay to kafka-python alone": rates["relay"] / rates["alone"],
            "projector to ClickHouse's Kafka engine": rates["feed"] / rates["engine"],
            "projector to the engine with two consumers": rates["feed"] / rates["engines"],
            "projector to the insert of the same bytes": rates["feed"] / rates["file"],
            "projector to the library's runner": rates["feed"] / rates["runner"],
        },
    }


def _topic(bootstrap: str) -> None:
    runner.delete_topics(bootstrap, [topic_of(CONTEXT)])
    make_topics(bootstrap, {CONTEXT: LANES})


def _alone(bootstrap: str, entries: list[Entry]) -> float:
    """kafka-python, same settings: messages are made outside the time."""
    _topic(bootstrap)
    epoch = uuid4()
    made = [(e.raw, str(e.stream_id).encode(), headers_of(e, epoch), e.lane) for e in entries]
    gc.freeze()
    settings = {**PRODUCER, "linger_ms": 5}
    with closing(opened(KafkaProducer, bootstrap, **settings)) as producer:
        started = time.perf_counter()
        futures = [producer.send(topic_of(CONTEXT), *message) for message in made]
        producer.flush()
        for future in futures:
            future.get(0)
        return time.perf_counter() - started


def _relay(bootstrap: str, store: EventStore) -> float:
    """The topic is left full: the projector and its peer read what the relay sent."""
    _topic(bootstrap)
    relay, stop = Relay(store, bootstrap), threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    started = time.perf_counter()
    thread.start()
    while not (relay.sent and relay.lag and not any(relay.lag.values())):
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    stop.set()
    thread.join()
    return seconds


def _empty(analytics: Analytics) -> Projector:
    for name in ("to_ledger", "to_raw", "queue", "ledger_g1", "raw_log", "epochs", "chain_breaks"):
        analytics.command(f"drop table if exists {name} sync")
    return Projector(analytics)


def _file(analytics: Analytics, store: EventStore) -> float:
    """The same bytes, RowBinary that is at hand, inserted in the same steps by the same SQL."""
    made = _empty(analytics)
    steps = list(_steps(store))
    started = time.perf_counter()
    starts = [0] * LANES
    for ends, upto, rows in steps:
        start = sum(starts)
        analytics.insert_raw(sql(RAW, "insert.sql"), rows, {"app": CONTEXT, "start": start}, f"{start}")
        place = {"app": CONTEXT, "from": min(starts), "upto": upto, "starts": starts, "ends": ends, "start": start}
        analytics.insert_once((rows_sql("ledger", CONTEXT) or "").replace("_gN", "_g1"), place, f"{start}")
        starts = ends
    seconds = time.perf_counter() - started
    assert sum(made.reached("ledger_g1", CONTEXT).values()) == sum(starts)
    return seconds


def _steps(store: EventStore) -> Iterator[tuple[list[int], int, bytes]]:
    ends = [0] * LANES
    for entries in batches(Log(store)):
        ends = list(ends)
        for entry in entries:
            ends[entry.lane] = entry.pos
        rows = raw_batch((CONTEXT, e.lane, e.pos, e.prev, e.stream_id, e.version, e.type, e.recorded_at, e.raw)
                         for e in entries)  # fmt: skip
        yield ends, entries[-1].pos, rows


def _feed(settings: Settings, bootstrap: str, analytics: Analytics, entries: list[Entry]) -> float:
    made = _empty(analytics)

    async def main() -> float:
        feed = KafkaFeed(lambda: open_server(settings), bootstrap, [CONTEXT], Stores(settings))
        stop = asyncio.Event()
        running = asyncio.create_task(feed.run(stop))
        started = time.perf_counter()
        await asyncio.to_thread(_wait, made, entries)
        seconds = time.perf_counter() - started
        stop.set()
        await running
        return seconds

    with patch.dict(partitions.CONSUMER, {"group_id": f"bench-{uuid4()}"}):
        return asyncio.run(main())


def _engine(analytics: Analytics, bootstrap: str, entries: list[Entry], consumers: int) -> float:
    """ClickHouse's own way: a table of engine Kafka, and a materialized view for each table; at least once."""
    made = _empty(analytics)
    select = (rows_sql("ledger", CONTEXT) or "").partition("insert into ledger_gN")[2]
    start, end = select.index("        where app = {app:String}"), select.index("    ),\n    checked as")
    analytics.command(f"create materialized view to_ledger to ledger_g1 as {select[:start]}{select[end:]}")
    started = time.perf_counter()
    analytics.command(
        ENGINE.format(bootstrap=bootstrap, topic=topic_of(CONTEXT), group=f"bench-{uuid4()}", consumers=consumers)
    )
    analytics.command(TO_RAW)
    _wait(made, entries)
    seconds = time.perf_counter() - started
    analytics.command("drop table to_raw sync")
    analytics.command("drop table queue sync")
    analytics.command("drop table to_ledger sync")
    return seconds


def _wait(made: Projector, entries: list[Entry]) -> None:
    """Until the ledger holds the last event of each lane."""
    ends = {entry.lane: entry.pos for entry in entries}
    while made.reached("ledger_g1", CONTEXT) != ends:
        time.sleep(0.2)
