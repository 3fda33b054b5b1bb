from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from events.base import Unknown
from events.tendering import AgreementAmended, AmendmentGround
from services.ordering.terms import Terms, evolve_terms
from services.tendering.agreement import HasEnded, IsRecorded, OutsideItsLife
from services.tendering.amendment import AmendmentTooLarge, NothingAmended
from services.tendering.app import Tendering
from services.tendering.signature import AboveMaximum
from tests.scenario import Scenario
from tests.services.tendering.facts import AGREEMENT, LAST, LOT, SECOND, amend, set_baseline, sign, terminate

DAY, LONGER = date(2022, 6, 1), date(2024, 12, 31)
ADDITIONAL, UNFORESEEN, LOW_VALUE = (
    AmendmentGround.ADDITIONAL_SUPPLIES,
    AmendmentGround.UNFORESEEN,
    AmendmentGround.LOW_VALUE,
)


def amended(
    number: int = 1, ground: AmendmentGround = AmendmentGround.REVIEW_CLAUSE, on: date = DAY, **more: Any
) -> AgreementAmended:
    return AgreementAmended(
        agreement_id=AGREEMENT, number=number, ground=ground, justification="clause 12", signed_on=on, **more
    )


def test_a_maximum_is_raised(signed: Scenario) -> None:
    signed.when(amend(maximum="1800000")).then(amended(previous_maximum="1000000", maximum="1800000"))


def test_an_agreement_is_prolonged_beyond_four_years_by_the_amendments_own_justification(signed: Scenario) -> None:
    signed.when(amend(valid_to=date(2027, 12, 31))).then(amended(valid_to=date(2027, 12, 31)))


def test_amendments_are_numbered_and_start_from_the_one_before(signed: Scenario) -> None:
    signed.given(amend(maximum="1500000"), amend(valid_to=LONGER)).when(amend(maximum="1600000", valid_to=LAST))
    signed.then(amended(3, previous_maximum="1500000", maximum="1600000", valid_to=LAST))


def test_a_lots_maximum_is_raised_up_to_the_agreements(signed: Scenario) -> None:
    signed.when(amend(lot_id=LOT, maximum="1000000")).then(
        amended(lot_id=LOT, previous_maximum="400000", maximum="1000000")
    )


def test_a_lot_without_a_maximum_receives_one(signed: Scenario) -> None:
    signed.when(amend(LOW_VALUE, lot_id=SECOND, maximum="5")).then(amended(1, LOW_VALUE, lot_id=SECOND, maximum="5"))


def test_a_maximum_is_lowered(signed: Scenario) -> None:
    signed.when(amend(LOW_VALUE, maximum="400000")).then(
        amended(1, LOW_VALUE, previous_maximum="1000000", maximum="400000")
    )


@pytest.mark.parametrize("ground", [ADDITIONAL, UNFORESEEN])
def test_additional_supplies_and_the_unforeseen_raise_by_half_at_most(
    signed: Scenario, ground: AmendmentGround
) -> None:
    signed.when(amend(ground, maximum="1500000")).then(
        amended(1, ground, previous_maximum="1000000", maximum="1500000")
    )


@pytest.mark.parametrize("ground", [ADDITIONAL, UNFORESEEN])
def test_a_cent_more_than_half_is_refused_with_its_article(signed: Scenario, ground: AmendmentGround) -> None:
    signed.when(amend(ground, maximum="1500000.01")).then_refused(AmendmentTooLarge, pointer="/maximum", saying=ground)
    assert signed.refusal is not None
    assert "R2194-3" in signed.refusal.detail
    assert signed.refusal.values == {"allowed": "500000.00", "raised": "500000.01"}


def test_half_is_of_the_original_maximum_for_each_amendment(signed: Scenario) -> None:
    signed.given(amend(ADDITIONAL, maximum="1500000")).when(amend(ADDITIONAL, maximum="2000000"))
    signed.then(amended(2, ADDITIONAL, previous_maximum="1500000", maximum="2000000"))


def test_half_of_the_raised_maximum_is_refused(signed: Scenario) -> None:
    signed.given(amend(maximum="2000000")).when(amend(UNFORESEEN, maximum="2500000.01")).then_refused(AmendmentTooLarge)


def test_low_value_raises_by_less_than_a_tenth(signed: Scenario) -> None:
    signed.when(amend(LOW_VALUE, maximum="1099999.99")).then(
        amended(1, LOW_VALUE, previous_maximum="1000000", maximum="1099999.99")
    )


