"""The login by which finance reads the stores: `migrate` makes it, and it may do nothing else."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from infra.backup import backup
from infra.checkpoint import CHECKPOINTS, checkpoint_of
from infra.clickhouse import open_embedded
from infra.event_store import utc_now
from infra.local.postgres import Postgres, running
from infra.reader import NotOnlyReading
from infra.restore import restore
from infra.schema import NotMigrated, store_version
from infra.settings import READER, Settings
from infra.stored import conninfo
from projections.projector import Projector
from services.migration import CONTEXTS, migrate
from services.processes import Role, run
from services.processes.finance import FinanceProcess

pytestmark = pytest.mark.postgres
PASSWORD = "0nly-reads"
WRITES = (
    "insert into stored_events select * from stored_events limit 1",
    "update stored_events set state = 'x'",
    "delete from stored_events",
    "truncate stored_events",
    "select * from stored_events for update",
    "insert into notification_tracking values ('tendering:0', 1)",
    "delete from groupement_schema",
    "create table mine (n integer)",
    "create temporary table mine (n integer)",
    "alter table stored_events add mine integer",
    "drop table stored_events",
    "create database mine",
    "create role mine",
)


@pytest.fixture(scope="module")
def server(monkeypatch_module: pytest.MonkeyPatch) -> Iterator[Postgres]:
    """A server that asks for passwords."""
    monkeypatch_module.delenv("GROUPEMENT_PG_DSN", raising=False)
    folder = Path(tempfile.mkdtemp(prefix="groupement-reader-"))
    folder.chmod(0o711)
    try:
        with running(folder / "postgres") as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as found:
        yield found


@pytest.fixture
def fresh(server: Postgres, tmp_path: Path) -> Settings:
    """As `migrate` has them, on databases that are not there yet."""
    place = conninfo_to_dict(server.dsn)
    return Settings(
        home=tmp_path / "home", postgres_host="127.0.0.1", postgres_port=int(place["port"] or 0),
        postgres_password=str(place["password"]), postgres_dbname=f"t{uuid4().hex[:8]}_{{context}}",
        postgres_finance_password=PASSWORD,
    )  # fmt: skip


@pytest.fixture
def migrated(fresh: Settings) -> Settings:
    assert "PostgreSQL: user finance may read the stores, and nothing else" in list(migrate(fresh))
    return fresh


def of_reader(settings: Settings) -> Settings:
    """As the process of finance has them."""
    return settings.model_copy(update={"postgres_user": READER, "postgres_password": PASSWORD})


def ask(settings: Settings, statement: str, context: str = "ordering") -> None:
    with psycopg.connect(conninfo(settings.store_environment(context)), autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize("statement", WRITES)
def test_the_login_of_finance_may_not_write(migrated: Settings, statement: str) -> None:
    ask(of_reader(migrated), "select * from stored_events")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(of_reader(migrated), statement)


def test_the_process_of_finance_reads_lag_and_proof_as_a_login_that_may_not_write(migrated: Settings) -> None:
    with ExitStack() as stack:
        analytics = open_embedded(migrated.analytics)
        Projector(analytics)
        process = stack.enter_context(FinanceProcess(of_reader(migrated), analytics, utc_now))
        assert process.troubles() == []
        assert process.finance.reconcile()["is_equal"] is True
        assert {row.relay for row in process.lags()} == {None}
        ask(migrated, CHECKPOINTS, "suppliers")  # as a relay does, long after `migrate`
        store = next(store for store in process.stores if store.context == "suppliers")
        checkpoint = (str(store.epoch), str(uuid4()))
        ask(
            migrated,
            f"insert into relay_checkpoints values ('{checkpoint[0]}', '{checkpoint[1]}', 1, '{{}}')",
            "suppliers",
        )
        found = checkpoint_of(store)
        assert found is not None
        assert found.read == 1


def test_migrate_again_gives_the_login_the_password_of_the_settings(migrated: Settings) -> None:
    again = migrated.model_copy(update={"postgres_finance_password": "an0ther"})
    list(migrate(again))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        ask(of_reader(migrated), "select 1")
    ask(of_reader(migrated).model_copy(update={"postgres_password": "an0ther"}), "select 1")


def test_a_store_that_finance_may_not_read_is_said_not_to_be_migrated(
    migrated: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.telemetry.configure", lambda *_: None)  # the log of this process is the tests' own
    ask(migrated, "revoke select on groupement_schema from finance")
    with pytest.raises(NotMigrated, match="user finance may not read the ordering store"):
        run(Role.FINANCE, of_reader(migrated), "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("given", "taken", "told"),
    [
        ("grant delete on stored_events to public", "revoke delete on stored_events from public", "delete stored_ev"),
        ("grant create on schema public to finance", "revoke create on schema public from finance", "create tables"),
        ("alter role finance superuser", "alter role finance nosuperuser", "do all"),
    ],
)
def test_migrate_refuses_a_login_that_may_do_more(migrated: Settings, given: str, taken: str, told: str) -> None:
    ask(migrated, given)
    try:
        with pytest.raises(NotOnlyReading, match=told):
            list(migrate(migrated))
    finally:
        ask(migrated, taken)


def test_a_store_that_was_restored_is_read_as_before(migrated: Settings, tmp_path: Path) -> None:
    backup(migrated, CONTEXTS, tmp_path / "copy")
    restore(migrated, tmp_path / "copy", replace=True)
    assert store_version(of_reader(migrated), "ordering") == 1


def test_without_a_password_no_login_is_made(server: Postgres, fresh: Settings) -> None:
    with server.connect() as connection:
        for (name,) in connection.execute("select datname from pg_database where not datistemplate").fetchall():
            ask(fresh.model_copy(update={"postgres_dbname": name}), "drop owned by finance") if _has(server) else None
        connection.execute("drop role if exists finance")
    list(migrate(fresh.model_copy(update={"postgres_finance_password": ""})))
    assert not _has(server)


def _has(server: Postgres) -> bool:
    with server.connect() as connection:
        return connection.execute("select from pg_roles where rolname = 'finance'").fetchone() is not None
