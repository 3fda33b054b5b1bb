"""What ordering knows of agreements, adhesions and suspensions: what the other contexts said, each thing once."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError
from hypothesis import Phase, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from contracts.examples import EXAMPLES
from events.base import Command, Event
from infra.event_store import OutcomeUnknown, Request
from infra.log import Entry, Log
from infra.settings import Settings
from services.embedded import Contexts, open_contexts
from services.membership.commands import GrantAdhesion, JoinEstablishment
from services.ordering.app import Ordering, build
from services.ordering.inbox import BrokenChain
from services.ordering.reactions import NOTED
from services.ordering.submission import NoAdhesion, NotInForce, SupplierIsSuspended
from services.suppliers.commands import RegisterSupplier, SuspendSupplier
from services.tendering.commands import SignAgreement
from tests.racing import in_threads
from tests.scenario import NOW, SHELL, Scenario
from tests.services.ordering.facts import (
    DAY,
    ESTABLISHMENT,
    FIRST,
    LAST,
    LATER,
    OTHER,
    adheres,
    amended,
    baseline,
    lot,
    no_longer_adheres,
    recorded,
    reinstated,
    revised,
    signed,
    submit,
    suspended,
    terminated,
)

ROOT = Path(__file__).parents[3]
SECOND = UUID(int=2)
AGGREGATE = {"tendering": "agreement_id", "membership": "establishment_id", "suppliers": "supplier_id"}
Lane = tuple[str, int]
Knowledge = dict[UUID, list[tuple[str, bytes]]]
"""Stream -> names and bytes of what was noted in it, oldest first."""


def log_of(lane: int, positions: Sequence[int], *facts: Event) -> list[Entry]:
    """A lane of another context's log with these events at these positions."""
    entries: list[Entry] = []
    for pos, fact in zip(positions, facts, strict=True):
        prev = entries[-1].pos if entries else 0
        # Its own bytes are kept, not those that our code would write: a blank tells them apart.
        raw = fact.stamped(UUID(int=pos), NOW, "tester", "").model_dump_json().encode() + b" "
        stream_id = getattr(fact, AGGREGATE[fact.context()])
        entries.append(Entry(lane, pos, prev, stream_id, 1, fact.TOPIC, NOW, raw))
    return entries


LOGS: Mapping[Lane, list[Entry]] = {
    # One store with two lanes: the positions of one say nothing of the other.
    ("tendering", 3): log_of(
        3,
        [70, 71, 100, 140, 180],
        signed(),
        baseline("12"),
        revised("11", DAY),
        amended(maximum="1"),
        terminated(LATER),
    ),
    ("tendering", 5): log_of(5, [60, 90], baseline("9", baseline_id=SECOND), recorded(SECOND)),
    ("membership", 0): log_of(
        0, [2, 5, 9, 10], adheres(), adheres(establishment_id=OTHER), no_longer_adheres(LATER), adheres(since=LAST)
    ),
    ("suppliers", 0): log_of(0, [1, 4, 40], suspended(FIRST), reinstated(DAY), suspended(LATER)),
}
ENDS = {lane: entries[-1].pos for lane, entries in LOGS.items()}


def knowledge(ordering: Ordering) -> Knowledge:
    found: defaultdict[UUID, list[tuple[str, bytes]]] = defaultdict(list)
    for stored in ordering.store.recorder.select_notifications(1, 10_000):
        if stored.topic.startswith(("_tendering.", "_membership.", "_suppliers.")):
            found[UUID(str(stored.originator_id))].append((stored.topic, stored.state))
    return dict(found)


def deliver(ordering: Ordering, logs: Mapping[Lane, list[Entry]] = LOGS) -> None:
    for (context, _), entries in logs.items():
        ordering.react(context, entries)


def positions(ordering: Ordering) -> dict[Lane, int]:
    return {lane: ordering.noted_pos(*lane) for lane in LOGS}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    """What ordering knows after everything came once, in its order."""
    ordering = build(Settings(home=tmp_path_factory.mktemp("once")))
    with closing(ordering.store):
        deliver(ordering)
        return knowledge(ordering)


@pytest.fixture
def ordering(each_database: Settings) -> Iterator[Ordering]:
    ordering = build(each_database)
    with closing(ordering.store):
        yield ordering


@pytest.fixture
def elsewhere(each_database: Settings, ordering: Ordering) -> Iterator[Ordering]:
    """The same store as another process has it open."""
    elsewhere = build(each_database)
    with closing(elsewhere.store):
        yield elsewhere


# What is noted


