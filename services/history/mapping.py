"""The mapping: which columns or constants of a file are which part of an order. Written in TOML, see docs/import.md."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from events.values import DocumentDate
from services.history.refusals import BadMapping, ColumnsMissing, shown

LARGEST = 1_000_000
"""Bytes of a mapping file."""
HOLE = re.compile(r"\{([^{}]+)\}")


class BaselineRule(StrEnum):
    """How reference prices are found in a file."""

    FIRST_RECORDED_PRICE = "first-recorded-price"
    """The unit price of the item's earliest line (invoice date, then numeric line id), price and amount above zero."""
    NONE = "none"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Origin(_Part):
    """Where a value comes from: exactly one of column, columns, template, constant."""

    column: str | None = None
    columns: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Several columns, joined."""
    separator: str = " | "
    """Between joined columns."""
    template: str | None = None
    """Text with column names in braces; empty where one of the columns is."""
    constant: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(given is not None for given in (self.column, self.columns, self.template, self.constant)) != 1:
            msg = "give exactly one of column, columns, template, constant"
            raise ValueError(msg)
        if self.template is not None and not HOLE.search(self.template):
            msg = "a template names at least one column in braces, such as {order}-{line}"
            raise ValueError(msg)
        return self

    def names(self) -> tuple[str, ...]:
        """The columns that it reads."""
        if self.column is not None:
            return (self.column,)
        return self.columns or tuple(HOLE.findall(self.template or ""))

    def described(self) -> str:
        """The place of a value, as problems name it."""
        return " + ".join(self.names()) or "constant"


def _is_format(pattern: str) -> bool:
    """Whether a day written in this format can be read again."""
    day = date(2022, 1, 31)
    try:
        return datetime.strptime(day.strftime(pattern), pattern).date() == day  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return False


class DateOrigin(_Part):
    """Where a date comes from: a column with its formats, and what to read where it holds no date; or a constant."""

    column: str | None = None
    formats: tuple[str, ...] = ()
    """strptime formats, tried in order; 2022-01-31 is always read."""
    fallback: DateOrigin | None = None
    """Read where the column holds no date."""
    constant: DocumentDate | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.column is None) == (self.constant is None):
            msg = "give exactly one of column, constant"
            raise ValueError(msg)
        for pattern in self.formats:
            if not _is_format(pattern):
                msg = f"{pattern!r} is not the format of a whole date, such as %d/%m/%Y"
                raise ValueError(msg)
        return self

    def chain(self) -> Iterator[DateOrigin]:
        """This origin and its fallbacks, in order."""
        origin: DateOrigin | None = self
        while origin is not None:
            yield origin
            origin = origin.fallback

    def names(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return tuple(origin.column for origin in self.chain() if origin.column is not None)

    def described(self) -> str:
        """The place of a value, as problems name it."""
        return ", else ".join(origin.column or "constant" for origin in self.chain())


class Numbers(_Part):
    """How the file writes numbers."""

    decimal: str = Field(default=".", pattern=r"^[.,]$")
    thousands: str = Field(default="", max_length=1, pattern=r"^[., '\u00a0\u202f]?$")
    """Between groups of three digits; empty: none."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.decimal == self.thousands:
            msg = "decimal and thousands are two different signs"
            raise ValueError(msg)
        return self


class Mapping(_Part):
    """What each part of an order is called in a file."""

    source: Origin
    """Name of the source: a part of every line's identity."""
    order_number: Origin
    line_id: Origin
    """Identity of the line within its order."""
    establishment: Origin
    supplier: Origin
    item: Origin
    """Identity of what is bought: lines with the same item share a reference price."""
    label: Origin | None = None
    """The item in words; the item where absent."""
    category: Origin
    unit: Origin
    """The unit in which quantity and unit price are given."""
    quantity: Origin
    unit_price: Origin
    amount: Origin
    """Net of VAT, as the source states it."""
    currency: Origin
    agreement: Origin
    """The recorded agreement; together with supplier and currency its identity."""
    order_date: DateOrigin
    received_date: DateOrigin | None = None
    invoice_date: DateOrigin | None = None
    invoice_number: Origin | None = None
    baseline: BaselineRule
    numbers: Numbers = Numbers()
    sheet: str | None = None
    """Sheet of a workbook; the first where absent."""

    def origins(self) -> dict[str, Origin | DateOrigin]:
        """Key -> origin, of those that are given."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in found.items() if isinstance(value, Origin | DateOrigin)}

    def columns(self) -> set[str]:
        """Every column that is named."""
        return {column for origin in self.origins().values() for column in origin.names()}

    def check(self, file: Path, header: Iterable[str]) -> None:
        """Raises ColumnsMissing where the header lacks a named column, or has it twice."""
        present = list(header)
        faults = []
        for key, origin in self.origins().items():
            for column in origin.names():
                if column not in present:
                    faults.append(f"{key} names column {column!r}, which is not there{_near(column, present)}")
                elif present.count(column) > 1:
                    faults.append(f"{key} names column {column!r}, which the header has {present.count(column)} times")
        if faults:
            there = ", ".join(repr(shown(name)) for name in present)
            msg = f"{file.name}: {'; '.join(faults)}. Columns present: {there}"
            raise ColumnsMissing(msg, file=file.name)


def load_mapping(path: Path) -> Mapping:
    """The mapping in a file. Raises BadMapping, naming file, key and what is allowed."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise BadMapping(msg, file=path.name) from error
    if len(raw) > LARGEST:
        msg = f"{path.name} is larger than {LARGEST} bytes: it is not a mapping"
        raise BadMapping(msg, file=path.name)
    try:
        document = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        msg = f"{path.name} is not TOML in UTF-8: {error}"
        raise BadMapping(msg, file=path.name) from error
    try:
        return Mapping.model_validate(document)
    except ValidationError as error:
        faults = [_fault(fault) for fault in error.errors(include_url=False)]
        pointer = "/" + "/".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        msg = f"{path.name}: {'; '.join(faults)}"
        raise BadMapping(msg, pointer=pointer, file=path.name) from error


def _fault(fault: Any) -> str:
    """One error of pydantic in words: the key, what is wrong, what is allowed."""
    *parents, key = [str(part) for part in fault["loc"]] or [""]
    name = ".".join([*parents, key])
    allowed = _allowed(parents)
    match fault["type"]:
        case "extra_forbidden":
            return f"{name} is not a key{_near(key, allowed)}; allowed: {', '.join(allowed)}"
        case "missing":
            return f"{name} is missing"
        case "value_error":
            return f"{name}: {fault['ctx']['error']}"
        case "model_type":
            return f'{name} is a table such as {{ column = "…" }}, not {shown(repr(fault["input"]))}'
    return f"{name}: {fault['msg']}, not {shown(repr(fault['input']))}"


def _allowed(parents: list[str]) -> list[str]:
    """The keys of the table at a place of the mapping."""
    if not parents:
        return list(Mapping.model_fields)
    if parents[0] == "numbers":
        return list(Numbers.model_fields)
    return list((DateOrigin if parents[0].endswith("_date") else Origin).model_fields)


def _near(name: str, present: Iterable[str]) -> str:
    by_lower = {candidate.lower(): candidate for candidate in present}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" (did you mean {shown(by_lower[near[0]])!r}?)" if near else ""
