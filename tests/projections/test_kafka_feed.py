"""From real topics into a real server, with everything breaking on the way: the rows of the embedded run come out."""

from __future__ import annotations

import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from infra.clickhouse import Analytics, open_server
from infra.event_store import EventStore
from infra.kafka import dead_letter_topic_of, headers_of, make_topics, opened, topic_of
from infra.kafka import partitions as topics_of
from infra.local import clickhouse
from infra.local.kafka import Kafka
from infra.log import Entry, Log, Mark
from infra.settings import Settings
from infra.stored import Identity
from projections import intake as queue
from projections import kafka_feed as feed
from projections import partitions as module
from projections.projector import OtherStore, Projector
from projections.tables import TABLES
from tests.broker import delete, messages
from tests.infra.relaying import in_thread as relaying
from tests.projections.engine import Written, catch_up, engine_in, store_in, written
from tests.projections.feeding import Fed, in_process, in_thread
from tests.projections.stored import orders, put

pytestmark = pytest.mark.full
LANES = 4
PATIENCE = 180
CONTEXT = "ordering"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clickhouse.ClickHouse]:
    with clickhouse.running(tmp_path_factory.mktemp("clickhouse")) as found:
        yield found


@dataclass
class Asked:
    """The stores, for tests that send messages by hand: who they are, and what was asked of them."""

    store: EventStore
    again: list[tuple[str, int, Mark]] = field(default_factory=list)

    def identities(self, context: str) -> Sequence[Identity]:
        return [Identity(self.store.epoch, self.store.lanes, 1)]

    def ask_again(self, context: str, lane: int, mark: Mark) -> None:
        self.again.append((context, lane, mark))


@dataclass
class World:
    """A store, its topic, and the engine that is fed from it."""

    settings: Settings
    store: EventStore
    broker: Kafka
    server: clickhouse.ClickHouse
    projector: Projector
    folder: Path

    @property
    def analytics(self) -> Analytics:
        return self.projector.analytics

    def send(self, *entries: Entry, epoch: Any = None, topic: str | None = None) -> None:
        with closing(opened(KafkaProducer, self.broker.bootstrap, acks="all", linger_ms=5)) as producer:
            for entry in entries:
                headers = headers_of(entry, epoch or self.store.epoch)
                producer.send(topic or topic_of(CONTEXT), entry.raw, str(entry.stream_id).encode(), headers, entry.lane)
            producer.flush()

    def published(self) -> list[Entry]:
        return Log(self.store).page(1_000_000) or []

    def fed(self, origin: Asked | None = None) -> Any:
        return in_thread(self.settings, self.broker.bootstrap, [CONTEXT], origin)

    def expected(self) -> Written:
        """What the embedded projector writes of the same store."""
        with engine_in(self.folder / f"embedded-{uuid4()}") as analytics:
            catch_up(Projector(analytics), self.store)
            return written(analytics)

    def reached(self) -> bool:
        """Whether every table is where the store is."""
        ends: dict[int, int] = {entry.lane: entry.pos for entry in self.published()}
        try:
            return all(self.projector.reached(table, CONTEXT) == ends for table in ("raw_log", *TABLES))
        except ClickHouseError:
            return False

    def assert_equal(self, seconds: float = PATIENCE) -> None:
        until(self.reached, seconds)
        assert written(self.analytics) == self.expected()


@pytest.fixture
def world(tmp_path: Path, broker: Kafka, server: clickhouse.ClickHouse) -> Iterator[World]:
    make_topics(broker.bootstrap, {CONTEXT: LANES})
    found = {**server.settings("projector"), "home": tmp_path / "home", "lanes": LANES}
    settings = Settings(**found)
    store = store_in(tmp_path / "home", LANES)
    with closing(open_server(settings)) as analytics:
        yield World(settings, store, broker, server, Projector(analytics), tmp_path)
        for table in [row["name"] for row in analytics.rows("show tables")]:
            analytics.command(f"drop table if exists {table} sync")
    store.close()
    with closing(opened(KafkaAdminClient, broker.bootstrap)) as admin:
        delete(broker, *topics_of(admin, [topic_of(CONTEXT), dead_letter_topic_of(CONTEXT)]))


