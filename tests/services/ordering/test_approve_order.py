from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from events.base import Unknown
from events.ordering import CeilingReleased, LotAmount, OrderApproved, OrderRejected, OrderWithdrawn
from infra.event_store import Outdated
from services.ordering.app import Ordering
from services.ordering.approval import SelfApproval
from services.ordering.commands import OrderingCommand
from services.ordering.order import BeforeTheOrder, Commitment, WrongState
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    AGREEMENT,
    DAY,
    ESTABLISHMENT,
    LATER,
    LOT,
    ORDER,
    OTHER,
    SUPPLIER,
    amended,
    approve,
    cancel,
    head,
    line,
    money,
    receive,
    reject,
    submit,
    withdraw,
)

RELEASED = CeilingReleased(
    agreement_id=AGREEMENT,
    order_id=ORDER,
    currency="EUR",
    amount="1300",
    lots=(LotAmount(lot_id=LOT, amount="1300"),),
    reserved="0",
)


def approved(excess: str) -> OrderApproved:
    return OrderApproved(**head(LATER), excess=excess, total="1300", lines=(line("130", "1300"),))


def test_someone_else_approves_the_excess_and_the_order_counts_from_here_on(
    waiting: Scenario, ordering: Ordering
) -> None:
    assert ordering.order(ORDER)[0].commitment is Commitment.WAITING
    waiting.when(approve(), actor="approver-1").then(approved("300"))
    assert ordering.order(ORDER)[0].commitment is Commitment.ORDERED


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


@pytest.mark.parametrize("command", [approve(), reject()])
def test_the_author_decides_neither_way(waiting: Scenario, command: OrderingCommand) -> None:
    waiting.when(command, actor="officer-1").then_refused(SelfApproval, saying="officer-1 submitted order PO-100")


def test_a_rejected_order_gives_back_its_part_of_the_ceiling(waiting: Scenario, ordering: Ordering) -> None:
    waiting.when(reject(), actor="approver-1").then(
        OrderRejected(**head(LATER), total="1300", reason="stock is enough"), RELEASED
    )
    assert ordering.order(ORDER)[0].commitment is Commitment.REJECTED


def test_the_author_withdraws_an_order_that_waits(waiting: Scenario, ordering: Ordering) -> None:
    waiting.when(withdraw(), actor="officer-1").then(
        OrderWithdrawn(**head(LATER), total="1300", reason="ordered twice"), RELEASED
    )
    assert ordering.order(ORDER)[0].commitment is Commitment.WITHDRAWN


@pytest.mark.parametrize("command", [approve(), reject(), withdraw()])
@pytest.mark.parametrize("before", [None, approve(), reject(), withdraw()], ids=["ordered", "approved", "rejected", "withdrawn"])  # fmt: skip
def test_only_an_order_that_waits_is_decided_on(
    limited: Scenario, before: OrderingCommand | None, command: OrderingCommand
) -> None:
    if before is None:
        limited.given(submit("10"))
    else:
        limited.given(submit("130")).given(before, actor="approver-1")
    limited.when(command, actor="approver-2").then_refused(WrongState, saying="does not wait for an approval")


@pytest.mark.parametrize("before", [reject(), withdraw()])
@pytest.mark.parametrize("command", [receive("1"), cancel()])
def test_a_rejected_or_withdrawn_order_has_no_sequel(
    waiting: Scenario, before: OrderingCommand, command: OrderingCommand
) -> None:
    waiting.given(before, actor="approver-1").when(command).then_refused(WrongState)


@pytest.mark.parametrize("command", [receive("1"), cancel()])
def test_nothing_arrives_of_an_order_that_waits(waiting: Scenario, command: OrderingCommand) -> None:
    waiting.when(command).then_refused(WrongState, saying="order PO-100 is waiting")


@pytest.mark.parametrize(
    ("command", "pointer"),
    [
        (approve(date(2022, 2, 28)), "/approved_on"),
        (reject(date(2022, 2, 28)), "/rejected_on"),
        (withdraw(date(2022, 2, 28)), "/withdrawn_on"),
    ],
)
def test_a_decision_is_not_dated_before_the_order(waiting: Scenario, command: OrderingCommand, pointer: str) -> None:
    waiting.when(command, actor="approver-1").then_refused(BeforeTheOrder, pointer=pointer, saying="before 2022-03-01")


def test_a_decision_may_be_of_the_orders_own_day(waiting: Scenario) -> None:
    waiting.when(approve(DAY), actor="approver-1")
    assert waiting.only(OrderApproved).business_date == DAY


@pytest.mark.parametrize("scope", [OTHER, SUPPLIER])
@pytest.mark.parametrize("command", [approve(), reject(), withdraw()])
def test_who_acts_for_another_is_told_that_it_is_not_known(
    waiting: Scenario, command: OrderingCommand, scope: UUID
) -> None:
    waiting.when(command, actor="approver-1", scope=scope).then_refused(Unknown)
    absent = command.model_copy(update={"order_id": UUID(int=999)})
    said = str(waiting.refusal).replace(str(ORDER), str(absent.order_id))
    waiting.when(absent, actor="approver-1", scope=scope).then_refused(Unknown, pointer="/order_id")
    assert str(waiting.refusal) == said, "an order of another and one that is not there answer the same"


def test_an_approver_acts_for_its_own_establishment(waiting: Scenario) -> None:
    waiting.when(approve(), actor="approver-1", scope=ESTABLISHMENT).then(approved("300"))


def test_a_decision_on_a_version_that_is_no_longer_the_newest_is_refused(waiting: Scenario) -> None:
    waiting.when(approve(), actor="approver-1", expected_version=2).then_refused(Outdated, saying="the newest is 1")
    waiting.when(approve(), actor="approver-1", expected_version=1).then(approved("300"))
    waiting.when(reject(), actor="approver-1", expected_version=1).then_refused(Outdated, saying="the newest is 2")
