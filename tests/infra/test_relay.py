"""The relay on a real broker and real stores, with kills, pauses and deletions on the way: nothing is lost."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from kafka import KafkaAdminClient

from infra import pending
from infra import relay as relay_module
from infra.checkpoint import ask_again
from infra.event_store import Request
from infra.kafka import entry_of, make_topics, opened, partitions
from infra.local import kafka as local_kafka
from infra.local import postgres as local_postgres
from infra.local.kafka import Kafka
from infra.log import Entry, Log, Mark
from infra.relay import Relay
from infra.settings import Settings
from tests.broker import delete, messages
from tests.disk import fill, small_disk
from tests.infra.counting import Add, Counting, Open, build
from tests.infra.relaying import in_process, in_thread

pytestmark = pytest.mark.full
LANES = 4
TOPIC = "counting-events"
PATIENCE = 150
"""Seconds. A relay may be in the middle of a page when its broker goes: it gives up after 45."""


@dataclass
class World:
    """A store, its topic, and what became of its events."""

    settings: Settings
    counting: Counting
    broker: Kafka

    def publish(self, counters: int) -> None:
        """Events: a counter is opened and added to three times."""
        for _ in range(counters):
            one = uuid4()
            commands: list[Any] = [Open(counter_id=one), *[Add(counter_id=one)] * 3]
            self.counting.handle_many([Request(command, uuid4(), "officer-1") for command in commands])

    def published(self) -> dict[int, list[Entry]]:
        found: dict[int, list[Entry]] = {lane: [] for lane in range(LANES)}
        for entry in Log(self.counting.store).page(1_000_000) or []:
            found[entry.lane].append(entry)
        return found

    def in_topic(self) -> dict[int, list[Entry]]:
        found: dict[int, list[Entry]] = {}
        for lane, held in messages(self.broker, TOPIC).items():
            read = [entry_of(m.topic, m.partition, m.key, m.value, m.headers) for m in held]
            assert {epoch for epoch, _ in read} <= {self.counting.store.epoch}
            found[lane] = [entry for _, entry in read]
        return found

    def assert_all_there(self) -> int:
        """Each lane has every event, in the order of its chain; how many were there once more.

        Entries are compared whole: position, predecessor, stream, version, name, time, bytes.
        """
        published, held = self.published(), self.in_topic()
        for lane, entries in held.items():
            taken: list[Entry] = []
            for entry in entries:
                if entry.prev == (taken[-1].pos if taken else 0):
                    taken.append(entry)
                else:
                    assert entry in taken, "a duplicate of what came before, or a hole"
            assert taken == published[lane]
        return sum(map(len, held.values())) - sum(map(len, published.values()))

    def assert_all_there_after_what_was_on_its_way(self) -> None:
        """As `assert_all_there`, but a lane may begin with a page that was sent to the topic of before."""
        published = self.published()
        for lane, entries in self.in_topic().items():
            begins = next((place for place, entry in enumerate(entries) if not entry.prev), 0)
            ahead, filled = entries[:begins], entries[begins:]
            assert all(entry in published[lane] for entry in ahead)
            taken = [entry for place, entry in enumerate(filled) if entry not in filled[:place]]
            assert taken == published[lane]

    def arrived(self) -> bool:
        read = {lane: {entry.pos for entry in entries} for lane, entries in self.in_topic().items()}
        return read == {lane: {entry.pos for entry in entries} for lane, entries in self.published().items()}


@pytest.fixture
def topic(broker: Kafka) -> Iterator[str]:
    make_topics(broker.bootstrap, {"counting": LANES})
    yield TOPIC
    with closing(opened(KafkaAdminClient, broker.bootstrap)) as admin:
        delete(broker, *partitions(admin, [TOPIC, "counting-dead-letters"]))


@pytest.fixture
def world(each_database: Settings, broker: Kafka, topic: str) -> World:
    return World(each_database, build(each_database, lanes=LANES), broker)


@pytest.fixture
def embedded(settings: Settings, broker: Kafka, topic: str) -> World:
    """Where it makes no difference which database the store is in."""
    return World(settings, build(settings, lanes=LANES), broker)


def until(happened: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def idle(relay: Relay) -> bool:
    """Whether everything is carried that is there now."""
    return relay.state == "relaying" and relay.marks != {} and not any(relay.lag.values()) and relay.sent > 0


@contextmanager
def writing(world: World) -> Iterator[None]:
    """Somebody publishes all the time."""
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            world.publish(5)
            time.sleep(0.01)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_the_bytes_in_kafka_are_the_stored_ones_in_the_partition_of_their_lane(world: World) -> None:
    world.publish(50)
    with in_thread(world.counting.store, world.broker.bootstrap):
        until(world.arrived)
    assert world.in_topic() == world.published()
    assert sum(map(len, world.in_topic().values())) == 200
    assert world.counting.store.last_pos() >= 400, "internal events lie between them"
    for lane, held in messages(world.broker, TOPIC).items():
        for message in held:
            stored = world.counting.store.recorder.select_notifications(int(dict(message.headers)["pos"]), 1)[0]
            assert message.value == stored.state
            assert message.key.decode() == str(stored.originator_id)
            assert world.counting.store.lane(UUID(str(stored.originator_id))) == lane


def test_the_relay_says_what_it_has_done_and_what_is_left(world: World) -> None:
    relay = Relay(world.counting.store, world.broker.bootstrap)
    assert (relay.state, relay.sent, relay.lag) == ("starting", 0, {})
    world.publish(10)
    with in_thread(world.counting.store, world.broker.bootstrap) as relay:
        until(lambda: idle(relay))
        assert (relay.state, relay.sent, relay.pages, relay.errors) == ("relaying", 40, 1, 0)
        assert relay.lag == dict.fromkeys(range(LANES), 0)
        assert {lane: mark.pos for lane, mark in relay.marks.items()} == {
            lane: entries[-1].pos if entries else 0 for lane, entries in world.published().items()
        }
    assert relay.state == "stopped"


def test_an_event_is_in_kafka_soon_after_it_was_accepted(world: World) -> None:
    with in_thread(world.counting.store, world.broker.bootstrap) as relay:
        world.publish(1)
        until(lambda: idle(relay))
        before = relay.sent
        world.publish(1)
        until(lambda: relay.sent == before + 4, 0.4 + PATIENCE * 0.01)


def test_a_relay_that_catches_up_does_not_wait_for_company(embedded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Receipts lie between the events, so that no page of the log is full of them."""
    monkeypatch.setattr(relay_module, "AT_ONCE", 20)
    monkeypatch.setattr(relay_module, "PAGE_SECONDS", 3.0)
    embedded.publish(25)
    with in_thread(embedded.counting.store, embedded.broker.bootstrap) as relay:
        until(lambda: relay.sent == 100, 15)
        assert relay.pages >= 10
    embedded.assert_all_there()


