"""Commands that arrive at the same time share a transaction, and nothing else: each has its own answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError

from events.base import AlreadyExists, Unknown
from infra import group_commit
from infra.event_store import Accepted, Contended, OtherBody, OutcomeUnknown, Request, Transaction
from infra.settings import Settings
from tests.infra.counting import Add, Added, Move, Open, TooMany, build, published
from tests.infra.crowd import Crowd
from tests.racing import in_threads

COUNTER, OTHER = UUID(int=1), UUID(int=2)


def asked(command: Any, command_id: UUID | None = None) -> Request[Any]:
    return Request(command, command_id or uuid4(), "officer-1")


def add(amount: int = 1, counter_id: UUID = COUNTER) -> Request[Any]:
    return asked(Add(counter_id=counter_id, amount=amount))


@pytest.fixture
def crowd(each_database: Settings) -> Crowd:
    counting = build(each_database)
    counting.handle(asked(Open(counter_id=COUNTER)))
    return Crowd(counting)


def total(crowd: Crowd) -> int | None:
    return crowd.counting.total(COUNTER)


def test_commands_that_wait_share_a_transaction_and_each_has_its_answer(crowd: Crowd) -> None:
    requests = [add(), asked(Open(counter_id=OTHER)), add(2), add(3, OTHER)]
    answers = crowd.comes(*requests)
    assert crowd.inserts == [8], "one transaction: an event and a receipt each"
    assert all(isinstance(answer, Accepted) and not answer.repeated for answer in answers)
    assert [(a.stream_id, a.version) for a in answers] == [(COUNTER, 2), (OTHER, 1), (COUNTER, 3), (OTHER, 2)]
    end = crowd.counting.store.last_pos()
    assert [a.positions[0].pos for a in answers] == [end - 7, end - 5, end - 3, end - 1]
    assert (total(crowd), crowd.counting.total(OTHER)) == (3, 3)
    again = [crowd.counting.handle(request) for request in requests]
    assert [(a.version, a.positions, a.repeated) for a in again] == [(a.version, a.positions, True) for a in answers]


def test_neighbours_of_a_refused_command_happen_and_it_leaves_nothing(crowd: Crowd) -> None:
    refused = add(11)
    first, second, third = crowd.comes(add(), refused, add(2))
    assert (first.version, third.version) == (2, 3)
    assert isinstance(second, TooMany)
    assert second.detail == "3 and 11 are more than 10", "it was decided again on what the others left"
    assert total(crowd) == 3
    crowd.counting.handle(add(-5))
    assert not crowd.counting.handle(refused).repeated


def test_what_a_refused_command_had_added_before_its_refusal_is_taken_back(crowd: Crowd) -> None:
    moves = [asked(Move(counter_id=COUNTER, to_id=OTHER)) for _ in range(2)]
    first, later, last = crowd.comes(moves[0], add(), moves[1])
    assert isinstance(first, Unknown)
    assert isinstance(last, Unknown)
    assert (later.version, total(crowd)) == (2, 1)
    assert [event.amount for event in published(crowd.counting) if isinstance(event, Added)] == [1]
    assert crowd.inserts == [2]


def test_a_command_that_fails_by_a_defect_fails_alone(crowd: Crowd) -> None:
    def defect(tx: Transaction, request: Request[Any]) -> UUID:
        crowd.counting.decide(tx, request)
        raise ZeroDivisionError

    decide = crowd.counting.decide
    first, second, third = crowd.decides((add(), decide), (add(5), defect), (add(2), decide))
    assert isinstance(second, ZeroDivisionError)
    assert (first.version, third.version, total(crowd)) == (2, 3, 3)


def test_an_event_that_cannot_be_written_fails_alone(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    to_stored_event = crowd.counting.store.mapper.to_stored_event

    def writes(recorded: Any) -> Any:
        if getattr(recorded.event, "amount", 0) == 5:
            raise ValueError("not to be written")
        return to_stored_event(recorded)

    monkeypatch.setattr(crowd.counting.store.mapper, "to_stored_event", writes)
    first, second, third = crowd.comes(add(), add(5), add(2))
    assert isinstance(second, ValueError)
    assert (first.version, third.version, total(crowd)) == (2, 3, 3)


def test_writes_on_one_stream_follow_one_another_and_the_one_that_passes_its_limit_is_refused(crowd: Crowd) -> None:
    answers = crowd.comes(*[add(3) for _ in range(5)])
    assert [getattr(answer, "version", None) for answer in answers] == [2, 3, 4, None, None]
    assert all(isinstance(answer, TooMany) for answer in answers[3:])
    assert total(crowd) == 9


def test_what_was_presumed_to_be_new_and_is_not_is_refused_alone(crowd: Crowd) -> None:
    first, second = crowd.comes(add(), asked(Open(counter_id=COUNTER)))
    assert (first.version, total(crowd)) == (2, 1)
    assert isinstance(second, AlreadyExists)


def test_a_command_many_times_in_a_group_happens_once(crowd: Crowd) -> None:
    request = add()
    first, *again = crowd.comes(request, request, add(2), request)
    assert isinstance(first, Accepted)
    assert [(a.version, a.repeated) for a in again] == [(2, True), (3, False), (2, True)]
    assert again[0].positions == first.positions
    assert (total(crowd), len(crowd.inserts)) == (3, 1)


def test_a_command_that_happened_before_is_answered_in_a_group_and_costs_no_attempt(crowd: Crowd) -> None:
    request = add()
    before = crowd.counting.handle(request)
    first, again = crowd.comes(add(2), request)
    assert (first.version, again.version, again.repeated) == (3, 2, True)
    assert again.positions == before.positions
    assert crowd.inserts == [2]


def test_an_id_with_another_body_is_refused_alone_whether_the_first_is_in_the_group_or_before(crowd: Crowd) -> None:
    before, here = add(), add(2)
    crowd.counting.handle(before)
    others = [asked(Add(counter_id=COUNTER, amount=4), request.command_id) for request in (before, here)]
    first, second, third, fourth = crowd.comes(here, others[0], others[1], add(3))
    assert (first.version, fourth.version) == (3, 4)
    assert isinstance(second, OtherBody)
    assert isinstance(third, OtherBody)
    assert total(crowd) == 6


def test_where_another_process_wrote_first_the_group_decides_again(crowd: Crowd, each_database: Settings) -> None:
    elsewhere = build(each_database)
    wrote = iter([5])

    def overtaken(tx: Transaction, request: Request[Any]) -> UUID:
        found = crowd.counting.decide(tx, request)
        if amount := next(wrote, 0):
            elsewhere.handle(add(amount))
        return found

    decide = crowd.counting.decide
    first, second, third = crowd.decides((add(2), decide), (add(), overtaken), (add(3), decide))
    assert (first.version, second.version) == (3, 4)
    assert isinstance(third, TooMany)
    assert total(crowd) == 8


def test_a_command_accepted_elsewhere_while_its_group_refused_it_gets_the_first_answer(
    crowd: Crowd, each_database: Settings
) -> None:
    elsewhere = build(each_database)
    request = asked(Open(counter_id=OTHER))
    accepted: list[Accepted] = []

    def looks(tx: Transaction, request: Request[Any]) -> UUID:
        if tx.is_presuming:
            raise TooMany("on a presumption")
        return crowd.counting.decide(tx, request)

    def waits(tx: Transaction, other: Request[Any]) -> UUID:
        if not tx.is_presuming and not accepted:
            accepted.append(elsewhere.handle(request))
        return looks(tx, other)

    first, second = crowd.decides((add(), waits), (request, looks))
    assert (first.version, total(crowd)) == (2, 1)
    assert (second.version, second.positions, second.repeated) == (1, accepted[0].positions, True)


def test_a_command_that_loses_every_race_takes_no_neighbour_with_it(
    crowd: Crowd, each_database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.event_store.ATTEMPTS", 3)
    elsewhere = build(each_database)
    crowd.counting.handle(asked(Open(counter_id=OTHER)))

    def loses(tx: Transaction, request: Request[Any]) -> UUID:
        found = crowd.counting.decide(tx, request)
        elsewhere.handle(add(0, OTHER))
        return found

    decide = crowd.counting.decide
    first, second, third = crowd.decides((add(), decide), (add(1, OTHER), loses), (add(2), decide))
    assert (first.version, third.version, total(crowd)) == (2, 3, 3)
    assert isinstance(second, Contended)


class Cut:
    """Events are committed, and the first answers are lost."""

    def __init__(self, crowd: Crowd, *errors: type[Exception]) -> None:
        insert, ours, self.left = crowd._insert, iter([False]), list(errors)

        def cut(events: Sequence[Any], **more: Any) -> Any:
            ids = insert(events, **more)
            if next(ours, True) and self.left:
                raise self.left.pop(0)("server closed the connection unexpectedly")
            return ids

        crowd._insert = cut  # type: ignore[assignment]


def test_a_group_whose_commit_was_not_answered_and_then_conflicts_with_itself_is_answered(crowd: Crowd) -> None:
    cut = Cut(crowd, IntegrityError)
    answers = crowd.comes(add(), add(2), add(11))
    assert not cut.left
    assert [(a.version, a.repeated) for a in answers[:2]] == [(2, True), (3, True)]
    assert isinstance(answers[2], TooMany)
    assert total(crowd) == 3


def test_a_group_whose_commit_was_not_answered_is_unknown_to_each_and_sent_again_happens_once(crowd: Crowd) -> None:
    Cut(crowd, OperationalError)
    requests = [add(), add(2), add(3)]
    answers = crowd.comes(*requests)
    assert all(isinstance(answer, OutcomeUnknown) for answer in answers)
    assert len({id(answer) for answer in answers}) == 3
    again = [crowd.counting.handle(request) for request in requests]
    assert [(answer.version, answer.repeated) for answer in again] == [(2, True), (3, True), (4, True)]
    assert total(crowd) == 6


def test_threads_of_two_stores_on_one_stream_each_happen_once(each_database: Settings) -> None:
    stores = [build(each_database) for _ in range(2)]
    stores[0].handle(asked(Open(counter_id=COUNTER)))
    requests = [add(0) for _ in range(20)]
    answers = in_threads([partial(store.handle, request) for request in requests for store in stores])
    assert all(isinstance(answer, Accepted) for answer in answers), answers
    versions = [answer.version for answer in answers if isinstance(answer, Accepted)]
    assert versions[::2] == versions[1::2]
    assert sorted(versions[::2]) == list(range(2, 22))


def test_a_group_has_a_limit_and_the_next_one_is_led_by_who_waits_longest(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MOST", 3)
    answers = crowd.comes(*[add() for _ in range(7)])
    assert [answer.version for answer in answers] == [2, 3, 4, 5, 6, 7, 8]
    assert crowd.inserts == [6, 6, 2]
