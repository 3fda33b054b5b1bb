"""One platform for a module: opening the analytics engine takes longer than asking it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from infra.settings import Settings
from services.embedded import open_platform
from services.web import create_app
from tests.http.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    with open_platform(settings) as platform:
        client = TestClient(create_app(platform), raise_server_exceptions=False)
        yield World(platform, client)
