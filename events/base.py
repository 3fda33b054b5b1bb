"""What every word of the published language is: an event, a command, a refusal, or a part of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from events.values import Instant, utc

UNRECORDED = UUID(int=0)
NOT_YET = datetime(1970, 1, 1, tzinfo=UTC)


class Value(BaseModel):
    """A frozen part of an event or command. Unknown fields are ignored: an added one must not break an old reader."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


class Event(Value):
    """A fact that has happened. Aggregates fill the business fields, the shell the four below (`stamped`)."""

    TOPIC: ClassVar[str] = ""
    """Stored name and version, `<context>.<Name>.v<N>`: never the module path, so that a class may move."""
    UPCASTS: ClassVar[dict[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}
    """Version N -> function that turns a stored document of N into one of N + 1."""

    event_id: UUID = UNRECORDED
    """Identity: uuid5 of the command id and the event's ordinal in it."""
    recorded_at: Instant = NOT_YET
    """When the service learned the fact (server clock, UTC). Never the document's own date."""
    actor: str = ""
    """Opaque id of the user or system that acted; no name, no e-mail address."""
    trace_id: str = ""
    """Trace of the request that caused the event."""

    def stamped(self, event_id: UUID, recorded_at: datetime, actor: str, trace_id: str) -> Self:
        """This event with the shell's four fields."""
        return self.model_copy(
            update={"event_id": event_id, "recorded_at": utc(recorded_at), "actor": actor, "trace_id": trace_id}
        )

    @classmethod
    def context(cls) -> str:
        """The bounded context that publishes the event."""
        return cls.TOPIC.split(".")[0]

    @classmethod
    def schema_version(cls) -> int:
        """The version in the stored name."""
        return int(cls.TOPIC.rsplit(".v", 1)[1])


class Command(BaseModel):
    """A wish, imperative, validated at the edge. Unknown fields are refused: a misspelt one must not be lost."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Refusal(Exception):
    """A decision that says no: which rule, which value, which place, what to do.

    Subclasses are named as facts (`CeilingExceeded`); `rule` cites the rule and its source, `remedy` says what to do.
    """

    rule: ClassVar[str] = ""
    remedy: ClassVar[str] = ""

    def __init__(self, detail: str, *, pointer: str = "", **values: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        self.values = {name: str(value) for name, value in values.items()}


class Unknown(Refusal):
    """The thing named does not exist, or is not yours to see: the answer is the same."""

    rule = "A command names things that exist"
    remedy = "Check the identifier."


class AlreadyExists(Refusal):
    """A thing with this identity exists already."""

    rule = "An identity is given once"
    remedy = "Read the existing one, or use another identifier."
