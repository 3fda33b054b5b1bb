"""How the command speaks: answers on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from events.base import Refusal

out = Console(width=None if sys.stdout.isatty() else 140)
err = Console(stderr=True)

Step = Callable[[str, int, int], None]
"""Called with the name of a step, what is done of it, and what there is in all."""


class RateColumn(ProgressColumn):
    """Things a second."""

    def render(self, task: Task) -> Text:
        """The rate, as soon as there is one."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def progress() -> Iterator[Step]:
    """Bars with rate and remaining time, one for each step that is named."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def step(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield step


def tell_refusal(refusal: Refusal) -> None:
    """A refusal with its place, its rule and what to do."""
    err.print(
        f"[bold red]{type(refusal).__name__}[/bold red]: {_plain(refusal.detail)}", highlight=False, soft_wrap=True
    )
    if refusal.pointer:
        err.print(f"  where: {_plain(refusal.pointer)}", highlight=False, soft_wrap=True)
    err.print(f"  rule:  {_plain(refusal.rule)}", highlight=False, soft_wrap=True)
    err.print(f"  do:    {_plain(refusal.remedy)}", highlight=False, soft_wrap=True)


def tell_invalid(error: ValidationError, names: dict[str, str] | None = None) -> None:
    """Values that are none: which option, which value, what is allowed."""
    for one in error.errors():
        place = ".".join(str(part) for part in one["loc"])
        option = (names or {}).get(place.split(".")[0], place)
        err.print(
            f"[bold red]{option}[/bold red]: {_plain(str(one['input']))}: {_plain(one['msg'])}",
            highlight=False,
            soft_wrap=True,
        )


def tell_trouble(message: str) -> None:
    """Something that is not the user's to decide."""
    err.print(f"[bold red]groupement[/bold red]: {_plain(message)}", highlight=False, soft_wrap=True)


def _plain(text: Any) -> str:
    # Values of a user are shown as they are: a bracket in them is no markup.
    return str(text).replace("[", r"\[")
