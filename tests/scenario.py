"""Given, when, then: the language in which decisions are tested, on a real store.

`given` takes what happened before: commands of the service itself, and events of other contexts, which reach it through
its reactions. `when` sends one command. `then` compares the events that it published, the shell's four fields apart.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any, Protocol, Self, TypeVar
from uuid import UUID, uuid4

from events.base import Command, Event, Refusal
from infra.event_store import Accepted, EventStore, Request
from infra.log import Entry, Log

E = TypeVar("E", bound=Event)
SHELL = {"event_id", "recorded_at", "actor", "trace_id"}
NOW = datetime(2022, 6, 1, 8, 0, tzinfo=UTC)


class Service(Protocol):
    @property
    def store(self) -> EventStore: ...
    def handle(self, request: Request[Any]) -> Accepted: ...


class Scenario:
    def __init__(self, service: Service) -> None:
        self.service = service
        self.refusal: Refusal | None = None
        self.answer: Accepted | None = None
        self._foreign: Counter[str] = Counter()
        self._seen = 0

    def given(self, *facts: Command | Event, actor: str = "officer-1") -> Self:
        for fact in facts:
            if isinstance(fact, Event):
                self._feed(fact)
            else:
                self.service.handle(Request(fact, uuid4(), actor))
        self._seen = self.service.store.last_pos()
        return self

    def when(self, command: Command, *, actor: str = "officer-1", scope: UUID | None = None, **more: Any) -> Self:
        self.refusal = self.answer = None
        self._seen = self.service.store.last_pos()
        try:
            self.answer = self.service.handle(Request(command, more.pop("command_id", uuid4()), actor, scope, **more))
        except Refusal as refusal:
            self.refusal = refusal
        return self

    def then(self, *expected: Event) -> Self:
        assert self.refusal is None, self.refusal
        assert [_business(event) for event in self.published()] == [_business(event) for event in expected]
        return self

    def then_refused(self, refusal: type[Refusal], *, pointer: str | None = None, saying: str = "") -> Self:
        assert type(self.refusal) is refusal, self.refusal
        assert pointer is None or self.refusal.pointer == pointer
        assert saying in self.refusal.detail
        assert self.refusal.rule, "a refusal says its rule"
        assert self.refusal.remedy, "a refusal says what to do"
        assert not self.published(), "a refusal writes nothing"
        return self

    def only(self, kind: type[E]) -> E:
        """The one event of a class that the command published."""
        assert self.refusal is None, self.refusal
        (found,) = [event for event in self.published() if isinstance(event, kind)]
        return found

    def published(self) -> list[Event]:
        """The events that the service published since the last `given` or `when`."""
        store = self.service.store
        log, found = Log(store), []
        while (page := log.page()) is not None:
            found += [store.mapper.language.load(e.type, e.raw) for e in page if e.pos > self._seen]
        return found

    def _feed(self, event: Event) -> None:
        context = event.context()
        prev = self._foreign[context]
        self._foreign[context] += 1
        stamped = event.stamped(uuid4(), NOW, "tester", "")
        entry = Entry(0, prev + 1, prev, uuid4(), 1, event.TOPIC, NOW, stamped.model_dump_json().encode())
        service: Any = self.service
        service.react(context, [entry])


def _business(event: Event) -> tuple[str, dict[str, Any]]:
    return event.TOPIC, event.model_dump(mode="json", exclude=SHELL)
