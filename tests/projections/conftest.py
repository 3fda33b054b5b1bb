"""One platform for a module: opening the analytics engine takes longer than asking it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.embedded import Platform
from tests.projections.engine import EACH_ENGINE, platform_of


@pytest.fixture(scope="module", params=EACH_ENGINE)
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform_of(request.param, tmp_path_factory.mktemp("home")) as found:
        yield found
