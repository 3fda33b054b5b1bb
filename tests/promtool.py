"""promtool, which says whether Prometheus would take what we give it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.needs import line_to_type, promtool

Promtool = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def run_promtool() -> Promtool:
    """`promtool ARGUMENTS`, with what stands on its standard input."""
    path = promtool()
    if path is None:
        pytest.fail(f"promtool is missing; type:\n  {line_to_type(['prometheus'])}")

    def run(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([path, *arguments], input=given, capture_output=True, check=False, timeout=60)

    return run
