from __future__ import annotations

from datetime import date

import pytest

from events.tendering import BaselineMethod, BaselineSet
from services.ordering.terms import Terms, evolve_terms
from services.tendering.agreement import IsRecorded
from services.tendering.app import Tendering
from services.tendering.baseline import BaselineAfterAward, BaselineIsFrozen, BaselineMisplaced
from services.tendering.commands import SetBaseline
from services.tendering.signature import OtherCurrency
from tests.scenario import Scenario
from tests.services.tendering.facts import (
    AGREEMENT,
    ITEM,
    LOT,
    RECORD,
    SECOND,
    SIGNED,
    set_baseline,
    set_first_price,
    sign,
)

LATER = date(2022, 7, 1)


def fact(command: SetBaseline) -> BaselineSet:
    return BaselineSet(**command.model_dump())


def test_a_reference_price_is_frozen_before_the_signature(nothing: Scenario) -> None:
    nothing.when(set_baseline()).then(fact(set_baseline()))


def test_each_lot_and_item_has_its_own(nothing: Scenario) -> None:
    nothing.given(set_baseline()).when(set_baseline("90", lot_id=SECOND)).then(fact(set_baseline("90", lot_id=SECOND)))


@pytest.mark.parametrize("amount", ["120", "150"])
def test_a_reference_price_is_not_overwritten_on_its_day_nor_before(nothing: Scenario, amount: str) -> None:
    nothing.given(set_baseline()).when(set_baseline(amount))
    nothing.then_refused(BaselineIsFrozen, pointer="/valid_from", saying="120 EUR from 2021-12-01")


def test_a_reference_price_does_not_change_for_days_before_it_was_set(nothing: Scenario) -> None:
    nothing.given(set_baseline()).when(set_baseline("150", date(2021, 11, 30))).then_refused(
        BaselineIsFrozen, pointer="/valid_from"
    )


def test_after_the_award_none_is_added(signed: Scenario) -> None:
    signed.when(set_baseline()).then_refused(BaselineAfterAward, pointer="/item", saying="TRASTUZUMAB-150")


def test_after_the_award_one_changes_from_a_later_day_on(nothing: Scenario) -> None:
    nothing.given(set_baseline(), sign()).when(set_baseline("110", LATER)).then(fact(set_baseline("110", LATER)))


def test_after_the_award_one_is_not_overwritten(nothing: Scenario) -> None:
    nothing.given(set_baseline(), sign(), set_baseline("110", LATER)).when(set_baseline("130", LATER))
    nothing.then_refused(BaselineIsFrozen, pointer="/valid_from", saying="110 EUR from 2022-07-01")


@pytest.mark.parametrize("given", [[set_baseline(lot_id=SECOND)], [set_baseline(), sign()]])
def test_a_reference_price_is_in_its_agreements_currency(nothing: Scenario, given: list[SetBaseline]) -> None:
    nothing.given(*given).when(set_baseline(since=LATER, currency="USD")).then_refused(
        OtherCurrency, pointer="/currency", saying="EUR"
    )


def test_a_recorded_agreement_has_no_reference_prices_of_its_own(recorded: Scenario) -> None:
    recorded.when(set_baseline(currency="USD")).then_refused(IsRecorded, pointer="/agreement_id")


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        (set_baseline(agreement_id=None), "/agreement_id"),
        (set_baseline(baseline_id=ITEM), "/baseline_id"),
        (set_baseline(lot_id=None), "/lot_id"),
        (set_first_price(agreement_id=AGREEMENT), "/agreement_id"),
        (set_first_price(lot_id=LOT), "/lot_id"),
    ],
)
def test_a_reference_price_belongs_to_a_lot_or_to_history(nothing: Scenario, asked: SetBaseline, pointer: str) -> None:
    nothing.when(asked).then_refused(BaselineMisplaced, pointer=pointer)


@pytest.mark.parametrize("given", [set_baseline(), sign(), RECORD])
def test_a_first_recorded_price_is_not_kept_with_an_agreement(nothing: Scenario, given: SetBaseline) -> None:
    nothing.given(given).when(set_first_price(baseline_id=AGREEMENT)).then_refused(
        BaselineMisplaced, pointer="/baseline_id"
    )


def test_an_agreements_reference_price_is_not_kept_with_an_item_of_history(nothing: Scenario) -> None:
    nothing.given(set_first_price()).when(set_baseline(baseline_id=ITEM, agreement_id=ITEM))
    nothing.then_refused(BaselineMisplaced, pointer="/baseline_id")


def test_a_first_recorded_price_is_set_once(nothing: Scenario) -> None:
    nothing.when(set_first_price()).then(fact(set_first_price()))


@pytest.mark.parametrize(
    "again",
    [
        set_first_price(),
        set_first_price("30"),
        set_first_price("30", valid_from=LATER),
        set_first_price("30", valid_from=date(2006, 1, 1)),
    ],
)
def test_a_first_recorded_price_never_changes(nothing: Scenario, again: SetBaseline) -> None:
    nothing.given(set_first_price()).when(again).then_refused(
        BaselineIsFrozen, pointer="/baseline_id", saying="32 EUR from 2021-12-01"
    )


def test_a_first_price_has_its_own_method_only(nothing: Scenario) -> None:
    nothing.when(set_first_price(method=BaselineMethod.STUDY)).then_refused(BaselineMisplaced, pointer="/agreement_id")


def test_ordering_reads_what_was_frozen(nothing: Scenario, tendering: Tendering) -> None:
    nothing.given(set_baseline(), sign(), set_baseline("110", LATER))
    terms: Terms | None = None
    for recorded in tendering.store.events(AGREEMENT):
        terms = evolve_terms(terms, recorded.event)
    assert terms is not None
    assert [terms.baseline(LOT, "TRASTUZUMAB-150", day) for day in (SIGNED, date(2022, 6, 30), LATER)] == [
        120,
        120,
        110,
    ]
    assert terms.baseline(SECOND, "TRASTUZUMAB-150", LATER) is None
