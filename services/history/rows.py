"""One raw row becomes a typed row, or the list of its problems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from events.values import LIMIT, cents
from services.history.mapping import HOLE, DateOrigin, Mapping, Origin
from services.history.reading import RawRow
from services.history.refusals import Problem, shown
from services.history.values import Fault, Kind, date_kind, kinds

Cells = Sequence[str]
NAMES = {"order_date": "ordered_on", "received_date": "received_on", "invoice_date": "invoiced_on"}
"""Key of the mapping -> field of a row, where they differ."""
OPTIONAL = ("received_date", "invoice_date", "invoice_number")
"""Keys whose cell may be empty."""


class Row(NamedTuple):
    """A row that keeps every rule, in the words of an order."""

    number: int
    source: str
    order_number: str
    line_id: str
    establishment: str
    supplier: str
    item: str
    label: str
    category: str
    unit: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    currency: str
    agreement: str
    ordered_on: date
    received_on: date | None
    invoiced_on: date | None
    invoice_number: str | None


class _Field(NamedTuple):
    name: str
    """The row's own name of it."""
    is_optional: bool
    column: str
    """The place of its values, as problems name it."""
    kind: Kind
    parse: Callable[..., Any]
    texts_of: Callable[[Cells], tuple[str, ...]]
    """The text of the value; for a date the texts to try in order."""


class RowReader:
    """Reads the rows of one file by one mapping. Raises ColumnsMissing where they do not fit."""

    def __init__(self, mapping: Mapping, file: Path, header: Sequence[str]) -> None:
        mapping.check(file, header)
        self.file, self.width = file.name, len(header)
        place = {name: n for n, name in enumerate(header)}
        by_key = kinds(mapping.numbers)
        self._fields = [
            _field(key, origin, date_kind(origin), _dates_of(origin, place))
            if isinstance(origin, DateOrigin)
            else _field(key, origin, by_key[key], _text_of(origin, place))
            for key, origin in mapping.origins().items()
        ]

    def read(self, raw: RawRow) -> Row | list[Problem]:
        """The typed row, or everything that is wrong with it."""
        if len(raw.cells) != self.width:
            return [self._wrong_width(raw)]
        values: dict[str, Any] = {"received_on": None, "invoiced_on": None, "invoice_number": None}
        problems = []
        for name, is_optional, column, kind, parse, texts_of in self._fields:
            texts = texts_of(raw.cells)
            if is_optional and not any(text.strip() for text in texts):
                continue
            try:
                values[name] = parse(*texts)
            except Fault as fault:
                value = shown(", else ".join(texts))
                problems.append(Problem(self.file, raw.number, column, value, str(fault), kind.rule, kind.remedy))
        if problems:
            return problems
        values.setdefault("label", values["item"])
        row = Row(number=raw.number, **values)
        return row if cents(row.unit_price * row.quantity) < LIMIT else [self.too_much(row, row.unit_price)]

    def too_much(self, row: Row, price: Decimal) -> Problem:
        """The problem of a row whose quantity, at its own price or the reference price, passes every amount."""
        value = f"{price} × {row.quantity}"
        rule = "Price × quantity is below 10^12, at the row's own price and at the reference price"
        detail, remedy = f"{value} is too much", "Correct the price or the quantity"
        return Problem(self.file, row.number, "unit_price × quantity", value, detail, rule, remedy)

    def _wrong_width(self, raw: RawRow) -> Problem:
        detail = f"the row has {len(raw.cells)} cells, the header {self.width}"
        rule, remedy = "A row has as many cells as the header", "Look for a cut row, or a delimiter without quotes"
        return Problem(self.file, raw.number, "row", shown(" ".join(raw.cells)), detail, rule, remedy)


def _field(key: str, origin: Origin | DateOrigin, kind: Kind, texts_of: Callable[[Cells], tuple[str, ...]]) -> _Field:
    column = f"{origin.described()} ({key})"
    return _Field(NAMES.get(key, key), key in OPTIONAL, column, kind, kind.parse, texts_of)


def _text_of(origin: Origin, place: dict[str, int]) -> Callable[[Cells], tuple[str]]:
    """What reads the text of an origin from a row."""
    at = [place[name] for name in origin.names()]
    if origin.constant is not None:
        constant = (origin.constant,)
        return lambda _: constant
    if origin.column is not None:
        only = at[0]
        return lambda cells: (cells[only],)
    # Literal text, with a column's name at every second place.
    parts = HOLE.split(origin.template or "")
    needed = any if origin.columns else all

    def text_of(cells: Cells) -> tuple[str]:
        found = [cells[i].strip() for i in at]
        if not needed(found):
            return ("",)
        if origin.columns:
            return (origin.separator.join(found),)
        return ("".join(cells[place[part]].strip() if n % 2 else part for n, part in enumerate(parts)),)

    return text_of


def _dates_of(origin: DateOrigin, place: dict[str, int]) -> Callable[[Cells], tuple[str, ...]]:
    """What reads the texts of a date and its fallbacks from a row."""
    steps = [(place[step.column], "") if step.column else (None, str(step.constant)) for step in origin.chain()]
    return lambda cells: tuple(constant if at is None else cells[at] for at, constant in steps)
