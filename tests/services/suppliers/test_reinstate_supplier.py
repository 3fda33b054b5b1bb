from __future__ import annotations

from datetime import date

import pytest

from events.base import Unknown
from events.suppliers import SupplierReinstated
from services.suppliers.supplier import DatesOutOfOrder, WrongStanding
from tests.scenario import Scenario
from tests.services.suppliers.facts import SUPPLIER, reinstate, suspend

DAY = date(2022, 5, 1)


@pytest.mark.parametrize("day", [DAY, date(2022, 5, 10)])
def test_a_suspended_supplier_is_reinstated(registered: Scenario, day: date) -> None:
    registered.given(suspend(DAY)).when(reinstate(day)).then(
        SupplierReinstated(supplier_id=SUPPLIER, reinstated_on=day)
    )


def test_a_supplier_that_is_not_suspended_is_not_reinstated(registered: Scenario) -> None:
    registered.when(reinstate(DAY)).then_refused(WrongStanding, pointer="/reinstated_on", saying="not suspended")


def test_a_reinstatement_does_not_come_before_its_suspension(registered: Scenario) -> None:
    registered.given(suspend(DAY)).when(reinstate(date(2022, 4, 30)))
    registered.then_refused(DatesOutOfOrder, pointer="/reinstated_on", saying="2022-05-01")


def test_an_unknown_supplier_is_not_reinstated(nobody: Scenario) -> None:
    nobody.when(reinstate(DAY)).then_refused(Unknown, pointer="/supplier_id")
