"""Questions to a store's table that the library's recorders do not answer: many streams at once, a stream's place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, cast
from uuid import UUID

from eventsourcing.persistence import InterfaceError, OperationalError, ProcessRecorder, StoredEvent
from eventsourcing.sqlite import SQLiteProcessRecorder
from eventsourcing.utils import retry

from infra.mapper import Recorded

AT_ONCE = 500
"""Streams in one question."""
EVENTS = "SELECT originator_id, originator_version, topic, state FROM stored_events WHERE originator_id"


def first_events(recorder: ProcessRecorder, stream_ids: Iterable[UUID]) -> Iterator[StoredEvent]:
    """The first event of each of these streams that exists, in no order."""
    return _of_many(recorder, stream_ids, "AND originator_version = 1")


def all_events(recorder: ProcessRecorder, stream_ids: Iterable[UUID]) -> Iterator[StoredEvent]:
    """The events of these streams, those of one stream together and oldest first."""
    return _of_many(recorder, stream_ids, "ORDER BY originator_id, originator_version")


def place_of(recorder: ProcessRecorder, stream_id: UUID) -> int:
    """The position in the log of the first event of a stream that exists."""
    is_sqlite = isinstance(recorder, SQLiteProcessRecorder)
    column, mark, key = ("rowid", "?", stream_id.hex) if is_sqlite else ("notification_id", "%s", stream_id)
    sql = f"SELECT {column} AS pos FROM stored_events WHERE originator_id = {mark} AND originator_version = 1"
    return int(_rows(recorder, sql, (key,))[0]["pos"])


def overtaken(recorder: ProcessRecorder, recorded: Iterable[Recorded]) -> Iterator[str]:
    """The stored names of events that found their place taken, in streams that existed before: one for each stream."""
    firsts: dict[UUID, Recorded] = {}
    for one in recorded:
        firsts.setdefault(one.originator_id, one)
    for stream_id, one in firsts.items():
        before = one.originator_version - 1
        if before and recorder.select_events(stream_id, gt=before, limit=1):
            yield one.event.TOPIC


def _of_many(recorder: ProcessRecorder, stream_ids: Iterable[UUID], which: str) -> Iterator[StoredEvent]:
    waiting = iter(stream_ids)
    while asked := list(islice(waiting, AT_ONCE)):
        if isinstance(recorder, SQLiteProcessRecorder):
            marks = ",".join("?" * len(asked))
            rows = _rows(recorder, f"{EVENTS} IN ({marks}) {which}", [stream_id.hex for stream_id in asked])
        else:
            rows = _rows(recorder, f"{EVENTS} = ANY(%s) {which}", [asked])
        for row in rows:
            found = row["originator_id"]
            stream_id = found if isinstance(found, UUID) else UUID(found)
            yield StoredEvent(stream_id, row["originator_version"], row["topic"], bytes(row["state"]))


def _rows(recorder: ProcessRecorder, sql: str, values: Any) -> list[Any]:
    datastore = cast("Any", recorder).datastore
    if isinstance(recorder, SQLiteProcessRecorder):
        with datastore.transaction(commit=False) as cursor:
            cursor.execute(sql, values)
            return cast("list[Any]", cursor.fetchall())
    return cast("list[Any]", _from_postgres(datastore, sql, values))


# As patient as the library's own questions: a connection of the pool may be broken, the server may be restarting.
@retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
def _from_postgres(datastore: Any, sql: str, values: Any) -> list[Any]:
    with datastore.get_connection() as connection, connection.cursor() as cursor:
        cursor.execute(sql, values, prepare=True)
        return cast("list[Any]", cursor.fetchall())
