"""What was changed, removed, slipped in or cut off in a store is found by its hash chain, and where.

The links are kept in a file beside the stores: a change is located to its position, and a past that was read before is
read again only when that is asked for. Whoever can write both store and links can forge both: a root that was handed
outside shows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from infra.chain import Links, beginning, link
from infra.event_store import utc_now
from infra.mapper import UnreadableEvent
from infra.stored import BEFORE_ALL, Damaged, Identity, Stored, identities, pages

MOST = 100
"""Findings of a store after which reading stops: it is another store, not a changed one."""

Progress = Callable[[int], None]
"""Called with the number of events that were read."""


class Kind(StrEnum):
    """What was done to a store."""

    CHANGED = "changed"
    """The event at this position is not the one that was there."""
    REMOVED = "removed"
    """The event at this position is gone."""
    INSERTED = "inserted"
    """An event stands where there was none, among those that were seen before."""
    UNREADABLE = "unreadable"
    """Something lies there that is no event, or that the database cannot read."""
    STRUCTURE = "structure"
    """The file around the events is damaged: pages, or the index that leads to them."""
    CUT = "cut"
    """A root saw events after this position; the store ends before them, or was restored to before them."""
    FORGED = "forged"
    """A root saw other events up to this position, though the links agree with the store."""
    FOREIGN = "foreign"
    """A root is of another store."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    context: str
    kind: Kind
    position: int | None
    detail: str


class Root(BaseModel):
    """What a store was, in one number: whoever holds it can prove any later change of what it covers."""

    model_config = ConfigDict(frozen=True)

    context: str
    epoch: UUID
    position: int
    """Position of the last event that it covers."""
    events: int
    """How many events it covers, internal ones included."""
    hash: str


class Roots(BaseModel):
    """The roots of every store at one time, as they are handed outside."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    made_at: datetime
    stores: tuple[Root, ...]
    root: str
    """SHA-256 over the lines `context epoch position events hash` of the stores: short enough for paper."""

    def is_whole(self) -> bool:
        """Whether the number belongs to the stores that are named with it."""
        return self.root == _summed(self.stores)


def roots_of(stores: Sequence[Root], made_at: datetime | None = None) -> Roots:
    """The document to hand outside."""
    return Roots(made_at=made_at or utc_now(), stores=tuple(stores), root=_summed(stores))


def _summed(stores: Sequence[Root]) -> str:
    lines = (f"{one.context} {one.epoch} {one.position} {one.events} {one.hash}\n" for one in stores)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Verified:
    """What a store was found to be."""

    root: Root | None
    """None where the store cannot say which one it is."""
    read: int
    """How many events were read; the others were, at an earlier time."""
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Reading:
    """A walk over rows and links side by side."""

    context: str
    links: Links
    findings: list[Finding] = field(default_factory=list)
    read: int = 0

    def find(self, kind: Kind, position: int | None, detail: str) -> None:
        self.findings.append(Finding(self.context, kind, position, detail))

    def walk(self, stored: Stored, *, full: bool, progress: Progress | None) -> None:
        """Compares what lies there with the links, and adds a link for each event that is new."""
        known = len(self.links)
        start = 0 if full else max(known - 1, 0)
        after, head = self.links[start - 1] if start else (BEFORE_ALL, beginning(self.context))
        links = self.links.since(start)
        expected = next(links, None)
        for page in pages(stored, after):
            new: list[tuple[int, bytes]] = []
            for row in page:
                while expected is not None and expected[0] < row.position:
                    self._gone(expected[0])
                    head, expected = expected[1], next(links, None)
                if expected is not None and row.position < expected[0]:
                    self.find(Kind.INSERTED, row.position, f"{row.name} stands where there was no event")
                    continue
                following = link(head, row)
                if expected is not None:
                    if following != expected[1]:
                        self.find(Kind.CHANGED, row.position, f"{row.name} is not what was stored here")
                    head, expected = expected[1], next(links, None)
                elif following is None or row.position < 1:
                    self.find(Kind.UNREADABLE, row.position, "what lies here is no event")
                else:
                    head = following
                    new.append((row.position, head))
            self.links.add(new)
            self.read += len(page)
            if progress:
                progress(self.read)
            if len(self.findings) >= MOST:
                return
        while expected is not None and len(self.findings) < MOST:
            self._gone(expected[0])
            expected = next(links, None)

    def _gone(self, position: int) -> None:
        self.find(Kind.REMOVED, position, "the event that was stored here is gone")

    def compare(self, roots: Iterable[Root], lived: Sequence[Identity], end: int) -> None:
        """Holds what the links say against what was handed outside before."""
        for root in roots:
            upto = _end_of(root.epoch, lived, end)
            if upto is None:
                self.find(Kind.FOREIGN, None, f"the root is of epoch {root.epoch}, which this store never had")
            elif root.position > upto:
                what = "ends" if upto == end else "was restored to what it was"
                self.find(Kind.CUT, upto, f"the root saw events up to position {root.position}, the store {what} here")
            elif self.links.at(root.position) != (root.events, bytes.fromhex(root.hash)):
                detail = f"the root saw {root.events} events with hash {root.hash[:16]}… up to here"
                self.find(Kind.FORGED, root.position, detail)


def _end_of(epoch: UUID, lived: Sequence[Identity], end: int) -> int | None:
    """The last position that a store reached under an epoch; None where it never had it."""
    ends = [*(one.since - 1 for one in lived[1:]), end]
    return next((upto for one, upto in zip(lived, ends, strict=True) if one.epoch == epoch), None)


def verify(
    context: str,
    stored: Stored,
    links: Links,
    *,
    full: bool = False,
    roots: Sequence[Root] = (),
    progress: Progress | None = None,
) -> Verified:
    """Reads what is new in a store, with `full` everything and the file around it, and says what is wrong with it.

    `roots` are this context's, from outside; what they cover is proven only by a full reading.
    """
    reading = _Reading(context, links)
    try:
        reading.walk(stored, full=full, progress=progress)
    except Damaged as damage:
        reading.find(Kind.UNREADABLE, damage.after, str(damage))
    if full:
        for fault in stored.faults():
            reading.find(Kind.STRUCTURE, fault.position, fault.detail)
    position, head = links[len(links) - 1] if len(links) else (0, beginning(context))
    try:
        lived, (end, rows) = identities(stored), stored.end()
    except (Damaged, UnreadableEvent) as nameless:
        reading.find(Kind.UNREADABLE, None, str(nameless))
        return Verified(None, reading.read, tuple(reading.findings))
    if rows != len(links) and not reading.findings:
        kind = Kind.INSERTED if rows > len(links) else Kind.REMOVED
        reading.find(kind, None, f"{rows} events where {len(links)} were seen: a full reading says which")
    reading.compare(roots, lived, end)
    root = Root(context=context, epoch=lived[-1].epoch, position=position, events=len(links), hash=head.hex())
    return Verified(root, reading.read, tuple(reading.findings))
