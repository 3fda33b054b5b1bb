from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from events.base import Command, Event
from events.values import (
    Amount,
    BusinessDate,
    Code,
    Currency,
    DocumentDate,
    Instant,
    PositiveQuantity,
    Price,
    Quantity,
    Rate,
    SignedAmount,
    Text,
    cents,
    paris_day,
    plain,
)


class StockReported(Event):
    TOPIC: ClassVar[str] = "planted.StockReported.v1"
    item: Code
    amount: Amount
    quantity: Quantity


class ReportStock(Command):
    item: Code
    amount: Amount


NUMBERS = pytest.mark.parametrize(
    "kind",
    [Amount, SignedAmount, Price, Quantity, PositiveQuantity, Rate],
    ids=["Amount", "SignedAmount", "Price", "Quantity", "PositiveQuantity", "Rate"],
)


def read(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


def read_json(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_json(json.dumps(value))


def written(kind: Any, value: Any) -> str:
    return str(json.loads(TypeAdapter(kind).dump_json(read(kind, value))))


def refused(kind: Any, value: Any) -> str:
    """The refusal of a value, the same from Python and from JSON where JSON can hold it."""
    with pytest.raises(ValidationError) as python:
        read(kind, value)
    if isinstance(value, str | int | float) and not (isinstance(value, float) and not math.isfinite(value)):
        with pytest.raises(ValidationError):
            read_json(kind, value)
    return str(python.value)


@NUMBERS
@pytest.mark.parametrize("value", [0.1, 1.0, 5e-324, 1e300, math.inf, math.nan])
def test_a_float_is_refused_whatever_its_value(kind: Any, value: float) -> None:
    assert "binary number" in refused(kind, value)


@NUMBERS
@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_no_number(kind: Any, value: bool) -> None:
    assert "binary number" in refused(kind, value)


def test_a_json_number_with_a_point_is_a_float_too() -> None:
    with pytest.raises(ValidationError, match="binary number"):
        TypeAdapter(Amount).validate_json("12.50")


@NUMBERS
@pytest.mark.parametrize("value", ["NaN", "sNaN", "-NaN", "Infinity", "-Infinity", Decimal("NaN"), Decimal("Infinity")])
def test_what_is_not_a_number_is_refused(kind: Any, value: Any) -> None:
    assert refused(kind, value)


@NUMBERS
@pytest.mark.parametrize("value", ["", " ", "twelve", "12,50", "1 000", "=1+1", "0x10", "1e", "--1", None, [], {}])
def test_text_that_is_no_decimal_is_refused(kind: Any, value: Any) -> None:
    assert refused(kind, value)


@pytest.mark.parametrize("value", ["1.0000001", "0.0000001", "1E-7", "1E-99999"])
@pytest.mark.parametrize("kind", [Price, Quantity, PositiveQuantity, Rate])
def test_more_than_6_decimals_are_refused(kind: Any, value: str) -> None:
    assert "more than 6 decimals" in refused(kind, value)


@pytest.mark.parametrize("value", ["1.001", "0.005", "1E-3"])
@pytest.mark.parametrize("kind", [Amount, SignedAmount])
def test_more_than_2_decimals_of_an_amount_are_refused_not_rounded(kind: Any, value: str) -> None:
    assert "more than 2 decimals" in refused(kind, value)


@pytest.mark.parametrize("value", ["1.50000000", "0.1000000"])
def test_zeros_at_the_end_are_no_decimals(value: str) -> None:
    assert read(Price, value) == Decimal(value)
    assert read(Amount, value) == Decimal(value)


@NUMBERS
@pytest.mark.parametrize("value", ["1000000000000", "1E+12", "1E+999999", 10**12, Decimal(10) ** 12])
def test_10_to_the_12_is_refused(kind: Any, value: Any) -> None:
    assert "more than 12 digits" in refused(kind, value)


@NUMBERS
def test_just_below_10_to_the_12_is_taken_to_the_last_decimal(kind: Any) -> None:
    places = 2 if kind in (Amount, SignedAmount) else 6
    largest = "9" * 12 + "." + "9" * places
    assert written(kind, largest) == largest


@pytest.mark.parametrize("kind", [Amount, Price, Quantity, PositiveQuantity, Rate])
def test_a_negative_number_is_refused(kind: Any) -> None:
    assert refused(kind, "-0.01")


def test_a_signed_amount_may_be_negative() -> None:
    assert written(SignedAmount, "-0.01") == "-0.01"


def test_zero_is_a_quantity_but_not_a_positive_one() -> None:
    assert written(Quantity, "0") == "0"
    assert "not above zero" in refused(PositiveQuantity, "0")


@pytest.mark.parametrize("kind", [Amount, SignedAmount, Price, Quantity, Rate])
@pytest.mark.parametrize("value", ["-0", "-0.00", Decimal("-0")])
def test_there_is_one_zero(kind: Any, value: Any) -> None:
    assert written(kind, value) == ("0.00" if kind in (Amount, SignedAmount) else "0")


@pytest.mark.parametrize(
    ("value", "amount", "quantity"),
    [
        ("1E+3", "1000.00", "1000"),
        (Decimal(10) ** 11, "100000000000.00", "100000000000"),
        ("5", "5.00", "5"),
        ("2.50", "2.50", "2.5"),
        ("0.10", "0.10", "0.1"),
        ("0E-6", "0.00", "0"),
        (7, "7.00", "7"),
    ],
)
def test_numbers_are_written_plain_and_money_with_two_decimals(value: Any, amount: str, quantity: str) -> None:
    event = StockReported(item="TRAS-150", amount=value, quantity=value)
    document = json.loads(event.model_dump_json())
    assert document["amount"] == event.model_dump(mode="json")["amount"] == amount
    assert document["quantity"] == event.model_dump(mode="json")["quantity"] == quantity


@pytest.mark.parametrize("value", ["0.000001", "1E-6"])
def test_a_small_number_is_written_without_an_exponent(value: str) -> None:
    assert written(Price, value) == "0.000001"


def test_what_was_written_is_read_again() -> None:
    event = StockReported(item="TRAS-150", amount=Decimal("1E+3"), quantity=Decimal("1E-6"))
    assert StockReported.model_validate_json(event.model_dump_json()) == event


@pytest.mark.parametrize(("value", "rounded"), [("0.005", "0.01"), ("0.015", "0.02"), ("2.675", "2.68"), ("0.0049", "0.00"), ("-0.005", "-0.01")])  # fmt: skip
def test_cents_round_half_up(value: str, rounded: str) -> None:
    assert str(cents(Decimal(value))) == rounded


def test_plain_leaves_the_zeros_of_a_whole_number() -> None:
    assert [plain(Decimal(text)) for text in ("100", "1E+2", "100.0", "0.0")] == ["100", "100", "100", "0"]


DAYS = pytest.mark.parametrize("kind", [BusinessDate, DocumentDate], ids=["BusinessDate", "DocumentDate"])


@DAYS
@pytest.mark.parametrize("value", ["1989-12-31", "2101-01-01", "0001-01-01", "9999-12-31", date(1989, 12, 31)])
def test_a_day_outside_1990_to_2100_is_refused(kind: Any, value: Any) -> None:
    assert "outside 1990-01-01 to 2100-12-31" in refused(kind, value)


@DAYS
@pytest.mark.parametrize("value", ["1990-01-01", "2100-12-31"])
def test_the_first_and_the_last_day_are_included(kind: Any, value: str) -> None:
    assert written(kind, value) == value


@DAYS
@pytest.mark.parametrize("value", ["2022-02-29", "2022-13-01", "31/01/2022", "01-02-22", "yesterday", "", "2022-1-5", None])  # fmt: skip
def test_what_is_no_day_is_refused(kind: Any, value: Any) -> None:
    assert refused(kind, value)


@pytest.mark.parametrize("value", [0, 1643673600, 1643673600.0, "1643673600", True, 20220131])
def test_a_number_is_no_day_of_a_document(value: Any) -> None:
    assert "is not a day" in refused(DocumentDate, value)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2022-01-31T22:59:59Z", "2022-01-31"),
        ("2022-01-31T23:30:00Z", "2022-02-01"),
        ("2022-01-31T23:30Z", "2022-02-01"),
        ("2022-06-30T21:59:59Z", "2022-06-30"),
        ("2022-06-30T22:00:00Z", "2022-07-01"),
        ("2022-02-01T00:00:00+02:00", "2022-01-31"),
        ("2022-02-01T00:00:00+01:00", "2022-02-01"),
        ("2021-12-31T18:30:00-05:00", "2022-01-01"),
    ],
)
def test_an_instant_becomes_its_day_in_paris(instant: str, day: str) -> None:
    assert written(DocumentDate, instant) == day
    assert read(DocumentDate, datetime.fromisoformat(instant)) == date.fromisoformat(day)
    assert read_json(DocumentDate, instant) == date.fromisoformat(day)
    assert paris_day(datetime.fromisoformat(instant)) == date.fromisoformat(day)


