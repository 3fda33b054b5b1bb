"""A small disk to fill up, where mounting is allowed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[bool]:
    """A disk of so many bytes at a folder; whether that is allowed here, else the folder is as it was."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    arguments = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    is_small = bool(mount) and not subprocess.run([str(mount), *arguments], capture_output=True, check=False).returncode
    try:
        yield is_small
    finally:
        if is_small:
            subprocess.run([str(umount), "-l", str(folder)], check=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """The same for a test that can tell nothing without: it is skipped where mounting is not allowed."""
    with mounted(folder, size) as is_small:
        if not is_small:
            pytest.skip("mounting is not allowed")
        yield folder


def fill(folder: Path) -> Path:
    """Leaves no byte free; the file that takes them."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    return filler
