"""A command on its way to a service, the receipt that makes it happen once, and the answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar
from uuid import UUID, uuid5

from events.base import Command, Event, Refusal
from events.values import derived_id

C = TypeVar("C", bound=Command)


class CommandAccepted(Event):
    """Internal: the receipt of a command, stored right after the events that it caused."""

    TOPIC: ClassVar[str] = "_store.CommandAccepted.v1"
    body_hash: str
    stream_id: UUID
    """The aggregate that answered."""
    version: int
    events: int
    """How many events the command caused."""


class OtherBody(Refusal):
    """The command id was used before, for something else."""

    rule = "A command id (Idempotency-Key) names one command for ever"
    remedy = "Send the first body again, or use a new id for a new command."


class Outdated(Refusal):
    """The thing has changed since the actor looked at it."""

    rule = "A change is made on the version that was seen (If-Match)"
    remedy = "Read it again, look at what changed, and send the command with the new version and a new id."


class Contended(Refusal):
    """Too many others wrote at the same time."""

    rule = "A decision is taken on the newest state"
    remedy = "Send the same command again, with the same id."


class OutcomeUnknown(Refusal):
    """The database did not answer: the command may or may not have happened."""

    rule = "An error while committing means unknown, never no"
    remedy = "Send the same command again, with the same id: it happens once."


@dataclass(frozen=True, slots=True)
class Request(Generic[C]):
    """A command on its way to a service, with what the shell knows of it."""

    command: C
    command_id: UUID
    actor: str
    scope: UUID | None = None
    """The establishment or supplier that the actor is limited to; None: the whole group."""
    trace_id: str = ""
    expected_version: int | None = None
    """Version of the aggregate that the actor saw (If-Match); None: whatever it is."""
    _body_hash: str = field(default="", init=False, repr=False, compare=False)

    def tenant(self) -> str:
        """Whose command ids these are: two tenants may use the same."""
        return str(self.scope or "group")

    def receipt_stream(self) -> UUID:
        """The stream of the receipt: one for each tenant and command id."""
        return derived_id(self.command_id, self.tenant())

    def body_hash(self) -> str:
        """SHA-256 of the command's name and JSON."""
        return self._body_hash or body_hash(self.command)


def body_hash(command: Command) -> str:
    """SHA-256 of a command's name and JSON."""
    body = type(command).__name__ + command.model_dump_json()
    return hashlib.sha256(body.encode()).hexdigest()


def request_of_content(command: C, about: UUID, version: int, actor: str) -> Request[C]:
    """A command with an id that follows from what it says, and from the version of the thing that it is about.

    The same wish on the same version is the same command; a wish that comes back after a change is a new one.
    """
    said = body_hash(command)
    request = Request(command, uuid5(about, f"{version}:{said}"), actor)
    # A command of an import is large: its JSON is written once.
    object.__setattr__(request, "_body_hash", said)
    return request


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a context's log: the notification id, within a lane."""

    context: str
    lane: int
    pos: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a command: the aggregate and its version; a repeated command gets the first answer."""

    stream_id: UUID
    version: int
    positions: tuple[Position, ...]
    """The last event of the command in each lane; none where it changed nothing."""
    repeated: bool = False
