"""The hash chain over the log of a store, and the file that keeps its links.

    h(0) = SHA-256("groupement audit 1 <context>")
    h(n) = SHA-256(h(n-1) ‖ position ‖ stream id ‖ version ‖ length of the name ‖ stored name ‖ stored bytes)

over every event of the store, internal ones included, in the order of positions; numbers are big-endian, 8 bytes (the
length 2), the stream id is 32 hexadecimal digits. The same events have the same chain in SQLite and in PostgreSQL.
"""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path
from struct import Struct, error

from filelock import FileLock

from infra.mapper import UnreadableEvent
from infra.stored import Row, Stored, pages

DIGITS = 32
_NUMBERS = Struct(">q32sqH").pack
_LINK = Struct(">q32s")


def beginning(context: str) -> bytes:
    """h(0): the chains of two contexts are never alike."""
    return hashlib.sha256(f"groupement audit 1 {context}".encode()).digest()


def link(before: bytes, row: Row) -> bytes | None:
    """h(n), None where the row is no event."""
    try:
        position, stream, version, name, raw = row
        stream_id, text = stream.encode("ascii"), name.encode("ascii")
        numbers = _NUMBERS(position, stream_id, version, len(text))
        return hashlib.sha256(before + numbers + text + raw).digest() if len(stream_id) == DIGITS else None
    except (AttributeError, TypeError, UnicodeError, error):
        return None


def chain_of(context: str, stored: Stored) -> tuple[str, int]:
    """The hash over a whole store, and how many events it holds. Raises Damaged, UnreadableEvent."""
    head, events = beginning(context), 0
    for page in pages(stored):
        for row in page:
            if (following := link(head, row)) is None:
                msg = f"what lies at position {row.position} of {context} is no event"
                raise UnreadableEvent(msg)
            head, events = following, events + 1
    return head.hex(), events


class Links:
    """The links of one store in a file: position and hash of each event, 40 bytes, in the order of positions."""

    def __init__(self, file: BufferedRandom) -> None:
        self._file = file
        # Whoever was stopped while writing may have left a part of a link.
        self._length = file.seek(0, os.SEEK_END) // _LINK.size

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[int, bytes]:
        self._file.seek(index * _LINK.size)
        position, head = _LINK.unpack(self._file.read(_LINK.size))
        return position, head

    def since(self, index: int) -> Iterator[tuple[int, bytes]]:
        """The links from one on."""
        while index < self._length:
            self._file.seek(index * _LINK.size)
            part = self._file.read(min(4096, self._length - index) * _LINK.size)
            yield from _LINK.iter_unpack(part)
            index += len(part) // _LINK.size

    def at(self, position: int) -> tuple[int, bytes] | None:
        """How many events there are up to a position, and the hash there; None where no event stands there."""
        index = bisect_left(range(self._length), position, key=lambda n: self[n][0])
        if index < self._length and self[index][0] == position:
            return index + 1, self[index][1]
        return None

    def add(self, new: Iterable[tuple[int, bytes]]) -> None:
        """Appends links."""
        self._file.seek(self._length * _LINK.size)
        self._length += self._file.write(b"".join(_LINK.pack(*one) for one in new)) // _LINK.size


@contextmanager
def open_links(folder: Path, context: str) -> Iterator[Links]:
    """The links of a store, on disk at the end; one process at a time has them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{context}.links"
    with FileLock(folder / f"{context}.lock"):
        path.touch()
        with path.open("r+b") as file:
            yield Links(file)
            file.flush()
            os.fsync(file.fileno())
