"""The values of the published language: money, quantities, days, instants, codes, identifiers, and what each may be.

Rounding: amounts are rounded once, on the line, HALF_UP, to the cent (`cents`). No float is ever accepted.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha1
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from events.currencies import CURRENCIES

PARIS = ZoneInfo("Europe/Paris")
FIRST_DAY, LAST_DAY = date(1990, 1, 1), date(2100, 12, 31)
FIRST_YEAR = 1970
CENT = Decimal("0.01")
LIMIT = Decimal(10) ** 12


def cents(value: Decimal) -> Decimal:
    """`value` rounded to the cent, HALF_UP: the only rounding of money in the product."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def paris_day(at: date | datetime) -> date:
    """The business day of a document: a plain date as it is, an instant as the day it is in Paris."""
    if not isinstance(at, datetime):
        return at
    if at.tzinfo is None:
        msg = f"{at.isoformat()} has no time zone; give a date, or an instant such as 2022-01-31T23:30:00Z"
        raise ValueError(msg)
    return utc(at).astimezone(PARIS).date()


def anniversary(day: date, years: int) -> date:
    """The first day after a period of so many years; 29 February becomes 1 March in a year without it."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def _no_float(value: Any) -> Any:
    if isinstance(value, float | bool):
        msg = f'{value!r} is a binary number; money and quantities are decimal strings such as "12.50"'
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError into a refusal with its place
    return value


def _decimal(places: int) -> AfterValidator:
    quantum = Decimal(1).scaleb(-places)

    def check(value: Decimal) -> Decimal:
        if not value.is_finite():
            msg = f"{value} is not a number"
            raise ValueError(msg)
        if abs(value) >= LIMIT:
            msg = f"{value} has more than 12 digits before the point"
            raise ValueError(msg)
        exact = value.quantize(quantum)
        if exact != value:
            msg = f"{value} has more than {places} decimals"
            raise ValueError(msg)
        # Adding zero turns -0 into 0. Cents are always written, "5.00".
        return (exact if places == 2 else value) + 0  # noqa: PLR2004

    return AfterValidator(check)


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        msg = f"{value} is negative"
        raise ValueError(msg)
    return value


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        msg = f"{value} is not above zero"
        raise ValueError(msg)
    return value


def plain(value: Decimal) -> str:
    """Plain notation without trailing zeros or exponent: 1E+3 is "1000", 2.50 is "2.5"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _day_in_range(value: date) -> date:
    if not FIRST_DAY <= value <= LAST_DAY:
        msg = f"{value} is outside {FIRST_DAY} to {LAST_DAY}"
        raise ValueError(msg)
    return value


def _document_day(value: Any) -> Any:
    """A day as ISO text or date, or an aware instant's day in Paris. Never a number: pydantic would count seconds."""
    if isinstance(value, date):
        return paris_day(value)
    try:
        return paris_day(datetime.fromisoformat(value)) if "T" in value else date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        msg = f"{value!r} is not a day such as 2022-01-31, nor an instant such as 2022-01-31T23:30:00Z"
        raise ValueError(msg) from error


def utc(value: datetime) -> datetime:
    """An aware instant in UTC. Raises ValueError where it has no zone, or a year outside 1970 to 2100."""
    if value.tzinfo is None or not FIRST_YEAR <= value.year <= LAST_DAY.year:
        msg = f"{value.isoformat()} is not an instant: it needs a time zone and a year {FIRST_YEAR} to {LAST_DAY.year}"
        raise ValueError(msg)
    return value.astimezone(UTC)


_as_cents = PlainSerializer(lambda v: f"{v:.2f}", return_type=str)
_as_plain = PlainSerializer(plain, return_type=str)


def _number(places: int, meaning: str, sign: str = "", *, written: bool = False) -> WithJsonSchema:
    """The schema of a decimal: as it may be read, or, `written`, with all its places."""
    decimals = rf"\.\d{{{places}}}" if written else rf"(\.\d{{1,{places}}})?"
    schema = {
        "type": "string",
        "format": "decimal",
        "pattern": rf"^{sign}\d{{1,12}}{decimals}$",
        "description": meaning,
    }
    return WithJsonSchema(schema, mode="serialization" if written else None)