def until(happened: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def _has_moved(world: World, marks: Any) -> bool:
    return bool(world.projector.marks() != marks)


def says(fed: Fed, *parts: str) -> None:
    """Waits until a feed says that of its state."""
    until(lambda: fed.trouble is not None or all(part in fed.feed.state for part in parts))
    assert fed.trouble is None


def test_what_is_relayed_is_written_as_the_embedded_run_writes_it(world: World) -> None:
    put(world.store, *orders(40))
    with relaying(world.store, world.broker.bootstrap), world.fed() as fed:
        world.assert_equal()
        put(world.store, *orders(10))
        world.assert_equal()
        until(lambda: fed.feed.lag != {} and not any(fed.feed.lag.values()))
        says(fed, "projecting")
        assert len(fed.feed.lag) == LANES
        assert fed.feed.events == len(world.published())
    assert fed.trouble is None
    assert fed.feed.state == "stopped"


def test_killed_at_any_moment_it_writes_what_one_that_lives_writes(world: World) -> None:
    chance = random.Random(20220331)  # noqa: S311 - no secret
    reached = []
    with relaying(world.store, world.broker.bootstrap):
        for _ in range(8):
            put(world.store, *orders(20))

            with in_process(world.settings, world.broker.bootstrap, [CONTEXT]):
                until(partial(_has_moved, world, world.projector.marks()))
                time.sleep(chance.uniform(0, 0.3))
            reached.append(sum(world.projector.positions().values()))
        assert reached == sorted(reached)
        with world.fed():
            world.assert_equal()


@pytest.mark.parametrize(("held", "free"), [("orders", ["raw_log", "ledger"]), ("ledger", ["raw_log"])])
def test_a_table_that_takes_long_holds_up_only_what_follows_it(
    world: World, held: str, free: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go, derive_one = threading.Event(), Projector.derive_one

    def slowly(projector: Projector, table: str, app: str) -> None:
        if table == held:
            let_go.wait(PATIENCE)
        derive_one(projector, table, app)

    monkeypatch.setattr(Projector, "derive_one", slowly)
    with relaying(world.store, world.broker.bootstrap), world.fed() as fed:
        try:
            for _ in range(3):
                put(world.store, *orders(5))
                ends = {entry.lane: entry.pos for entry in world.published()}
                until(lambda: all(world.projector.reached(table, CONTEXT) == ends for table in free))  # noqa: B023
            assert world.projector.reached(held, CONTEXT) == {}
        finally:
            let_go.set()
        world.assert_equal()
    assert fed.trouble is None


@pytest.mark.parametrize("table", ["raw_log", "ledger_g1", "orders_g1", "epochs"])
def test_parts_that_the_engine_set_aside_meanwhile_are_filled_in_again(
    world: World, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started again between two statements, it may have lost some, and no statement fails."""
    monkeypatch.setattr(feed, "PARTS_SECONDS", 0.5)
    put(world.store, *orders(10))
    with relaying(world.store, world.broker.bootstrap), world.fed() as fed:
        world.assert_equal()
        (part, *_) = world.analytics.rows(
            "select name, path from system.parts where active and database = currentDatabase() "
            "and table = {table:String}",
            {"table": table},
        )
        world.analytics.command(f"alter table {table} detach part '{part['name']}'")
        detached = Path(part["path"]).parent / "detached"
        (detached / part["name"]).rename(detached / f"broken-on-start_{part['name']}")
        until(lambda: not world.analytics.rows("select 1 from system.detached_parts"))
        world.assert_equal()
        assert world.projector.epochs() == {CONTEXT: (world.store.epoch, LANES)}
        put(world.store, *orders(5))
        world.assert_equal()
    assert fed.trouble is None


def test_two_projectors_share_the_work_and_either_may_go(world: World) -> None:
    """The one that writes is killed in the middle; the group gives its partitions to the other."""
    with relaying(world.store, world.broker.bootstrap), ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(in_process(world.settings, world.broker.bootstrap, [CONTEXT]))
        put(world.store, *orders(60))
        with in_process(world.settings, world.broker.bootstrap, [CONTEXT]):
            until(lambda: world.projector.marks() != {})
            put(world.store, *orders(60))
        world.assert_equal()
        stack.close()
        put(world.store, *orders(20))
        stack.enter_context(in_process(world.settings, world.broker.bootstrap, [CONTEXT]))
        world.assert_equal()


def test_two_projectors_that_know_nothing_of_each_other_write_each_event_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "STEP_EVENTS", 30)
    with relaying(world.store, world.broker.bootstrap), world.fed() as one:
        says(one, "projecting")
        monkeypatch.setitem(module.CONSUMER, "group_id", "another")
        with world.fed() as other:

            def both_have_written() -> bool:
                put(world.store, *orders(12))
                return bool(one.feed.events and other.feed.events)

            until(both_have_written)
            world.assert_equal()
        assert one.trouble is None
        assert other.trouble is None


def test_messages_again_and_late_change_nothing(world: World) -> None:
    put(world.store, *orders(30))
    entries = world.published()
    world.send(*entries[:40], *entries[10:40], *entries[:90], *entries[60:])
    with world.fed():
        world.assert_equal()
        world.send(*entries)
        put(world.store, *orders(1))
        world.send(*world.published()[-3:])
        world.assert_equal()


def test_a_missing_message_stops_its_lane_alone_and_is_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(world.store, *orders(30))
    entries = world.published()
    missing = entries[50]
    after = [entry for entry in entries if entry.lane == missing.lane and entry.pos >= missing.pos]
    world.send(*(entry for entry in entries if entry is not missing))
    asked = Asked(world.store)
    with world.fed(asked) as fed:
        says(fed, f"ordering, lane {missing.lane}: waiting for event {missing.pos}, which is missing")
        until(lambda: len(asked.again) == 1)
        assert asked.again[0][:2] == (CONTEXT, missing.lane)
        assert asked.again[0][2].pos == missing.prev
        others = {entry.lane: entry.pos for entry in entries if entry.lane != missing.lane}
        until(lambda: others.items() <= world.projector.reached("raw_log", CONTEXT).items())
        assert [(p.kind, p.lane, p.pos) for p in world.projector.problems()] == [("chain", missing.lane, missing.prev)]
        world.send(*after)
        world.assert_equal()
        assert world.projector.problems() == []
        says(fed, "projecting")


def test_what_the_broker_lost_is_sent_again_by_the_relay(world: World) -> None:
    """The first messages of a partition are gone; the relay knows them as acknowledged, until it is asked."""
    put(world.store, *orders(30))
    with relaying(world.store, world.broker.bootstrap) as relay:
        until(lambda: sum(map(len, messages(world.broker, topic_of(CONTEXT)).values())) == len(world.published()))
        with closing(opened(KafkaAdminClient, world.broker.bootstrap)) as admin:
            admin.delete_records({TopicPartition(topic_of(CONTEXT), 1): 7})
        sent = relay.sent
        with world.fed() as fed:
            world.assert_equal()
            assert relay.sent > sent
            says(fed, "projecting")


def test_a_hint_that_lies_beyond_the_data_is_rewound(world: World) -> None:
    put(world.store, *orders(30))
    world.send(*world.published())
    with world.fed() as fed:
        world.assert_equal()
        until(lambda: any(fed.feed.lag) and not any(fed.feed.lag.values()))
    for table in ("raw_log", "ledger_g1", "orders_g1"):
        world.analytics.command(f"truncate table {table}")
    with world.fed(asked := Asked(world.store)):
        put(world.store, *orders(1))
        world.send(*world.published()[-3:])
        world.assert_equal()
    assert asked.again == []


def test_events_of_another_store_stop_it_with_a_word_about_rebuild(world: World) -> None:
    put(world.store, *orders(10))
    world.send(*world.published())
    with world.fed():
        world.assert_equal()
    before = written(world.analytics)
    other = store_in(world.folder / "other", LANES)
    put(other, *orders(20))
    with world.fed() as fed:
        world.send(*(Log(other).page(1_000) or []), epoch=other.epoch)
        until(lambda: fed.trouble is not None)
    assert isinstance(fed.trouble, OtherStore)
    assert "run `groupement rebuild --from-stores`" in str(fed.trouble)
    assert "rebuild" in fed.feed.state
    assert written(world.analytics) == before
    other.close()


def test_a_store_that_was_restored_meanwhile_is_told_before_anything_is_read(world: World) -> None:
    world.projector.adopt(CONTEXT, uuid4(), LANES)
    with world.fed() as fed:
        until(lambda: fed.trouble is not None)
    assert isinstance(fed.trouble, OtherStore)


def test_messages_that_are_no_events_go_to_the_dead_letters_and_the_log_says_which_request_they_came_from(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    put(world.store, *orders(10))
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    caused = ("traceparent", f"00-{trace}-00f067aa0ba902b7-01".encode())
    with closing(opened(KafkaProducer, world.broker.bootstrap)) as producer:
        producer.send(topic_of(CONTEXT), b"{}", b"who?", [("pos", b"one"), caused], 2)
        producer.send(topic_of(CONTEXT), None, b"nobody", [], 2)
        producer.flush()
    world.send(*world.published())
    with world.fed() as fed:
        world.assert_equal()
        until(lambda: fed.feed.unreadable == 2)
    letters = messages(world.broker, dead_letter_topic_of(CONTEXT))[2]
    assert [(letter.key, letter.value) for letter in letters] == [(b"who?", b"{}"), (b"nobody", None)]
    assert [dict(letter.headers)["dead_letter_reader"] for letter in letters] == [b"projector"] * 2
    told = [vars(line) for line in caplog.records if "parked" in line.getMessage()]
    assert [(line["dead_letter"], line["trace_id"]) for line in told] == [
        ("ordering/2/@0", trace),
        ("ordering/2/@1", ""),
    ]


def test_while_the_engine_hangs_memory_is_bounded_and_partitions_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "STEP_EVENTS", 50)
    monkeypatch.setattr(module, "AT_ONCE", 10)
    with world.fed() as fed:
        put(world.store, *orders(1))
        world.send(*world.published())
        world.assert_equal()
        world.server.process.pause()
        try:
            put(world.store, *orders(200))
            world.send(*world.published()[3:])
            intake = fed.feed.intakes[CONTEXT]
            until(lambda: intake.is_full and len(fed.feed._partitions._consumer.paused()) == LANES)
            until(lambda: sum(fed.feed.lag.values()) == 600)
            assert len(intake) < 50 + 10 * LANES
        finally:
            world.server.process.resume()
        world.assert_equal()
        assert fed.feed._partitions._consumer.paused() == set()


def test_while_the_engine_is_away_it_waits_and_says_so(world: World) -> None:
    with relaying(world.store, world.broker.bootstrap), world.fed() as fed:
        put(world.store, *orders(20))
        world.assert_equal()
        world.server.process.kill()
        put(world.store, *orders(20))
        says(fed, "waiting for ClickHouse")
        world.server.process.start()
        world.assert_equal()
        says(fed, "projecting")


def test_an_engine_that_comes_back_without_its_data_is_filled_again(world: World) -> None:
    with relaying(world.store, world.broker.bootstrap), world.fed() as fed:
        put(world.store, *orders(40))
        world.assert_equal()
        world.server.process.kill()
        shutil.rmtree(world.server.process.folder / "data")
        put(world.store, *orders(5))
        world.server.process.start()
        world.assert_equal()
        says(fed, "projecting")


@pytest.mark.parametrize("tables", [("raw_log", "epochs", *(f"{table}_g1" for table in TABLES)), ("ledger_g1",)])
def test_deleted_data_are_noticed_though_nothing_arrives(world: World, tables: Sequence[str]) -> None:
    put(world.store, *orders(20))
    world.send(*world.published())
    with world.fed(asked := Asked(world.store)) as fed:
        world.assert_equal()
        for table in tables:
            world.analytics.command(f"drop table {table} sync")
        world.assert_equal(20)
        says(fed, "projecting")
    assert asked.again == []


def test_an_idle_engine_that_comes_back_without_its_data_is_filled_again(world: World) -> None:
    put(world.store, *orders(20))
    world.send(*world.published())
    with world.fed() as fed:
        world.assert_equal()
        world.server.process.kill()
        shutil.rmtree(world.server.process.folder / "data")
        world.server.process.start()
        world.assert_equal(20)
        says(fed, "projecting")


def test_what_is_read_again_is_parked_once(world: World) -> None:
    with closing(opened(KafkaProducer, world.broker.bootstrap)) as producer:
        producer.send(topic_of(CONTEXT), b"{}", b"who?", [("pos", b"one")], 2)
        producer.flush()
    put(world.store, *orders(10))
    world.send(*world.published())
    with world.fed() as fed:
        world.assert_equal()
        world.analytics.command("truncate table raw_log")
        until(lambda: fed.feed.events == 2 * len(world.published()))
    with world.fed():
        world.assert_equal()
    assert len(messages(world.broker, dead_letter_topic_of(CONTEXT))[2]) == 1


def test_asked_to_stop_while_the_engine_hangs_it_ends_soon_and_nothing_is_lost(world: World) -> None:
    with relaying(world.store, world.broker.bootstrap):
        with in_process(world.settings, world.broker.bootstrap, [CONTEXT]) as process:
            put(world.store, *orders(20))
            world.assert_equal()
            world.server.process.pause()
            try:
                put(world.store, *orders(20))
                time.sleep(1)  # the insert is on its way
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
            finally:
                world.server.process.resume()
        with world.fed():
            world.assert_equal()


def test_while_the_broker_is_away_it_waits_and_says_so(world: World) -> None:
    with relaying(world.store, world.broker.bootstrap), world.fed() as fed:
        put(world.store, *orders(20))
        world.assert_equal()
        world.broker.process.kill()
        put(world.store, *orders(20))
        says(fed, "waiting for the broker")
        world.broker.process.start()
        world.assert_equal()
        says(fed, "projecting")


def test_a_topic_that_was_deleted_and_made_anew_brings_only_what_is_new(world: World) -> None:
    with relaying(world.store, world.broker.bootstrap), world.fed() as fed:
        put(world.store, *orders(20))
        world.assert_equal()
        delete(world.broker, topic_of(CONTEXT))
        put(world.store, *orders(20))
        until(lambda: make_topics(world.broker.bootstrap, {CONTEXT: LANES}) == [topic_of(CONTEXT)])
        world.assert_equal()
        says(fed, "projecting")


def test_everything_away_at_the_start_is_waited_for(world: World) -> None:
    world.server.process.kill()
    world.broker.process.kill()
    with world.fed() as fed:
        says(fed, "waiting for the broker")
        world.broker.process.start()
        says(fed, "waiting for ClickHouse")
        world.server.process.start()
        put(world.store, *orders(5))
        world.send(*world.published())
        world.assert_equal()
