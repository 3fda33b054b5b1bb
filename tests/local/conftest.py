"""A folder for a server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Unlike pytest's own, a folder that the account of PostgreSQL can enter."""
    found = Path(tempfile.mkdtemp(prefix="groupement-"))
    found.chmod(0o711)
    yield found
    shutil.rmtree(found)
