"""What was asked and answered, against what stores, topics and ledger hold: as sets of event ids, and in cents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from infra.clickhouse import Analytics
from infra.event_store import EventStore
from infra.log import Entry, Log
from infra.mapper import Language
from services.ordering.reactions import NOTED, react
from tests.faults.journal import Fact, Outcome, sums

SHOWN = 5
Entries = Sequence[Entry]


@dataclass
class Evidence:
    """What there is after a run, when nothing moves any more."""

    outcomes: list[Outcome]
    seen: list[dict[str, str]]
    """What somebody was shown that is another's."""
    stores: dict[str, list[Entry]]
    """Context -> what its store publishes."""
    topics: dict[str, dict[int, list[Entry]]] = field(default_factory=dict)
    """Context -> partition -> what lies in it. Empty where there is no broker."""
    raw: dict[str, list[tuple[int, UUID, bytes]]] = field(default_factory=dict)
    """Context -> position, event id and bytes of the raw log's rows."""
    ledger: dict[str, Counter[UUID]] = field(default_factory=dict)
    """Context -> event id -> how often it stands in the ledger with the same line."""
    figures: dict[Fact, int] = field(default_factory=dict)
    """What the ledger sums up, in cents, by everything but the amount."""
    knowledge: dict[UUID, list[tuple[str, bytes]]] = field(default_factory=dict)
    """What ordering noted of the others, by stream."""


@dataclass
class Verdict:
    """What is wrong, in numbers and in words."""

    accepted: int
    refused: int
    unknown: int
    events: int
    """Published by all stores."""
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Anything else: invented, seen by another, not folded."""
    difference: int = 0
    """Cents, summed up over every measure, establishment, agreement and month that differs."""
    repeated_messages: int = 0
    """Messages that lie in a topic more than once, which is allowed."""

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong or self.difference)

    def told(self) -> str:
        """A few lines."""
        lines = [
            f"accepted {self.accepted}, refused {self.refused}, unknown {self.unknown}; events {self.events}",
            f"lost {len(self.lost)}, doubled {len(self.doubled)}, difference {Decimal(self.difference) / 100:.2f}",
            f"otherwise wrong {len(self.wrong)}",
        ]
        for what in (self.lost, self.doubled, self.wrong):
            lines += [f"  {one}" for one in what[:SHOWN]]
        return "\n".join(lines)


def judge(found: Evidence) -> Verdict:
    """Compares everything with everything."""
    answers = Counter(outcome.answer for outcome in found.outcomes)
    verdict = Verdict(answers["accepted"], answers["refused"], answers["unknown"], sum(map(len, found.stores.values())))
    happened = _commands(found, verdict)
    for context, entries in found.stores.items():
        if found.topics:
            _topic(context, found.topics[context], entries, verdict)
        if found.raw:
            _projected(context, found, entries, verdict)
    if found.raw:
        _figures(found.figures, sums(happened), verdict)
        if found.knowledge != (expected := knowledge(found.stores)):
            keys = found.knowledge.keys() | expected.keys()
            wrong = sum(found.knowledge.get(key) != expected.get(key) for key in keys)
            verdict.wrong.append(f"ordering knows {wrong} of {len(expected)} things otherwise than they were published")
    verdict.wrong += [f"{one['who']} was shown {one['sees']} of {one['whose']}" for one in found.seen]
    return verdict


def _commands(found: Evidence, verdict: Verdict) -> list[Outcome]:
    """Accepted is in the store, refused is not, unknown is or is not, each at most once; gives what happened."""
    stored = {
        context: Counter(event_id(entry) for entry in entries) for context, entries in found.stores.items()
    }  # fmt: skip
    explained: dict[str, set[UUID]] = {context: set() for context in stored}
    happened = []
    for outcome in found.outcomes:
        asked = outcome.asked
        own = list(asked.event_ids())
        explained[asked.context].update(own)
        times = stored[asked.context][own[0]]
        said = f"{asked.what} {asked.key} of {asked.tenant}, {outcome.answer} ({outcome.status})"
        if times > 1:
            verdict.doubled.append(f"{said}: {times} times in the store")
        if outcome.answer == "accepted" and not times:
            verdict.lost.append(f"{said}: not in the store")
        if outcome.answer == "refused" and times:
            verdict.wrong.append(f"{said}: in the store")
        if times:
            happened.append(outcome)
    for context, ids in stored.items():
        if unasked := ids.keys() - explained[context]:
            verdict.doubled.append(f"{context}: {len(unasked)} events that nobody asked for under that id")
    return happened


def _topic(context: str, partitions: Mapping[int, Entries], entries: Entries, verdict: Verdict) -> None:
    held = {entry.pos: entry for lane in partitions.values() for entry in lane}
    verdict.repeated_messages += sum(map(len, partitions.values())) - len(held)
    said = {entry.pos: entry for entry in entries}
    if missing := said.keys() - held.keys():
        verdict.lost.append(f"topic of {context}: {len(missing)} events are missing, the first at {min(missing)}")
    if invented := held.keys() - said.keys():
        verdict.wrong.append(f"topic of {context}: {len(invented)} events are not in the store")
    if changed := [pos for pos in said.keys() & held.keys() if said[pos] != held[pos]]:
        verdict.wrong.append(f"topic of {context}: {len(changed)} events differ from the stored ones")
    for lane, messages in partitions.items():
        upto = 0
        for entry in messages:
            upto = entry.pos if entry.prev == upto else upto
        if upto != max((entry.pos for entry in entries if entry.lane == lane), default=0):
            verdict.lost.append(f"topic of {context}, lane {lane}: whoever reads it comes to {upto} only")


def _projected(context: str, found: Evidence, entries: Entries, verdict: Verdict) -> None:
    rows, ledger = found.raw.get(context, []), found.ledger.get(context, Counter())
    said = {entry.pos: (event_id(entry), entry.raw) for entry in entries}
    held = {pos: (identity, raw) for pos, identity, raw in rows}
    if missing := said.keys() - held.keys():
        verdict.lost.append(f"raw log of {context}: {len(missing)} events are missing, the first at {min(missing)}")
    if len(held) != len(rows):
        verdict.doubled.append(f"raw log of {context}: {len(rows) - len(held)} events stand there twice")
    if wrong := [pos for pos in held if held[pos] != said.get(pos)]:
        verdict.wrong.append(f"raw log of {context}: {len(wrong)} rows differ from the store")
    ids = {identity for identity, _ in said.values()}
    if missing_ids := ids - ledger.keys():
        verdict.lost.append(f"ledger of {context}: {len(missing_ids)} events are missing")
    if invented := ledger.keys() - ids:
        verdict.wrong.append(f"ledger of {context}: {len(invented)} events are not in the store")
    if twice := [identity for identity, times in ledger.items() if times > 1]:
        verdict.doubled.append(f"ledger of {context}: {len(twice)} events stand there twice")


def _figures(held: Mapping[Fact, int], said: Mapping[Fact, int], verdict: Verdict) -> None:
    for key in held.keys() | said.keys():
        if (difference := held.get(key, 0) - said.get(key, 0)) != 0:
            verdict.difference += abs(difference)
            if len(verdict.wrong) < SHOWN:
                verdict.wrong.append(
                    f"{key[:-1]}: {held.get(key, 0)} cents in the ledger, {said.get(key, 0)} were asked"
                )


def event_id(entry: Entry) -> UUID:
    """It stands first in every event's JSON."""
    return UUID(entry.raw[13:49].decode())


