"""A run of one seed, told turn by turn: python -m tests.simulation SEED [FAULT]."""

from __future__ import annotations

import sys

from tests.simulation.planted import FAULTS
from tests.simulation.run import run


def main(seed: str, fault: str | None = None) -> int:
    outcome = run(int(seed), FAULTS[fault]) if fault else run(int(seed))
    sys.stdout.write("\n".join([*outcome.story, *outcome.faults_told(), outcome.verdict(), ""]))
    return 1 if outcome.error else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
