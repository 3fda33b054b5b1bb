"""What a backup holds, and how it lies on disk: a folder, or one tar file, whole or not there.

It gets its name when all of it is on disk, and its manifest says what each file must be.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp, mkstemp
from typing import IO, Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from events.base import AlreadyExists, Refusal
from infra.settings import Settings

MANIFEST = "manifest.json"
DEMO = "demo.json"
"""The mark of a home whose data are generated."""
PACKINGS: dict[str, Literal["w", "w:gz"]] = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz"}
PIECE = 1 << 20
UNREADABLE = (OSError, EOFError, KeyError, ValueError, tarfile.TarError)
"""What folders, archives and JSON raise where they are not what they should be."""

Engine = Literal["sqlite", "postgres"]


class BackupDamaged(Refusal):
    """What lies there is no whole backup."""

    rule = "A backup is whole: manifest, and every file with the length, hash and events that it names"
    remedy = "Use another backup."


class BackupNewer(Refusal):
    """A newer version of groupement made the backup."""

    rule = "An older program does not guess what a newer one meant"
    remedy = "Install the version that made it, or a newer one."


class StoreCopy(BaseModel):
    """One store in a backup: its file, and what is in it."""

    model_config = ConfigDict(frozen=True)

    context: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
    file: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}\.(db|dump)$")]
    bytes: int
    sha256: str
    epoch: UUID
    lanes: int
    position: int
    """Position of the last event."""
    events: int
    """How many, internal ones included."""
    hash: str
    """Of the chain over all of them: `groupement audit root` gives the same."""


class Manifest(BaseModel):
    """What a backup holds."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    version: str
    """Of groupement."""
    made_at: AwareDatetime
    engine: Engine
    demo: dict[str, Any] | None = None
    """The demo's mark; None where the data are nobody's invention."""
    stores: tuple[StoreCopy, ...]


def engine_of(settings: Settings) -> Engine:
    """Where the stores live."""
    return "postgres" if settings.postgres_host else "sqlite"


@contextmanager
def new_backup(target: Path) -> Iterator[tuple[Path, Callable[[Manifest], None]]]:
    """A folder to fill, and what makes a backup of it. Whoever is stopped before leaves nothing under the name.

    The backup is one file where the name ends in .tar, .tar.gz or .tgz, else a folder. Raises AlreadyExists.
    """
    if target.exists():
        raise AlreadyExists(f"{target} exists", pointer="TARGET")
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))

    def finish(manifest: Manifest) -> None:
        with (folder / MANIFEST).open("wb") as file:
            file.write(manifest.model_dump_json(indent=2).encode())
            synced(file)
        packing = next((mode for ending, mode in PACKINGS.items() if target.name.endswith(ending)), None)
        if packing:
            _pack(folder, target, packing)
        else:
            _sync_names(folder)
            folder.rename(target)
        _sync_names(target.parent)

    try:
        yield folder, finish
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pack(folder: Path, target: Path, packing: Literal["w", "w:gz"]) -> None:
    handle, whole = mkstemp(prefix=f".{target.name}.partial-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode=packing) as archive:
                for path in sorted(folder.iterdir(), key=lambda path: path.name != MANIFEST):
                    archive.add(path, path.name)
            synced(file)
        os.link(whole, target)
    finally:
        Path(whole).unlink()


def synced(file: IO[bytes]) -> None:
    """What was written is on disk."""
    file.flush()
    os.fsync(file.fileno())


def _sync_names(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Backup:
    """A backup that somebody reads. Nothing but the files that its manifest names is taken from it."""

    def __init__(self, path: Path, open_file: Callable[[str], IO[bytes]]) -> None:
        self.path = path
        self._open = open_file
        try:
            with open_file(MANIFEST) as file:
                document = json.load(file)
            if int(document["format"]) > 1:
                raise BackupNewer(f"{path} was made by groupement {document.get('version')}")
            self.manifest = Manifest.model_validate(document)
        except (*UNREADABLE, TypeError) as error:
            raise BackupDamaged(f"{path} has no readable {MANIFEST}: {error}") from error

    def unpack(self, store: StoreCopy, to: Path) -> None:
        """Copies the file of a store. Raises BackupDamaged where it is not what the manifest says."""
        digest, length = sha256(), 0
        try:
            with self._open(store.file) as source, to.open("wb") as file:
                while piece := source.read(PIECE):
                    digest.update(piece)
                    length += file.write(piece)
                synced(file)
        except UNREADABLE as error:
            raise BackupDamaged(f"{store.file} in {self.path} cannot be read: {error}") from error
        if (digest.hexdigest(), length) != (store.sha256, store.bytes):
            raise BackupDamaged(f"{store.file} in {self.path} is not what its manifest says ({length} bytes)")


@contextmanager
def open_backup(path: Path) -> Iterator[Backup]:
    """A backup, folder or file. Raises BackupDamaged, BackupNewer."""
    if path.is_dir():
        yield Backup(path, lambda name: (path / name).open("rb"))
        return
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(tarfile.open(path))
        except UNREADABLE as error:
            raise BackupDamaged(f"{path} is neither a folder nor a tar file: {error}") from error

        def member(name: str) -> IO[bytes]:
            if (found := archive.extractfile(name)) is None:
                raise KeyError(name)
            return found

        yield Backup(path, member)
