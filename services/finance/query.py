"""What may be asked of finance."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from events.base import Refusal
from events.values import PARIS, BusinessDate, Currency, Instant

FigureName = Literal["volume", "growth", "savings", "csr"]
Key = Literal["year", "quarter", "month", "establishment", "agreement", "lot", "supplier", "category", "item"]
Measure = Literal["ordered", "received", "invoiced"]
PERIODS: tuple[Key, ...] = ("year", "quarter", "month")


class SeveralCurrencies(Refusal):
    """The figure would add up amounts of more than one currency."""

    rule = "A figure never mixes currencies"
    remedy = "Choose one of them with currency (--currency EUR)."


class BadQuestion(Refusal):
    """The parts of a question contradict one another."""

    rule = "A figure is asked with days in order, each key once, and one kind of period"
    remedy = "Correct the option that is named."


def _end_of_day(value: Any) -> Any:
    """A day means its end in Paris: what was known when the day was over."""
    if isinstance(value, str) and len(value) == len("2022-12-31"):
        value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time.max, PARIS)
    return value


class FigureQuery(BaseModel):
    """A question for a figure. Days are included; without a period, everything counts."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    figure: FigureName
    by: tuple[Key, ...] = ()
    """Keys of the rows, in the order of the sort."""
    first: BusinessDate | None = Field(None, alias="from")
    last: BusinessDate | None = Field(None, alias="to")
    against_first: BusinessDate | None = Field(None, alias="against_from")
    against_last: BusinessDate | None = Field(None, alias="against_to")
    """Growth only: the period to compare with; by default the one before."""
    measure: Measure = "invoiced"
    establishment: tuple[UUID, ...] = ()
    agreement: tuple[UUID, ...] = ()
    supplier: tuple[UUID, ...] = ()
    currency: Currency | None = None
    as_of: Annotated[Instant, BeforeValidator(_end_of_day)] | None = None
    """As it was known at this instant; a plain day means its end in Paris."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for first, last, name in (
            (self.first, self.last, "from"),
            (self.against_first, self.against_last, "against_from"),
        ):
            if first and last and first > last:
                msg = f"{first} is after {last}"
                raise BadQuestion(msg, pointer=f"/{name}")
        if len(set(self.by)) < len(self.by) or sum(key in PERIODS for key in self.by) > 1:
            msg = f"{', '.join(self.by)}: each key once, and one of {', '.join(PERIODS)}"
            raise BadQuestion(msg, pointer="/by")
        against = (self.against_first, self.against_last)
        if any(against) and (None in (*against, self.first, self.last) or self.figure != "growth"):
            msg = "growth compares from … to with against_from … against_to: all four days, or neither of the last two"
            raise BadQuestion(msg, pointer="/against_from")
        if self.figure == "growth" and (self.first is None) is not (self.last is None):
            msg = "growth compares one period, from … to …, or all of them: both days, or neither"
            raise BadQuestion(msg, pointer="/from" if self.first is None else "/to")
        return self
