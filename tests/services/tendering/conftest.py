from __future__ import annotations

import pytest

from infra.settings import Settings
from services.tendering.app import Tendering, build
from tests.scenario import Scenario
from tests.services.tendering.facts import RECORD, sign


@pytest.fixture
def tendering(settings: Settings) -> Tendering:
    return build(settings)


@pytest.fixture
def nothing(tendering: Tendering) -> Scenario:
    """Nothing was tendered yet."""
    return Scenario(tendering)


@pytest.fixture
def signed(nothing: Scenario) -> Scenario:
    """The agreement is signed, for 2022 and 2023."""
    return nothing.given(sign())


@pytest.fixture
def recorded(nothing: Scenario) -> Scenario:
    """An agreement of the past is recorded under the same id."""
    return nothing.given(RECORD)
