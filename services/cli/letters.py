"""Commands on dead letters: messages of other contexts that ordering could not take in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from infra.dead_letters import MessageParked
from services.cli.asking import print_json
from services.cli.console import out
from services.cli.options import Format, settings_of
from services.ordering.app import build
from services.ordering.inbox import Inbox

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `dead-letters list` shows it: tendering/0/1234.")]
FormatOption = Annotated[Format, typer.Option("--format", help="table or json.")]
commands = typer.Typer(no_args_is_help=True, help="Messages that ordering could not take in: what waits, and why.")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands.command("list")(list_letters)
    commands.command()(show)
    commands.command()(retry)
    app.add_typer(commands, name="dead-letters")


@contextmanager
def _inbox(ctx: typer.Context) -> Iterator[Inbox]:
    ordering = build(settings_of(ctx))
    try:
        yield ordering.inbox
    finally:
        ordering.store.close()


def list_letters(ctx: typer.Context, form: FormatOption = Format.TABLE) -> None:
    """Shows what waits, in the order in which it was put aside; orders on these aggregates are refused meanwhile.

    Examples:
      groupement dead-letters list
      groupement dead-letters list --format json

    """
    with _inbox(ctx) as inbox:
        letters = list(inbox.letters().open.values())
    if form is Format.JSON:
        print_json({"dead_letters": [_document(letter) for letter in letters]})
    elif not letters:
        out.print("No dead letters: everything that was published was taken in.")
    else:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for column in ("name", "kind", "event", "aggregate", "parked at", "why"):
            table.add_column(column, overflow="fold")
        for letter in letters:
            found = _document(letter)
            table.add_row(
                *(str(found[key] or "–") for key in ("name", "kind", "type", "aggregate", "parked_at", "reason"))
            )
        out.print(table, highlight=False, markup=False)


def show(ctx: typer.Context, name: Name, form: FormatOption = Format.TABLE) -> None:
    """Shows one dead letter with its message, as it came.

    Examples:
      groupement dead-letters show tendering/0/1234
      groupement dead-letters show tendering/0/1234 --format json

    """
    with _inbox(ctx) as inbox:
        letter = inbox.letter(name)
    document = {**_document(letter), "message": _message(letter.raw)}
    if form is Format.JSON:
        print_json(document)
        return
    for key, value in document.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        out.print(f"{key}: {text}", highlight=False, markup=False, soft_wrap=True)


def retry(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one, with its aggregate.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Takes in what waits, once this version can read it, each aggregate in its order; exit code 1 where some stays.

    Install the new version for every process of ordering first: reactions try all of it when they start.

    Examples:
      groupement dead-letters retry
      groupement dead-letters retry tendering/0/1234 --format json

    """
    with _inbox(ctx) as inbox:
        found = inbox.retry(name)
    if form is Format.JSON:
        print_json(
            {
                "retried": [
                    {"name": one.letter.name, "is_settled": one.is_settled, "answer": one.answer} for one in found
                ]
            }
        )
    else:
        for one in found:
            mark = "✓" if one.is_settled else "✗"
            out.print(f"{mark} {one.letter.name}: {one.answer}", highlight=False, markup=False, soft_wrap=True)
        if not found:
            out.print("No dead letters: there is nothing to take in.")
    if not all(one.is_settled for one in found):
        raise typer.Exit(1)


def _document(letter: MessageParked) -> dict[str, Any]:
    return {
        "name": letter.name,
        "kind": letter.kind,
        "reason": letter.reason,
        "context": letter.source,
        "lane": letter.lane,
        "position": letter.pos,
        "offset": letter.offset,
        "aggregate": letter.stream_id and str(letter.stream_id),
        "version": letter.version or None,
        "type": letter.type,
        "parked_at": letter.recorded_at.isoformat(timespec="seconds"),
    }


def _message(raw: bytes) -> Any:
    """The JSON of a message, else its text, bytes that are none marked."""
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="backslashreplace")