def _text(kind: str, meaning: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "format": kind, "description": meaning})


_MONEY = "Money in the document's currency, net of VAT."
_SIGNED_MONEY = "Money in the document's currency, net of VAT; may be negative."
_Cents = Annotated[Decimal, BeforeValidator(_no_float), _decimal(2), _as_cents]
_Millionths = Annotated[Decimal, BeforeValidator(_no_float), _decimal(6), _as_plain]

SignedAmount = Annotated[_Cents, _number(2, _SIGNED_MONEY, "-?"), _number(2, _SIGNED_MONEY, "-?", written=True)]
"""Money in the document's currency, net of VAT, at most 12 digits and 2 decimals; may be negative."""
Amount = Annotated[_Cents, AfterValidator(_not_negative), _number(2, _MONEY), _number(2, _MONEY, written=True)]
"""Money in the document's currency, net of VAT, zero or more."""
Price = Annotated[_Millionths, AfterValidator(_not_negative), _number(6, "Price of one unit, net of VAT.")]
"""Price of one unit, net of VAT, zero or more, at most 6 decimals."""
Quantity = Annotated[_Millionths, AfterValidator(_not_negative), _number(6, "A number of units.")]
"""A number of units, zero or more, at most 6 decimals."""
PositiveQuantity = Annotated[_Millionths, AfterValidator(_positive), _number(6, "A number of units, above zero.")]
"""A number of units, above zero, at most 6 decimals."""
Rate = Annotated[_Millionths, AfterValidator(_not_negative), _number(6, "A share: 0.10 is 10 %.")]
"""A share: 0.10 is 10 %."""
BusinessDate = Annotated[date, AfterValidator(_day_in_range), _text("date", "A day in Europe/Paris, 1990 to 2100.")]
"""A day in Europe/Paris, 1990 to 2100."""
DocumentDate = Annotated[
    BusinessDate,
    BeforeValidator(_document_day),
    _text("date", "A day, 1990 to 2100, as the document states it; an aware instant is taken as its day in Paris."),
]
"""A day as a document states it; an aware instant becomes its day in Paris."""
Instant = Annotated[AwareDatetime, AfterValidator(utc), _text("date-time", "A moment, in UTC.")]
"""A moment, aware, kept in UTC."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


def _known_currency(value: str) -> str:
    if value not in CURRENCIES:
        msg = f"{value} is no currency of ISO 4217"
        raise ValueError(msg)
    return value


Currency = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{3}$"),
    AfterValidator(_known_currency),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "description": "Currency of the amounts, ISO 4217."}),
]
"""ISO 4217 code."""
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
"""A code that somebody else gave: item, category (CPV), reference, document number."""
EstablishmentId = Annotated[UUID, _text("uuid", "The establishment.")]
SupplierId = Annotated[UUID, _text("uuid", "The supplier.")]
AgreementId = Annotated[UUID, _text("uuid", "The framework agreement.")]
LotId = Annotated[UUID, _text("uuid", "The lot of the agreement.")]
Item = Annotated[Code, Field(description="Code of the item in the price list or the imported source.")]
Reason = Annotated[Text, Field(description="Why, in the words of who decided.")]

_VERSION, _VARIANT = 76, 62
"""Bits at which an id's version (4 of them) and variant (2) begin."""
_KEPT = (1 << 128) - 1 ^ 0xF << _VERSION ^ 0b11 << _VARIANT


def derived_id(parent: UUID, name: str) -> UUID:
    """The id of something of the platform's own that belongs to `parent`: version 8, so that no client may give it."""
    digest = int.from_bytes(sha1(parent.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    return UUID(int=digest & _KEPT | 8 << _VERSION | 0b10 << _VARIANT)


def _given(value: UUID) -> UUID:
    if value.int >> _VERSION & 0xF == 8:  # noqa: PLR2004 - see derived_id
        msg = f"{value} is an id of the platform's own (version 8); give a random one (version 4 or 7)"
        raise ValueError(msg)
    return value


GivenId = Annotated[UUID, AfterValidator(_given), _text("uuid", "Identity that the creator of a thing gives it, once.")]
