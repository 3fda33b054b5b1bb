"""A ClickHouse server whose disk is full says so: it neither answers with nothing, nor loses what is defined there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from infra.clickhouse import NoRoom, Server, open_server
from infra.local import clickhouse
from infra.settings import Settings
from projections.projector import Projector
from tests.disk import fill, small_disk

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_disk(tmp_path_factory.mktemp("clickhouse"), "200m") as found:
        yield found


@pytest.fixture(scope="module")
def full(disk: Path) -> Iterator[Server]:
    """A server with all tables on a disk that was filled up after that."""
    with (
        clickhouse.running(disk) as server,
        closing(open_server(Settings(**server.settings("projector")))) as analytics,
    ):
        Projector(analytics)
        fill(disk)
        yield analytics


def test_a_query_is_answered_and_never_with_nothing(full: Server) -> None:
    """Unless it is told otherwise, the server sends an empty answer with status 200."""
    assert full.rows("select 1 as one") == [{"one": 1}]
    assert len(full.rows("select repeat('x', 100000) as long from numbers(300)")) == 300


def test_a_projector_that_starts_defines_nothing_that_is_there(full: Server, disk: Path) -> None:
    """The server would empty the file of a view that it defines again, and not start with it."""
    Projector(full)
    Projector(full).migrate()
    definitions = list(disk.glob("data/store/*/*/*.sql"))
    assert len(definitions) > 10
    assert [file.name for file in definitions if not file.stat().st_size] == []


def test_a_table_or_a_view_is_refused_before_its_definition_is_lost(full: Server, disk: Path) -> None:
    projector = Projector(full)
    with pytest.raises(NoRoom, match="full"):
        projector.create("ledger", 2)
    with pytest.raises(NoRoom, match="full"):
        projector.switch("ledger", 1)
    assert [file.name for file in disk.glob("data/store/*/*/*.sql") if not file.stat().st_size] == []
