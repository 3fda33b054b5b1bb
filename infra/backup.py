"""Backup of the stores while commands run: everything else is derived from them.

The key that signs tokens is not in it, for a backup travels; a restored home keeps or makes its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path
from typing import Any

from events.base import Refusal
from infra import pgtools
from infra.chain import chain_of
from infra.event_store import Clock, utc_now
from infra.manifest import DEMO, Manifest, StoreCopy, engine_of, new_backup, synced
from infra.mapper import UnreadableEvent
from infra.settings import Settings
from infra.stored import Damaged, PostgresTable, SqliteTable, Stored, identities, open_stored

PAGES = 2_000
"""Pages of a file that are copied between two looks at the clock."""

Step = Callable[[str, int, int], None]
"""Called with the name of a step, what is done of it, and what there is in all."""


class StoreDamaged(Refusal):
    """A store cannot be read from its first event to its last."""

    rule = "A backup holds stores that can be read; one that cannot would be found out when it is needed"
    remedy = "See what is wrong with `groupement audit verify --full`, and keep a copy of the file as it is."


def quiet(_: str, __: int, ___: int) -> None:
    """Tells nobody."""


def backup(
    settings: Settings, contexts: Sequence[str], target: Path, clock: Clock = utc_now, step: Step = quiet
) -> Manifest:
    """Copies the stores as they are at one moment into a new folder, or one file where the name ends in .tar(.gz).

    The contexts come in the order of who follows whom, followers first: none may know what its source does not have.
    Raises AlreadyExists, NoStore, StoreDamaged, ToolMissing, ToolFailed.
    """
    made_at = clock()
    with ExitStack() as stack:
        tables = [stack.enter_context(open_stored(settings.store_environment(name))) for name in contexts]
        folder, finish = stack.enter_context(new_backup(target))
        try:
            # From its first question on, each shows its store as it is now.
            ends = [table.end() for table in tables]
            stores = tuple(
                _copy(context, settings.store_environment(context), table, folder, position, step)
                for context, table, (position, _) in zip(contexts, tables, ends, strict=True)
            )
        except (Damaged, UnreadableEvent) as damage:
            raise StoreDamaged(str(damage)) from damage
        engine, mark = engine_of(settings), _demo_mark(settings)
        manifest = Manifest(version=version("groupement"), made_at=made_at, engine=engine, demo=mark, stores=stores)
        finish(manifest)
    return manifest


def _demo_mark(settings: Settings) -> dict[str, Any] | None:
    path = settings.home / DEMO
    mark: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return mark


def _copy(
    context: str, environment: Mapping[str, str], stored: Stored, folder: Path, position: int, step: Step
) -> StoreCopy:
    identity = identities(stored)[-1]
    match stored:
        case SqliteTable():
            path = folder / f"{context}.db"
            _copy_pages(context, stored, path, step)
            # Read from the copy: what is proven is what will be restored.
            with open_stored({**environment, "SQLITE_DBNAME": str(path)}) as copied:
                head, events = chain_of(context, copied)
        case PostgresTable():
            path = folder / f"{context}.dump"
            _dump(environment, stored, path)
            head, events = chain_of(context, stored)
    with path.open("r+b") as file:
        synced(file)
        digest = file_digest(file, "sha256").hexdigest()
    step(f"copied {context} (events)", events, events)
    return StoreCopy(
        context=context, file=path.name, bytes=path.stat().st_size, sha256=digest, epoch=identity.epoch,
        lanes=identity.lanes, position=position, events=events, hash=head,
    )  # fmt: skip


def _copy_pages(context: str, stored: SqliteTable, path: Path, step: Step) -> None:
    def told(_: int, left: int, total: int) -> None:
        step(f"copying {context} (pages)", total - left, total)

    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        # Pages as they are: a VACUUM may give rows other numbers (SQLite, Rowid Tables), and those are the positions.
        stored.connection.backup(copy, pages=PAGES, progress=told)
        copy.execute("pragma journal_mode = delete")


def _dump(environment: Mapping[str, str], stored: PostgresTable, path: Path) -> None:
    (snapshot,) = stored.connection.execute("select pg_export_snapshot()").fetchone() or ("",)
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={path}")
    pgtools.run("pg_dump", environment, *options)
