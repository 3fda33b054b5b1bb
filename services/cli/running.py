"""Commands that run things: demo and serve."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from infra import address, telemetry
from infra.settings import Settings
from services.cli.console import out, progress
from services.cli.desk import check_embedded
from services.cli.options import language_of, settings_of
from services.cli.render import show_figure
from services.cli.texts import amount, percent
from services.demo import run as demo
from services.embedded import Platform, open_platform
from services.finance.query import FigureQuery

DEMO_AS_OF = "2022-12-31"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("demo")(run_demo)
    app.command("serve")(run_serve)


Host = Annotated[str, typer.Option(help="Loopback address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)]


def run_demo(
    ctx: typer.Context,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End instead of serving.")] = False,
    orders: Annotated[int, typer.Option(min=1, help="Orders to generate.")] = demo.DEFAULT,
    seed: Annotated[int, typer.Option(help="Another network for another number.")] = demo.SEED,
    host: Host = "127.0.0.1",
    port: Port = 8000,
) -> None:
    """Puts a generated purchasing network through the real commands and shows its figures.

    Examples:
      groupement demo
      groupement --home DIR demo --no-serve --orders 3000 --seed 11

    """
    settings, language = settings_of(ctx), language_of(ctx)
    check_embedded(settings, "groupement full --demo")
    address.check(host)
    out.print("[bold]Generated data[/bold]: invented names, invented orders, no real hospital or person.\n")
    clock = demo.DemoClock()
    with progress() as step, open_platform(settings, clock) as platform:
        summary = demo.build_demo(platform, orders=orders, seed=seed, progress=step)
        _mark_as_demo(settings, orders, seed)
        platform.catch_up(lambda done, total: step("projecting events", done, total))
    out.print(" · ".join(f"{name} {count}" for name, count in summary.document()["counts"].items()), style="dim")
    with open_platform(settings) as platform:
        is_equal = _show_headlines(platform, language)
        if not no_serve:
            _serve(platform, host, port)
            return
    _show_commands(settings, "serve")
    if not is_equal:
        raise typer.Exit(1)


def _show_headlines(platform: Platform, language: str) -> bool:
    """The figures that the demo is about, all computed from events; whether the ledger reconciles."""
    in_2022 = {"from": "2022-01-01", "to": "2022-12-31"}
    against_2020 = {"against_from": "2020-01-01", "against_to": "2020-12-31"}

    def figure(name: str, **more: object) -> dict[str, Any]:
        return platform.finance.figure(FigureQuery.model_validate({"figure": name, **more}))

    growth = figure("growth", **in_2022, **against_2020)["total"]
    establishments = platform.read.establishments.all()
    show_figure(figure("volume", by=("year",)), language)
    show_figure(figure("savings", by=("year",)), language)
    top = figure("volume", by=("agreement",), **in_2022)
    show_figure(top, language, top="amount", shown=8)
    # Ratings are valid for a year: they are asked as of the last day of the generated history.
    show_figure(figure("csr", as_of=DEMO_AS_OF, **in_2022), language)
    with progress() as step:
        proof = platform.finance.reconcile(lambda done, total: step("folding events", done, total))
    out.print(
        f"growth 2020 → 2022: [bold]{percent(growth['growth'], language)}[/bold] "
        f"({amount(growth['previous_amount'], language)} → {amount(growth['amount'], language)})",
        highlight=False,
    )
    out.print(f"establishments: [bold]{len(establishments)}[/bold]", highlight=False)
    style = "bold green" if proof["is_equal"] else "bold red"
    out.print(
        f"reconcile: difference [{style}]{proof['difference']}[/{style}] over {proof['events']} events\n",
        highlight=False,
    )
    return bool(proof["is_equal"])


def _show_commands(settings: Settings, *more: str) -> None:
    out.print("Where to look next:")
    command = _command(settings)
    for arguments in (
        "figures savings --by agreement --from 2022-01-01 --to 2022-12-31",
        "figures volume --by establishment --as-of 2021-06-30",
        "explain savings --from 2022-01-01 --to 2022-01-31 --limit 5",
        "events --context ordering",
        "reconcile",
        *more,
    ):
        out.print(f"  {command} {arguments}", style="bold", highlight=False, soft_wrap=True)


def _command(settings: Settings) -> str:
    """How this command is called here: by its name where the shell finds it, with the folder where it is another."""
    called = Path(sys.argv[0])
    if shutil.which("groupement") == str(called):
        name = "groupement"
    else:
        name = str(called.relative_to(Path.cwd())) if called.is_relative_to(Path.cwd()) else str(called)
    is_default = settings.home == Settings.model_fields["home"].default or "GROUPEMENT_HOME" in os.environ
    return name if is_default else f"{name} --home {settings.home}"


def run_serve(ctx: typer.Context, host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serves the API, its pages and the event catalogue on this machine.

    Example:
      groupement serve --port 8080

    """
    check_embedded(settings_of(ctx), "groupement full, or groupement run")
    address.check(host)
    with open_platform(settings_of(ctx)) as platform:
        with progress() as step:
            platform.catch_up(lambda done, total: step("projecting events", done, total))
        _serve(platform, host, port)


def _serve(platform: Platform, host: str, port: int) -> None:
    from services import web  # noqa: PLC0415 - its imports take a second: for who serves, not for who asks

    telemetry.configure(platform.settings.log_format, "serve")
    with closing(address.listening(host, port)) as listener:
        url = f"http://{host}:{listener.getsockname()[1]}"
        with _noted(platform.settings, url), platform.pump:
            out.print(f"API and its pages:  [bold]{url}/[/bold]", highlight=False)
            out.print(f"Swagger UI:         {url}/docs", highlight=False)
            out.print(f"event catalogue:    {url}/catalogue", highlight=False)
            out.print(f"a token:            {_command(platform.settings)} token --role finance", highlight=False)
            _show_commands(platform.settings)
            out.print("Ctrl-C ends.", style="dim")
            web.serve(web.create_app(platform), listener)


@contextmanager
def _noted(settings: Settings, url: str) -> Iterator[None]:
    """Leaves a note for other commands of where the folder is served, while it is."""
    note = settings.home / "serve.json"
    note.write_text(json.dumps({"url": url, "pid": os.getpid()}), encoding="utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _mark_as_demo(settings: Settings, orders: int, seed: int) -> None:
    """Leaves a mark that everything in this home is generated: pages and `doctor` say so."""
    mark = {"generated": True, "orders": orders, "seed": seed}
    settings.demo_mark.write_text(json.dumps(mark), encoding="utf-8")
