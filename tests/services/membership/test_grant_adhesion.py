from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import pytest

from events.base import Unknown
from events.membership import AdhesionGranted
from infra.event_store import Request
from services.membership.app import Membership
from services.membership.commands import MembershipCommand
from services.membership.establishment import AdhesionOverlaps, EndsBeforeItBegins, HasLeft
from tests.scenario import Scenario
from tests.services.membership.facts import AGREEMENT, ESTABLISHMENT, SECOND, end, grant, leave

FIRST, LAST = date(2022, 1, 1), date(2022, 12, 31)


def granted(first: date, last: date | None = None) -> AdhesionGranted:
    return AdhesionGranted(establishment_id=ESTABLISHMENT, agreement_id=AGREEMENT, valid_from=first, valid_to=last)


def test_an_adhesion_is_granted_for_as_long_as_the_agreement(member: Scenario) -> None:
    member.when(grant(FIRST)).then(granted(FIRST))


def test_an_adhesion_holds_on_its_first_and_last_day(member: Scenario, membership: Membership) -> None:
    member.when(grant(FIRST, LAST)).then(granted(FIRST, LAST))
    found, _ = membership.establishment(ESTABLISHMENT)
    days = [date(2021, 12, 31), FIRST, LAST, date(2023, 1, 1)]
    assert [found.adheres(AGREEMENT, day) for day in days] == [False, True, True, False]


def test_an_adhesion_of_a_recorded_past_may_begin_before_the_membership(member: Scenario) -> None:
    member.when(grant(date(2006, 5, 1))).then(granted(date(2006, 5, 1)))


@pytest.mark.parametrize(
    ("first", "last"), [(FIRST, LAST), (date(2021, 1, 1), FIRST), (LAST, None), (date(2022, 5, 1), date(2022, 5, 1))]
)
def test_an_overlapping_adhesion_is_refused(member: Scenario, first: date, last: date | None) -> None:
    member.given(grant(FIRST, LAST)).when(grant(first, last))
    member.then_refused(AdhesionOverlaps, pointer="/valid_from", saying="from 2022-01-01 to 2022-12-31")


def test_an_adhesion_without_end_overlaps_every_later_one(member: Scenario) -> None:
    member.given(grant(FIRST)).when(grant(date(2099, 1, 1))).then_refused(AdhesionOverlaps, saying="without end")


@pytest.mark.parametrize(("first", "last"), [(date(2023, 1, 1), None), (date(2021, 1, 1), date(2021, 12, 31))])
def test_an_adhesion_before_or_after_another_is_granted(member: Scenario, first: date, last: date | None) -> None:
    member.given(grant(FIRST, LAST)).when(grant(first, last)).then(granted(first, last))


def test_an_adhesion_may_be_granted_again_after_it_ended(member: Scenario) -> None:
    member.given(grant(FIRST), end(LAST)).when(grant(date(2023, 1, 1))).then(granted(date(2023, 1, 1)))


def test_adhesions_to_other_agreements_do_not_overlap(member: Scenario) -> None:
    member.given(grant(FIRST, agreement_id=SECOND)).when(grant(FIRST)).then(granted(FIRST))


def test_a_last_day_before_the_first_is_refused(member: Scenario) -> None:
    member.when(grant(LAST, FIRST)).then_refused(EndsBeforeItBegins, pointer="/valid_to", saying="2022-01-01")


@pytest.mark.parametrize("last", [None, date(2022, 7, 1)])
def test_no_right_lasts_beyond_the_membership(member: Scenario, last: date | None) -> None:
    member.given(leave(date(2022, 6, 30))).when(grant(FIRST, last)).then_refused(
        HasLeft, pointer="/valid_to", saying="2022-06-30"
    )


def test_a_past_right_of_an_establishment_that_left_may_be_recorded(member: Scenario) -> None:
    member.given(leave(date(2022, 6, 30))).when(grant(FIRST, date(2022, 6, 30))).then(granted(FIRST, date(2022, 6, 30)))


def test_an_unknown_establishment_receives_no_right(group: Scenario) -> None:
    group.when(grant(FIRST)).then_refused(Unknown, pointer="/establishment_id")


def ask(agreement_id: UUID) -> Request[MembershipCommand]:
    return Request(grant(FIRST, agreement_id=agreement_id), uuid4(), "importer")


def test_many_adhesions_are_granted_in_one_transaction_or_none(member: Scenario, membership: Membership) -> None:
    agreements = [uuid4() for _ in range(300)]
    requests = [ask(agreement) for agreement in agreements]
    with pytest.raises(AdhesionOverlaps):
        membership.handle_many([*requests, ask(agreements[0])])
    assert membership.establishment(ESTABLISHMENT)[1] == 1
    assert membership.handle_many(requests)[-1].version == 301
    assert len(membership.establishment(ESTABLISHMENT)[0].adhesions) == 300


def test_a_repeated_command_gets_its_first_answer(member: Scenario, membership: Membership) -> None:
    request = ask(AGREEMENT)
    first, again = membership.handle(request), membership.handle(request)
    assert (again.version, again.positions, again.repeated) == (first.version, first.positions, True)


def test_an_adhesion_that_was_taken_back_leaves_its_days_free(member: Scenario) -> None:
    member.given(grant(date(2023, 1, 1)), end(date(2022, 6, 30))).when(grant(FIRST)).then(granted(FIRST))
