"""promtool, which says whether Prometheus would take what we give it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.needs import line_to_type, promtool

Check = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def promtool_check() -> Check:
    """`promtool check WHAT [FILE]`, with what stands on its standard input."""
    path = promtool()
    if path is None:
        pytest.fail(f"promtool is missing; type:\n  {line_to_type(['prometheus'])}")

    def run(what: str, *files: Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([path, "check", what, *files], input=given, capture_output=True, check=False, timeout=60)

    return run
