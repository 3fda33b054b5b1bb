"""Events and their stored bytes: the stored bytes are the event's JSON, the stored name says its version."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from events.base import Event


class UnreadableEvent(Exception):
    """A stored event that this code does not know how to read."""


class NewerEvent(UnreadableEvent):
    """The store holds a newer version of an event than this code knows: an older program must not guess."""


class Copy(NamedTuple):
    """Another context's event as it was published: its name and its bytes, kept as they came."""

    name: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in its stream; the library's domain event protocol."""

    originator_id: UUID
    originator_version: int
    event: Event
    copy: Copy | None = None


class Language:
    """The events that a store may hold, by stored name."""

    def __init__(self, classes: Iterable[type[Event]]) -> None:
        self._classes = {cls.TOPIC.rpartition(".v")[0]: cls for cls in classes}

    def knows(self, topic: str) -> bool:
        """Whether an event of this name, in whatever version, belongs to the language."""
        return topic.rpartition(".v")[0] in self._classes

    def load(self, topic: str, state: bytes) -> Event:
        """The event of these bytes, lifted to the newest version; a copy's name begins with `_`.

        Raises NewerEvent where the stored version is above the code's, UnreadableEvent where the name is unknown, or
        where the bytes are not such an event.
        """
        name, _, number = topic.rpartition(".v")
        cls = self._classes.get(name) or self._classes.get(name.removeprefix("_"))
        if cls is None or not number.isdecimal():
            msg = f"the store holds {topic}, which this version of groupement does not know"
            raise UnreadableEvent(msg)
        version, newest = int(number), cls.schema_version()
        if version > newest:
            msg = f"the store holds {topic}, this version of groupement reads {cls.TOPIC}: install a newer one"
            raise NewerEvent(msg)
        try:
            if version == newest:
                return cls.model_validate_json(state)
            document = json.loads(state)
            for old in range(version, newest):
                document = cls.UPCASTS[old](document)
            return cls.model_validate_json(json.dumps(document))
        except ValueError as error:
            msg = f"the store holds a {topic} that is not one: {error}"
            raise UnreadableEvent(msg) from error


class EventMapper(Mapper[UUID]):
    """Between `Recorded` and the library's stored event.

    A copy of another context's event gets a `_` in front of its name, so that it never leaves this service.
    """

    def __init__(self, language: Language) -> None:
        super().__init__(JSONTranscoder())
        self.language = language

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """The bytes to store: `model_dump_json` of the event, nothing around it."""
        event: Event = domain_event.event
        name, state = (
            ("_" + domain_event.copy.name, domain_event.copy.raw)
            if domain_event.copy
            else (event.TOPIC, event.__pydantic_serializer__.to_json(event))
        )
        return StoredEvent(domain_event.originator_id, domain_event.originator_version, name, state)

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The event in its stream. Raises UnreadableEvent."""
        stream = stored_event.originator_id
        event = self.language.load(stored_event.topic, stored_event.state)
        return Recorded(
            stream if isinstance(stream, UUID) else UUID(stream),
            stored_event.originator_version,
            event,
        )