def knowledge(stores: Mapping[str, Iterable[Entry]]) -> dict[UUID, list[tuple[str, bytes]]]:
    """What ordering must have noted of what the others published: each event once, in its order."""
    language = Language(NOTED)
    found: dict[UUID, list[tuple[str, bytes]]] = {}
    for context, entries in stores.items():
        for entry in () if context == "ordering" else entries:
            place = react(language.load(entry.type, entry.raw)) if language.knows(entry.type) else None
            if place is not None:
                found.setdefault(place[0], []).append(("_" + entry.type, entry.raw))
    return found


def noted(events: Iterable[StoredEvent], contexts: Iterable[str]) -> dict[UUID, list[tuple[str, bytes]]]:
    """What is noted in a store of events of these contexts, by stream."""
    names = tuple(f"_{context}." for context in contexts)
    found: dict[UUID, list[tuple[str, bytes]]] = {}
    for event in events:
        if event.topic.startswith(names):
            stream = event.originator_id
            stream = stream if isinstance(stream, UUID) else UUID(stream)
            found.setdefault(stream, []).append((event.topic, event.state))
    return found


def published(store: EventStore) -> list[Entry]:
    """All that a store publishes."""
    return Log(store).page(10_000_000) or []


def read_projections(analytics: Analytics, found: Evidence) -> None:
    """Adds what the engine holds."""
    for row in analytics.rows("select app, pos, event_id, raw from raw_log order by app, lane, pos"):
        found.raw.setdefault(row["app"], []).append((row["pos"], row["event_id"], row["raw"].encode()))
    for row in analytics.rows(
        "select app, event_id, max(times) as times from "
        "(select app, event_id, pos, line, count() as times from ledger group by app, event_id, pos, line) "
        "group by app, event_id"
    ):
        found.ledger.setdefault(row["app"], Counter())[row["event_id"]] += row["times"]
    for row in analytics.rows(
        "select measure, establishment_id, agreement_id, formatDateTime(business_date, '%Y-%m') as month, "
        "sum(amount) as amount from ledger where measure in ('ordered', 'received', 'invoiced') "
        "group by measure, establishment_id, agreement_id, month"
    ):
        fact = Fact(row["measure"], str(row["establishment_id"]), str(row["agreement_id"]), row["month"], 0)
        if row["amount"]:
            found.figures[fact] = int(row["amount"] * 100)
