"""One full run for all of these tests: bringing it up takes longer than any of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.full.buying import Market
from tests.full.stack import Stack, full_run, new_home


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with new_home() as home, full_run(home) as found:
        yield found


@pytest.fixture(scope="session")
def market(stack: Stack) -> Market:
    """Somebody who may order, and what."""
    return Market(stack)
