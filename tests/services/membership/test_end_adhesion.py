from __future__ import annotations

from datetime import date

import pytest

from events.base import Unknown
from events.membership import AdhesionEnded
from services.membership.app import Membership
from services.membership.establishment import NotGranted
from tests.scenario import Scenario
from tests.services.membership.facts import AGREEMENT, ESTABLISHMENT, OTHER, SECOND, end, grant, join

FIRST, LAST, DAY = date(2022, 1, 1), date(2022, 12, 31), date(2022, 6, 30)
ENDED = AdhesionEnded(establishment_id=ESTABLISHMENT, agreement_id=AGREEMENT, ended_on=DAY, reason="own tender")


@pytest.mark.parametrize("last", [None, LAST])
def test_an_adhesion_ends(member: Scenario, membership: Membership, last: date | None) -> None:
    member.given(grant(FIRST, last)).when(end(DAY)).then(ENDED)
    found, _ = membership.establishment(ESTABLISHMENT)
    assert [found.adheres(AGREEMENT, day) for day in (DAY, date(2022, 7, 1))] == [True, False]


def test_periods_to_come_end_with_it(member: Scenario, membership: Membership) -> None:
    member.given(grant(FIRST, LAST), grant(date(2024, 1, 1))).when(end(DAY)).then(ENDED)
    assert not membership.establishment(ESTABLISHMENT)[0].adheres(AGREEMENT, date(2024, 1, 1))


def test_an_adhesion_that_has_not_begun_is_taken_back(member: Scenario) -> None:
    member.given(grant(date(2023, 1, 1))).when(end(DAY)).then(ENDED)


def test_what_was_not_granted_does_not_end(member: Scenario) -> None:
    member.given(grant(FIRST, agreement_id=SECOND)).when(end(DAY)).then_refused(
        NotGranted, pointer="/agreement_id", saying=str(AGREEMENT)
    )


@pytest.mark.parametrize("day", [LAST, date(2023, 5, 1)])
def test_what_ends_on_the_day_or_before_is_not_ended_again(member: Scenario, day: date) -> None:
    member.given(grant(FIRST, LAST)).when(end(day)).then_refused(NotGranted, saying=str(day))


def test_an_adhesion_is_not_ended_twice(member: Scenario) -> None:
    member.given(grant(FIRST), end(DAY)).when(end(DAY)).then_refused(NotGranted)


def test_an_unknown_establishment_has_nothing_to_end(group: Scenario) -> None:
    group.when(end(DAY)).then_refused(Unknown, pointer="/establishment_id")


def test_another_ones_adhesion_does_not_exist_for_a_member(member: Scenario) -> None:
    member.given(join(OTHER), grant(FIRST)).when(end(DAY), scope=OTHER).then_refused(
        Unknown, pointer="/establishment_id"
    )
