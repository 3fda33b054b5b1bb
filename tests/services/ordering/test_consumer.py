"""The reactions on a real broker and real stores, with kills, hand-overs and deletions on the way."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from types import SimpleNamespace
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from aiokafka import TopicPartition
from faststream import FastStream
from kafka import KafkaAdminClient, KafkaProducer

from events.membership import AdhesionGranted
from infra import pending, watch
from infra.dead_letters import Letters
from infra.event_store import EventStore, Request
from infra.kafka import dead_letter_topic_of, headers_of, make_topics, opened, partitions, topic_of
from infra.local.kafka import Kafka
from infra.log import Entry, Log
from infra.settings import Settings
from infra.topic import PRODUCER
from services.membership import app as membership
from services.membership.commands import GrantAdhesion, JoinEstablishment
from services.ordering import channels, consumer
from services.ordering.consumer import Reactions, build
from services.ordering.intake import Intake
from services.ordering.reactions import adhesion_stream
from services.processes.reactions import watch_of
from services.suppliers import app as suppliers
from services.tendering import app as tendering
from tests.broker import delete, messages
from tests.infra.relaying import in_thread as relay_in_thread
from tests.postgres import Postgres
from tests.services.ordering.facts import AGREEMENT
from tests.services.ordering.reacting import in_process, in_thread

pytestmark = pytest.mark.full
TOPIC = topic_of("membership")
CONTEXTS = ("membership", "suppliers", "tendering", "ordering")
PATIENCE = 60
DAY = date(2022, 1, 1)


@dataclass
class World:
    """The stores, their topics, and what ordering knows of them."""

    settings: Settings
    broker: Kafka
    members: membership.Membership
    others: list[EventStore]

    def publish(self, count: int) -> None:
        """Establishments that join and adhere to an agreement: two events each, of which ordering notes one."""
        for _ in range(count):
            one = uuid4()
            for command in (
                JoinEstablishment(establishment_id=one, name="Centre", kind="clcc", joined_on=DAY),
                GrantAdhesion(establishment_id=one, agreement_id=AGREEMENT, valid_from=DAY),
            ):
                self.members.handle(Request(command, uuid4(), "officer-1"))

    def log(self) -> list[Entry]:
        return Log(self.members.store).page(1_000_000) or []

    def send(self, *entries: Entry, epoch: UUID | None = None) -> None:
        """Puts these entries into the topic, as a relay would."""
        with closing(opened(KafkaProducer, self.broker.bootstrap, **PRODUCER)) as producer:
            for entry in entries:
                headers = headers_of(entry, epoch or self.members.store.epoch)
                producer.send(TOPIC, entry.raw, str(entry.stream_id).encode(), headers, entry.lane)
            producer.flush()

    def is_noted(self, reactions: Reactions) -> bool:
        log = self.log()
        return reactions.ordering.noted_pos("membership", 0) == (log[-1].pos if log else 0)

    def assert_each_noted_once(self, reactions: Reactions) -> None:
        for entry in self.log():
            if entry.type == AdhesionGranted.TOPIC:
                stream = adhesion_stream(entry.stream_id, AGREEMENT)
                (noted,) = reactions.ordering.store.recorder.select_events(stream)
                assert noted.state == entry.raw


@pytest.fixture
def topics(broker: Kafka) -> Iterator[None]:
    make_topics(broker.bootstrap, dict.fromkeys(CONTEXTS, 1))
    yield
    names = [name(context) for context in CONTEXTS for name in (topic_of, dead_letter_topic_of)]
    with closing(opened(KafkaAdminClient, broker.bootstrap)) as admin:
        delete(broker, *partitions(admin, names))


@contextmanager
def opened_world(settings: Settings, broker: Kafka) -> Iterator[World]:
    home = settings.model_copy(update={"kafka_bootstrap": broker.bootstrap})
    world = World(home, broker, membership.build(home), [suppliers.build(home).store, tendering.build(home).store])
    yield world
    for store in (world.members.store, *world.others):
        store.close()


@pytest.fixture
def embedded(settings: Settings, broker: Kafka, topics: None) -> Iterator[World]:
    """Where it makes no difference which database the stores are in."""
    with opened_world(settings, broker) as world:
        yield world


@pytest.fixture
def world(postgres: Postgres, settings: Settings, broker: Kafka, topics: None) -> Iterator[World]:
    with opened_world(postgres.settings_of(settings.home, CONTEXTS), broker) as found:
        yield found


def until(happened: Callable[[], object], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_what_others_publish_is_noted_once_and_an_order_finds_it(world: World) -> None:
    world.publish(30)
    with relay_in_thread(world.members.store, world.broker.bootstrap), in_thread(world.settings) as reactions:
        until(lambda: world.is_noted(reactions))
        world.publish(5)
        until(lambda: world.is_noted(reactions))
        until(lambda: reactions.state == "reacting" and set(reactions.lag.values()) == {0})
        world.assert_each_noted_once(reactions)
        assert reactions.counts["taken"] == 70
        assert reactions.alarms == ()


def test_messages_that_take_long_to_be_taken_in_are_told(embedded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "SLOW_SECONDS", 0.3)
    goes_on, take = threading.Event(), Intake.take

    def slowly(intake: Intake, *asked: Any) -> None:
        goes_on.wait(PATIENCE)
        take(intake, *asked)

    monkeypatch.setattr(Intake, "take", slowly)
    embedded.publish(2)
    with relay_in_thread(embedded.members.store, embedded.broker.bootstrap), in_thread(embedded.settings) as reactions:
        try:
            until(lambda: "messages of membership, lane 0, not taken in yet, after" in reactions.state)
            assert "not taken in yet" in watch_of(reactions).ready()[0]
        finally:
            goes_on.set()
        until(lambda: embedded.is_noted(reactions) and reactions.state == "reacting")


def test_reactions_that_are_killed_again_and_again_note_each_event_once(world: World) -> None:
    rng = random.Random(20221)  # noqa: S311
    with relay_in_thread(world.members.store, world.broker.bootstrap):
        for _ in range(3):
            with in_process(world.settings) as process:
                before = noted(world)
                world.publish(25)
                until(lambda: noted(world) > before)  # noqa: B023
                time.sleep(rng.uniform(0, 0.2))
                process.kill()
        with in_thread(world.settings) as reactions:
            until(lambda: world.is_noted(reactions))
            world.assert_each_noted_once(reactions)


def noted(world: World) -> int:
    reactions = build(world.settings)
    with closing(reactions.ordering.store):
        return reactions.ordering.noted_pos("membership", 0)


def test_a_second_process_takes_over_and_what_is_delivered_again_changes_nothing(world: World) -> None:
    with relay_in_thread(world.members.store, world.broker.bootstrap), in_process(world.settings) as first:
        world.publish(10)
        until(lambda: noted(world) == world.log()[-1].pos)
        with in_thread(world.settings) as second:
            world.publish(10)
            until(lambda: noted(world) == world.log()[-1].pos)
            first.kill()
            world.publish(10)
            until(lambda: world.is_noted(second))
            world.assert_each_noted_once(second)


def test_a_topic_that_holds_everything_twice_and_in_disorder_changes_nothing(embedded: World) -> None:
    embedded.publish(10)
    log = embedded.log()
    embedded.send(*log[:8], *log[:8], *log[4:12], *log[2:], *log)
    with in_thread(embedded.settings) as reactions:
        until(lambda: embedded.is_noted(reactions))
        until(lambda: set(reactions.lag.values()) == {0})
        embedded.assert_each_noted_once(reactions)
        assert (reactions.counts["taken"], reactions.counts.get("rewound", 0)) == (20, 0)


def test_a_message_that_is_not_in_the_topic_is_asked_for_and_sent_again(world: World) -> None:
    world.publish(5)
    log = world.log()
    world.send(*log[:4], *log[5:])
    with in_thread(world.settings) as reactions:
        wanted = f"waiting for the relay of membership to send lane 0 again after position {log[3].pos}"
        until(lambda: reactions.state == wanted)
        assert (reactions.alarms, reactions.problems) == ((wanted,), (("chain", "membership"),))
        assert reactions.health == wanted
        assert (reactions.counts["rewound"], reactions.counts["asked"]) == (1, 1)
        assert reactions.ordering.noted_pos("membership", 0) == log[3].pos
        with relay_in_thread(world.members.store, world.broker.bootstrap):
            until(lambda: world.is_noted(reactions))
        until(lambda: (reactions.state, reactions.alarms) == ("reacting", ()))
        world.assert_each_noted_once(reactions)


def test_an_offset_that_is_ahead_of_the_store_costs_one_rewind(embedded: World) -> None:
    embedded.publish(5)
    embedded.send(*embedded.log())
    with in_thread(embedded.settings) as reactions:
        until(lambda: embedded.is_noted(reactions))
    embedded.publish(1)
    embedded.send(*embedded.log()[10:])
    forgetful = replace_home(embedded)
    with in_thread(forgetful.settings) as reactions:
        until(lambda: embedded.is_noted(reactions))
        assert reactions.counts["rewound"] == 1
        embedded.assert_each_noted_once(reactions)


def test_a_client_that_never_begins_is_begun_anew(embedded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[FastStream] = []

    async def start(app: FastStream) -> None:
        begun.append(app)
        await (asyncio.Event().wait() if len(begun) == 1 else begin(app))

    begin = FastStream.start
    monkeypatch.setattr(FastStream, "start", start)
    monkeypatch.setattr(consumer, "PATIENCE_SECONDS", 5.0)
    embedded.publish(1)
    embedded.send(*embedded.log())
    with in_thread(embedded.settings) as reactions:
        until(lambda: embedded.is_noted(reactions))
    assert len(begun) == 2


def test_a_partition_is_read_from_its_beginning_where_nobody_says_what_was_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Client:
        sought: ClassVar[dict[TopicPartition, int]] = {}

        async def committed(self, _: TopicPartition) -> int:
            return int(await asyncio.Event().wait())

        def seek(self, place: TopicPartition, offset: int) -> None:
            self.sought[place] = offset

    monkeypatch.setattr(channels, "COMMITTED_SECONDS", 0.01)
    resume, place = channels.Resume(set()), TopicPartition(TOPIC, 0)
    resume.subscriber = SimpleNamespace(consumer=Client())
    asyncio.run(resume.on_partitions_assigned({place}))
    assert Client.sought == {place: 0}


def replace_home(world: World) -> World:
    """Ordering has lost its store; the group's offsets stay."""
    for file in (world.settings.home / "stores").glob("ordering*"):
        file.unlink()
    return world


