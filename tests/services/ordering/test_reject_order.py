from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from events.base import Unknown
from events.ordering import CeilingReleased, LotAmount, OrderRejected
from infra.event_store import Outdated
from services.ordering.app import Ordering
from services.ordering.approval import SelfApproval
from services.ordering.commands import OrderingCommand
from services.ordering.order import BeforeTheOrder, Commitment, WrongState
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    AGREEMENT,
    DAY,
    LATER,
    LOT,
    ORDER,
    OTHER,
    SUPPLIER,
    adheres,
    approve,
    billed,
    cancel,
    give_back,
    head,
    invoice,
    limit,
    receive,
    reject,
    signed,
    submit,
    withdraw,
)

REJECTED = OrderRejected(**head(LATER), total="1300", reason="stock is enough")
RELEASED = CeilingReleased(
    agreement_id=AGREEMENT,
    order_id=ORDER,
    currency="EUR",
    amount="1300",
    lots=(LotAmount(lot_id=LOT, amount="1300"),),
    reserved="0",
)


def test_a_rejected_order_gives_back_its_part_of_the_ceiling(waiting: Scenario, ordering: Ordering) -> None:
    waiting.when(reject(), actor="approver-1").then(REJECTED, RELEASED)
    assert ordering.order(ORDER)[0].commitment is Commitment.REJECTED


def test_what_a_rejected_order_gave_back_may_be_ordered(nothing: Scenario) -> None:
    nothing.given(signed(maximum="1300", internal_limit=limit("1000")), adheres(), submit("130"))
    nothing.given(reject(), actor="approver-1").when(submit("130", order_id=UUID(int=101)))
    assert nothing.refusal is None


def test_the_author_does_not_reject(waiting: Scenario) -> None:
    waiting.when(reject(), actor="officer-1").then_refused(SelfApproval, saying="officer-1 submitted order PO-100")


@pytest.mark.parametrize("before", [None, approve(), reject(), withdraw()], ids=["ordered", "approved", "rejected", "withdrawn"])  # fmt: skip
def test_only_an_order_that_waits_is_rejected(limited: Scenario, before: OrderingCommand | None) -> None:
    if before is None:
        limited.given(submit("10"))
    else:
        limited.given(submit("130")).given(before, actor="approver-1")
    limited.when(reject(), actor="approver-2").then_refused(WrongState, saying="does not wait for an approval")


@pytest.mark.parametrize("command", [receive("1"), give_back("1"), cancel(), invoice(billed("1", "10"))])
def test_a_rejected_order_has_no_sequel(waiting: Scenario, command: OrderingCommand) -> None:
    waiting.given(reject(), actor="approver-1").when(command).then_refused(WrongState, saying="PO-100 is rejected")


def test_a_rejection_is_not_dated_before_the_order_but_may_be_of_its_day(waiting: Scenario) -> None:
    waiting.when(reject(date(2022, 2, 28)), actor="approver-1").then_refused(
        BeforeTheOrder, pointer="/rejected_on", saying="before 2022-03-01"
    )
    waiting.when(reject(DAY), actor="approver-1")
    assert waiting.only(OrderRejected).business_date == DAY


@pytest.mark.parametrize("scope", [OTHER, SUPPLIER])
def test_who_acts_for_another_is_told_that_it_is_not_known(waiting: Scenario, scope: UUID) -> None:
    waiting.when(reject(), actor="approver-1", scope=scope).then_refused(Unknown, pointer="/order_id")


def test_a_rejection_of_a_version_that_is_no_longer_the_newest_is_refused(waiting: Scenario) -> None:
    waiting.when(reject(), actor="approver-1", expected_version=2).then_refused(Outdated, saying="the newest is 1")
    waiting.when(reject(), actor="approver-1", expected_version=1).then(REJECTED, RELEASED)
