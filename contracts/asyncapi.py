"""The AsyncAPI document: which topics there are, who writes and reads them, and what a message holds.

Topics and readers are those of the running FastStream app; messages are those of `events/`, and the headers those that
the relay writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from events import CONTEXTS
from events.base import Event
from infra.dead_letters import PREFIX
from infra.kafka import TOPIC, dead_letter_topic_of, topic_of

JSON = "application/json"
LANES = {"ordering": 8}
"""Partitions of a context's topics in the full run, where they are not one."""
DESCRIPTION = """\
Every event of every service, as the relay carries it from the service's store to its topic. The message's value is the
stored JSON, untouched; its headers are CloudEvents 1.0 in binary mode and the event's place in the store's log.

- Key: the aggregate. Partition: the lane, in which the order of the log holds.
- At least once: a message may come twice, with the same `pos`. A reader keeps the last `pos` of each lane, drops what
  is not above it, and sees by `prev` that something is missing.
- What ordering cannot read is in the dead-letter topic of its context, as it came, with who, why and where from.
"""
TEXTS = {
    "ce_specversion": "CloudEvents' version: 1.0.",
    "ce_id": "Identity of the event.",
    "ce_source": "/groupement/ and the context.",
    "ce_type": "Stored name and version of the event: the message's name.",
    "ce_time": "When the service learned the fact.",
    "ce_subject": "The aggregate, as the key says.",
    "content-type": f"{JSON}.",
    "pos": "The event's place in its store's log, increasing within a lane; not gapless.",
    "prev": "`pos` of the lane's event before; 0 for the first.",
    "version": "The event's place among those of its aggregate.",
    "epoch": "Identity of the store: another one after a restore.",
    "recorded_at": "The largest `ce_time` of the lane up to here: it never decreases.",
    "traceparent": "W3C trace context of the request that caused the event; missing where there was none.",
}
"""What the headers of an event's message mean; their values are text."""
LETTER_TEXTS = {
    "reader": "The service that could not take the message in.",
    "kind": "newer, unreadable, defect, behind (an earlier message of the aggregate waits), foreign (no event at all).",
    "reason": "Why, in words.",
    "topic": "The topic in which the message lay.",
    "partition": "Its partition there.",
    "offset": "Its offset there.",
    "pos": "Its place in its store's log; empty where it is no event of a store.",
}
"""What the headers mean, after `dead_letter_`, that a dead letter has besides those of its message."""


def asyncapi(app: Mapping[str, Any]) -> dict[str, Any]:
    """The document, given the one that FastStream makes of the app."""
    addresses = {name: channel["address"] for name, channel in app["channels"].items()}
    read = {
        addresses[operation["channel"]["$ref"].rpartition("/")[2]]
        for operation in app["operations"].values()
        if operation["action"] == "receive"
    }
    of_topic = {topic: channel for context in CONTEXTS for topic, channel in _channels(context)}
    written = sorted(set(addresses.values()))
    return {
        "asyncapi": app["asyncapi"],
        "info": {**app["info"], "description": DESCRIPTION, "license": {"name": "Apache-2.0"}},
        "defaultContentType": JSON,
        "servers": {"kafka": _server(app["servers"])},
        "channels": {topic: of_topic[topic] for topic in written},
        "operations": {name: found for topic in written for name, found in _operations(topic, is_read=topic in read)},
        "components": {"messages": dict(_messages()), "schemas": _schemas()},
    }


def _server(servers: Mapping[str, Any]) -> dict[str, Any]:
    (server,) = servers.values()
    return {"host": server["host"], "protocol": server["protocol"], "description": "GROUPEMENT_KAFKA_BOOTSTRAP"}


def _channels(context: str) -> Iterator[tuple[str, dict[str, Any]]]:
    names = [cls.TOPIC for cls in CONTEXTS[context]]
    yield topic_of(context), _channel(topic_of(context), context, f"What {context} publishes.", names)
    topic = dead_letter_topic_of(context)
    yield topic, _channel(topic, context, f"What could not be read of what {context} publishes.", ["DeadLetter"])


def _channel(topic: str, context: str, text: str, messages: Sequence[str]) -> dict[str, Any]:
    return {
        "address": topic,
        "description": text,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": topic,
                "partitions": LANES.get(context, 1),
                "topicConfiguration": {name: int(TOPIC[name]) for name in ("retention.ms", "retention.bytes")},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations(topic: str, *, is_read: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    channel = {"$ref": f"#/channels/{topic}"}
    context = topic.rpartition("-")[0] if topic.endswith("-events") else ""
    if not context:
        yield f"put-aside-{topic}", {
            "action": "send", "channel": channel, "summary": "A reader puts aside what it cannot take in."
        }  # fmt: skip
        return
    yield f"relay-{topic}", {
        "action": "send", "channel": channel, "summary": f"The relay carries what {context} has stored."
    }  # fmt: skip
    if is_read:
        yield (
            f"ordering-takes-{topic}",
            {
                "action": "receive",
                "channel": channel,
                "summary": "Ordering notes what its decisions depend on, each event once.",
                "bindings": {"kafka": {"groupId": {"type": "string", "enum": ["ordering"]}, "bindingVersion": "0.5.0"}},
            },
        )


def _messages() -> Iterator[tuple[str, dict[str, Any]]]:
    for events in CONTEXTS.values():
        for cls in events:
            yield (
                cls.TOPIC,
                {
                    "name": cls.TOPIC,
                    "title": cls.__name__,
                    "summary": " ".join((cls.__doc__ or "").split()),
                    "contentType": JSON,
                    "headers": {"$ref": "#/components/schemas/EventHeaders"},
                    "payload": {"$ref": f"#/components/schemas/{cls.__name__}"},
                },
            )
    yield (
        "DeadLetter",
        {
            "name": "DeadLetter",
            "title": "Dead letter",
            "summary": "A message as it came, byte for byte: an event of a newer version, or something that is none.",
            "contentType": JSON,
            "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
            "payload": {"$ref": "#/components/schemas/DeadLetter"},
        },
    )


def _schemas() -> dict[str, Any]:
    events: list[type[Event]] = [cls for classes in CONTEXTS.values() for cls in classes]
    _, found = models_json_schema(
        [(cls, "serialization") for cls in events], ref_template="#/components/schemas/{model}"
    )  # fmt: skip
    optional = ("traceparent",)
    letter = {**TEXTS, **{PREFIX + name: text for name, text in LETTER_TEXTS.items()}}
    return {
        "EventHeaders": _headers(TEXTS, [name for name in TEXTS if name not in optional]),
        "DeadLetterHeaders": _headers(letter, [PREFIX + name for name in LETTER_TEXTS]),
        "DeadLetter": {"description": "The value of the message, untouched: perhaps no JSON."},
        **dict(sorted(found["$defs"].items())),
    }


def _headers(texts: Mapping[str, str], required: Sequence[str]) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": text} for name, text in texts.items()}
    return {"type": "object", "properties": properties, "required": list(required)}
