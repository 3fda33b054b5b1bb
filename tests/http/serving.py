"""A server of its own process on a home, for tests that need real sockets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVE = """
import json, sys
from pathlib import Path
from infra import address
from infra.clock import told_now
from infra.event_store import utc_now
from infra.settings import Settings
from services import web
from services.embedded import open_platform

settings = Settings(home=Path(sys.argv[1]))
clock = told_now if settings.clock_header else utc_now
with open_platform(settings, clock) as platform, address.listening(port=0) as listener, platform.pump:
    if "only-reacts" in sys.argv:
        platform.catch_up = platform.react
    print(json.dumps(listener.getsockname()[1]), flush=True)
    web.serve(web.create_app(platform), listener)
print("ended", flush=True)
"""


@contextmanager
def served(home: Path, *how: str, **variables: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a server, and its process, which is ended with the block.

    `how` may be "only-reacts": the projections are left to whoever opens the home afterwards.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(home), *how],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())}", process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)
