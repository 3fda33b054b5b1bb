"""Commands about the installation itself: token, version, doctor."""

from __future__ import annotations

import os
import platform as machine
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version as version_of
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from infra import auth
from infra.clickhouse import AnalyticsInUse
from infra.settings import Settings
from services.cli.asking import print_json
from services.cli.console import out
from services.cli.desk import open_desk, served_at
from services.cli.options import Format, FormatOption, settings_of
from services.cli.server import ServerSaysNo, server_desk
from services.embedded import open_contexts, open_platform

LIBRARIES = ("eventsourcing", "chdb", "clickhouse-connect", "fastapi", "pydantic")
FREE_GB_WANTED = 1
REMEDIES = {
    "poison": "Figures are incomplete until a version that reads it is installed; then: groupement rebuild",
    "chain": "Figures wait for the missing event; where it does not come: groupement rebuild --from-stores",
    "away": "Figures cannot be asked meanwhile: ask again, or read the log of the process that does not answer.",
}
"""What to do about figures that are not whole, by the kind of the problem."""


class Role(StrEnum):
    """Whose token it is."""

    OFFICER = "officer"
    APPROVER = "approver"
    GROUP_BUYER = "group-buyer"
    SUPPLIER = "supplier"
    FINANCE = "finance"
    AUDITOR = "auditor"
    ADMIN = "admin"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(token)
    app.command()(version)
    app.command()(doctor)
    app.command()(trace)


def trace(
    ctx: typer.Context,
    trace_id: Annotated[str, typer.Argument(help="32 hexadecimal digits: trace_id of a line of the log.")],
    form: FormatOption = Format.TABLE,
) -> None:
    """Shows what a request caused: its events, and how many rows of the ledger come from each.

    The trace stands in each line of the log, and in the header Groupement-Trace of every answer. Exit code 1 where no
    event has it: the request caused none, or the projections have not come to them yet.

    Example:
      groupement trace 4bf92f3577b34da6a3ce929d0e0e4736

    """
    if not re.fullmatch("[0-9a-f]{32}", trace_id):
        raise typer.BadParameter(f"{trace_id} is not 32 hexadecimal digits", param_hint="TRACE_ID")
    with open_desk(settings_of(ctx)) as desk:
        found = desk.trace(trace_id)
    if form is Format.JSON:
        print_json(found)
    else:
        table = Table("recorded", "event", "position", "aggregate", "ledger rows", box=None)
        for row in found["rows"]:
            place = f"{row['context']} {row['lane']}:{row['position']}"
            table.add_row(row["recorded_at"][:23], row["type"], place, row["stream_id"], str(row["ledger_rows"]))
        out.print(table)
    if not found["rows"]:
        raise typer.Exit(1)


def token(
    ctx: typer.Context,
    role: Annotated[Role, typer.Option(help="What the bearer may do.")],
    establishment: Annotated[UUID | None, typer.Option(help="The establishment of an officer or approver.")] = None,
    supplier: Annotated[UUID | None, typer.Option(help="The company of a supplier.")] = None,
    subject: Annotated[str, typer.Option(help="Opaque id of the user.")] = "local-user",
    hours: Annotated[int, typer.Option(min=1, max=24, help="How long it is good for.")] = 8,
) -> None:
    """Prints a bearer token for the API on this machine.

    Example:
      curl -H "Authorization: Bearer $(groupement token --role finance)" http://127.0.0.1:8000/api/v1/figures/volume

    """
    seconds = hours * auth.HOUR
    print(auth.issue(settings_of(ctx), role.value, subject, establishment, supplier, seconds))  # noqa: T201


def version() -> None:
    """Prints the version, and those of the libraries that matter.

    Example:
      groupement version

    """
    out.print(f"groupement {version_of('groupement')}", highlight=False)
    out.print(f"Python {machine.python_version()} on {machine.system()}", style="dim", highlight=False)
    for library in LIBRARIES:
        out.print(f"{library} {version_of(library)}", style="dim", highlight=False)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    is_good: bool
    found: str
    do: str = ""


def doctor(
    ctx: typer.Context, form: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE
) -> None:
    """Looks at the installation and its data, and says what to do; exit code 1 where something is wrong.

    Example:
      groupement doctor --format json

    """
    checks = list(_checks(settings_of(ctx)))
    if form is Format.JSON:
        print_json({"checks": [{"name": c.name, "is_good": c.is_good, "found": c.found, "do": c.do} for c in checks]})
    else:
        for check in checks:
            mark, style = ("✓", "green") if check.is_good else ("✗", "bold red")
            out.print(f"[{style}]{mark}[/{style}] {check.name}: {check.found}", highlight=False)
            if check.do and not check.is_good:
                out.print(f"    {check.do}", highlight=False)
    if not all(check.is_good for check in checks):
        raise typer.Exit(1)


def _checks(settings: Settings) -> Iterator[Check]:
    yield Check("Python", sys.version_info >= (3, 11), machine.python_version(), "Install Python 3.11 or later.")
    if url := os.environ.get("GROUPEMENT_API"):
        yield from _served_checks(settings, url)
        return
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free / 1e9
    yield Check("disk", free >= FREE_GB_WANTED, f"{free:.1f} GB free for {settings.home}", "Free some space.")
    if settings.demo_mark.exists():
        yield Check("data", is_good=True, found="generated: this home is a demo's")
    contexts = open_contexts(settings)
    for store in contexts.stores:
        yield Check(f"store {store.context}", is_good=True, found=f"epoch {store.epoch}, position {store.last_pos()}")
    yield from _projection_checks(settings)


def _served_checks(settings: Settings, url: str) -> Iterator[Check]:
    """What the server says of itself."""
    desk = server_desk(settings, url)
    try:
        health = desk.health()
    except ServerSaysNo as error:
        yield Check("server", is_good=False, found=error.detail, do="Stop it and start it again.")
        return
    try:
        desk.ready()
    except ServerSaysNo as error:
        yield Check("server", is_good=False, found=error.detail, do="Read the log of the process that it names.")
    yield Check("projections", is_good=True, found=f"served at {url}, {health['positions']}")
    for problem in health["incomplete"] or []:
        place = f"{problem['context']} {problem['lane']}:{problem['position']}"
        yield Check(problem["kind"], is_good=False, found=f"{place}: {problem['detail']}", do=REMEDIES[problem["kind"]])


def _projection_checks(settings: Settings) -> Iterator[Check]:
    try:
        with open_platform(settings) as found:
            found.catch_up()
            problems = found.projector.problems()
            yield Check("projections", is_good=True, found=str(found.finance.positions()))
            for problem in problems:
                place = f"{problem.app} {problem.lane}:{problem.pos}"
                yield Check(problem.kind, is_good=False, found=f"{place}: {problem.detail}", do=REMEDIES[problem.kind])
            if not problems:
                yield Check("events", is_good=True, found="all of them can be read")
    except AnalyticsInUse as busy:
        if (url := served_at(settings)) is None:
            do = "No server left its address: stop the process that holds the folder."
            yield Check("projections", is_good=False, found=str(busy), do=do)
            return
        yield from _served_checks(settings, url)
    except Exception as trouble:  # noqa: BLE001 - a doctor reports whatever hurts
        do = "Of another store or beyond its end: groupement rebuild --from-stores"
        yield Check("projections", is_good=False, found=f"{type(trouble).__name__}: {trouble}", do=do)
