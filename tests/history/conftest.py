from __future__ import annotations

from pathlib import Path

import pytest

from infra.settings import Settings
from services.embedded import open_contexts
from tests.history.desk import Desk

REAL = Path(__file__).parents[3] / "shared" / "data" / "scms" / "scms_delivery_history.csv"


@pytest.fixture
def desk(settings: Settings, tmp_path: Path) -> Desk:
    """An empty platform."""
    return Desk(open_contexts(settings), tmp_path)


@pytest.fixture
def scms_mapping() -> Path:
    return Path(__file__).parents[2] / "mappings" / "scms.toml"


@pytest.fixture
def real_file() -> Path:
    if not REAL.exists():
        pytest.skip("the real delivery history is not here: it lies in ../shared/data, beside the repository")
    return REAL
