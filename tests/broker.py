"""A Kafka broker of the tests' own, and what lies in its topics."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from infra.kafka import opened
from infra.local import kafka


@pytest.fixture
def broker(shared_broker: kafka.Kafka) -> kafka.Kafka:
    """Runs, also where the test before killed it, or let it hang, and failed."""
    shared_broker.process.resume()
    if shared_broker.process.pid is None:
        shared_broker.process.kill()
        shared_broker.process.start()
    return shared_broker


@pytest.fixture(scope="session")
def shared_broker() -> Iterator[kafka.Kafka]:
    """Whoever kills it starts it again, and uses topics of contexts of its own."""
    folder = Path(tempfile.mkdtemp(prefix="groupement-kafka-"))
    try:
        with kafka.running(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def messages(server: kafka.Kafka, topic: str) -> dict[int, list[Any]]:
    """For each partition of a topic what is in it now."""
    with closing(opened(KafkaConsumer, server.bootstrap, enable_auto_commit=False)) as consumer:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: dict[int, list[Any]] = {place.partition: [] for place in places}
        while any(consumer.position(place) < ends[place] for place in places):
            for place, more in consumer.poll(1_000).items():
                found[place.partition] += [one for one in more if one.offset < ends[place]]
        return found


def delete(server: kafka.Kafka, *topics: str) -> None:
    """Deletes topics with all that is in them."""
    with closing(opened(KafkaAdminClient, server.bootstrap)) as admin:
        admin.delete_topics(list(topics))
