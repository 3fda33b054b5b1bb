"""Fills a full run with the generated network: through HTTP as its people would, and so through Kafka."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from json import dumps
from typing import Any
from uuid import UUID

import httpx2

from infra import auth
from infra.clock import HEADER as NOW
from infra.positions import POSITION_HEADER, position_token, positions_in
from infra.request import Position
from infra.settings import Settings
from services.demo.plan import Plan
from services.demo.script import length, script
from services.demo.steps import Step
from services.full.translation import Call, Translation

WORKERS = 8
PATIENCE_SECONDS = 120.0
"""How long one command is sent again while a process is away."""
AGAIN = (502, 503, 504)
TOKEN_SECONDS = 12 * auth.HOUR
Note = Callable[[str, str], None]


class NotFilled(Exception):
    """A command of the generated network was refused, or not answered."""


class Stopped(Exception):
    """The full run ends: what was sent stays, and the same network is continued by the next one."""


class Filler:
    """Sends every command of the plan, each once: interrupted and begun again it continues."""

    def __init__(self, settings: Settings, url: str, plan: Plan, note: Note) -> None:
        self._settings, self._url, self._plan, self._note = settings, url, plan, note
        self._client = httpx2.Client(base_url=f"{url}/api/v1", timeout=30, trust_env=False)
        self._tokens: dict[tuple[str, str, UUID | None], str] = {}
        self._news: dict[tuple[str, int], Position] = {}
        """What the other contexts published since ordering decided on something: it must know it the next time."""
        self._stop = threading.Event()

    @contextmanager
    def at_work(self, stop: threading.Event) -> Iterator[None]:
        """Fills in a thread while the block runs; it ends when `stop` is set."""
        self._stop = stop
        thread = threading.Thread(target=self._fill, name="filler")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _fill(self) -> None:
        try:
            self.fill()
        except Stopped:
            self._note("demo", "demo: interrupted; the same command continues it")
        except Exception as error:  # noqa: BLE001 - whatever it is, the full run goes on and says so
            self._note("demo", f"demo: stopped: {error}")

    def fill(self) -> None:
        """Sends everything. Raises NotFilled, Stopped."""
        plan = self._plan
        self._mark()
        self._wait_until_ready()
        translation = Translation(plan)
        total, done, told = length(plan), 0, 0.0
        began = time.monotonic()
        with self._client, ThreadPoolExecutor(WORKERS) as pool:
            for (_, context), steps in groupby(script(plan), key=lambda step: (step.at, step.context)):
                if self._stop.is_set():
                    raise Stopped
                done += self._at_one_moment(pool, context, list(steps), translation)
                if time.monotonic() - told > 1:
                    told = time.monotonic()
                    self._note("demo", f"demo: {done:,} of {total:,} commands")
        self._note("demo", f"demo: all of {total:,} commands in {time.monotonic() - began:.0f} s")

    def _at_one_moment(
        self, pool: ThreadPoolExecutor, context: str, steps: list[Step], translation: Translation
    ) -> int:
        """Commands of one moment: those of one queue in their order, others beside them."""
        rows: dict[object, list[Call]] = {}
        for step in steps:
            call = translation.call(step)
            rows.setdefault(call.queue, []).append(call)
        known = position_token(self._news.values()) if context == "ordering" else ""
        for found in pool.map(lambda calls: [self._send(call, known) for call in calls], rows.values()):
            if context != "ordering":
                self._learn(found)
        if context == "ordering":
            self._news.clear()
        return len(steps)

    def _learn(self, tokens: list[str]) -> None:
        for place in (place for token in tokens for place in positions_in(token)):
            lane = (place.context, place.lane)
            self._news[lane] = max(place, self._news.get(lane, place))

    def _send(self, call: Call, known: str) -> str:
        headers = {
            "Authorization": f"Bearer {self._token(call)}",
            "Idempotency-Key": str(call.key),
            "Content-Type": "application/json",
            "If-Match": "*",
            NOW: call.at.isoformat(),
        }
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer: Any = None
            try:
                query = {"at_least": known} if known else {}
                answer = self._client.post(call.path, content=dumps(call.body), headers=headers, params=query)
                if answer.is_success:
                    return str(answer.headers[POSITION_HEADER])
            except httpx2.TransportError as error:
                said = f"{type(error).__name__}: {error}"
            else:
                said = f"{answer.status_code} {answer.text[:500]}"
            may_try = answer is None or answer.status_code in AGAIN
            if not may_try or time.monotonic() > deadline:
                raise NotFilled(f"{call.path}: {said}")
            if self._stop.wait(0.5):
                raise Stopped

    def _token(self, call: Call) -> str:
        who = (call.role, call.actor, call.scope)
        if who not in self._tokens:
            establishment = call.scope if call.role in (auth.Role.OFFICER, auth.Role.APPROVER) else None
            supplier = call.scope if call.role == auth.Role.SUPPLIER else None
            self._tokens[who] = auth.issue(
                self._settings, call.role, call.actor, establishment, supplier, TOKEN_SECONDS
            )
        return self._tokens[who]

    def _wait_until_ready(self) -> None:
        while not self._stop.wait(0.5):
            try:
                if httpx2.get(f"{self._url}/ready", trust_env=False).status_code == httpx2.codes.OK:
                    return
            except httpx2.TransportError:
                continue
        raise Stopped

    def _mark(self) -> None:
        """Leaves a mark that everything in this run is generated: pages say so."""
        mark = {"generated": True, "orders": self._plan.orders, "seed": self._plan.seed}
        path = self._settings.home / "full" / "demo.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dumps(mark), encoding="utf-8")
