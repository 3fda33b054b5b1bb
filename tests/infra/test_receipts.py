"""A command happens once, whatever is sent again, at the same time, or with its answer cut."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError

from events.base import AlreadyExists
from infra.event_store import Accepted, OtherBody, OutcomeUnknown, Outdated, Request
from infra.settings import Settings
from tests.infra.counting import Add, Added, Counting, Move, Open, Opened, TooMany, build, published
from tests.racing import in_processes, in_threads

COUNTER, OTHER = UUID(int=1), UUID(int=2)


def asked(command: Any, command_id: UUID | None = None, **more: Any) -> Request[Any]:
    return Request(command, command_id or uuid4(), "officer-1", **more)


def same(answer: Accepted, first: Accepted) -> bool:
    return (answer.stream_id, answer.version, answer.positions) == (first.stream_id, first.version, first.positions)


@pytest.fixture
def counting(each_database: Settings) -> Counting:
    return build(each_database)


@pytest.fixture
def open_counter(counting: Counting) -> Counting:
    counting.handle(asked(Open(counter_id=COUNTER)))
    return counting


def test_a_repeated_command_has_one_effect_and_the_first_answer(open_counter: Counting) -> None:
    request = asked(Add(counter_id=COUNTER))
    first = open_counter.handle(request)
    open_counter.handle(asked(Add(counter_id=COUNTER)))
    again = open_counter.handle(request)
    assert same(again, first)
    assert (first.version, first.repeated, again.repeated) == (2, False, True)
    assert open_counter.total(COUNTER) == 2


def test_a_repeated_command_has_the_first_answer_where_it_would_now_be_refused(open_counter: Counting) -> None:
    request = asked(Add(counter_id=COUNTER, amount=9))
    first = open_counter.handle(request)
    assert same(open_counter.handle(request), first)
    creation = asked(Open(counter_id=OTHER))
    assert same(open_counter.handle(creation), open_counter.handle(creation))


def test_a_repeated_command_has_the_first_answer_though_its_if_match_is_old(open_counter: Counting) -> None:
    request = asked(Add(counter_id=COUNTER), expected_version=1)
    first = open_counter.handle(request)
    assert same(open_counter.handle(request), first)
    with pytest.raises(Outdated):
        open_counter.handle(asked(Add(counter_id=COUNTER), expected_version=1))


def test_the_answer_names_a_position_in_each_lane_that_was_written(each_database: Settings) -> None:
    counting = build(each_database, lanes=8)
    source, target = UUID(int=1), UUID(int=2)
    assert counting.store.lane(source) != counting.store.lane(target)
    counting.handle_many([asked(Open(counter_id=source)), asked(Open(counter_id=target))])
    request = asked(Move(counter_id=source, to_id=target))
    first = counting.handle(request)
    assert {position.lane for position in first.positions} == {counting.store.lane(source), counting.store.lane(target)}
    counting.handle(asked(Move(counter_id=source, to_id=target)))
    assert same(counting.handle(request), first)


def test_the_same_id_with_another_body_is_refused(open_counter: Counting) -> None:
    request = asked(Add(counter_id=COUNTER))
    open_counter.handle(request)
    for other in (Add(counter_id=COUNTER, amount=2), Open(counter_id=COUNTER)):
        with pytest.raises(OtherBody, match=str(request.command_id)):
            open_counter.handle(asked(other, request.command_id))
    assert open_counter.total(COUNTER) == 1


def test_two_tenants_may_use_the_same_id(open_counter: Counting) -> None:
    request = asked(Add(counter_id=COUNTER))
    open_counter.handle(request)
    other = open_counter.handle(asked(Add(counter_id=COUNTER, amount=2), request.command_id, scope=OTHER))
    assert not other.repeated
    assert open_counter.total(COUNTER) == 3
    assert len({event.event_id for event in published(open_counter)}) == 3


def test_a_refusal_leaves_no_receipt(counting: Counting) -> None:
    end = counting.store.last_pos()
    request = asked(Add(counter_id=COUNTER, amount=11))
    counting.handle(asked(Open(counter_id=COUNTER)))
    after_open = counting.store.last_pos()
    with pytest.raises(TooMany):
        counting.handle(request)
    assert counting.store.last_pos() == after_open == end + 2
    counting.handle(asked(Move(counter_id=COUNTER, to_id=COUNTER, amount=0)))
    counting.handle(asked(Add(counter_id=COUNTER, amount=-1)))
    assert not counting.handle(request).repeated


def test_the_same_command_twice_in_one_batch_has_one_effect(open_counter: Counting) -> None:
    request = asked(Add(counter_id=COUNTER))
    first, again, other = open_counter.handle_many([request, request, asked(Add(counter_id=COUNTER))])
    assert same(again, first)
    assert (first.version, again.repeated, other.version) == (2, True, 3)
    assert open_counter.total(COUNTER) == 2


def test_the_same_id_twice_in_one_batch_with_another_body_refuses_the_batch(open_counter: Counting) -> None:
    request = asked(Add(counter_id=COUNTER))
    with pytest.raises(OtherBody):
        open_counter.handle_many([request, asked(Add(counter_id=COUNTER, amount=2), request.command_id)])
    assert open_counter.total(COUNTER) == 0


def test_of_a_batch_all_commands_happen_or_none(open_counter: Counting) -> None:
    requests = [asked(Add(counter_id=COUNTER, amount=6)), asked(Add(counter_id=COUNTER, amount=6))]
    with pytest.raises(TooMany):
        open_counter.handle_many(requests)
    assert open_counter.total(COUNTER) == 0
    assert not open_counter.handle(requests[1]).repeated


def test_a_batch_sent_again_with_one_command_more_does_only_that_one(open_counter: Counting) -> None:
    requests = [asked(Add(counter_id=COUNTER)) for _ in range(3)]
    first = open_counter.handle_many(requests[:2])
    again = open_counter.handle_many(requests)
    assert [answer.repeated for answer in again] == [True, True, False]
    assert all(map(same, again, first))
    assert open_counter.total(COUNTER) == 3


def test_threads_that_repeat_a_command_at_the_same_time_get_one_answer(open_counter: Counting) -> None:
    requests = [asked(Add(counter_id=COUNTER)) for _ in range(5)] + [asked(Open(counter_id=OTHER))]
    answers = in_threads([partial(open_counter.handle, request) for request in requests for _ in range(4)])
    _assert_one_effect_each(answers, 4)
    assert open_counter.total(COUNTER) == 5


def test_stores_that_repeat_a_command_at_the_same_time_get_one_answer(each_database: Settings) -> None:
    stores = [build(each_database) for _ in range(4)]
    stores[0].handle(asked(Open(counter_id=COUNTER)))
    for _ in range(5):
        request, creation = asked(Add(counter_id=COUNTER)), asked(Open(counter_id=uuid4()))
        calls = [partial(store.handle, r) for r in (request, creation) for store in stores]
        _assert_one_effect_each(in_threads(calls), 4)
    assert stores[0].total(COUNTER) == 5


def test_processes_that_repeat_a_command_at_the_same_time_get_one_answer(each_database: Settings) -> None:
    counting = build(each_database)
    counting.handle(asked(Open(counter_id=COUNTER)))
    creations = [asked(Open(counter_id=uuid4())) for _ in range(10)]
    share = [request for creation in creations for request in (creation, asked(Add(counter_id=COUNTER)))][:18]
    found = in_processes(build, each_database, [share] * 4)
    _assert_one_effect_each([answer for answers in zip(*found, strict=True) for answer in answers], 4)
    assert counting.total(COUNTER) == 9


def _assert_one_effect_each(answers: list[Any], times: int) -> None:
    """`answers` holds the answers of each command next to one another."""
    assert all(isinstance(answer, Accepted) for answer in answers), answers
    for start in range(0, len(answers), times):
        mine = answers[start : start + times]
        assert all(same(answer, mine[0]) for answer in mine), mine
        assert sum(not answer.repeated for answer in mine) == 1


def test_a_command_that_another_process_had_accepted_while_it_was_refused_gets_the_first_answer(
    each_database: Settings,
) -> None:
    counting, elsewhere = build(each_database), build(each_database)
    request = asked(Open(counter_id=COUNTER))
    first: list[Accepted] = []

    def decide(tx: Any, asked: Request[Any]) -> UUID:
        if not tx.is_presuming and not first:
            # Just now, after this attempt looked for a receipt, and before it looks at the counter.
            first.append(elsewhere.handle(request))
        return counting.decide(tx, asked)

    counting.store.execute(asked(Open(counter_id=OTHER)), counting.decide)
    answer = counting.store.execute(request, _refusing_first(decide))
    assert same(answer, first[0])
    assert answer.repeated
    with pytest.raises(AlreadyExists):
        counting.handle(asked(Open(counter_id=COUNTER)))


def _refusing_first(decide: Callable[[Any, Request[Any]], UUID]) -> Callable[[Any, Request[Any]], UUID]:
    def decided(tx: Any, request: Request[Any]) -> UUID:
        if tx.is_presuming:
            raise TooMany("on a presumption")
        return decide(tx, request)

    return decided


class Cut:
    """The link to the database breaks after it has committed: the answer is lost, the events are there."""

    def __init__(self, counting: Counting, often: Callable[[], type[Exception] | None]) -> None:
        self.times = 0
        insert = counting.store.recorder.insert_events

        def cut(*args: Any, **kwargs: Any) -> Any:
            ids = insert(*args, **kwargs)
            if error := often():
                self.times += 1
                raise error("server closed the connection unexpectedly")
            return ids

        counting.store.recorder.insert_events = cut  # type: ignore[method-assign]


def test_a_commit_whose_answer_is_lost_and_that_looks_like_a_conflict_is_answered(open_counter: Counting) -> None:
    # PostgreSQL's recorder sends the lost insert again by itself: what comes back is a conflict with ourselves.
    cut = Cut(open_counter, iter([IntegrityError, None, None]).__next__)
    answer = open_counter.handle(asked(Add(counter_id=COUNTER)))
    assert cut.times == 1
    assert (answer.version, answer.repeated) == (2, True)
    assert open_counter.total(COUNTER) == 1


def test_a_commit_whose_answer_is_lost_is_unknown_and_the_command_sent_again_happens_once(
    open_counter: Counting,
) -> None:
    Cut(open_counter, iter([OperationalError, None, None]).__next__)
    request = asked(Add(counter_id=COUNTER))
    with pytest.raises(OutcomeUnknown, match="server closed the connection"):
        open_counter.handle(request)
    answer = open_counter.handle(request)
    assert (answer.version, answer.repeated) == (2, True)
    assert [position.pos for position in answer.positions] == [open_counter.store.last_pos() - 1]
    assert open_counter.total(COUNTER) == 1


def test_of_a_thousand_commands_a_third_sent_again_and_a_tenth_of_the_answers_cut_each_happens_once(
    counting: Counting,
) -> None:
    chance = random.Random(7)  # noqa: S311 - seeded, so that a failure can be seen again
    cut = Cut(counting, lambda: chance.choice([IntegrityError, OperationalError]) if chance.random() < 0.1 else None)
    requests = [asked(Open(counter_id=uuid4())) for _ in range(700)]
    repeated = requests + chance.choices(requests, k=300)
    chance.shuffle(repeated)
    for request in repeated:
        for _ in range(20):
            try:
                counting.handle(request)
                break
            except OutcomeUnknown:
                continue
    opened = [event.counter_id for event in published(counting) if isinstance(event, Opened)]
    assert sorted(opened) == sorted(request.command.counter_id for request in requests)
    assert cut.times > 50, "the fault must have fired"


def test_an_events_id_is_made_of_the_command_id_and_its_place(open_counter: Counting) -> None:
    command_id = uuid4()
    open_counter.handle(asked(Move(counter_id=COUNTER, to_id=COUNTER, amount=0), command_id))
    ids = [event.event_id for event in published(open_counter) if isinstance(event, Added)]
    assert len(set(ids)) == 2
    assert all(event_id.version == 5 for event_id in ids)
