from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.ordering.app import Ordering
from services.ordering.past_order import OtherContent, OtherCurrency
from tests.scenario import Scenario
from tests.services.ordering.facts import OTHER_SUPPLIER, SUPPLIER, money
from tests.services.ordering.past import (
    APRIL,
    MARCH,
    MAY,
    ORDER,
    asked,
    correct,
    record,
    said,
    was_corrected,
    was_recorded,
)


@pytest.mark.parametrize(
    ("changed", "saying"),
    [
        ({"amount": "552"}, "amount: recorded '551.00', now '552.00'"),
        ({"quantity": "1000"}, "quantity: recorded '100', now '1000'"),
        ({"unit_price": "5.55"}, "unit_price: recorded '5.5', now '5.55'"),
        ({"ordered_on": APRIL}, "ordered_on: recorded '2012-03-05', now '2012-04-02'"),
        ({"invoiced_on": None}, "invoiced_on: recorded '2012-05-07', now 'None'"),
        ({"supplier_id": OTHER_SUPPLIER}, f"supplier_id: recorded '{SUPPLIER}', now '{OTHER_SUPPLIER}'"),
        ({"unit": "60 tabs", "label": "NVP"}, "unit: recorded '30 tabs', now '60 tabs'"),
    ],
)
def test_a_line_that_came_before_with_other_content_is_a_conflict_that_names_both_values(
    history: Scenario, changed: dict[str, Any], saying: str
) -> None:
    history.given(record(asked(), asked("2"))).when(record(asked("2"), asked(**changed)))
    history.then_refused(OtherContent, pointer="/lines/1", saying=saying)
    assert history.refusal is not None
    assert "order SCMS-4, line 1 " in history.refusal.detail


def test_a_correction_reverses_what_was_recorded_and_records_what_is_right(
    history: Scenario, ordering: Ordering
) -> None:
    right = asked(amount="5510", quantity="1000")
    history.given(record(asked(), asked("2"))).when(correct(right, asked("2"))).then(
        was_corrected((said(asked()), said(right)))
    )
    assert ordering.order(ORDER)[0].lines["1"].line.amount == money("5510")
    history.when(record(right)).then()


def test_a_correction_counts_on_the_day_of_what_it_corrects(history: Scenario) -> None:
    history.given(record(asked("1", APRIL)), record(asked("2", MARCH)))
    right = asked("1", APRIL, amount="1")
    history.when(correct(right)).then(was_corrected((said(asked("1", APRIL), APRIL), said(right, APRIL)), day=APRIL))


def test_a_line_whose_order_day_was_wrong_counts_on_the_right_day_and_so_do_those_that_took_it(
    history: Scenario,
) -> None:
    # 2002 was a slip of the pen, and line 2 counted on it as well.
    slip = asked("1", date(2002, 3, 5))
    history.given(record(slip, asked("2", APRIL)))
    history.when(correct(asked("1", MAY))).then(
        was_corrected(
            (said(slip, slip.ordered_on), said(asked("1", MAY), APRIL)),
            (said(asked("2", APRIL), slip.ordered_on), said(asked("2", APRIL), APRIL)),
            day=APRIL,
        )
    )


def test_a_correction_may_bring_new_lines(history: Scenario) -> None:
    right = asked(amount="1")
    history.given(record()).when(correct(right, asked("2"))).then(
        was_recorded(said(asked("2"))), was_corrected((said(asked()), said(right)))
    )


def test_a_correction_that_changes_nothing_records_nothing(history: Scenario) -> None:
    history.given(record()).when(correct(asked())).then()


def test_an_order_has_one_currency(history: Scenario) -> None:
    history.given(record())
    for command in (record(asked("2"), currency="EUR"), record(currency="EUR", is_correction=True)):
        history.when(command).then_refused(OtherCurrency, pointer="/currency", saying="recorded in USD, now EUR")
