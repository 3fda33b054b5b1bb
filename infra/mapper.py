"""Events and their stored bytes: the stored bytes are the event's JSON, the stored name says its version."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from events.base import Event


class UnreadableEvent(Exception):
    """A stored event that this code does not know how to read."""


class NewerEvent(UnreadableEvent):
    """The store holds a newer version of an event than this code knows: an older program must not guess."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in its stream; the library's domain event protocol."""

    originator_id: UUID
    originator_version: int
    event: Event


class Language:
    """The events that a store may hold, by stored name."""

    def __init__(self, classes: Iterable[type[Event]]) -> None:
        self._classes = {cls.TOPIC.rpartition(".v")[0]: cls for cls in classes}

    def load(self, topic: str, state: bytes) -> Event:
        """The event of these bytes, lifted to the newest version.

        Raises NewerEvent where the stored version is above the code's, UnreadableEvent where the name is unknown.
        """
        name, _, version = topic.rpartition(".v")
        cls = self._classes.get(name) or self._classes.get(name.removeprefix("_"))
        if cls is None:
            msg = f"the store holds {topic}, which this version of groupement does not know"
            raise UnreadableEvent(msg)
        if int(version) == cls.schema_version():
            return cls.model_validate_json(state)
        if int(version) > cls.schema_version():
            msg = f"the store holds {topic}, this version of groupement reads {cls.TOPIC}: install a newer one"
            raise NewerEvent(msg)
        document = json.loads(state)
        for old in range(int(version), cls.schema_version()):
            document = cls.UPCASTS[old](document)
        return cls.model_validate(document)


class EventMapper(Mapper[UUID]):
    """Between `Recorded` and the library's stored event.

    Another context's event in this store is a copy that a reaction noted: it keeps its bytes, and its name gets a `_`
    in front, so that it never leaves this service.
    """

    def __init__(self, context: str, language: Language) -> None:
        super().__init__(JSONTranscoder())
        self._context = context
        self.language = language

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """The bytes to store: `model_dump_json` of the event, nothing around it."""
        event: Event = domain_event.event
        foreign = event.context() != self._context and not event.TOPIC.startswith("_")
        return StoredEvent(
            domain_event.originator_id,
            domain_event.originator_version,
            "_" + event.TOPIC if foreign else event.TOPIC,
            event.__pydantic_serializer__.to_json(event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The event in its stream. Raises UnreadableEvent."""
        stream = stored_event.originator_id
        event = self.language.load(stored_event.topic, stored_event.state)
        return Recorded(
            stream if isinstance(stream, UUID) else UUID(stream),
            stored_event.originator_version,
            event,
        )
