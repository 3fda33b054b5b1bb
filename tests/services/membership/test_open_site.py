from __future__ import annotations

from datetime import date

from events.base import AlreadyExists, Unknown
from events.membership import SiteOpened
from infra.event_store import Outdated
from services.membership.establishment import HasLeft
from tests.scenario import Scenario
from tests.services.membership.facts import ESTABLISHMENT, SITE, leave, open_site

DAY = date(2022, 3, 1)


def test_a_site_is_opened(member: Scenario) -> None:
    opened = SiteOpened(establishment_id=ESTABLISHMENT, site_id=SITE, name="North", opened_on=DAY)
    member.when(open_site(DAY), scope=ESTABLISHMENT).then(opened)


def test_a_site_is_opened_once(member: Scenario) -> None:
    member.given(open_site(DAY)).when(open_site(DAY)).then_refused(
        AlreadyExists, pointer="/site_id", saying="2022-03-01"
    )


def test_no_site_is_opened_after_leaving(member: Scenario) -> None:
    member.given(leave(date(2022, 2, 28))).when(open_site(DAY)).then_refused(
        HasLeft, pointer="/opened_on", saying="2022-02-28"
    )


def test_a_site_of_an_establishment_that_left_may_be_recorded_afterwards(member: Scenario) -> None:
    member.given(leave(DAY)).when(open_site(DAY))
    assert member.refusal is None


def test_an_unknown_establishment_opens_no_site(group: Scenario) -> None:
    group.when(open_site(DAY)).then_refused(Unknown, pointer="/establishment_id")


def test_a_change_is_made_on_the_version_that_was_seen(member: Scenario) -> None:
    member.when(open_site(DAY), expected_version=2).then_refused(Outdated, saying="the newest is 1")
