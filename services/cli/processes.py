"""Commands of the full run: run, migrate, lag."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from services import processes
from services.cli.asking import print_json
from services.cli.console import out
from services.cli.desk import open_desk
from services.cli.options import Format, settings_of
from services.lag import FOLLOWERS
from services.migration import migrate as make_all
from services.processes import Role

FormatOption = Annotated[Format, typer.Option("--format", help="table or json.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(run)
    app.command()(migrate)
    app.command()(lag)


def run(
    ctx: typer.Context,
    role: Annotated[Role, typer.Argument(help="The part of the platform that this process is.")],
    host: Annotated[str, typer.Option(help="Address to listen on; others than loopback need a setting.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; where left out, GROUPEMENT_METRICS_PORT.", min=0, max=65535)
    ] = 0,
) -> None:
    """Runs one process of the full run, until SIGTERM or Ctrl-C.

    Settings come from the environment: GROUPEMENT_POSTGRES_*, GROUPEMENT_KAFKA_BOOTSTRAP, GROUPEMENT_CLICKHOUSE_* …

    Examples:
      groupement run ordering --port 8004
      groupement run relay

    """
    processes.run(role, settings_of(ctx), host, port)


def migrate(ctx: typer.Context) -> None:
    """Makes databases, topics and tables that are missing, and says what it did; refuses what is newer than itself.

    Example:
      groupement migrate

    """
    for line in make_all(settings_of(ctx)):
        out.print(line, highlight=False, soft_wrap=True)


def lag(ctx: typer.Context, form: FormatOption = Format.TABLE) -> None:
    """Shows how far relay, projector and reactions are behind the stores, lane by lane.

    Examples:
      groupement lag
      groupement lag --format json

    """
    with open_desk(settings_of(ctx)) as desk:
        found = desk.lag()
    if form is Format.JSON:
        print_json(found)
        return
    table = Table("context", "lane", "end", *FOLLOWERS, box=None)
    for row in found["rows"]:
        cells = [_told(row[name]) for name in FOLLOWERS]
        table.add_row(row["context"], str(row["lane"]), str(row["end"]), *cells)
    out.print(table)


def _told(one: dict[str, float] | None) -> str:
    if one is None:
        return "–"
    return "[green]0[/green]" if not one["events"] else f"[bold]{one['events']}[/bold] events, {one['seconds']} s"
