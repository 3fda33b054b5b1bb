from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.settings import Settings
from services.ordering.app import Ordering, build
from tests.scenario import Scenario
from tests.services.ordering.facts import adheres, lot, ordered, recorded, signed, submit
from tests.services.ordering.past import FIRST_PRICE


@pytest.fixture
def ordering(settings: Settings) -> Iterator[Ordering]:
    ordering = build(settings)
    yield ordering
    ordering.store.close()


@pytest.fixture
def nothing(ordering: Ordering) -> Scenario:
    """Ordering knows no agreement yet."""
    return Scenario(ordering)


@pytest.fixture
def may_order(nothing: Scenario) -> Scenario:
    """The agreement is signed, and the establishment adheres to it."""
    return nothing.given(signed(), adheres())


@pytest.fixture
def limited(nothing: Scenario) -> Scenario:
    """The same, with an internal limit of 1,000.00."""
    return nothing.given(signed(internal_limit={"amount": "1000", "allowance": "0"}), adheres())


@pytest.fixture
def waiting(limited: Scenario) -> Scenario:
    """An order of 1,300.00 waits for the approval of 300.00."""
    return limited.given(submit("130"))


@pytest.fixture
def ordered_ten(may_order: Scenario) -> Scenario:
    """Ten boxes of gloves at 10.00 are ordered."""
    return may_order.given(submit("10"))


@pytest.fixture
def ordered_two_lines(nothing: Scenario) -> Scenario:
    """Ten boxes of gloves at 10.00, and four of masks at 2.50."""
    return nothing.given(signed(lots=(lot(),)), adheres(), submit("10", ordered("4", "2", item="MASKS")))


@pytest.fixture
def history(nothing: Scenario) -> Scenario:
    """A recorded agreement, and the first recorded price of its item: 6.00."""
    return nothing.given(recorded(), FIRST_PRICE)
