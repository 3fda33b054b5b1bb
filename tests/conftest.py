"""Fixtures that every folder of tests shares."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

from infra.settings import Settings
from tests.broker import broker, shared_broker
from tests.postgres import each_database, postgres
from tests.promtool import run_promtool

__all__ = ["broker", "each_database", "postgres", "run_promtool", "settings", "shared_broker"]

# A property is about what comes out, not about how long one example takes on a busy machine.
hypothesis.settings.register_profile("groupement", deadline=None)
hypothesis.settings.load_profile("groupement")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An empty home of its own."""
    return Settings(home=tmp_path / "home")
