from __future__ import annotations

from datetime import date
from uuid import UUID

from events.base import Unknown
from events.membership import AdhesionEnded, EstablishmentLeft
from services.membership.app import Membership
from services.membership.establishment import EndsBeforeItBegins, HasLeft
from tests.scenario import Scenario
from tests.services.membership.facts import AGREEMENT, ESTABLISHMENT, OTHER, SECOND, THIRD, end, grant, join, leave

LAST = date(2022, 6, 30)


def ended(agreement_id: UUID) -> AdhesionEnded:
    return AdhesionEnded(establishment_id=ESTABLISHMENT, agreement_id=agreement_id, ended_on=LAST, reason="merged")


LEFT = EstablishmentLeft(establishment_id=ESTABLISHMENT, left_on=LAST, reason="merged")


def test_an_establishment_leaves(member: Scenario) -> None:
    member.when(leave(LAST)).then(LEFT)


def test_leaving_ends_every_running_adhesion_on_the_same_day(member: Scenario) -> None:
    member.given(grant(date(2021, 1, 1)), grant(date(2022, 1, 1), date(2022, 12, 31), SECOND))
    member.when(leave(LAST)).then(ended(AGREEMENT), ended(SECOND), LEFT)


def test_leaving_ends_an_adhesion_that_has_not_begun(member: Scenario, membership: Membership) -> None:
    member.given(grant(date(2023, 1, 1))).when(leave(LAST)).then(ended(AGREEMENT), LEFT)
    assert not membership.establishment(ESTABLISHMENT)[0].adheres(AGREEMENT, date(2023, 1, 1))


def test_leaving_ends_nothing_that_has_ended(member: Scenario) -> None:
    member.given(grant(date(2021, 1, 1), LAST), grant(date(2021, 1, 1), None, SECOND), end(date(2021, 12, 31), SECOND))
    member.when(leave(LAST)).then(LEFT)


def test_ending_the_adhesions_and_leaving_is_one_transaction(member: Scenario, membership: Membership) -> None:
    member.given(grant(date(2021, 1, 1)), grant(date(2021, 1, 1), None, SECOND), grant(date(2021, 1, 1), None, THIRD))
    member.when(leave(LAST))
    assert member.answer is not None
    assert member.answer.version == 1 + 3 + 4
    assert len({event.event_id for event in member.published()}) == 4


def test_an_establishment_may_leave_on_its_first_day(member: Scenario) -> None:
    member.when(leave(date(2020, 1, 1))).then(LEFT.model_copy(update={"left_on": date(2020, 1, 1)}))


def test_an_establishment_does_not_leave_before_it_joined(member: Scenario) -> None:
    member.when(leave(date(2019, 12, 31))).then_refused(EndsBeforeItBegins, pointer="/left_on", saying="2020-01-01")


def test_an_establishment_leaves_once(member: Scenario) -> None:
    member.given(leave(LAST)).when(leave(LAST)).then_refused(HasLeft, pointer="/left_on", saying="2022-06-30")


def test_an_unknown_establishment_does_not_leave(group: Scenario) -> None:
    group.when(leave(LAST)).then_refused(Unknown, pointer="/establishment_id")


def test_another_establishment_does_not_exist_for_a_member(member: Scenario) -> None:
    member.given(join(OTHER)).when(leave(LAST), scope=OTHER).then_refused(Unknown, pointer="/establishment_id")
