"""Modules of the tests that run as processes of their own, to be killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infra.settings import Settings


@contextmanager
def running(
    module: str, settings: Settings, *arguments: str, only: tuple[str, ...] = ("",)
) -> Iterator[subprocess.Popen[Any]]:
    """`python -m module` with those of the settings whose names begin so; killed at the end, and it told no fault."""
    given = {
        f"GROUPEMENT_{name.upper()}": str(value)
        for name, value in settings.model_dump().items()
        if name.startswith(only)
    }
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], env={**os.environ, **given}, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        _, said = process.communicate()
        assert "Traceback" not in said, said
