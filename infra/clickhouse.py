"""The analytics engine behind one client: chDB in the embedded run, a ClickHouse server in the full one.

SQL stands in files beside what it answers; `sql` reads them. Parameters are bound by the engine, never pasted.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import clickhouse_connect
from filelock import FileLock, Timeout

from events.base import Refusal
from infra.settings import Settings

INSERT_SETTINGS: Mapping[str, Any] = {
    "async_insert": 0,
    # Deduplication tokens are kept for each block: a batch must be one block, and so one part.
    "max_insert_block_size": 10_000_000,
    "min_insert_block_size_rows": 10_000_000,
    "min_insert_block_size_bytes": 0,
    "max_insert_threads": 1,
    "max_threads": 1,
    "input_format_parallel_parsing": 0,
    # The engine adds to a token how many chunks the SELECT gave: two writers with steps of different lengths would both
    # write (measured). So every insert ends with an ORDER BY, and one sort in memory gives one chunk. (Several threads
    # would need a LIMIT BY before it, which joins their streams; at the length of a step that gains nothing.)
    "max_block_size": 10_000_000,
    "optimize_read_in_order": 0,
    "max_bytes_before_external_sort": 0,
    "max_bytes_ratio_before_external_sort": 0,
    # Planning is a quarter shorter without these, and the rest a sixth (measured); no branch of ours can fail.
    "optimize_and_compare_chain": 0,
    "query_plan_merge_expressions": 0,
    "short_circuit_function_evaluation": "disable",
    "deduplicate_insert_select": "force_enable",
}
SMALL: Mapping[str, Any] = {"max_threads": 1}
"""For questions that a few rows answer, asked all the time: a second thread costs more than it does."""
RAW_STRUCTURE = (
    "app String, lane UInt16, pos UInt64, prev UInt64, stream_id UUID, version UInt32, type String, "
    "recorded_at DateTime64(6, 'UTC'), raw String"
)
"""Columns of a raw batch in RowBinary."""
BATCH_SUFFIX = ".rows"
ROOM_BYTES = 10_000_000
"""What must be free on the engine's disk before something is defined."""


class AnalyticsInUse(Exception):
    """Another process has the analytics folder open."""


class NoRoom(Refusal):
    """The engine's disk is full."""

    rule = f"Tables and views are made where at least {ROOM_BYTES // 1_000_000} MB are free"
    remedy = "Free space on the disk of ClickHouse, or give it a larger one; then start again."


