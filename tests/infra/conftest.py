from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.infra.counting import OPEN


@pytest.fixture(autouse=True)
def closed_stores() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()
