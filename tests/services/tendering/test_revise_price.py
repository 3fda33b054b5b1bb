from __future__ import annotations

from datetime import date

import pytest

from events.base import Unknown
from events.tendering import PriceRevised
from services.tendering.agreement import HasEnded, IsRecorded, OutsideItsLife, RevisionOutOfBounds
from tests.scenario import Scenario
from tests.services.tendering.facts import AGREEMENT, FIRST, LAST, LOT, SECOND, revise, set_baseline, sign, terminate

DAY = date(2022, 7, 1)


def revised(before: str, after: str, on: date = DAY) -> PriceRevised:
    return PriceRevised(
        agreement_id=AGREEMENT,
        lot_id=LOT,
        item="TRASTUZUMAB-150",
        previous_price=before,
        unit_price=after,
        effective_on=on,
        formula="0.15 + 0.85 x ICHT",
    )


@pytest.mark.parametrize("amount", ["1100", "900", "1000"])
def test_a_price_is_revised_up_to_the_bound_both_ways(signed: Scenario, amount: str) -> None:
    signed.when(revise(amount, DAY)).then(revised("1000", amount))


@pytest.mark.parametrize("amount", ["1100.000001", "899.999999"])
def test_a_revision_beyond_the_bound_is_refused(signed: Scenario, amount: str) -> None:
    signed.when(revise(amount, DAY)).then_refused(
        RevisionOutOfBounds, pointer="/unit_price", saying=f"{amount} is more than 10 % from 1000"
    )


def test_the_bound_is_of_the_price_before(signed: Scenario) -> None:
    signed.given(revise("1100", DAY)).when(revise("1210", date(2023, 1, 1))).then(
        revised("1100", "1210", date(2023, 1, 1))
    )


def test_a_price_that_is_not_revisable_stays(nothing: Scenario) -> None:
    nothing.given(sign(revision_bound="0")).when(revise("1000.01", DAY)).then_refused(
        RevisionOutOfBounds, pointer="/unit_price"
    )


def test_a_revision_may_take_effect_on_the_last_day(signed: Scenario) -> None:
    signed.when(revise("1050", LAST)).then(revised("1000", "1050", LAST))


@pytest.mark.parametrize("day", [date(2021, 12, 31), FIRST, date(2024, 1, 1)])
def test_a_revision_outside_the_agreements_life_is_refused(signed: Scenario, day: date) -> None:
    signed.when(revise("1050", day)).then_refused(OutsideItsLife, pointer="/effective_on", saying=str(day))


@pytest.mark.parametrize("day", [DAY, date(2022, 6, 30)])
def test_a_revision_comes_after_the_one_before(signed: Scenario, day: date) -> None:
    signed.given(revise("1050", DAY)).when(revise("1060", day)).then_refused(
        OutsideItsLife, pointer="/effective_on", saying="since 2022-07-01"
    )


def test_lots_are_revised_apart(signed: Scenario) -> None:
    signed.given(revise("1050", DAY, SECOND)).when(revise("1100", DAY)).then(revised("1000", "1100"))


@pytest.mark.parametrize("asked", [revise("1", DAY, item="ASPIRIN"), revise("1", DAY, AGREEMENT)])
def test_an_item_that_is_not_on_the_list_is_not_revised(signed: Scenario, asked: object) -> None:
    signed.when(asked).then_refused(Unknown, pointer="/item")  # type: ignore[arg-type]


def test_a_recorded_agreement_has_no_prices_to_revise(recorded: Scenario) -> None:
    recorded.when(revise("1000", DAY)).then_refused(IsRecorded, pointer="/agreement_id")


def test_a_terminated_agreement_is_not_revised(signed: Scenario) -> None:
    signed.given(terminate(date(2022, 6, 30))).when(revise("1000", date(2022, 6, 1))).then_refused(
        HasEnded, saying="2022-06-30"
    )


def test_an_unsigned_agreement_is_not_revised(nothing: Scenario) -> None:
    nothing.given(set_baseline()).when(revise("1000", DAY)).then_refused(Unknown, pointer="/agreement_id")
