from __future__ import annotations

import pytest

from infra.settings import Settings
from services.membership.app import Membership, build
from tests.scenario import Scenario
from tests.services.membership.facts import join


@pytest.fixture
def membership(settings: Settings) -> Membership:
    return build(settings)


@pytest.fixture
def group(membership: Membership) -> Scenario:
    """A group without members."""
    return Scenario(membership)


@pytest.fixture
def member(group: Scenario) -> Scenario:
    """A group with one member, since 2020."""
    return group.given(join())