@pytest.mark.parametrize("event", [e for e in EXAMPLES if e.context() != "ordering"], ids=lambda e: e.TOPIC)
def test_what_ordering_has_a_use_for_is_noted_as_it_came_and_is_not_published(event: Event, settings: Settings) -> None:
    ordering = build(settings)
    raw = event.model_dump_json().encode() + b" "
    entry = Entry(0, 7, 0, uuid4(), 1, event.TOPIC, NOW, raw)
    with closing(ordering.store):
        ordering.react(event.context(), [entry])
        assert ordering.noted_pos(event.context(), 0) == 7
        noted = [one for stream in knowledge(ordering).values() for one in stream]
        assert noted == ([(f"_{event.TOPIC}", raw)] if isinstance(event, NOTED) else [])
        assert Log(ordering.store).page() in ([], None)


def test_an_order_is_decided_on_what_another_process_has_noted(ordering: Ordering, elsewhere: Ordering) -> None:
    scenario = Scenario(ordering).given(signed(), adheres(), submit("1", order_id=UUID(int=101)))
    there = Scenario(elsewhere)
    there._foreign.update({"tendering": 1, "membership": 1})
    there.given(suspended(DAY))
    scenario.when(submit("1")).then_refused(SupplierIsSuspended)
    there.given(reinstated(DAY), no_longer_adheres(FIRST))
    scenario.when(submit("1")).then_refused(NoAdhesion)
    there.given(adheres(since=DAY), terminated(FIRST))
    scenario.when(submit("1")).then_refused(NotInForce)


# Whatever is delivered


def stretches(entries: list[Entry]) -> st.SearchStrategy[list[Entry]]:
    """None, some or all of a lane, from anywhere on, and perhaps backwards."""
    ends = st.integers(0, len(entries))
    return st.builds(lambda a, b, step: entries[min(a, b) : max(a, b)][::step], ends, ends, st.sampled_from([1, 1, -1]))


def has_hole(entries: list[Entry], upto: int) -> bool:
    for entry in entries:
        if entry.pos > upto:
            if entry.prev != upto:
                return True
            upto = entry.pos
    return False


def as_of(known: Knowledge, upto: Mapping[Lane, int]) -> Knowledge:
    """What of it was said up to these positions."""
    said = {entry.raw for lane, entries in LOGS.items() for entry in entries if entry.pos <= upto[lane]}
    found = {stream: [one for one in noted if one[1] in said] for stream, noted in known.items()}
    return {stream: noted for stream, noted in found.items() if noted}


@given(st.data())
@limits(max_examples=30, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_twice_late_in_pieces_and_out_of_order_across_contexts_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, known: Knowledge, data: st.DataObject
) -> None:
    ordering = build(Settings(home=tmp_path_factory.mktemp("any")))
    with closing(ordering.store):
        for _ in range(data.draw(st.integers(1, 12))):
            context = data.draw(st.sampled_from(["tendering", "membership", "suppliers"]))
            parts = {lane: data.draw(stretches(LOGS[lane])) for lane in LOGS if lane[0] == context}
            before, batch = positions(ordering), [entry for part in parts.values() for entry in part]
            if any(has_hole(part, before[lane]) for lane, part in parts.items()):
                with pytest.raises(BrokenChain, match=f"{context}, lane"):
                    ordering.react(context, batch)
            else:
                ordering.react(context, batch)
                reached = {lane: max([before[lane], *(entry.pos for entry in part)]) for lane, part in parts.items()}
                assert positions(ordering) == {**before, **reached}
            # Position and effect never part, whatever was refused.
            assert knowledge(ordering) == as_of(known, positions(ordering))
        deliver(ordering)
        assert (positions(ordering), knowledge(ordering)) == (ENDS, known)


def test_a_position_of_one_lane_says_nothing_of_another(ordering: Ordering, known: Knowledge) -> None:
    # The lane that is further comes first; under one name for both, 60 and 90 would seem done.
    ordering.react("tendering", LOGS["tendering", 3])
    ordering.react("tendering", LOGS["tendering", 5])
    assert positions(ordering) == {**dict.fromkeys(LOGS, 0), ("tendering", 3): 180, ("tendering", 5): 90}
    assert knowledge(ordering) == as_of(known, positions(ordering))


def test_a_log_whose_beginning_is_missing_is_refused(ordering: Ordering) -> None:
    with pytest.raises(BrokenChain, match="position 71 follows 70, ordering stands at 0"):
        ordering.react("tendering", LOGS["tendering", 3][1:])
    assert (knowledge(ordering), set(positions(ordering).values())) == ({}, {0})


def test_processes_that_take_in_the_same_events_at_the_same_moment_take_each_once(
    ordering: Ordering, elsewhere: Ordering, known: Knowledge
) -> None:
    takers = [ordering, elsewhere] * 3
    answers = in_threads([partial(deliver, taker) for taker in takers])
    assert answers == [None] * 6
    assert (positions(ordering), knowledge(ordering)) == (ENDS, known)


# One commit


