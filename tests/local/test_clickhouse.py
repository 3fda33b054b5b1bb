"""ClickHouse as a process: up, asked, killed, back with its data, gone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from infra.clickhouse import Server, open_server
from infra.local import clickhouse
from infra.local.process import PortInUse
from infra.settings import Settings
from tests.local.remains import Remains

pytestmark = pytest.mark.full


def opened(server: clickhouse.ClickHouse) -> Server:
    return open_server(Settings(**server.settings("projector")))


def test_what_was_inserted_is_there_after_a_kill_and_nothing_after_the_end(folder: Path) -> None:
    with clickhouse.running(folder) as server:
        analytics = opened(server)
        analytics.command("create table kept (n UInt32) engine = MergeTree order by n")
        analytics.command("insert into kept select number from numbers(1000)")
        for _ in range(2):
            remains = Remains(server.process)
            server.process.kill()
            remains.assert_gone()
            with pytest.raises(OperationalError):
                analytics.rows("select 1")
            server.process.start()
            assert analytics.rows("select count() as n from kept") == [{"n": 1000}], "the same connection goes on"
        remains = Remains(server.process)
        analytics.close()
    remains.assert_gone()
    with clickhouse.running(folder) as server:
        assert opened(server).rows("select count() as n from kept") == [{"n": 1000}]


def test_parts_are_merged_in_the_background(folder: Path) -> None:
    with clickhouse.running(folder) as server:
        analytics = opened(server)
        analytics.command("create table merged (n UInt32) engine = MergeTree order by n")
        for _ in range(12):
            analytics.command("insert into merged select 1")
        until = time.monotonic() + 20
        parts = "select count() as n from system.parts where table = 'merged' and active"
        while analytics.rows(parts)[0]["n"] > 6 and time.monotonic() < until:
            time.sleep(0.1)
        assert analytics.rows(parts)[0]["n"] <= 6
        analytics.close()


@pytest.mark.parametrize("user", ["projector", "finance"])
def test_without_the_password_nobody_gets_in(folder: Path, user: clickhouse.User) -> None:
    with clickhouse.running(folder) as server, pytest.raises(DatabaseError, match="AUTHENTICATION_FAILED"):
        open_server(Settings(**{**server.settings(user), "clickhouse_password": "guessed"}))


def test_whoever_opened_the_server_may_ask_nothing_afterwards(folder: Path) -> None:
    with clickhouse.running(folder) as server:
        settings = {**server.settings("projector"), "clickhouse_user": "default", "clickhouse_password": ""}
        with pytest.raises(DatabaseError, match=r"QUOTA_EXCEEDED|ACCESS_DENIED"):
            open_server(Settings(**settings)).rows("select * from file('/etc/hosts', 'LineAsString', 'line String')")
        assert opened(server).rows("select 1 as n") == [{"n": 1}]


def test_a_port_in_use_is_refused_with_its_name(folder: Path) -> None:
    with clickhouse.running(folder / "one") as server:
        port = server.process.ports["ClickHouse"]
        with pytest.raises(PortInUse, match=rf"port {port} \(ClickHouse\)"), clickhouse.running(folder / "two", port):
            pass


PARENT = """
import os, sys
from pathlib import Path
from infra.local import clickhouse
with clickhouse.running(Path(sys.argv[1])) as server:
    print(server.process.pid, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_it_ends_with_its_parent(folder: Path) -> None:
    parent = subprocess.run([sys.executable, "-c", PARENT, folder], stdout=subprocess.PIPE, text=True, check=False)
    child, until = Path("/proc", parent.stdout.strip()), time.monotonic() + 10
    while child.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not child.exists()