def test_whatever_moment_the_relay_is_killed_at_nothing_is_lost(world: World) -> None:
    rng = random.Random(20221)  # noqa: S311 - the same moments each time
    with writing(world):
        for _ in range(8):
            with in_process(world.settings, world.broker.bootstrap, LANES) as relay:
                before = sum(map(len, world.in_topic().values()))
                until(lambda: sum(map(len, world.in_topic().values())) > before)  # noqa: B023
                time.sleep(rng.uniform(0, 0.1))
                relay.kill()
    with in_thread(world.counting.store, world.broker.bootstrap):
        until(world.arrived)
    world.assert_all_there()


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_a_broker_that_is_away_is_waited_for(embedded: World, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "SLOW_SECONDS", 1.0)
    process = embedded.broker.process
    with in_thread(embedded.counting.store, embedded.broker.bootstrap) as relay, writing(embedded):
        until(lambda: relay.sent > 0)
        (process.kill if how == "killed" else process.pause)()
        if how == "paused":
            until(lambda: relay.state.startswith("waiting: a page is on its way for "), 20)
        until(lambda: relay.state.startswith("waiting for the broker: "))
        until(lambda: sum(relay.lag.values()) > 0)
        (process.start if how == "killed" else process.resume)()
        until(lambda: relay.state == "relaying")
    with in_thread(embedded.counting.store, embedded.broker.bootstrap):
        until(embedded.arrived)
    embedded.assert_all_there()


def test_a_broker_that_is_killed_again_and_again_keeps_what_it_acknowledged(embedded: World) -> None:
    rng = random.Random(20222)  # noqa: S311
    with in_thread(embedded.counting.store, embedded.broker.bootstrap) as relay, writing(embedded):
        for _ in range(4):
            before = relay.sent
            until(lambda: relay.sent > before)  # noqa: B023
            time.sleep(rng.uniform(0, 0.2))
            embedded.broker.process.kill()
            embedded.broker.process.start()
    with in_thread(embedded.counting.store, embedded.broker.bootstrap):
        until(embedded.arrived)
    embedded.assert_all_there()


def test_a_broker_whose_disk_is_full_is_waited_for_and_then_gets_everything(settings: Settings, tmp_path: Path) -> None:
    """The broker ends itself where it cannot write; whoever runs it makes room and starts it again."""
    folder = tmp_path / "broker"
    folder.mkdir()
    with small_disk(folder, "100m"), local_kafka.running(folder) as broker:
        make_topics(broker.bootstrap, {"counting": LANES})
        world = World(settings, build(settings, lanes=LANES), broker)
        with in_thread(world.counting.store, broker.bootstrap) as relay:
            world.publish(20)
            until(lambda: idle(relay))
            filler = fill(folder)

            def told() -> bool:
                world.publish(1)
                time.sleep(0.5)
                return "waiting for the broker" in relay.state

            until(told)
            assert any(relay.lag.values())
            filler.unlink()
            broker.process.kill()
            broker.process.start()
            until(world.arrived)
            until(lambda: idle(relay))
        world.assert_all_there()


