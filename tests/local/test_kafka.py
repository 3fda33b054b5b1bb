"""Apache Kafka as a process: up, asked, killed, back with its messages, gone."""

from __future__ import annotations

import base64
from pathlib import Path
from uuid import UUID

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaTimeoutError

from infra.local import kafka
from infra.local.process import Missing, PortInUse
from tests.local.remains import Remains

pytestmark = pytest.mark.full
PLACE = TopicPartition("ordering-events", 1)


def create(broker: kafka.Kafka) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.create_topics([NewTopic(PLACE.topic, num_partitions=2, replication_factor=1)])
    admin.close()


def send(broker: kafka.Kafka, *values: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", enable_idempotence=True)
    for future in [producer.send(PLACE.topic, value, partition=PLACE.partition) for value in values]:
        future.get(30)
    producer.close()


def received(broker: kafka.Kafka, count: int) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, consumer_timeout_ms=20_000, enable_auto_commit=False)
    consumer.assign([PLACE])
    consumer.seek_to_beginning(PLACE)
    found = [message.value for _, message in zip(range(count), consumer, strict=False)]
    consumer.close()
    return found


def test_what_was_acknowledged_is_there_after_a_kill_and_nothing_after_the_end(folder: Path) -> None:
    with kafka.running(folder) as broker:
        create(broker)
        send(broker, b"1", b"2")
        for n in (3, 4):
            remains = Remains(broker.process)
            broker.process.kill()
            remains.assert_gone()
            broker.process.start()
            send(broker, str(n).encode())
        assert received(broker, 4) == [b"1", b"2", b"3", b"4"]
        remains = Remains(broker.process)
    remains.assert_gone()
    with kafka.running(folder) as broker:
        assert received(broker, 4) == [b"1", b"2", b"3", b"4"]


def test_topics_are_made_by_nobody_who_only_writes_to_them(folder: Path) -> None:
    with kafka.running(folder) as broker:
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap, max_block_ms=1_000)
        with pytest.raises(KafkaTimeoutError):
            producer.send(PLACE.topic, b"1")
        producer.close()
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        assert admin.list_topics() == []
        admin.close()


def test_no_cluster_id_is_taken_for_an_option() -> None:
    identity = UUID("f8829590-aae3-4a9e-b2f1-3fc58c4ff453")
    assert base64.urlsafe_b64encode(identity.bytes).startswith(b"-")
    made = kafka.cluster_id(identity)
    assert not made.startswith("-")
    assert len(base64.urlsafe_b64decode(made + "==")) == 16


def test_a_port_in_use_is_refused_with_its_name(folder: Path) -> None:
    with kafka.running(folder / "one") as broker:
        port = broker.process.ports["Kafka"]
        with pytest.raises(PortInUse, match=rf"port {port} \(Kafka\)"), kafka.running(folder / "two", port):
            pass


@pytest.mark.parametrize(("program", "package"), [("java", "default-jre-headless"), ("mvn", "maven")])
def test_where_something_is_not_installed_the_line_to_type_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, package: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name == program else f"/usr/bin/{name}")
    monkeypatch.setattr(kafka, "user_cache_path", lambda name: folder / name)
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    with pytest.raises(Missing, match=f"apt-get install -y --no-install-recommends {package}$"), kafka.running(folder):
        pass


def test_an_installed_kafka_is_used_where_one_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jars = kafka.jars()
    (folder / "installed").mkdir()
    (folder / "installed" / "libs").symlink_to(jars)
    monkeypatch.setenv("KAFKA_HOME", str(folder / "installed"))
    with kafka.running(folder / "broker") as broker:
        create(broker)
        assert str(folder / "installed" / "libs") in " ".join(map(str, broker.process.arguments))
