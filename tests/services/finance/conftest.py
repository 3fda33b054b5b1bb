"""One network for a module: each test has establishments and agreements of its own, and asks for those only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.network import Network, open_network


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with open_network(tmp_path_factory.mktemp("home")) as found:
        yield found
