from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from events.base import Unknown
from events.ordering import OrderApproved
from infra.event_store import Outdated
from services.ordering.app import Ordering
from services.ordering.approval import SelfApproval
from services.ordering.commands import OrderingCommand
from services.ordering.order import BeforeTheOrder, Commitment, WrongState
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    DAY,
    ESTABLISHMENT,
    LATER,
    ORDER,
    OTHER,
    SUPPLIER,
    amended,
    approve,
    billed,
    cancel,
    head,
    invoice,
    line,
    money,
    receive,
    reject,
    submit,
    withdraw,
)


def approved(excess: str) -> OrderApproved:
    return OrderApproved(**head(LATER), excess=excess, total="1300", lines=(line("130", "1300"),))


def test_someone_else_approves_the_excess_and_the_order_counts_from_here_on(
    waiting: Scenario, ordering: Ordering
) -> None:
    assert ordering.order(ORDER)[0].commitment is Commitment.WAITING
    waiting.when(approve(), actor="approver-1").then(approved("300"))
    assert ordering.order(ORDER)[0].commitment is Commitment.ORDERED


def test_the_author_does_not_approve(waiting: Scenario) -> None:
    waiting.when(approve(), actor="officer-1").then_refused(SelfApproval, saying="officer-1 submitted order PO-100")


def test_an_approver_who_is_the_author_of_another_order_may_approve(waiting: Scenario) -> None:
    waiting.given(submit("1", order_id=UUID(int=101)), actor="approver-1")
    waiting.when(approve(), actor="approver-1").then(approved("310"))


# The excess, computed again


def test_the_excess_is_computed_again_at_the_approval(limited: Scenario) -> None:
    # 800.00 are ordered, 500.00 wait with an excess of 300.00; then the 800.00 are cancelled.
    first, second = UUID(int=101), UUID(int=102)
    limited.given(submit("80", order_id=first), submit("50", order_id=second), cancel(order_id=first))
    limited.when(approve(order_id=second), actor="approver-1")
    assert limited.only(OrderApproved).excess == money("0.00")


def test_other_orders_that_wait_count_for_the_excess(waiting: Scenario) -> None:
    waiting.given(submit("2", order_id=UUID(int=101))).when(approve(), actor="approver-1").then(approved("320"))


def test_a_lowered_maximum_does_not_stop_the_approval_of_what_was_reserved(waiting: Scenario) -> None:
    waiting.given(amended(maximum="1000")).when(approve(), actor="approver-1").then(approved("300"))


# When, and by whom


@pytest.mark.parametrize("before", [None, approve(), reject(), withdraw()], ids=["ordered", "approved", "rejected", "withdrawn"])  # fmt: skip
def test_only_an_order_that_waits_is_approved(limited: Scenario, before: OrderingCommand | None) -> None:
    if before is None:
        limited.given(submit("10"))
    else:
        limited.given(submit("130")).given(before, actor="approver-1")
    limited.when(approve(), actor="approver-2").then_refused(WrongState, saying="does not wait for an approval")


@pytest.mark.parametrize("command", [receive("1"), cancel(), invoice(billed("1", "10"))])
def test_nothing_follows_before_the_approval_and_everything_after_it(
    waiting: Scenario, command: OrderingCommand
) -> None:
    waiting.when(command).then_refused(WrongState, saying="order PO-100 is waiting")
    waiting.given(approve(), actor="approver-1").when(command)
    assert waiting.refusal is None


def test_an_approval_is_not_dated_before_the_order_but_may_be_of_its_day(waiting: Scenario) -> None:
    waiting.when(approve(date(2022, 2, 28)), actor="approver-1").then_refused(
        BeforeTheOrder, pointer="/approved_on", saying="before 2022-03-01"
    )
    waiting.when(approve(DAY), actor="approver-1")
    assert waiting.only(OrderApproved).business_date == DAY


@pytest.mark.parametrize("scope", [OTHER, SUPPLIER])
def test_who_acts_for_another_is_told_that_it_is_not_known(waiting: Scenario, scope: UUID) -> None:
    waiting.when(approve(), actor="approver-1", scope=scope).then_refused(Unknown)
    absent = UUID(int=999)
    said = str(waiting.refusal).replace(str(ORDER), str(absent))
    waiting.when(approve(order_id=absent), actor="approver-1", scope=scope).then_refused(Unknown, pointer="/order_id")
    assert str(waiting.refusal) == said, "an order of another and one that is not there answer the same"


def test_an_approver_acts_for_its_own_establishment(waiting: Scenario) -> None:
    waiting.when(approve(), actor="approver-1", scope=ESTABLISHMENT).then(approved("300"))


def test_an_approval_of_a_version_that_is_no_longer_the_newest_is_refused(waiting: Scenario) -> None:
    waiting.when(approve(), actor="approver-1", expected_version=2).then_refused(Outdated, saying="the newest is 1")
    waiting.when(approve(), actor="approver-1", expected_version=1).then(approved("300"))