DIES = """
import os, pickle, signal, sys
from infra.settings import Settings
from services.ordering.app import build
ordering = build(Settings.model_validate_json(sys.argv[1]))
recorder, kill = ordering.store.recorder, lambda: os.kill(os.getpid(), signal.SIGKILL)
name = sys.argv[2]
method = getattr(recorder, name)
def dies(*args, **kwargs):
    if sys.argv[3] == "after":
        method(*args, **kwargs)
    kill()
log = pickle.load(sys.stdin.buffer)
ordering.react("tendering", log[:2])
setattr(recorder, name, dies)
ordering.react("tendering", log[2:])
"""


@pytest.mark.parametrize(
    ("name", "when", "is_committed"),
    [
        ("insert_events", "before", False),
        # Effect written, position not.
        ("_insert_tracking", "before", False),
        # Both written, not committed.
        ("_insert_tracking", "after", False),
        # Committed, and nobody was told.
        ("insert_events", "after", True),
    ],
)
def test_position_and_effect_are_one_commit_whenever_the_process_is_killed(
    each_database: Settings, known: Knowledge, name: str, when: str, *, is_committed: bool
) -> None:
    program = [sys.executable, "-c", DIES, each_database.model_dump_json(), name, when]
    log = pickle.dumps(LOGS["tendering", 3])
    done = subprocess.run(program, input=log, cwd=ROOT, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    ordering = build(each_database)
    with closing(ordering.store):
        found = positions(ordering)
        assert found == {**dict.fromkeys(LOGS, 0), ("tendering", 3): 180 if is_committed else 71}
        assert knowledge(ordering) == as_of(known, found)
        deliver(ordering)
        assert (positions(ordering), knowledge(ordering)) == (ENDS, known)


@pytest.mark.parametrize("error", [IntegrityError, OperationalError])
def test_a_commit_whose_answer_is_lost_is_not_done_again(
    ordering: Ordering, known: Knowledge, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    insert = ordering.store.recorder.insert_events

    def cut(*args: Any, **kwargs: Any) -> Any:
        insert(*args, **kwargs)
        raise error("server closed the connection unexpectedly")

    with monkeypatch.context() as link:
        link.setattr(ordering.store.recorder, "insert_events", cut)
        # What looks like a conflict with somebody else is looked into; anything else is told as unknown.
        with nullcontext() if error is IntegrityError else pytest.raises(OutcomeUnknown):
            ordering.react("tendering", LOGS["tendering", 3])
    deliver(ordering)
    assert (positions(ordering), knowledge(ordering)) == (ENDS, known)


# The embedded run: read from the other contexts' own logs


def send(contexts: Contexts, *commands: Command) -> None:
    for command in commands:
        service: Any = getattr(contexts, type(command).__module__.split(".")[1])
        service.handle(Request(command, uuid4(), "group-buyer-1"))


def test_the_logs_of_the_other_services_are_read_from_where_ordering_stands(settings: Settings) -> None:
    supplier, agreements = uuid4(), [uuid4() for _ in range(6)]
    with closing_all(open_contexts(settings)) as contexts:
        send(
            contexts,
            RegisterSupplier(supplier_id=supplier, name="Fournisseur"),
            JoinEstablishment(establishment_id=ESTABLISHMENT, name="Centre", kind="clcc", joined_on=FIRST),
            *(sign(agreement, supplier) for agreement in agreements[:4]),
        )
        contexts.react()
        once = contexts.ordering.store.last_pos()
        contexts.react()
        assert contexts.ordering.store.last_pos() == once
    # Another process goes on where the first one stood.
    with closing_all(open_contexts(settings)) as contexts:
        contexts.react()
        assert contexts.ordering.store.last_pos() == once
        send(
            contexts,
            *(sign(agreement, supplier) for agreement in agreements[4:]),
            *(GrantAdhesion(establishment_id=ESTABLISHMENT, agreement_id=one, valid_from=FIRST) for one in agreements),
        )
        contexts.react()
        assert len(knowledge(contexts.ordering)) == 6 + 6
        for agreement in agreements:
            send(contexts, submit("1", order_id=uuid4(), agreement_id=agreement))
        send(contexts, SuspendSupplier(supplier_id=supplier, suspended_on=DAY, reason="recall"))
        contexts.react()
        with pytest.raises(SupplierIsSuspended):
            send(contexts, submit("1", order_id=uuid4(), agreement_id=agreements[0]))


def sign(agreement_id: UUID, supplier_id: UUID) -> SignAgreement:
    """The agreement of `signed`, with a lot of its own."""
    said = signed(agreement_id=agreement_id, lots=(lot(supplier_id=supplier_id),)).model_dump(exclude=SHELL)
    return SignAgreement.model_validate({**said, "reference": str(agreement_id)})


@contextmanager
def closing_all(contexts: Contexts) -> Iterator[Contexts]:
    with ExitStack() as stack:
        for store in contexts.stores:
            stack.enter_context(closing(store))
        yield contexts
