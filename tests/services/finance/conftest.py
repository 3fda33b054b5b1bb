"""One network for a module: each test has establishments and agreements of its own, and asks for those only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from uuid import UUID

import pytest

from tests.network import Agreement, Network, open_network


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with open_network(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def agreement(network: Network) -> Agreement:
    """A price of 102 against 120."""
    return network.sign("102", "120")


@pytest.fixture
def centre(network: Network, agreement: Agreement) -> UUID:
    """A member that adheres to it."""
    return network.establishment(agreement, name="Centre de Lutte")


@pytest.fixture(scope="module")
def bought(network: Network) -> tuple[UUID, Agreement]:
    """Three purchases of a centre in January, February and April 2022: 316.50 in all."""
    agreement = network.sign("102", "120", title="Biosimilars")
    centre = network.establishment(agreement, name="Centre Nord")
    for month, amount in ((1, "102.00"), (2, "204.00"), (4, "10.50")):
        network.buy(centre, agreement, "1", amount, date(2022, month, 28))
    network.platform.catch_up()
    return centre, agreement
