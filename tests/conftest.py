"""Fixtures that every folder of tests shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.settings import Settings
from tests.broker import broker, shared_broker
from tests.postgres import each_database, postgres
from tests.promtool import run_promtool

__all__ = ["broker", "each_database", "postgres", "run_promtool", "settings", "shared_broker"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An empty home of its own."""
    return Settings(home=tmp_path / "home")
