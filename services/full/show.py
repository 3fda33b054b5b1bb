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
from infra.watch import Delay
from services.full.keeper import Keeper
from services.full.supervisor import Supervisor
from services.lag import FOLLOWERS

STYLES = {"up": "green", "starting": "yellow", "waiting": "dim", "stopping": "yellow", "stopped": "dim"}
TIMEOUT_SECONDS = 2.0


class Lags:
    """How far everything is behind, as the API says; nothing where it does not answer.

    For how long is what was seen here: an event's own time says nothing of it where a generated network has its past.
    """

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings, self._url = settings, url
        self._token, self._until = "", 0.0
        self._delays: dict[tuple[str, str, int], Delay] = defaultdict(Delay)

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
                return self.told(load(answer)["rows"], time.monotonic())
        except (OSError, ValueError):
            return {}

    def told(self, rows: Sequence[Mapping[str, Any]], now: float) -> dict[str, str]:
        """Follower -> events that it has not dealt with, and since when there are some. `now` never decreases."""
        events: dict[str, int] = defaultdict(int)
        seconds: dict[str, float] = defaultdict(float)
        for row in rows:
            for name in FOLLOWERS:
                if (one := row[name]) is not None:
                    done = one["position"] if one["events"] else row["end"]
                    behind = self._delays[name, row["context"], row["lane"]].seconds(done, row["end"], now)
                    events[name] += one["events"]
                    seconds[name] = max(seconds[name], behind)
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
