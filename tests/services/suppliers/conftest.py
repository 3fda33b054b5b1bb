from __future__ import annotations

import pytest

from infra.settings import Settings
from services.suppliers.app import Suppliers, build
from tests.scenario import NOW, Scenario
from tests.services.suppliers.facts import declare, register


@pytest.fixture
def suppliers(settings: Settings) -> Suppliers:
    return build(settings, lambda: NOW)


@pytest.fixture
def nobody(suppliers: Suppliers) -> Scenario:
    """No supplier is known."""
    return Scenario(suppliers)


@pytest.fixture
def registered(nobody: Scenario) -> Scenario:
    """One supplier is known."""
    return nobody.given(register())


@pytest.fixture
def rated(registered: Scenario) -> Scenario:
    """The supplier declared a rating of March 2022."""
    return registered.given(declare(), actor="supplier-1")
