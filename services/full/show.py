"""The live table of the full run, and how far everything is behind."""

from __future__ import annotations

import time
import urllib.request
from collections import defaultdict
from collections.abc import Mapping, Sequence
from json import load
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra import auth
from infra.settings import Settings
from services.full.keeper import Keeper
from services.full.supervisor import Supervisor
from services.lag import FOLLOWERS

STYLES = {"up": "green", "starting": "yellow", "waiting": "dim", "stopping": "yellow", "stopped": "dim"}
TIMEOUT_SECONDS = 2.0


class Lags:
    """How far everything is behind, as the API says; nothing where it does not answer."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings, self._url = settings, url
        self._token, self._until = "", 0.0

    def ask(self) -> dict[str, str]:
        """Follower -> what it has not dealt with, over all lanes."""
        if time.monotonic() > self._until:
            self._token = auth.issue(self._settings, "auditor", "full")
            self._until = time.monotonic() + auth.HOUR / 2
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self._url}/api/v1/lag", headers={"Authorization": f"Bearer {self._token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return told(load(answer)["rows"])
        except (OSError, ValueError):
            return {}


def told(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Follower -> events that it has not dealt with, and the age of the oldest."""
    events: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for row in rows:
        for name in FOLLOWERS:
            if (one := row[name]) is not None:
                events[name] += one["events"]
                seconds[name] = max(seconds[name], one["seconds"])
    return {name: f"{count} events, {seconds[name]:.0f} s" if count else "0" for name, count in events.items()}


def table(supervisor: Supervisor, lags: Mapping[str, str], notes: list[str]) -> RenderableType:
    """Every process with its state, port and lag."""
    found = Table("process", "state", "port", "pid", "for", "restarts", "behind", box=None, padding=(0, 2, 0, 0))
    for one in list(supervisor.keepers.values()):
        style = STYLES.get(one.state, "bold red")
        found.add_row(
            one.name, Text(one.state, style), str(one.port), str(one.pid or "–"), _age(one), str(one.restarts),
            lags.get(one.name, ""),
        )  # fmt: skip
    return Group(found, Text(""), *(Text(note) for note in notes))


def _age(one: Keeper) -> str:
    seconds = int(time.monotonic() - one.since)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
