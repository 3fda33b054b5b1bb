"""The import of a real or generated delivery history, from file to figures."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from infra.settings import Settings
from services.embedded import open_platform
from services.history.run import import_orders
from tests.history.lookalike import rows, write

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "scms" / "scms_delivery_history.csv"
ROWS = 10_324


def measure() -> dict[str, Any]:
    """Seconds of import and projection, events a second; of the real file where it is, else of a look-alike."""
    with tempfile.TemporaryDirectory() as folder:
        file = REAL
        if not REAL.exists():
            file = Path(folder) / "lookalike.csv"
            write(file, rows(ROWS))
        with open_platform(Settings(home=Path(folder) / "home")) as platform:
            started = time.perf_counter()
            result = import_orders(platform, file, ROOT / "mappings" / "scms.toml", progress=lambda *_: None)
            imported = time.perf_counter() - started
            platform.catch_up()
            projected = time.perf_counter() - started - imported
    document = result.document()
    return {
        "file": "the real SCMS file" if file == REAL else "a generated look-alike",
        "lines": document["rows"]["read"],
        "events": document["events_written"],
        "import_seconds": imported,
        "project_seconds": projected,
        "events_per_second": document["events_written"] / imported,
    }
