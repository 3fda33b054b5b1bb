"""Options that commands share, and the settings that they lead to."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from infra.settings import Settings
from services.finance.query import FigureQuery, Key, Measure

app = typer.Typer(
    name="groupement",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def take_home(
    ctx: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            envvar="GROUPEMENT_HOME", help="Folder of stores, analytics and keys; by default in your data directory."
        ),
    ] = None,
    lang: Annotated[
        str, typer.Option(envvar="GROUPEMENT_LANG", help="Language of tables: en or fr.", metavar="en|fr")
    ] = "en",
) -> None:
    """A purchasing group for health care: orders, agreements, suppliers' CSR, and figures that reconcile to the cent.

    Start with [bold]groupement demo[/bold]; on your own data with [bold]groupement import orders[/bold].
    """
    if lang not in ("en", "fr"):
        raise typer.BadParameter(f"{lang} is not one of en, fr", param_hint="--lang")
    ctx.obj = (Settings(home=home.expanduser().absolute()) if home else Settings(), lang)


def settings_of(ctx: typer.Context) -> Settings:
    """The settings of this call."""
    settings: Settings = ctx.obj[0]
    return settings


def language_of(ctx: typer.Context) -> str:
    """The language of this call: en or fr."""
    language: str = ctx.obj[1]
    return language


By = Annotated[
    list[str] | None,
    typer.Option(
        help="Key of rows, repeatable: year, quarter, month, establishment, agreement, lot, supplier, category, item."
    ),
]
From = Annotated[str | None, typer.Option("--from", help="First business day, included: 2022-01-01.")]
To = Annotated[str | None, typer.Option("--to", help="Last business day, included.")]
AgainstFrom = Annotated[str | None, typer.Option(help="Growth: first day of the period to compare with.")]
AgainstTo = Annotated[str | None, typer.Option(help="Growth: last day of the period to compare with.")]
MeasureOption = Annotated[str, typer.Option(help="ordered, received or invoiced.")]
Establishments = Annotated[
    list[UUID] | None, typer.Option("--establishment", help="Only this establishment; repeatable.")
]
AgreementsOption = Annotated[list[UUID] | None, typer.Option("--agreement", help="Only this agreement; repeatable.")]
SuppliersOption = Annotated[list[UUID] | None, typer.Option("--supplier", help="Only this supplier; repeatable.")]
CurrencyOption = Annotated[str | None, typer.Option("--currency", help="ISO 4217 code, where there are several.")]
AsOf = Annotated[
    str | None, typer.Option(help="As known at this instant (2022-12-31T23:00:00Z), or at the end of a Paris day.")
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to write the answer.")]


def query_of(
    figure: str,
    by: list[str] | None,
    first: str | None,
    last: str | None,
    against: tuple[str | None, str | None],
    measure: str,
    ids: tuple[list[UUID] | None, list[UUID] | None, list[UUID] | None],
    currency: str | None,
    as_of: str | None,
) -> FigureQuery:
    """The question that the options ask. Raises Refusal, or ValidationError with the option's name."""
    keys: list[Key] = [part for one in by or [] for part in one.split(",")]  # type: ignore[misc]
    asked: dict[str, Any] = {
        "figure": figure,
        "by": tuple(keys),
        "from": first,
        "to": last,
        "against_from": against[0],
        "against_to": against[1],
        "establishment": tuple(ids[0] or ()),
        "agreement": tuple(ids[1] or ()),
        "supplier": tuple(ids[2] or ()),
        "currency": currency,
        "as_of": as_of,
    }
    wanted: Measure = measure  # type: ignore[assignment]
    return FigureQuery.model_validate({**asked, "measure": wanted})
