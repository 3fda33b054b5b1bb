"""A maximum is never passed, however many ask at the same moment, until a signed amendment raises it.

Orders of 70.00 under a maximum of 1,000.00: there is room for 14 of them, not more, and not fewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.base import Command, Unknown
from events.ordering import (
    CeilingApproached,
    CeilingReleased,
    CeilingReserved,
    OrderApproved,
    OrderCancelled,
    OrderLineReceived,
    OrderRejected,
    OrderSubmitted,
    OrderWithdrawn,
)
from infra.event_store import Accepted, Request
from infra.settings import Settings
from services.ordering.app import Ordering, build
from services.ordering.ceiling import CeilingExceeded
from services.ordering.order import WrongState
from tests.racing import in_processes, in_threads
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    ESTABLISHMENT,
    LOT,
    ORDER,
    OTHER,
    SECOND_LOT,
    adheres,
    amended,
    approve,
    cancel,
    limit,
    lot,
    money,
    ordered,
    receive,
    reject,
    signed,
    submit,
    withdraw,
)

ROOM = 14
MAXIMUM = money("1000")
ACTORS = ("officer-1", "approver-1", "group-buyer-1", "admin-1")
Answers = Sequence[Accepted | Exception]


@pytest.fixture
def ordering(each_database: Settings) -> Iterator[Ordering]:
    ordering = build(each_database)
    yield ordering
    ordering.store.close()


@pytest.fixture
def elsewhere(each_database: Settings, ordering: Ordering) -> Iterator[Ordering]:
    """The same store as another process has it open."""
    elsewhere = build(each_database)
    yield elsewhere
    elsewhere.store.close()


@pytest.fixture
def capped(nothing: Scenario) -> Scenario:
    """At most 1,000.00, for two establishments."""
    return nothing.given(signed(maximum="1000"), adheres(), adheres(establishment_id=OTHER))


def asked(command: Command, actor: str = "officer-1") -> Request[Any]:
    return Request(command, uuid4(), actor)


def orders(number: int, first: int = 1000, **more: Any) -> list[Request[Any]]:
    """Orders of 70.00, by turns of both establishments and of everybody who may ask."""
    return [
        asked(
            submit("7", order_id=UUID(int=first + n), establishment_id=(ESTABLISHMENT, OTHER)[n % 2], **more),
            ACTORS[n % len(ACTORS)],
        )
        for n in range(number)
    ]


def refused(requests: Sequence[Request[Any]], answers: Answers) -> list[Request[Any]]:
    """Those that were refused, every one because of the ceiling."""
    assert {type(answer) for answer in answers} <= {Accepted, CeilingExceeded}, answers
    return [request for request, answer in zip(requests, answers, strict=True) if not isinstance(answer, Accepted)]


def reserved(ordering: Ordering, maximum: Decimal = MAXIMUM, lot_id: UUID | None = None) -> Decimal:
    """What is reserved at the end; on the way each event goes on from the one before, and none passes the maximum."""
    in_all = held = money("0")
    for event in Scenario(ordering).published():
        if not isinstance(event, CeilingReserved | CeilingReleased):
            continue
        sign = 1 if isinstance(event, CeilingReserved) else -1
        in_all += sign * event.amount
        assert event.reserved == in_all
        held += sign * sum(part.amount for part in event.lots if lot_id in (None, part.lot_id))
        assert 0 <= held <= maximum
    return held


def left_nothing(ordering: Ordering, requests: Sequence[Request[Any]]) -> None:
    ids = {request.command.order_id for request in requests}
    for request in requests:
        assert ordering.store.first(request.receipt_stream()) is None
        with pytest.raises(Unknown):
            ordering.order(request.command.order_id)
    told = Scenario(ordering).published()
    assert not [e for e in told if isinstance(e, OrderSubmitted | CeilingReserved) and e.order_id in ids]


# The maximum of an agreement, and of a lot


def test_threads_that_order_at_the_same_moment_do_not_pass_it(capped: Scenario, ordering: Ordering) -> None:
    requests = orders(30)
    found = refused(requests, in_threads([partial(ordering.handle, request) for request in requests]))
    assert len(found) == 30 - ROOM
    assert reserved(ordering) == money("980")
    left_nothing(ordering, found)
    warned = [event.percent for event in Scenario(ordering).published() if isinstance(event, CeilingApproached)]
    assert warned == [80, 90], "each warning is given once, whoever passes the threshold"


def test_stores_of_their_own_that_order_at_the_same_moment_do_not_pass_it(
    capped: Scenario, ordering: Ordering, elsewhere: Ordering
) -> None:
    requests = orders(24)
    calls = [partial((ordering, elsewhere)[n // 2 % 2].handle, request) for n, request in enumerate(requests)]
    found = refused(requests, in_threads(calls))
    assert len(found) == 24 - ROOM
    assert reserved(ordering) == money("980")
    left_nothing(elsewhere, found)


def test_processes_that_order_at_the_same_moment_do_not_pass_it(
    capped: Scenario, ordering: Ordering, each_database: Settings
) -> None:
    shares = [orders(8, first) for first in (1000, 2000, 3000)]
    answers = in_processes(build, each_database, shares)
    found = refused([*chain(*shares)], [*chain(*answers)])
    assert len(found) == 24 - ROOM
    assert reserved(ordering) == money("980")
    left_nothing(ordering, found)


def test_threads_do_not_pass_a_lots_maximum_though_the_agreement_has_room(
    nothing: Scenario, ordering: Ordering
) -> None:
    lots = (lot(maximum="500"), lot(SECOND_LOT, "2"))
    nothing.given(signed(lots=lots), adheres(), adheres(establishment_id=OTHER))
    # Each order asks for 70.00 of lot 1, which has room for 7, and for as much of lot 2, which has no maximum.
    lines = (ordered("7"), ordered("7", "2", lot_id=SECOND_LOT))
    requests = orders(14, lines=lines)
    found = refused(requests, in_threads([partial(ordering.handle, request) for request in requests]))
    assert len(found) == 7
    assert reserved(ordering, money("500"), LOT) == reserved(ordering, lot_id=SECOND_LOT) == money("490")


def test_of_a_batch_that_would_pass_it_nothing_is_left(capped: Scenario, ordering: Ordering) -> None:
    requests = orders(ROOM + 1)
    with pytest.raises(CeilingExceeded):
        ordering.handle_many(requests)
    assert reserved(ordering) == 0
    left_nothing(ordering, requests)
    assert len(ordering.handle_many(requests[:-1])) == ROOM


# An amendment raises it


def test_an_order_that_was_refused_is_taken_as_soon_as_an_amendment_is_signed(
    capped: Scenario, ordering: Ordering, each_database: Settings
) -> None:
    # The same requests, with their own ids: a refusal leaves no receipt.
    requests = orders(26)
    again = refused(requests, in_threads([partial(ordering.handle, request) for request in requests]))
    capped.given(amended(maximum="1400"))
    answers = in_processes(build, each_database, [again[:6], again[6:]])
    assert len(refused(again, [*chain(*answers)])) == 26 - 20
    assert reserved(ordering, money("1400")) == money("1400")


def test_no_order_passes_the_old_maximum_before_the_amendment_is_known(capped: Scenario, ordering: Ordering) -> None:
    requests = orders(30)
    calls: list[Any] = [partial(ordering.handle, request) for request in requests]
    calls.insert(15, partial(capped.given, amended(maximum="1400")))
    answers = in_threads(calls)
    del answers[15]
    found = refused(requests, answers)
    stored = ordering.store.recorder.select_notifications(1, 10_000)
    (amendment,) = [event.id for event in stored if "AgreementAmended" in event.topic]
    for event in stored:
        if event.topic.startswith("ordering.CeilingReserved") and event.id < amendment:
            now = ordering.store.mapper.to_domain_event(event).event
            assert isinstance(now, CeilingReserved)
            assert now.reserved <= MAXIMUM
    # Those that came too early fill what is left.
    refused(found, [_answer(ordering, request) for request in found])
    assert reserved(ordering, money("1400")) == money("1400")


def _answer(ordering: Ordering, request: Request[Any]) -> Accepted | Exception:
    try:
        return ordering.handle(request)
    except CeilingExceeded as refusal:
        return refusal


# What is released gives room again


@pytest.mark.parametrize("release", [cancel, reject, withdraw])
def test_what_is_released_while_others_order_gives_room_for_as_much(
    nothing: Scenario, ordering: Ordering, elsewhere: Ordering, release: Any
) -> None:
    # Under an internal limit of nothing every order waits; cancelled is what counts, without a limit.
    internal = None if release is cancel else limit("0")
    nothing.given(signed(maximum="1000", internal_limit=internal), adheres(), adheres(establishment_id=OTHER))
    full = orders(ROOM)
    ordering.handle_many(full)
    releases = [asked(release(order_id=request.command.order_id), "approver-2") for request in full[:4]]
    requests = orders(10, first=2000)
    calls = [partial(ordering.handle, request) for request in releases]
    calls += [partial(elsewhere.handle, request) for request in requests]
    answers = in_threads(calls)
    assert all(isinstance(answer, Accepted) for answer in answers[:4]), answers
    again = refused(requests, answers[4:])
    assert len(again) >= 6
    assert len(refused(again, [_answer(ordering, request) for request in again])) == 6
    assert reserved(ordering) == money("980")


def test_a_part_that_arrives_while_the_order_is_cancelled_is_either_received_or_given_back(
    ordered_ten: Scenario, ordering: Ordering, elsewhere: Ordering
) -> None:
    answers = in_threads(
        [
            partial(ordering.handle, asked(cancel())),
            partial(elsewhere.handle, asked(receive("6"))),
            partial(elsewhere.handle, asked(receive("4"))),
        ]
    )
    told = Scenario(ordering).published()
    came = sum(part.amount for e in told if isinstance(e, OrderLineReceived) for part in e.lines)
    gone = sum(e.total for e in told if isinstance(e, OrderCancelled))
    assert came + gone == money("100"), answers
    assert reserved(ordering) == came


# The internal limit, and who decides


def test_of_an_approval_a_rejection_and_a_withdrawal_at_the_same_moment_one_happens(
    waiting: Scenario, ordering: Ordering, elsewhere: Ordering
) -> None:
    answers = in_threads(
        [
            partial(ordering.handle, asked(approve(), "approver-1")),
            partial(elsewhere.handle, asked(reject(), "approver-2")),
            partial(elsewhere.handle, asked(withdraw())),
        ]
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Accepted", "WrongState", "WrongState"]
    assert all(isinstance(answer, Accepted | WrongState) for answer in answers)
    told = Scenario(ordering).published()
    (verdict,) = [e for e in told if isinstance(e, OrderApproved | OrderRejected | OrderWithdrawn)]
    assert reserved(ordering, money("1300")) == (money("1300") if isinstance(verdict, OrderApproved) else 0)


def test_the_excess_is_computed_again_on_what_other_processes_did_meanwhile(
    limited: Scenario, ordering: Ordering, elsewhere: Ordering
) -> None:
    # 800.00 are ordered, so that of 500.00 an excess of 300.00 waits. Elsewhere 800.00 become 600.00, and 150.00 more wait.
    first, second, third = UUID(int=101), ORDER, UUID(int=103)
    limited.given(submit("80", order_id=first), submit("50", order_id=second))
    elsewhere.handle(asked(receive("60", order_id=first)))
    elsewhere.handle(asked(cancel(order_id=first)))
    elsewhere.handle(asked(submit("15", order_id=third)))
    limited.when(approve(order_id=second), actor="approver-1")
    assert limited.only(OrderApproved).excess == money("250")


def test_orders_at_the_same_moment_do_not_slip_below_the_internal_limit_together(
    limited: Scenario, ordering: Ordering, elsewhere: Ordering
) -> None:
    requests = [asked(submit("7", order_id=UUID(int=1000 + n))) for n in range(20)]
    answers = in_threads([partial((ordering, elsewhere)[n % 2].handle, one) for n, one in enumerate(requests)])
    assert all(isinstance(answer, Accepted) for answer in answers), answers
    excesses = [e.excess for e in Scenario(ordering).published() if isinstance(e, OrderSubmitted)]
    # 14 fit below 1,000.00, the next one passes it by 50.00, and of the rest all is excess.
    assert excesses == [money("0")] * ROOM + [money("50")] + [money("70")] * 5
