"""Commands that ask: figures, explain, events, reconcile, rebuild."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic import ValidationError

from services.cli import options
from services.cli.console import err, out, tell_invalid
from services.cli.desk import open_desk
from services.cli.following import Follower, ServerFollower, Shown, StoreFollower
from services.cli.options import Format, language_of, query_of, settings_of
from services.cli.render import show_explanation, show_figure
from services.cli.server import server_desk
from services.finance.csv import as_csv
from services.finance.query import FigureQuery
from services.processes import CONTEXTS

OPTION_NAMES = {
    "by": "--by", "from": "--from", "to": "--to", "against_from": "--against-from", "against_to": "--against-to",
    "measure": "--measure", "currency": "--currency", "as_of": "--as-of", "figure": "FIGURE",
}  # fmt: skip
FigureArgument = Annotated[str, typer.Argument(help="volume, growth, savings or csr.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(figures)
    app.command()(explain)
    app.command()(events)
    app.command()(reconcile)
    app.command()(rebuild)


def _asked(*parts: Any) -> FigureQuery:
    try:
        return query_of(*parts)
    except ValidationError as error:
        tell_invalid(error, OPTION_NAMES)
        raise typer.Exit(2) from error


def figures(
    ctx: typer.Context,
    figure: FigureArgument,
    by: options.By = None,
    first: options.From = None,
    last: options.To = None,
    against_from: options.AgainstFrom = None,
    against_to: options.AgainstTo = None,
    measure: options.MeasureOption = "invoiced",
    establishment: options.Establishments = None,
    agreement: options.AgreementsOption = None,
    supplier: options.SuppliersOption = None,
    currency: options.CurrencyOption = None,
    as_of: options.AsOf = None,
    form: options.FormatOption = Format.TABLE,
) -> None:
    """Shows a figure: volume, growth, savings or csr.

    Examples:
      groupement figures volume --by year
      groupement figures growth --from 2022-01-01 --to 2022-12-31 --against-from 2020-01-01 --against-to 2020-12-31
      groupement figures savings --by agreement --from 2022-01-01 --to 2022-12-31 --as-of 2022-06-30 --format json

    """
    ids = (establishment, agreement, supplier)
    query = _asked(figure, by, first, last, (against_from, against_to), measure, ids, currency, as_of)
    with open_desk(settings_of(ctx)) as desk:
        found = desk.figure(query)
    if form is Format.JSON:
        print_json(found)
    elif form is Format.CSV:
        sys.stdout.write(as_csv(found))
    else:
        show_figure(found, language_of(ctx))


def explain(
    ctx: typer.Context,
    figure: FigureArgument,
    first: options.From = None,
    last: options.To = None,
    measure: options.MeasureOption = "invoiced",
    establishment: options.Establishments = None,
    agreement: options.AgreementsOption = None,
    supplier: options.SuppliersOption = None,
    currency: options.CurrencyOption = None,
    as_of: options.AsOf = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Lines to show, of each reason too.")] = 20,
    form: options.FormatOption = Format.TABLE,
) -> None:
    """Shows the events behind a figure, and those left out with the reason.

    Example:
      groupement explain savings --from 2022-01-01 --to 2022-01-31 --limit 5

    """
    ids = (establishment, agreement, supplier)
    query = _asked(figure, None, first, last, (None, None), measure, ids, currency, as_of)
    with open_desk(settings_of(ctx)) as desk:
        found = desk.explain(query, limit)
    if form is Format.JSON:
        print_json(found)
    else:
        show_explanation(found, language_of(ctx))


def events(
    ctx: typer.Context,
    context: Annotated[
        str | None, typer.Option(help="membership, suppliers, tendering or ordering; all where left out.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more; Ctrl-C ends.")] = False,
    aggregate: Annotated[UUID | None, typer.Option("--id", help="Only the events of this aggregate.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many of each context.")] = 20,
    form: options.FormatOption = Format.TABLE,
) -> None:
    """Shows published events, the newest last.

    Examples:
      groupement events --context ordering --follow
      groupement events --id 6f0c6a52-3a52-5d0b-9a4e-3c1f0e6a7b11 --format json

    """
    if context not in (None, *CONTEXTS):
        raise typer.BadParameter(f"{context} is not one of {', '.join(CONTEXTS)}")
    contexts = [one for one in CONTEXTS if context in (None, one)]
    settings = settings_of(ctx)
    url = os.environ.get("GROUPEMENT_API")
    follower: Follower = (
        ServerFollower(server_desk(settings, url), contexts, aggregate, limit)
        if url
        else StoreFollower(settings, contexts, aggregate, limit)
    )
    is_any = False
    while True:
        for shown in follower.new():
            is_any = True
            _print_event(shown, form)
        if not follow:
            break
        time.sleep(0.2)
    if not is_any:
        err.print("No events here yet. Try: groupement demo, or groupement import orders --help")


def _print_event(shown: Shown, form: Format) -> None:
    place, body = shown
    if form is Format.JSON:
        print(json.dumps({**place, "event": body}, ensure_ascii=False))  # noqa: T201 - one object a line
        return
    told = {k: v for k, v in body.items() if k not in ("event_id", "recorded_at", "actor", "trace_id", "lines", "lots")}
    summary = ", ".join(f"{name}={value}" for name, value in told.items() if value not in (None, "", []))
    where = f"{place['context']} {place['lane']}:{'–' if place['position'] is None else place['position']}"
    out.print(
        f"[dim]{body['recorded_at'][:19]}[/dim] [bold]{place['type']}[/bold] {where}",
        highlight=False,
    )
    out.print(f"  {place['aggregate']} v{place['version']}", style="dim", highlight=False)
    out.print(f"  {summary}", highlight=False, markup=False)


def reconcile(ctx: typer.Context, form: options.FormatOption = Format.TABLE) -> None:
    """Holds the ledger against a Decimal fold of the event store; exit code 1 if a cent differs.

    Example:
      groupement reconcile --format json

    """
    with open_desk(settings_of(ctx)) as desk:
        found = desk.reconcile()
    if form is Format.JSON:
        print_json(found)
    else:
        style = "green" if found["is_equal"] else "bold red"
        out.print(
            f"difference {found['difference']} in {found['groups']} groups (measure, currency, establishment, "
            f"agreement, month), {found['events']} events folded up to {found['positions']}",
            style=style,
            highlight=False,
        )
        for group in found["differing_groups"]:
            out.print(str(group), highlight=False, markup=False)
        if found["unreadable_events"]:
            out.print(f"{found['unreadable_events']} events cannot be read: groupement doctor", style="bold red")
    if not found["is_equal"]:
        raise typer.Exit(1)


def rebuild(
    ctx: typer.Context,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Switch although the new tables differ (a definition changed).")
    ] = False,
    from_stores: Annotated[
        bool, typer.Option("--from-stores", help="Forget the raw log too and read the stores again (another store).")
    ] = False,
    form: options.FormatOption = Format.TABLE,
) -> None:
    """Builds ledger and orders again beside the old ones and switches when they are equal; exit code 1 if not.

    Example:
      groupement rebuild
      groupement rebuild --from-stores

    """
    with open_desk(settings_of(ctx), from_anything=from_stores) as desk:
        found = desk.rebuild(accept_changes=accept_changes, from_stores=from_stores)
    if form is Format.JSON:
        print_json(found)
    else:
        for table in found["tables"]:
            state = "equal" if table["is_equal"] else "DIFFERENT"
            switched = "switched" if table["is_switched"] else "not switched (--accept-changes does)"
            out.print(
                f"{table['table']}: {table['events']} events, {table['rows']} rows, {state}, {switched}, "
                f"generation {table['generation']}",
                highlight=False,
            )
            for difference in table["differences"]:
                out.print(f"  {difference}", style="red", highlight=False)
        for before, after in zip(found["before"], found["after"], strict=False):
            out.print(
                f"{before['measure']} {before['currency']}: {before['amount']} before, {after['amount']} after",
                highlight=False,
            )
    if not found["is_switched"]:
        raise typer.Exit(1)


def print_json(document: dict[str, Any]) -> None:
    """One JSON object on standard output."""
    print(json.dumps(document, ensure_ascii=False, indent=2))  # noqa: T201 - other programs read it
