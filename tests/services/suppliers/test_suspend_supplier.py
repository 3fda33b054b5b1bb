from __future__ import annotations

from datetime import date

from events.base import Unknown
from events.suppliers import SupplierSuspended
from infra.event_store import Outdated
from services.suppliers.supplier import DatesOutOfOrder, WrongStanding
from tests.scenario import Scenario
from tests.services.suppliers.facts import OTHER, SUPPLIER, register, reinstate, suspend

DAY, LATER = date(2022, 5, 1), date(2022, 5, 10)


def suspended(on: date) -> SupplierSuspended:
    return SupplierSuspended(supplier_id=SUPPLIER, suspended_on=on, reason="no deliveries")


def test_a_supplier_is_suspended(registered: Scenario) -> None:
    registered.when(suspend(DAY)).then(suspended(DAY))


def test_a_supplier_is_suspended_again_from_its_reinstatement_on(registered: Scenario) -> None:
    registered.given(suspend(DAY), reinstate(LATER)).when(suspend(LATER)).then(suspended(LATER))


def test_a_suspended_supplier_is_not_suspended_again(registered: Scenario) -> None:
    registered.given(suspend(DAY)).when(suspend(LATER)).then_refused(WrongStanding, saying="suspended since 2022-05-01")


def test_a_suspension_does_not_begin_before_the_last_reinstatement(registered: Scenario) -> None:
    registered.given(suspend(DAY), reinstate(LATER)).when(suspend(date(2022, 5, 9)))
    registered.then_refused(DatesOutOfOrder, pointer="/suspended_on", saying="2022-05-10")


def test_an_unknown_supplier_is_not_suspended(nobody: Scenario) -> None:
    nobody.when(suspend(DAY)).then_refused(Unknown, pointer="/supplier_id")


def test_another_supplier_does_not_exist_for_a_supplier(registered: Scenario) -> None:
    registered.given(register(OTHER)).when(suspend(DAY), scope=OTHER).then_refused(Unknown, pointer="/supplier_id")


def test_a_change_is_made_on_the_version_that_was_seen(registered: Scenario) -> None:
    registered.when(suspend(DAY), expected_version=5).then_refused(Outdated, saying="the newest is 1")
