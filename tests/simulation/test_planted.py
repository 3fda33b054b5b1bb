"""A fault that is put into the pipeline on purpose shows: else a green run would prove nothing."""

from __future__ import annotations

import pytest

from tests.simulation.planted import FAULTS
from tests.simulation.run import run

LOOKED_AT = 100
"""Seeds among which each planted fault must show."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_shows(fault: str) -> None:
    wrong = next((seed for seed in range(LOOKED_AT) if run(seed, FAULTS[fault]).error), None)
    assert wrong is not None, f"{LOOKED_AT} runs did not see: {fault}"