def test_a_plain_day_stays_as_it_is() -> None:
    assert paris_day(date(2022, 1, 31)) == date(2022, 1, 31)


@pytest.mark.parametrize("value", ["2022-01-31T23:30:00", "2022-02-01T00:00:00"])
def test_a_naive_instant_has_no_day(value: str) -> None:
    refused(DocumentDate, value)
    with pytest.raises(ValueError, match="has no time zone"):
        paris_day(datetime.fromisoformat(value))
    assert "has no time zone" in refused(DocumentDate, datetime.fromisoformat(value))


@pytest.mark.parametrize("value", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-05:00"])
def test_an_instant_at_the_end_of_time_is_refused_not_a_crash(value: str) -> None:
    refused(DocumentDate, value)
    refused(Instant, value)


@pytest.mark.parametrize("value", ["2022-01-31T23:30:00", datetime(2022, 1, 31), "today"])  # noqa: DTZ001
def test_a_naive_instant_is_refused(value: Any) -> None:
    assert refused(Instant, value)


def test_an_instant_is_kept_and_written_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    at = datetime(2022, 2, 1, 8, 30, tzinfo=tokyo)
    assert written(Instant, at) == written(Instant, "2022-02-01T08:30:00+09:00") == "2022-01-31T23:30:00Z"
    assert read(Instant, at).tzinfo is UTC


def test_the_shell_stamps_in_utc_and_never_with_a_naive_clock() -> None:
    event = StockReported(item="TRAS-150", amount=Decimal(1), quantity=Decimal(1))
    tokyo = datetime(2022, 2, 1, 8, 30, tzinfo=timezone(timedelta(hours=9)))
    stamped = event.stamped(UUID(int=7), tokyo, "user-1", "trace-1")
    assert json.loads(stamped.model_dump_json())["recorded_at"] == "2022-01-31T23:30:00Z"
    assert StockReported.model_validate_json(stamped.model_dump_json()) == stamped
    with pytest.raises(ValueError, match="needs a time zone"):
        event.stamped(UUID(int=7), datetime(2022, 2, 1, 8, 30), "user-1", "trace-1")  # noqa: DTZ001


@pytest.mark.parametrize("value", ["eur", "EURO", "€", "EU", "EUR\n", "", 978])
def test_a_currency_is_three_capitals(value: Any) -> None:
    assert refused(Currency, value)


@pytest.mark.parametrize(("kind", "longest"), [(Text, 500), (Code, 300)])
def test_text_is_trimmed_never_empty_and_bounded(kind: Any, longest: int) -> None:
    assert read(kind, "  a b \n") == "a b"
    assert read(kind, "x" * longest)
    assert refused(kind, " \t")
    assert refused(kind, "x" * (longest + 1))


def test_an_event_ignores_fields_that_it_does_not_know() -> None:
    document = {"item": "TRAS-150", "amount": "1.00", "quantity": "1", "added_later": {"a": 1}}
    assert "added_later" not in StockReported.model_validate_json(json.dumps(document)).model_dump()


def test_a_command_refuses_fields_that_it_does_not_know() -> None:
    with pytest.raises(ValidationError, match="itme"):
        ReportStock.model_validate({"item": "TRAS-150", "amount": "1.00", "itme": "x"})


def test_events_and_commands_are_frozen() -> None:
    event = StockReported(item="TRAS-150", amount=Decimal(1), quantity=Decimal(1))
    command = ReportStock(item="TRAS-150", amount=Decimal(1))
    for thing in (event, command):
        with pytest.raises(ValidationError, match="frozen"):
            thing.item = "other"  # type: ignore[misc]


def test_a_stored_name_says_context_and_version() -> None:
    assert StockReported.context() == "planted"
    assert StockReported.schema_version() == 1


def test_the_stored_json_begins_with_the_shells_fields() -> None:
    event = StockReported(item="TRAS-150", amount=Decimal(1), quantity=Decimal(1))
    assert list(json.loads(event.model_dump_json())) == [
        "event_id", "recorded_at", "actor", "trace_id", "item", "amount", "quantity",
    ]  # fmt: skip


def test_a_schema_says_what_is_written_and_what_may_be_read() -> None:
    written, read = (StockReported.model_json_schema(mode=m)["properties"] for m in ("serialization", "validation"))
    assert written["amount"]["format"] == "decimal"
    assert written["amount"]["pattern"] == r"^\d{1,12}\.\d{2}$"
    assert read["amount"]["pattern"] == r"^\d{1,12}(\.\d{1,2})?$"
    assert written["quantity"]["pattern"] == read["quantity"]["pattern"] == r"^\d{1,12}(\.\d{1,6})?$"
    assert TypeAdapter(SignedAmount).json_schema()["pattern"].startswith("^-?")


def test_an_unknown_currency_is_refused_with_its_code() -> None:
    with pytest.raises(ValidationError, match="ZZZ is no currency"):
        TypeAdapter(Currency).validate_python("ZZZ")


def test_currencies_that_history_knows_are_accepted() -> None:
    assert [TypeAdapter(Currency).validate_python(code) for code in ("EUR", "USD", "FRF")] == ["EUR", "USD", "FRF"]
