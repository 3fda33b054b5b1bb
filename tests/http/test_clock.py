"""The time of a request as its header: only where a setting lets it, and never on an address that others reach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from infra.address import NotLoopback
from infra.auth import issue
from infra.clock import HEADER, told_now
from infra.settings import Settings
from services.embedded import Platform, open_platform
from services.processes.serving import listening
from services.web import create_app

THEN = "2021-03-04T09:00:00+00:00"


@pytest.fixture(scope="module", params=[True, False], ids=["let", "not let"])
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), clock_header=request.param)
    with open_platform(settings, told_now) as found:
        yield found


def recorded(platform: Platform, **headers: str) -> datetime:
    """When a supplier was registered, by a request with these headers."""
    token = issue(platform.settings, "group-buyer", "user-1")
    given = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())} | headers
    answer = TestClient(create_app(platform)).post("/api/v1/suppliers", json={"name": "Alpha"}, headers=given)
    answer.raise_for_status()
    (event,) = platform.suppliers.store.events(UUID(answer.json()["id"]))
    return event.event.recorded_at


def test_an_event_is_recorded_at_the_time_of_its_request_where_a_setting_lets_it(platform: Platform) -> None:
    found = recorded(platform, **{HEADER: THEN})
    assert (found == datetime.fromisoformat(THEN)) is platform.settings.clock_header


def test_a_request_that_says_no_time_has_the_servers(platform: Platform) -> None:
    before = datetime.now(UTC)
    assert before <= recorded(platform) <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["yesterday", "2021-03-04T09:00:00", ""])
def test_what_is_no_instant_is_refused_or_none(platform: Platform, text: str) -> None:
    answer = TestClient(create_app(platform)).get("/health", headers={HEADER: text})
    assert answer.status_code == (422 if text and platform.settings.clock_header else 200)


def test_other_addresses_than_loopback_need_a_private_network_and_a_clock_of_ones_own() -> None:
    with pytest.raises(NotLoopback):
        listening(Settings(), "0.0.0.0", 0)
    with pytest.raises(NotLoopback):
        listening(Settings(is_private_network=True, clock_header=True), "0.0.0.0", 0)
    with listening(Settings(is_private_network=True), "0.0.0.0", 0) as listener:
        assert listener.getsockname()[1]