@cache
def sql(package: str, name: str) -> str:
    """The text of an SQL file that lies beside a package's modules."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


class Analytics:
    """A connection to the engine. Safe to use from several threads: calls run one after another."""

    def __init__(self, client: Any, lock: FileLock | None = None, folder: Path | None = None) -> None:
        self._client = client
        self._lock = lock
        self._folder = folder

    def rows(
        self, query: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The answer to a query, one dict a row."""
        # Unless it is told otherwise, a server keeps an answer in a file before it sends it, and where its disk is
        # full, it sends an empty one, with status 200 (measured).
        told = {"wait_end_of_query": 0, **(settings or {})}
        return list(self._client.query(query, parameters=dict(parameters or {}), settings=told).named_results())

    def command(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        body: bytes | None = None,
    ) -> None:
        """Runs a statement that answers nothing; a server may be sent data in a body."""
        self._client.command(statement, parameters=dict(parameters or {}), data=body, settings=dict(settings or {}))

    def define(self, statement: str) -> None:
        """Makes, replaces or drops a table or a view. Raises NoRoom.

        On a full disk the engine answers that it is done, leaves an empty file, and never starts again (measured).
        """
        room = self.rows("select min(unreserved_space) as room from system.disks")[0]["room"]
        if room < ROOM_BYTES:
            raise NoRoom(f"the disk of ClickHouse is full: {room:,} bytes are free")
        self.command(statement)

    def is_whole(self, table: str) -> bool:
        """Whether all files of a table are as they were written. Reads all of it."""
        return bool(self._client.command(f"check table {table}", settings={"check_query_single_value_result": 1}))

    def insert_once(self, statement: str, parameters: Mapping[str, Any], token: str, body: bytes | None = None) -> None:
        """Runs a guarded insert as one block under a deduplication token.

        Success and error both mean unknown: whoever called reads the position again.
        """
        self.command(statement, parameters, {**INSERT_SETTINGS, "insert_deduplication_token": token}, body)

    def insert_raw(self, statement: str, batch: bytes, parameters: Mapping[str, Any], token: str) -> None:
        """The guarded insert of a raw batch (RowBinary of RAW_STRUCTURE); the statement reads it as `{source}`."""
        handle, path = tempfile.mkstemp(prefix="groupement-", suffix=BATCH_SUFFIX, dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(batch)
            source = f"file('{path}', 'RowBinary', '{RAW_STRUCTURE.replace(chr(39), chr(92) + chr(39))}')"
            self.insert_once(statement.replace("{source}", source), parameters, token)
        finally:
            Path(path).unlink()

    def close(self) -> None:
        """Lets go of the engine and of its folder."""
        self._client.close()
        if self._lock is not None:
            self._lock.release()


def open_embedded(folder: Path) -> Analytics:
    """The embedded engine on a folder. Raises AnalyticsInUse where another process has it open."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "in-use.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        msg = f"{folder} is open in another process (groupement serve?)"
        raise AnalyticsInUse(msg) from error
    for batch in folder.glob(f"*{BATCH_SUFFIX}"):
        # Whoever wrote it was killed: the folder is ours alone now.
        batch.unlink()
    client = clickhouse_connect.get_client(interface="chdb", path=str(folder / "chdb"))
    return Analytics(client, lock, folder)


class Server(Analytics):
    """A connection to a ClickHouse server: the same in everything but how a raw batch gets there."""

    def insert_raw(self, statement: str, batch: bytes, parameters: Mapping[str, Any], token: str) -> None:
        """The guarded insert of a raw batch, sent as the body of the request."""
        source = f"input('{RAW_STRUCTURE.replace(chr(39), chr(92) + chr(39))}')"
        self.insert_once(f"{statement.replace('{source}', source)} format RowBinary", parameters, token, batch)


def open_server(settings: Settings) -> Server:
    """The server that the settings name. Raises clickhouse_connect's OperationalError where it does not answer."""
    return Server(
        clickhouse_connect.get_client(
            host=settings.clickhouse_host,
            port=settings.clickhouse_port,
            username=settings.clickhouse_user,
            password=settings.clickhouse_password,
            database=settings.clickhouse_database,
            autogenerate_session_id=False,  # a session answers one query at a time
        )
    )


def raw_batch(rows: Iterable[Sequence[Any]]) -> bytes:
    """RowBinary of (app, lane, pos, prev, stream_id, version, type, recorded_at, raw), in RAW_STRUCTURE's order."""
    parts: list[bytes] = []
    for app, lane, pos, prev, stream_id, version, kind, recorded_at, raw in rows:
        app_bytes, kind_bytes = app.encode(), kind.encode()
        stream = stream_id.bytes
        micros = (recorded_at - _EPOCH) // _MICROSECOND
        parts += (
            _length(len(app_bytes)), app_bytes, _NUMBERS(lane, pos, prev),
            stream[7::-1], stream[:7:-1], _VERSION(version),
            _length(len(kind_bytes)), kind_bytes, _TIME(micros), _length(len(raw)), raw,
        )  # fmt: skip
    return b"".join(parts)


_NUMBERS = struct.Struct("<HQQ").pack
_VERSION = struct.Struct("<I").pack
_TIME = struct.Struct("<q").pack
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@cache
def _length(number: int) -> bytes:
    """LEB128, as RowBinary writes the length of a string."""
    out = bytearray()
    while number > 127:  # noqa: PLR2004 - seven bits a byte
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