def open_letters(reactions: Reactions) -> int | None:
    """What `/health` of the process says."""
    answer = watch.answer(watch_of(reactions), "/health")
    assert answer is not None
    found: int | None = json.loads(answer[2])["open_dead_letters"]
    return found


def test_before_they_have_looked_reactions_say_no_number_of_dead_letters(embedded: World) -> None:
    reactions = build(embedded.settings)
    assert open_letters(reactions) is None
    reactions.ordering.store.close()


def test_poison_is_parked_and_what_has_nothing_to_do_with_it_goes_on(world: World) -> None:
    world.publish(3)
    log = world.log()
    poisoned = [replace(log[1], raw=b"\x00{\xff"), replace(log[3], type="membership.AdhesionGranted.v2")]
    world.send(log[0], poisoned[0], log[2], poisoned[1], *log[4:])
    large = b"hello" * 700_000  # more than a consumer fetches at once
    with closing(opened(KafkaProducer, world.broker.bootstrap, **PRODUCER)) as producer:
        producer.send(TOPIC, large, b"\xff", [("traceparent", b"\xff")], 0)
    with in_thread(world.settings) as reactions:
        until(lambda: world.is_noted(reactions))
        names = [f"membership/0/{log[1].pos}", f"membership/0/{log[3].pos}", "membership/0/@6"]
        until(lambda: sorted((reactions.letters or Letters()).open) == sorted(names))
        assert open_letters(reactions) == 3
        assert sorted(alarm.split(":")[0] for alarm in reactions.alarms) == [
            f"dead letter {name}" for name in sorted(names)
        ]
        assert (reactions.state, reactions.problems) == ("reacting", (("dead letter", "membership"),) * 3)
        assert reactions.health.startswith("reacting; dead letter membership/0/")
        held = messages(world.broker, dead_letter_topic_of("membership"))[0]
        found = {said["dead_letter_kind"]: (one, said) for one in held for said in [dict(one.headers)]}
        for kind, value, offset in (
            (b"unreadable", b"\x00{\xff", b"1"), (b"newer", log[3].raw, b"3"), (b"foreign", large, b"6"),
        ):  # fmt: skip
            one, said = found.pop(kind)
            assert (one.value, said["dead_letter_topic"], said["dead_letter_offset"]) == (value, TOPIC.encode(), offset)
        assert (len(held), found, said["traceparent"]) == (3, {}, b"\xff")
        assert reactions.ordering.store.recorder.select_events(adhesion_stream(log[5].stream_id, AGREEMENT))


