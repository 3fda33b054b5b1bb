"""One platform for a module: opening the analytics engine takes longer than asking it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.settings import Settings
from services.embedded import Platform, open_platform


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with open_platform(Settings(home=tmp_path_factory.mktemp("home"))) as found:
        yield found
