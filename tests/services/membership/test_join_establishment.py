from __future__ import annotations

from uuid import uuid4

import pytest
from pydantic import ValidationError

from events.base import AlreadyExists, Unknown
from events.membership import EstablishmentJoined, EstablishmentKind
from infra.event_store import STORE_STREAM, Request
from services.membership.app import Membership
from services.membership.establishment import InvalidSiret, siret_stream
from tests.scenario import Scenario
from tests.services.membership.facts import ESTABLISHMENT, JOINED, OTHER, SIRET, join


def joined(siret: str | None) -> EstablishmentJoined:
    return EstablishmentJoined(
        establishment_id=ESTABLISHMENT,
        name="Centre Azur",
        kind=EstablishmentKind.CLCC,
        siret=siret,
        finess="060000528",
        joined_on=JOINED,
    )


def test_an_establishment_joins(group: Scenario) -> None:
    group.when(join()).then(joined(None))


def test_its_siret_is_kept_without_spaces(group: Scenario) -> None:
    group.when(join(siret="732 829 320 00074")).then(joined(SIRET))


def test_an_establishment_joins_once(member: Scenario) -> None:
    member.when(join()).then_refused(AlreadyExists, pointer="/establishment_id", saying="2020-01-01")


@pytest.mark.parametrize("wrong", ["73282932000075", "7328293200007", "7328293200007X"])
def test_a_wrong_siret_is_refused_with_its_value(group: Scenario, wrong: str) -> None:
    group.when(join(siret=wrong)).then_refused(InvalidSiret, pointer="/siret", saying=wrong)


def test_a_branch_of_la_poste_has_digits_that_add_up_to_a_multiple_of_five(group: Scenario) -> None:
    group.when(join(siret="35600000049837")).then(joined("35600000049837"))


def test_a_branch_of_la_poste_with_another_sum_is_refused(group: Scenario) -> None:
    group.when(join(siret="35600000049838")).then_refused(InvalidSiret, saying="35600000049838")


def test_two_establishments_never_have_the_same_siret(group: Scenario) -> None:
    group.given(join(OTHER, SIRET)).when(join(siret="732 829 320 00074"))
    group.then_refused(AlreadyExists, pointer="/siret", saying=str(OTHER))


def test_an_establishment_is_read_with_its_version(group: Scenario, membership: Membership) -> None:
    group.given(join())
    found, version = membership.establishment(ESTABLISHMENT)
    assert (found.joined.name, version) == ("Centre Azur", 1)
    assert membership.establishment(ESTABLISHMENT, scope=ESTABLISHMENT)[0] == found


def test_an_unknown_one_and_another_ones_get_the_same_answer(group: Scenario, membership: Membership) -> None:
    with pytest.raises(Unknown) as unknown:
        membership.establishment(ESTABLISHMENT, OTHER)
    group.given(join())
    with pytest.raises(Unknown) as hidden:
        membership.establishment(ESTABLISHMENT, OTHER)
    assert unknown.value.detail == hidden.value.detail


def test_nobody_acts_for_another_establishment(group: Scenario) -> None:
    group.when(join(), scope=OTHER).then_refused(Unknown, pointer="/establishment_id")


def test_the_platforms_own_ids_are_no_establishments(membership: Membership) -> None:
    with pytest.raises(ValidationError, match="platform's own"):
        join(siret_stream(SIRET))
    membership.handle(Request(join(siret=SIRET), uuid4(), "officer-1"))
    for own in (siret_stream(SIRET), STORE_STREAM):
        with pytest.raises(Unknown):
            membership.establishment(own)
