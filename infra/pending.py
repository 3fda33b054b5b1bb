"""What has begun and not ended: work that hangs raises nothing, so whoever shows a state asks here as well."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

SLOW_SECONDS = 15.0
"""Work that takes longer is told: something may hang."""


class Pending:
    """Work on its way, by name. May be asked from other threads."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Counts the time of a block. Of two under one name the one that began last counts, until either ends."""
        self._began[what] = time.monotonic()
        try:
            yield
        finally:
            self._began.pop(what, None)

    def slow(self) -> dict[str, float]:
        """What takes longer than SLOW_SECONDS, and for how many seconds already."""
        now = time.monotonic()
        took = {what: now - began for what, began in list(self._began.items())}
        return {what: seconds for what, seconds in took.items() if seconds > SLOW_SECONDS}