def test_a_tenth_itself_is_refused_with_its_article(signed: Scenario) -> None:
    signed.when(amend(LOW_VALUE, maximum="1100000")).then_refused(
        AmendmentTooLarge, pointer="/maximum", saying="R2194-8"
    )


def test_raises_of_low_value_add_up(signed: Scenario) -> None:
    signed.given(amend(LOW_VALUE, maximum="1060000"), amend(LOW_VALUE, maximum="1000000"))
    signed.when(amend(LOW_VALUE, maximum="1040000")).then_refused(AmendmentTooLarge, saying="100000.00")


def test_raises_on_other_grounds_do_not_add_to_those_of_low_value(signed: Scenario) -> None:
    signed.given(amend(UNFORESEEN, maximum="1500000")).when(amend(LOW_VALUE, maximum="1590000"))
    signed.then(amended(2, LOW_VALUE, previous_maximum="1500000", maximum="1590000"))


def test_a_lots_limits_are_of_the_lots_original_maximum(signed: Scenario) -> None:
    signed.when(amend(LOW_VALUE, lot_id=LOT, maximum="440000.01")).then_refused(AmendmentTooLarge, saying="40000.00")


def test_a_lot_is_not_raised_above_its_agreement(signed: Scenario) -> None:
    signed.when(amend(lot_id=LOT, maximum="1000000.01")).then_refused(
        AboveMaximum, pointer="/maximum", saying="1000000.00"
    )


def test_an_agreement_is_not_lowered_below_its_lots(signed: Scenario) -> None:
    signed.when(amend(maximum="399999.99")).then_refused(AboveMaximum, pointer="/maximum", saying="lot 1, 400000.00")


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({}, ""),
        ({"maximum": "1000000"}, ""),
        ({"valid_to": LAST}, ""),
        ({"lot_id": LOT, "valid_to": LONGER}, "/maximum"),
    ],
)
def test_an_amendment_changes_something(signed: Scenario, asked: dict[str, Any], pointer: str) -> None:
    signed.when(amend(**asked)).then_refused(NothingAmended, pointer=pointer)


def test_an_unknown_lot_is_not_amended(signed: Scenario) -> None:
    signed.when(amend(lot_id=UUID(int=99), maximum="5")).then_refused(Unknown, pointer="/lot_id")


@pytest.mark.parametrize("given", [None, terminate(DAY)])
def test_an_agreement_is_not_amended_after_its_end(signed: Scenario, given: Any) -> None:
    signed.given(*([given] if given else [])).when(amend(on=date(2024, 1, 1), maximum="1500000")).then_refused(HasEnded)


def test_an_agreement_is_amended_on_its_last_day(signed: Scenario) -> None:
    signed.when(amend(on=LAST, valid_to=LONGER)).then(amended(on=LAST, valid_to=LONGER))


@pytest.mark.parametrize("day", [date(2021, 11, 30), date(2022, 5, 31)])
def test_amendments_follow_the_signature_and_one_another(signed: Scenario, day: date) -> None:
    if day.year == 2022:
        signed.given(amend(maximum="1100000"))
    signed.when(amend(on=day, maximum="1500000")).then_refused(OutsideItsLife, pointer="/signed_on", saying=str(day))


@pytest.mark.parametrize(("on", "last"), [(DAY, date(2022, 5, 31)), (date(2021, 12, 1), date(2021, 12, 31))])
def test_the_new_last_day_is_not_before_the_amendment_or_the_first(signed: Scenario, on: date, last: date) -> None:
    signed.when(amend(on=on, valid_to=last)).then_refused(OutsideItsLife, pointer="/valid_to", saying=str(last))


def test_a_recorded_agreement_is_not_amended(recorded: Scenario) -> None:
    recorded.when(amend(maximum="5")).then_refused(IsRecorded, pointer="/agreement_id", saying="scms")


def test_an_unsigned_agreement_is_not_amended(nothing: Scenario) -> None:
    nothing.given(set_baseline()).when(amend(maximum="5")).then_refused(Unknown, pointer="/agreement_id")


def test_ordering_reads_what_was_amended(nothing: Scenario, tendering: Tendering) -> None:
    nothing.given(sign(), amend(maximum="1500000", valid_to=LONGER), amend(lot_id=LOT, maximum="500000"))
    terms: Terms | None = None
    for recorded in tendering.store.events(AGREEMENT):
        terms = evolve_terms(terms, recorded.event)
    assert terms is not None
    assert [terms.maximum, terms.lots[LOT].maximum, terms.lots[SECOND].maximum] == [1_500_000, 500_000, None]
    assert terms.valid_to == LONGER
