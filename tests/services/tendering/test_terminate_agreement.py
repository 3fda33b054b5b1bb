from __future__ import annotations

from datetime import date

import pytest

from events.base import Unknown
from events.tendering import AgreementTerminated
from services.tendering.agreement import HasEnded, IsRecorded, OutsideItsLife
from tests.scenario import Scenario
from tests.services.tendering.facts import AGREEMENT, LAST, SIGNED, amend, set_baseline, terminate


@pytest.mark.parametrize("day", [SIGNED, date(2022, 6, 30), LAST])
def test_an_agreement_is_terminated_within_its_life(signed: Scenario, day: date) -> None:
    signed.when(terminate(day)).then(
        AgreementTerminated(agreement_id=AGREEMENT, terminated_on=day, reason="default of the supplier")
    )


@pytest.mark.parametrize("day", [date(2021, 11, 30), date(2024, 1, 1)])
def test_an_agreement_is_not_terminated_outside_its_life(signed: Scenario, day: date) -> None:
    signed.when(terminate(day)).then_refused(OutsideItsLife, pointer="/terminated_on", saying=str(day))


def test_a_prolonged_agreement_lives_longer(signed: Scenario) -> None:
    signed.given(amend(valid_to=date(2024, 12, 31))).when(terminate(date(2024, 1, 1)))
    assert signed.refusal is None


def test_an_agreement_is_terminated_once(signed: Scenario) -> None:
    signed.given(terminate(date(2022, 6, 30))).when(terminate(date(2022, 6, 1))).then_refused(
        HasEnded, saying="2022-06-30"
    )


def test_a_recorded_agreement_is_not_terminated(recorded: Scenario) -> None:
    recorded.when(terminate(date(2022, 6, 30))).then_refused(IsRecorded, pointer="/agreement_id")


def test_an_unsigned_agreement_is_not_terminated(nothing: Scenario) -> None:
    nothing.given(set_baseline()).when(terminate(date(2022, 6, 30))).then_refused(Unknown, pointer="/agreement_id")
