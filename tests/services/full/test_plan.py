"""Ports, settings and folders of the full run."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.local.postgres import Postgres
from infra.settings import Settings
from services.full import plan
from services.full.plan import OFFSETS, STOPPING, PortsInUse, Servers, environment, folders, ports
from services.full.show import Lags
from services.processes import Role


def servers() -> Servers:
    def of(user: str) -> dict[str, Any]:
        return {
            "clickhouse_host": "127.0.0.1",
            "clickhouse_port": 8012,
            "clickhouse_user": user,
            "clickhouse_password": user[::-1],
        }

    found: Any = SimpleNamespace(
        kafka=SimpleNamespace(bootstrap="127.0.0.1:8010"),
        postgres=Postgres("postgresql://groupement:s3cret@127.0.0.1:8011/postgres", None, "0nly"),
        clickhouse=SimpleNamespace(settings=of),
    )
    return cast("Servers", found)


def settings_of(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_demo: bool = False) -> Settings:
    given = environment(Settings(home=tmp_path), servers(), ports(0), name, is_demo=is_demo)
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    return Settings()


def test_every_process_has_a_port_and_a_place_in_the_order_of_stopping() -> None:
    found = ports(0)
    assert len(set(found.values())) == len(found) == len(OFFSETS)
    assert set(found) == {role.value for role in Role} | set(plan.SERVERS)
    assert sorted(found) == sorted(name for names in STOPPING for name in names)


def test_ports_in_use_are_refused_with_the_names_of_what_would_listen_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        first = other.getsockname()[1] - OFFSETS["kafka"]
        with pytest.raises(PortsInUse) as refused:
            ports(first)
    assert f"{first + OFFSETS['kafka']} (kafka)" in refused.value.detail


@pytest.mark.parametrize("role", Role)
def test_only_the_projector_may_write_figures(role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_of(role.value, tmp_path, monkeypatch)
    assert found.clickhouse_user == ("projector" if role is Role.PROJECTOR else "finance")
    assert found.lanes == plan.LANES
    assert not found.clock_header


@pytest.mark.parametrize("name", [*Role, "migrate", "commands"])
def test_only_finance_has_the_login_that_may_not_write_stores_and_migrate_makes_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = settings_of(name, tmp_path, monkeypatch)
    user = ("finance", "0nly") if name == "finance" else ("groupement", "s3cret")
    assert (found.postgres_user, found.postgres_password) == user
    assert found.postgres_finance_password == ("0nly" if name == "migrate" else "")


def test_a_process_finds_the_servers_by_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_of("ordering", tmp_path, monkeypatch)
    assert (found.postgres_host, found.postgres_port) == ("127.0.0.1", 8011)
    assert (found.postgres_user, found.postgres_password) == ("groupement", "s3cret")
    assert found.kafka_bootstrap == "127.0.0.1:8010"


def test_the_gateway_knows_where_everybody_else_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_of("gateway", tmp_path, monkeypatch)
    assert set(found.upstreams) == {role.value for role in Role} - {"gateway"}
    assert json.loads(os.environ["GROUPEMENT_UPSTREAMS"]) == found.upstreams


def test_the_time_of_requests_is_their_own_in_a_demo_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_of("ordering", tmp_path, monkeypatch, is_demo=True).clock_header


def test_data_lie_in_the_home_where_their_account_may_enter_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    made: list[Path] = []
    monkeypatch.setattr(Path, "mkdir", lambda path, *_, **__: made.append(path))
    for uid, home, is_elsewhere in ((0, closed / "home", True), (1000, closed / "home", False)):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        found = folders(Settings(home=home))
        assert found["kafka"] == home / "full" / "kafka"
        assert (found["postgres"].parts[:3] == ("/", "var", "lib")) is is_elsewhere
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_the_lag_of_a_follower_is_that_of_all_its_lanes_and_as_old_as_it_was_seen(tmp_path: Path) -> None:
    def row(context: str, **lags: Any) -> dict[str, Any]:
        return {"context": context, "lane": 0, "end": 9, "relay": None, "projector": None, "reactions": None, **lags}

    def lag(position: int, events: int) -> dict[str, Any]:
        return {"position": position, "events": events, "seconds": 173_419_224.0}  # of a generated past

    lags = Lags(Settings(home=tmp_path), "http://127.0.0.1:1")
    rows: list[Any] = [row("ordering", projector=lag(1, 2)), row("tendering", projector=lag(1, 1), relay=lag(9, 0))]
    assert lags.told(rows, 100.0) == {"projector": "3 events, 0 s", "relay": "0"}
    rows[0]["projector"] = lag(9, 0)
    assert lags.told(rows, 104.0) == {"projector": "1 events, 4 s", "relay": "0"}
    rows[1]["projector"] = lag(9, 0)
    assert lags.told(rows, 105.0) == {"projector": "0", "relay": "0"}
