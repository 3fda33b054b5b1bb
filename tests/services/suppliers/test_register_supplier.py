from __future__ import annotations

import pytest
from pydantic import ValidationError

from events.base import AlreadyExists, Unknown
from events.suppliers import SupplierRegistered
from services.suppliers.app import Suppliers
from services.suppliers.supplier import InvalidSiren, InvalidVatNumber, NumbersDisagree, identity_streams
from tests.scenario import Scenario
from tests.services.suppliers.facts import OTHER, SIREN, SUPPLIER, VAT, register


def known(siren: str | None = None, vat: str | None = None, country: str | None = None) -> SupplierRegistered:
    return SupplierRegistered(
        supplier_id=SUPPLIER, name="Imagerie du Rhône", siren=siren, vat_number=vat, country=country
    )


def test_a_supplier_is_registered(nobody: Scenario) -> None:
    nobody.when(register()).then(known())


def test_its_numbers_are_kept_without_spaces(nobody: Scenario) -> None:
    nobody.when(register(siren="732 829 320", vat="fr 44 732 829 320")).then(known(SIREN, VAT))


def test_a_french_vat_number_is_kept_with_its_country(nobody: Scenario) -> None:
    nobody.when(register(vat="44732829320", country="FR")).then(known(vat=VAT, country="FR"))


def test_a_monegasque_vat_number_holds_no_siren(nobody: Scenario) -> None:
    nobody.when(register(siren=SIREN, vat="FR53000004605")).then(known(SIREN, "FR53000004605"))


def test_a_foreign_vat_number_is_kept_as_it_is(nobody: Scenario) -> None:
    nobody.when(register(vat="DE136695976", country="DE")).then(known(vat="DE136695976", country="DE"))


def test_a_supplier_is_registered_once(registered: Scenario) -> None:
    registered.when(register()).then_refused(AlreadyExists, pointer="/supplier_id")


@pytest.mark.parametrize("wrong", ["732829321", "73282932", "73282932A"])
def test_a_wrong_siren_is_refused_with_its_value(nobody: Scenario, wrong: str) -> None:
    nobody.when(register(siren=wrong)).then_refused(InvalidSiren, pointer="/siren", saying=wrong)


@pytest.mark.parametrize("wrong", ["FR45732829320", "FR4473282932", "FR44732829321"])
def test_a_wrong_french_vat_number_is_refused_with_its_value(nobody: Scenario, wrong: str) -> None:
    nobody.when(register(vat=wrong)).then_refused(InvalidVatNumber, pointer="/vat_number", saying=wrong)


def test_a_vat_number_of_another_company_is_refused(nobody: Scenario) -> None:
    nobody.when(register(siren="303265045", vat=VAT)).then_refused(NumbersDisagree, pointer="/vat_number", saying=SIREN)


@pytest.mark.parametrize(
    ("siren", "vat", "pointer"), [("732 829 320", None, "/siren"), (None, "FR 44732829320", "/vat_number")]
)
def test_two_suppliers_never_have_the_same_number(
    nobody: Scenario, siren: str | None, vat: str | None, pointer: str
) -> None:
    nobody.given(register(OTHER, SIREN, VAT)).when(register(siren=siren, vat=vat))
    nobody.then_refused(AlreadyExists, pointer=pointer, saying=str(OTHER))


def test_a_supplier_is_read_with_its_version(registered: Scenario, suppliers: Suppliers) -> None:
    found, version = suppliers.supplier(SUPPLIER, scope=SUPPLIER)
    assert (found.registered.name, version) == ("Imagerie du Rhône", 1)


def test_an_unknown_one_and_another_ones_get_the_same_answer(nobody: Scenario, suppliers: Suppliers) -> None:
    with pytest.raises(Unknown) as unknown:
        suppliers.supplier(SUPPLIER, OTHER)
    nobody.given(register())
    with pytest.raises(Unknown) as hidden:
        suppliers.supplier(SUPPLIER, OTHER)
    assert unknown.value.detail == hidden.value.detail


def test_nobody_registers_another_supplier(nobody: Scenario) -> None:
    nobody.when(register(), scope=OTHER).then_refused(Unknown, pointer="/supplier_id")


def test_the_platforms_own_ids_are_no_suppliers(nobody: Scenario, suppliers: Suppliers) -> None:
    (own,) = identity_streams(known(SIREN)).values()
    with pytest.raises(ValidationError, match="platform's own"):
        register(own)
    nobody.given(register(siren=SIREN))
    with pytest.raises(Unknown):
        suppliers.supplier(own)
