"""What a value of a file must be, and how it is read. The rules are those of the events' own types."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from events.currencies import CURRENCIES
from events.values import Amount, BusinessDate, Code, Price, Quantity, Text
from services.history.mapping import DateOrigin, Numbers
from services.history.refusals import shown

REMEMBERED = 1 << 16
"""Different texts of which a kind remembers the value: histories repeat themselves."""
_BREAKS = re.compile(r"[\t\r\n\v\f]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DAY = TypeAdapter(BusinessDate)


class Fault(Exception):
    """A value that breaks a rule."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value must be."""

    rule: str
    remedy: str
    parse: Callable[..., Any]
    """Takes the value's text, or for a date the texts to try in order. Raises Fault."""


def kinds(numbers: Numbers) -> dict[str, Kind]:
    """Key of the mapping -> what its values must be, dates apart."""
    fill = "Fill or shorten the cell, or map the key to another column or a constant"
    plain = f"Write a plain number, such as 1200{numbers.decimal}50"
    code = Kind("A code has 1 to 300 printable characters", fill, _text(TypeAdapter(Code)))
    text = Kind("A name has 1 to 500 printable characters", fill, _text(TypeAdapter(Text)))
    sized = "is zero or more, below 10^12, with at most"
    return {
        "source": code,
        "order_number": code,
        "line_id": code,
        "item": code,
        "category": code,
        "agreement": code,
        "invoice_number": code,
        "establishment": text,
        "supplier": text,
        "label": text,
        "unit": text,
        "quantity": Kind(f"A quantity {sized} 6 decimals", plain, _number(TypeAdapter(Quantity), numbers)),
        "unit_price": Kind(f"A unit price {sized} 6 decimals", plain, _number(TypeAdapter(Price), numbers)),
        "amount": Kind(f"An amount {sized} 2 decimals", plain, _number(TypeAdapter(Amount), numbers)),
        "currency": Kind("A currency is an ISO 4217 code", "Write its code, such as EUR", _currency),
    }


def date_kind(origin: DateOrigin) -> Kind:
    """What the dates of an origin must be: the first of its texts that is a date counts."""
    formats = [step.formats for step in origin.chain()]

    @lru_cache(REMEMBERED)
    def parse(*texts: str) -> date:
        for text, patterns in zip(texts, formats, strict=True):
            if (day := _day(text.strip(), patterns)) is not None:
                return _adapted(_DAY, day)  # type: ignore[no-any-return]
        raise Fault(f"{', else '.join(shown(text.strip()) or 'an empty cell' for text in texts)} is not a date")

    known = ", ".join(sorted({pattern for patterns in formats for pattern in patterns}))
    rule = f"A date is a day from 1990-01-01 to 2100-12-31, written as {known or 'such'}"
    return Kind(rule, "Correct the date, or add its format or a fallback to the mapping", parse)


@lru_cache(REMEMBERED)
def _day(text: str, formats: tuple[str, ...]) -> date | None:
    for pattern in formats:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    if not _ISO.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _adapted(adapter: TypeAdapter[Any], value: Any) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise Fault(error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")) from error


def _text(adapter: TypeAdapter[str]) -> Callable[[str], str]:
    @lru_cache(REMEMBERED)
    def parse(value: str) -> str:
        text = unicodedata.normalize("NFC", _BREAKS.sub(" ", value)).strip()
        if control := _CONTROL.search(text):
            raise Fault(f"it has the control character U+{ord(control[0]):04X}")
        if not text:
            raise Fault("it is empty")
        return str(_adapted(adapter, text))

    return parse


def _number(adapter: TypeAdapter[Decimal], numbers: Numbers) -> Callable[[str], Decimal]:
    point, group = re.escape(numbers.decimal), re.escape(numbers.thousands)
    whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)" if group else r"\d+"
    pattern = re.compile(rf"[+-]?{whole}(?:{point}\d+)?", re.ASCII)

    @lru_cache(REMEMBERED)
    def parse(value: str) -> Decimal:
        text = value.strip()
        if not pattern.fullmatch(text):
            raise Fault(f"{shown(text)} is not a number" if text else "it is empty")
        plain = text.replace(numbers.thousands, "") if numbers.thousands else text
        return _adapted(adapter, Decimal(plain.replace(numbers.decimal, ".")))  # type: ignore[no-any-return]

    return parse


def _currency(value: str) -> str:
    text = value.strip()
    if text not in CURRENCIES:
        raise Fault(f"{shown(text)} is not a currency" if text else "it is empty")
    return text