def test_a_topic_that_is_deleted_under_a_running_relay_is_filled_again_when_it_is_made(embedded: World) -> None:
    embedded.publish(50)
    with in_thread(embedded.counting.store, embedded.broker.bootstrap) as relay:
        until(lambda: idle(relay))
        delete(embedded.broker, TOPIC)
        until(lambda: "counting-events is missing: run `groupement migrate`" in relay.state)
        assert relay.state.startswith("waiting for the broker: ")
        embedded.publish(10)
        make_topics(embedded.broker.bootstrap, {"counting": LANES})
        until(embedded.arrived)
        assert embedded.assert_all_there() == 0


@pytest.mark.parametrize("is_writing", [False, True])
def test_a_topic_that_is_made_anew_before_the_relay_sees_it_is_filled_again(embedded: World, is_writing: bool) -> None:
    embedded.publish(50)
    with in_thread(embedded.counting.store, embedded.broker.bootstrap) as relay:
        until(lambda: idle(relay))
        if is_writing:
            with writing(embedded):
                anew(embedded.broker)
                time.sleep(0.5)
        else:
            anew(embedded.broker)
        until(embedded.arrived)
    embedded.assert_all_there_after_what_was_on_its_way()


def test_a_topic_that_is_made_anew_while_no_relay_runs_is_filled_again(world: World) -> None:
    world.publish(50)
    with in_thread(world.counting.store, world.broker.bootstrap):
        until(world.arrived)
    anew(world.broker)
    with in_thread(world.counting.store, world.broker.bootstrap):
        until(world.arrived)
    assert world.assert_all_there() == 0


def anew(broker: Kafka) -> None:
    delete(broker, TOPIC)
    make_topics(broker.bootstrap, {"counting": LANES})


def test_a_topic_that_does_not_fit_the_store_is_not_written_to(embedded: World) -> None:
    delete(embedded.broker, TOPIC, "counting-dead-letters")
    make_topics(embedded.broker.bootstrap, {"counting": LANES + 1})
    embedded.publish(1)
    with in_thread(embedded.counting.store, embedded.broker.bootstrap) as relay:
        until(lambda: "counting-events has 5 partitions, its store 4 lanes" in relay.state)
        assert sum(map(len, messages(embedded.broker, TOPIC).values())) == 0


def test_a_second_relay_waits_and_takes_over_when_the_first_is_killed(world: World) -> None:
    with in_process(world.settings, world.broker.bootstrap, LANES) as first:
        world.publish(1)
        until(world.arrived)
        with in_thread(world.counting.store, world.broker.bootstrap) as second:
            until(lambda: second.state == "waiting: another relay is active")
            world.publish(20)
            until(world.arrived)
            assert second.sent == 0
            first.kill()
            world.publish(20)
            until(world.arrived)
            assert (second.state, second.sent) == ("relaying", 80)
    assert world.assert_all_there() == 0


def test_what_a_reader_misses_is_sent_again(world: World) -> None:
    world.publish(50)
    with in_thread(world.counting.store, world.broker.bootstrap):
        until(world.arrived)
        entries = world.published()[2]
        ask_again(world.counting.store, 2, Mark(entries[4].pos, entries[4].recorded_at))
        until(lambda: len(world.in_topic()[2]) > len(entries))
        until(lambda: world.in_topic()[2] == entries + entries[5:])
    assert world.assert_all_there() == len(entries) - 5


@pytest.fixture
def own_postgres() -> Iterator[local_postgres.Postgres]:
    """A server that no other test uses, in a folder that its account can enter."""
    folder = Path(tempfile.mkdtemp(prefix="groupement-postgres-"))
    folder.chmod(0o711)
    with local_postgres.running(folder) as server:
        yield server
    shutil.rmtree(folder)


def test_a_store_that_is_killed_is_waited_for(
    own_postgres: local_postgres.Postgres, broker: Kafka, topic: str, settings: Settings
) -> None:
    assert own_postgres.process is not None, "GROUPEMENT_PG_DSN names a server that is not ours to kill"
    with own_postgres.connect() as connection:
        connection.execute("create database counting")
        place = connection.info
        home = Settings(
            home=settings.home,
            postgres_host=place.host,
            postgres_port=place.port,
            postgres_user=place.user,
            postgres_password=place.password,
        )
    world = World(home, build(home, lanes=LANES), broker)
    world.publish(20)
    with in_thread(world.counting.store, broker.bootstrap) as relay:
        until(lambda: idle(relay))
        for _ in range(2):
            own_postgres.process.kill()
            until(lambda: relay.state.startswith("waiting for the store: "))
            own_postgres.process.start()
            until(lambda: relay.state == "relaying")
            world.publish(20)
            until(lambda: idle(relay))
        until(world.arrived)
    world.assert_all_there()
