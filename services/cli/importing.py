"""The command that imports order history."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from infra.clickhouse import AnalyticsInUse
from services.cli.asking import print_json
from services.cli.console import err, out, progress
from services.cli.desk import check_stores, served_at
from services.cli.options import Format, settings_of
from services.embedded import Contexts, Platform, open_contexts, open_platform
from services.history.result import ImportResult
from services.history.run import import_orders

imports = typer.Typer(no_args_is_help=True, help="Imports history from files.")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    imports.command("orders")(orders)
    app.add_typer(imports, name="import")


def orders(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8) or XLSX.", exists=True, dir_okay=False)],
    mapping: Annotated[
        Path, typer.Option(help="TOML file that says which column is what.", exists=True, dir_okay=False)
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Validate and decide everything, write nothing.")] = False,
    accept_partial: Annotated[
        bool, typer.Option("--accept-partial", help="Import the good rows although there are bad ones.")
    ] = False,
    correct: Annotated[
        bool, typer.Option("--correct", help="Reverse lines that were recorded with other content, and record these.")
    ] = False,
    errors: Annotated[Path | None, typer.Option(help="Write the bad rows here, with a column that says why.")] = None,
    form: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE,
) -> None:
    """Imports order history: nothing where a row is bad, unless --accept-partial; a second run changes nothing.

    Examples:
      groupement import orders history.csv --mapping mappings/scms.toml --dry-run
      groupement import orders history.xlsx --mapping mapping.toml --errors bad.csv --accept-partial

    """
    settings = settings_of(ctx)
    check_stores(settings)
    with ExitStack() as stack:
        target: Platform | Contexts
        try:
            is_full = bool(settings.clickhouse_host)
            target = open_contexts(settings) if is_full else stack.enter_context(open_platform(settings))
        except AnalyticsInUse:
            # The stores take any number of processes; the server that holds the projections follows by itself.
            target = open_contexts(settings)
        step = stack.enter_context(progress())
        result = import_orders(
            target,
            file,
            mapping,
            dry_run=dry_run,
            accept_partial=accept_partial,
            correct=correct,
            errors=errors,
            progress=step,
        )
        if isinstance(target, Platform):
            target.catch_up(lambda done, total: step("projecting events", done, total))
    if form is Format.JSON:
        print_json(result.document())
    else:
        _show(result, dry_run=dry_run)
        if isinstance(target, Contexts):
            err.print(f"{served_at(settings) or 'the projector'} projects these events now.", highlight=False)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _show(result: ImportResult, *, dry_run: bool) -> None:
    for line in result.lines():
        out.print(line, highlight=False, markup=False)
    if dry_run:
        out.print("A dry run: nothing was written.", style="bold")