def test_what_was_too_new_is_taken_in_when_a_newer_version_starts(
    embedded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.publish(2)
    log = embedded.log()
    newer = replace(log[1], type="membership.AdhesionGranted.v2")
    embedded.send(log[0], newer, *log[2:])
    with in_thread(embedded.settings) as reactions:
        until(lambda: open_letters(reactions) == 1)
    monkeypatch.setattr(AdhesionGranted, "TOPIC", newer.type)
    monkeypatch.setattr(AdhesionGranted, "UPCASTS", {1: lambda document: document})
    with in_thread(embedded.settings) as reactions:
        until(lambda: reactions.counts.get("settled") == 1)
        until(lambda: reactions.state == "reacting" and not reactions.alarms)
        until(lambda: open_letters(reactions) == 0)
        assert len(reactions.ordering.store.events(adhesion_stream(newer.stream_id, AGREEMENT))) == 1


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_a_broker_that_is_away_is_waited_for(embedded: World, how: str) -> None:
    process = embedded.broker.process
    with relay_in_thread(embedded.members.store, embedded.broker.bootstrap), in_thread(embedded.settings) as reactions:
        embedded.publish(3)
        until(lambda: embedded.is_noted(reactions))
        (process.kill if how == "killed" else process.pause)()
        until(lambda: reactions.state.startswith("waiting for the broker: "))
        embedded.publish(3)
        (process.start if how == "killed" else process.resume)()
        until(lambda: embedded.is_noted(reactions))
        until(lambda: reactions.state == "reacting")
        embedded.assert_each_noted_once(reactions)


def test_reactions_that_start_before_the_broker_and_the_topics_wait(embedded: World) -> None:
    names = list(map(topic_of, CONTEXTS))
    delete(embedded.broker, *names)
    embedded.broker.process.kill()
    with in_thread(embedded.settings) as reactions:
        until(lambda: reactions.state.startswith("waiting for the broker: "))
        embedded.broker.process.start()
        until(lambda: "-events is missing: run `groupement migrate`" in reactions.state)
        make_topics(embedded.broker.bootstrap, dict.fromkeys(CONTEXTS, 1))
        embedded.publish(2)
        with relay_in_thread(embedded.members.store, embedded.broker.bootstrap):
            until(lambda: embedded.is_noted(reactions))


def test_a_topic_that_is_made_anew_is_read_from_its_beginning(embedded: World) -> None:
    embedded.publish(20)
    with relay_in_thread(embedded.members.store, embedded.broker.bootstrap), in_thread(embedded.settings) as reactions:
        until(lambda: embedded.is_noted(reactions))
        for _ in range(2):
            delete(embedded.broker, TOPIC)
            make_topics(embedded.broker.bootstrap, {"membership": 1})
            embedded.publish(2)
            until(lambda: embedded.is_noted(reactions))
        until(lambda: reactions.state == "reacting")
        embedded.assert_each_noted_once(reactions)


def test_a_store_that_is_away_is_waited_for(world: World, postgres: Postgres) -> None:
    with (
        relay_in_thread(world.members.store, world.broker.bootstrap),
        in_thread(world.settings) as reactions,
        postgres.connect("postgres") as connection,
    ):
        world.publish(3)
        until(lambda: world.is_noted(reactions))
        name = world.settings.postgres_dbname.format(context="ordering")
        postgres_allows(connection, name, is_allowed=False)
        world.publish(3)
        until(lambda: reactions.state.startswith("waiting for the store: "))
        postgres_allows(connection, name, is_allowed=True)
        until(lambda: reactions.state == "reacting" and world.is_noted(reactions))
        world.assert_each_noted_once(reactions)


def postgres_allows(connection: Any, name: str, *, is_allowed: bool) -> None:
    """Lets nobody into a database, and throws out who is there; or lets everybody in again."""
    connection.execute(f"alter database {name} allow_connections {is_allowed}".encode())
    if not is_allowed:
        connection.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'".encode())
