"""What was asked and what was answered, on disk before anything else happens."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import UUID, uuid5

MOST_EVENTS = 6
"""Events that a command of the load causes at most."""


class Fact(NamedTuple):
    """What an accepted command adds to the figures."""

    measure: str
    establishment: str
    agreement: str
    month: str
    """As 2026-03."""
    cents: int


@dataclass(frozen=True)
class Asked:
    """A command as it is sent, however often."""

    key: str
    """The Idempotency-Key."""
    tenant: str
    """The establishment whose officer asks, or `group`."""
    what: str
    """Name of the operation."""
    context: str
    path: str
    body: dict[str, Any]
    facts: tuple[Fact, ...] = ()

    def event_ids(self) -> Iterator[UUID]:
        """The ids that its events have, in their order: nobody else's command can give them."""
        for ordinal in range(1, MOST_EVENTS + 1):
            yield uuid5(UUID(self.key), f"{self.tenant}:{ordinal}")


@dataclass
class Outcome:
    """A command, and the last that was heard of it."""

    asked: Asked
    answer: str = "unknown"
    """`accepted`, `refused`, or unknown."""
    status: int = 0
    tries: int = 0
    is_doubtful: bool = False
    """A try had no answer: it may still be on its way when a later one is refused."""

    def hears(self, status: int) -> None:
        """Whatever comes later, an acceptance was one; a refusal is one where no other try is on its way."""
        found = verdict(status)
        self.status = status or self.status
        self.is_doubtful |= found == "unknown"
        if found == "accepted" or (found == "refused" and self.answer == "unknown" and not self.is_doubtful):
            self.answer = found


class Journal:
    """A file of one JSON document a line; each is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def asks(self, asked: Asked) -> None:
        """Before each try."""
        self._write({"asks": asdict(asked)})

    def hears(self, asked: Asked, status: int) -> None:
        """After each answer; status 0: there was none."""
        self._write({"hears": asked.key, "tenant": asked.tenant, "status": status})

    def sees(self, who: str, whose: str, path: str) -> None:
        """Somebody was shown what is another's."""
        self._write({"sees": path, "who": who, "whose": whose})

    def _write(self, document: dict[str, Any]) -> None:
        line = json.dumps(document, default=str).encode() + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()
            os.fdatasync(self._file.fileno())


def read(path: Path) -> tuple[list[Outcome], list[dict[str, Any]]]:
    """Every command with what was heard of it, and what was seen that should not be."""
    found: dict[tuple[str, str], Outcome] = {}
    seen: list[dict[str, Any]] = []
    for document in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        if "asks" in document:
            said = document["asks"]
            asked = Asked(**{**said, "facts": tuple(Fact(*fact) for fact in said["facts"])})
            found.setdefault((asked.tenant, asked.key), Outcome(asked)).tries += 1
        elif "hears" in document:
            found[document["tenant"], document["hears"]].hears(document["status"])
        else:
            seen.append(document)
    return list(found.values()), seen


def verdict(status: int) -> str:
    """What one answer says; 0 is none. A gateway's and a server's own trouble says nothing."""
    if 200 <= status < 300:
        return "accepted"
    return "refused" if 400 <= status < 500 else "unknown"


def sums(outcomes: Iterable[Outcome]) -> dict[Fact, int]:
    """What the figures must say of these commands, in cents, by everything but the amount."""
    found: dict[Fact, int] = {}
    for outcome in outcomes:
        for fact in outcome.asked.facts:
            key = fact._replace(cents=0)
            found[key] = found.get(key, 0) + fact.cents
    return {key: cents for key, cents in found.items() if cents}


def month_of(day: date) -> str:
    """The month in which a document counts."""
    return f"{day:%Y-%m}"
