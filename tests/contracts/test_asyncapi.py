"""The AsyncAPI document against the broker, the messages that the relay writes, and the containers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from kafka import KafkaAdminClient
from ruamel.yaml import YAML

from contracts.generate import FOLDER, released_examples
from events import CONTEXTS
from infra.dead_letters import Message, foreign, headers_of_letter
from infra.kafka import dead_letter_topic_of, headers_of, make_topics, opened, partitions, topic_of
from infra.local.kafka import Kafka
from infra.log import START, Entry
from services.ordering.channels import READ
from tests.broker import delete

DOCUMENT: dict[str, Any] = json.loads((FOLDER / "asyncapi.json").read_text("utf-8"))
COMPOSE: dict[str, Any] = YAML(typ="safe").load((FOLDER.parent / "docker-compose.yml").read_text("utf-8"))
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def schema(name: str) -> Draft202012Validator:
    """A part of the document as a schema, with what it refers to."""
    return Draft202012Validator(
        {"$ref": f"#/components/{name}", "components": DOCUMENT["components"]}, format_checker=FormatChecker()
    )


def refs(node: Any) -> Iterator[str]:
    match node:
        case {"$ref": str(ref)}:
            yield ref
        case dict():
            for part in node.values():
                yield from refs(part)
        case list():
            for part in node:
                yield from refs(part)


def test_every_reference_leads_somewhere_and_no_part_is_orphaned() -> None:
    found = set(refs(DOCUMENT))
    for ref in found:
        node: Any = DOCUMENT
        for part in ref.removeprefix("#/").split("/"):
            node = node[part]
    for kind, parts in DOCUMENT["components"].items():
        assert {f"#/components/{kind}/{name}" for name in parts} <= found


def test_each_context_has_a_topic_of_its_events_and_one_of_dead_letters() -> None:
    assert {name: list(channel["messages"]) for name, channel in DOCUMENT["channels"].items()} == {
        **{topic_of(context): [cls.TOPIC for cls in events] for context, events in CONTEXTS.items()},
        **{dead_letter_topic_of(context): ["DeadLetter"] for context in CONTEXTS},
    }


def test_ordering_reads_what_it_is_subscribed_to() -> None:
    received = [one["channel"]["$ref"] for one in DOCUMENT["operations"].values() if one["action"] == "receive"]
    assert sorted(received) == sorted(f"#/channels/{topic_of(context)}" for context in READ)


@pytest.mark.parametrize("topic", sorted(released_examples()))
def test_a_message_is_described_by_the_schema_that_its_example_fits(topic: str) -> None:
    message = DOCUMENT["components"]["messages"][topic]
    assert message["payload"] == {"$ref": f"#/components/schemas/{topic.split('.')[1]}"}
    payload = json.loads(released_examples()[topic])
    check = schema(f"schemas/{topic.split('.')[1]}")
    check.validate(payload)
    for name in payload:
        assert not check.is_valid({key: value for key, value in payload.items() if key != name})


def test_headers_are_those_that_the_relay_writes() -> None:
    raw = f'{{"event_id":"{UUID(int=1)}","recorded_at":"2022-01-01T00:00:00Z","actor":"a","trace_id":"{TRACE}"}}'
    entry = Entry(0, 1, 0, UUID(int=2), 1, "ordering.OrderSubmitted.v1", START, raw.encode())
    headers = {name: value.decode() for name, value in headers_of(entry, UUID(int=3))}
    described = DOCUMENT["components"]["schemas"]["EventHeaders"]
    assert list(described["properties"]) == list(headers)
    assert set(headers) - set(described["required"]) == {"traceparent"}
    schema("schemas/EventHeaders").validate(headers)
    message = Message("ordering-events", 0, 7, None, None, headers_of(entry, UUID(int=3)))
    letter = dict(headers_of_letter(foreign("ordering", message, "none"), message, "ordering"))
    described = DOCUMENT["components"]["schemas"]["DeadLetterHeaders"]
    assert list(described["properties"]) == list(letter)
    schema("schemas/DeadLetterHeaders").validate({name: value.decode() for name, value in letter.items()})


def lanes_of_the_containers() -> dict[str, int]:
    lanes = {
        service["environment"].get("GROUPEMENT_LANES")
        for service in COMPOSE["services"].values()
        if "migrate" in service.get("command", "")
    }
    (number,) = lanes
    return {context: int(number) if context == "ordering" else 1 for context in CONTEXTS}


def test_the_broker_is_where_the_containers_find_it() -> None:
    (server,) = DOCUMENT["servers"].values()
    name, _, port = server["host"].partition(":")
    assert name in COMPOSE["services"]
    told = {
        service["environment"]["GROUPEMENT_KAFKA_BOOTSTRAP"]
        for service in COMPOSE["services"].values()
        if "GROUPEMENT_KAFKA_BOOTSTRAP" in (service.get("environment") or {})
    }
    assert told == {f"{name}:{port}"}


@pytest.mark.full
def test_the_topics_of_the_broker_are_those_of_the_document(broker: Kafka) -> None:
    names = list(DOCUMENT["channels"])
    make_topics(broker.bootstrap, lanes_of_the_containers())
    with closing(opened(KafkaAdminClient, broker.bootstrap)) as admin:
        made = {name: count for name, (_, count) in partitions(admin, names).items()}
        there = [name for name in admin.list_topics() if not name.startswith("__")]
    delete(broker, *made)
    assert made == {name: one["bindings"]["kafka"]["partitions"] for name, one in DOCUMENT["channels"].items()}
    assert {name for name in there if name.partition("-")[0] in CONTEXTS} == set(names)
