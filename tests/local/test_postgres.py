"""PostgreSQL as a process: up, asked, killed, back with its data, gone."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from infra.local import postgres
from infra.local.process import Missing, PortInUse
from tests.local.remains import Remains

pytestmark = pytest.mark.full


@pytest.fixture(autouse=True)
def of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROUPEMENT_PG_DSN", raising=False)


def test_what_was_committed_is_there_after_a_kill_and_nothing_after_the_end(folder: Path) -> None:
    with postgres.running(folder) as server:
        assert server.process is not None
        with server.connect() as connection:
            connection.execute("CREATE TABLE orders AS SELECT generate_series(1, 1000) AS n")
        for _ in range(2):
            remains = Remains(server.process)
            assert len(remains.processes) > 1, "its children count, too"
            server.process.kill()
            remains.assert_gone()
            with pytest.raises(psycopg.OperationalError):
                server.connect()
            server.process.start()
            with server.connect() as connection:
                assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1000,)
        remains = Remains(server.process)
    remains.assert_gone()


def test_it_stops_though_somebody_is_connected(folder: Path) -> None:
    with postgres.running(folder) as server:
        assert server.process is not None
        connection = server.connect()
        remains = Remains(server.process)
    remains.assert_gone()
    connection.close()


def test_a_folder_that_was_used_before_keeps_its_data_and_password(folder: Path) -> None:
    with postgres.running(folder) as server, server.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    with postgres.running(folder) as server, server.connect() as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_without_the_password_nobody_gets_in(folder: Path) -> None:
    with postgres.running(folder) as server, pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.dsn.replace(":" + (folder / "password").read_text(), ""), connect_timeout=5)


def test_two_servers_on_one_port_are_refused(folder: Path) -> None:
    with postgres.running(folder / "one") as server:
        assert server.process is not None
        port = server.process.ports["PostgreSQL"]
        with pytest.raises(PortInUse, match=rf"port {port} \(PostgreSQL\)"), postgres.running(folder / "two", port):
            pass


def test_a_server_that_was_named_is_used_and_not_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres.running(folder) as ours:
        monkeypatch.setenv("GROUPEMENT_PG_DSN", ours.dsn)
        with postgres.running(folder / "none") as named:
            assert (named.dsn, named.process) == (ours.dsn, None)
        with ours.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_where_it_is_not_installed_the_line_to_type_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "postgres_bin", lambda: None)
    with (
        pytest.raises(Missing, match=r"apt-get install -y --no-install-recommends postgresql$"),
        postgres.running(folder),
    ):
        pass
