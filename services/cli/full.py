"""The command of the full run on one machine."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.live import Live

from events.base import Refusal
from infra.local.postgres import NotReachable
from infra.local.process import Missing, NotReady, PortInUse
from infra.settings import Settings
from services.cli.console import out
from services.cli.options import settings_of
from services.demo import run as demo
from services.demo.plan import build_plan
from services.full import show
from services.full.filler import Filler
from services.full.plan import ports as ports_from
from services.full.supervisor import VARIABLES, Supervisor
from services.processes.work import signalled

LOOK_SECONDS = 2.0


class CannotStart(Refusal):
    """A server of the full run does not start."""

    rule = "The full run has Kafka, PostgreSQL and ClickHouse as processes of this machine"
    remedy = "Do what the message says, then: make full."


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(full)


def full(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(help="The gateway's; the others follow it. 0: free ones.", min=0)] = 8000,
    with_demo: Annotated[bool, typer.Option("--demo", help="Fill it with the generated network.")] = False,
    orders: Annotated[int, typer.Option(min=1, help="Orders to generate.")] = 1_500,
    seed: Annotated[int, typer.Option(help="Another network for another number.")] = demo.SEED,
) -> None:
    """Runs broker, databases and every process of ours on this machine; Ctrl-C stops them in order.

    Example:
      groupement full --demo

    """
    settings = settings_of(ctx)
    # What cannot be generated is refused before anything is started.
    plan = build_plan(seed, orders, lambda *_: None) if with_demo else None
    with signalled() as stop, ExitStack() as stack:
        board = Board(settings, port)
        stack.enter_context(board.shown())
        try:
            stack.enter_context(board.supervisor.running(is_demo=with_demo, stop=stop))
        except (Missing, NotReady, PortInUse, NotReachable) as error:
            raise CannotStart(str(error)) from error
        board.say_where()
        if plan:
            filler = Filler(settings, board.supervisor.url, plan, board.note)
            stack.enter_context(filler.at_work(stop))
        while not stop.wait(LOOK_SECONDS):
            board.look()
        board.note("stopping", "stopping, in order")


class Board:
    """What is shown: a table where there is a terminal, lines where there is none."""

    def __init__(self, settings: Settings, port: int) -> None:
        self._is_live = out.is_terminal
        self._settings = settings
        self._notes: dict[str, str] = {}
        self._lags: dict[str, str] = {}
        self._writing = threading.Lock()
        self.supervisor = Supervisor(settings, ports_from(port), self._say)
        self._asked = show.Lags(settings, self.supervisor.url)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows it while the block runs."""
        if not self._is_live:
            yield
            return
        with Live(get_renderable=self._table, console=out, refresh_per_second=4):
            yield

    def _table(self) -> RenderableType:
        return show.table(self.supervisor, self._lags, list(self._notes.values()))

    def look(self) -> None:
        """Asks how far everything is behind."""
        self._lags = self._asked.ask()

    def note(self, name: str, text: str) -> None:
        """Shows a line below the table; a newer one of the same name takes its place."""
        self._notes[name] = text
        if not self._is_live:
            self._write(text)

    def say_where(self) -> None:
        """What to do next."""
        url, home = self.supervisor.url, self._settings.home
        self.note("where", f"API and its pages: {url}/   logs: {home}/full/processes")
        self.note("how", f"commands against it: . {home / VARIABLES}; groupement figures volume   Ctrl-C ends")

    def _say(self, text: str) -> None:
        if not self._is_live:
            self._write(text)
        elif ":" not in text:
            self._notes["doing"] = text

    def _write(self, text: str) -> None:
        with self._writing:
            sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
            sys.stdout.flush()
