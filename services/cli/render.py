"""Figures as tables for people. Whatever is shown here comes from the JSON object, nothing is computed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from services.cli.console import out
from services.cli.texts import amount, number, percent, word

Document = dict[str, Any]
MONEY = {"amount", "previous_amount", "baseline_amount", "saving", "spend", "rated_spend"}
RATIOS = {"growth", "coverage", "rate_on_baseline", "rate_on_spend"}
COUNTS = {"lines", "orders", "establishments", "quantity"}
PROBLEMS_SHOWN = 3
WIDE = 100
"""Columns of a terminal from which a table shows everything; CSV and JSON always do."""
NAMED = {"establishment", "agreement", "lot", "supplier", "category", "item"}


def show_figure(figure: Document, language: str, *, top: str | None = None, shown: int | None = None) -> None:
    """A figure as a table, with what it is, as of when, and what to know about it.

    `top` shows the rows with the largest amounts under that key, `shown` so many rows of them.
    """
    name = "growth of" if figure["figure"] == "growth" else figure["figure"]
    title = f"{word(name, language)}, {word(figure['measure'], language)}"
    if figure["currency"]:
        title += f", {figure['currency']}"
    if not figure["rows"]:
        out.print(word("nothing", language))
        return
    columns = _columns(figure)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        is_number = column in MONEY | RATIOS | COUNTS | {"score"}
        # A number never wraps, its head does; a label takes what room is left.
        head = word(column, language).replace(" ", "\n") if is_number else word(column, language)
        table.add_column(head, justify="right" if is_number else "left", no_wrap=column != "label", vertical="bottom")
    rows = figure["rows"]
    if top:
        rows = sorted(rows, key=lambda row: -Decimal(row[top]))[:shown]
    for row in rows:
        table.add_row(*(_cell(column, row.get(column), language) for column in columns))
    if left := len(figure["rows"]) - len(rows):
        table.add_row(f"… {left} {word('more', language)}", style="dim")
    if figure["by"] and figure["figure"] != "growth":
        table.add_section()
        total = [_cell(column, figure["total"].get(column), language) for column in columns]
        if columns[0] in figure["by"] or columns[0] == "label":
            total[0] = word("total", language)
        table.add_row(*total, style="bold")
    out.print(table)
    _show_footer(figure, language)


def _columns(figure: Document) -> list[str]:
    """What people want to see: labels instead of ids where there are some."""
    names = list(figure["rows"][0])
    is_dated = any(key in names for key in ("year", "quarter", "month"))
    left_out = {"without_baseline"} | ({"rate_on_spend"} if out.width < WIDE else set())
    left_out |= {"period", "previous_period"} if is_dated and out.width < WIDE else set()
    return [name for name in names if name not in left_out and (name not in NAMED or "label" not in names)]


def _cell(column: str, value: Any, language: str) -> str:
    if value is None:
        return "–" if column in RATIOS | {"score"} else ""
    if column in ("period", "previous_period"):
        return f"{value['from']} … {value['to']}"
    if column in MONEY:
        return amount(value, language)
    if column in RATIOS:
        return percent(value, language)
    if column in COUNTS:
        return number(value, language)
    return str(value)


def _show_footer(figure: Document, language: str) -> None:
    as_of = f"{word('as of', language)} {figure['as_of']}" if figure["as_of"] else word("now", language)
    if left_out := figure["total"].get("without_baseline"):
        out.print(
            f"{word('without_baseline', language)}: {number(left_out['lines'], language)} "
            f"{word('lines', language)}, {amount(left_out['amount'], language)}",
            highlight=False,
        )
    out.print(f"{word('method', language)} {figure['method']}, {as_of}", style="dim", highlight=False)
    for warning in figure["warnings"]:
        out.print(f"! {warning}", style="yellow", highlight=False)
    problems = figure["incomplete"] or []
    for problem in problems[:PROBLEMS_SHOWN]:
        out.print(
            f"{word('incomplete', language)}: {problem['kind']} in {problem['context']}, "
            f"position {problem['position']}: {problem['detail']} (groupement doctor)",
            style="bold red",
            highlight=False,
        )
    if len(problems) > PROBLEMS_SHOWN:
        out.print(f"… {len(problems) - PROBLEMS_SHOWN} {word('more', language)}", style="bold red", highlight=False)


def show_explanation(found: Document, language: str) -> None:
    """The events behind a figure, and those left out with the reason."""
    behind = found["behind"]
    out.print(
        f"{behind['rows']} lines of {behind['events']} events add up to {amount(behind['amount'], language)} "
        f"{found['currency'] or ''}, at baseline {amount(behind['baseline_amount'], language)}; "
        f"{found['shown']} shown",
        highlight=False,
    )
    _show_events(found["events"], language)
    for reason in found["left_out"]:
        out.print(
            f"left out: {reason['rows']} lines, {amount(reason['amount'], language)}: {reason['reason']}",
            style="yellow",
            highlight=False,
        )
    _show_events(found["left_out_events"], language)


def _show_events(events: list[Document], language: str) -> None:
    if not events:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in (
        "business date",
        "recorded at",
        "event",
        "document",
        "line",
        "item",
        "quantity",
        "amount",
        "position",
    ):
        table.add_column(column, justify="right" if column in ("quantity", "amount", "position") else "left")
    for event in events:
        table.add_row(
            event["business_date"],
            event["recorded_at"][:19],
            event["type"].split(".")[1],
            event["document"],
            event["line_id"],
            event["label"][:40],
            number(event["quantity"], language),
            amount(event["amount"], language),
            f"{event['context']} {event['lane']}:{event['position']}",
        )
    out.print(table)
