"""Periods: the one before, and both sides of a comparison cut at the same day while the later one is unfinished."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

MONTHS = {"year": 12, "quarter": 3, "month": 1}


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    def document(self) -> dict[str, str]:
        """As figures write it."""
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}


def named(key: str) -> Period:
    """The period that a key names: 2022, 2022-Q1 or 2022-01."""
    year, _, part = key.partition("-")
    if not part:
        return Period(date(int(year), 1, 1), date(int(year), 12, 31))
    months = 3 if part.startswith("Q") else 1
    start = date(int(year), (int(part.removeprefix("Q")) - 1) * months + 1, 1)
    return Period(start, shift(start, months) - timedelta(days=1))


def shift(day: date, months: int) -> date:
    """The same day some months later or earlier; the last one of the month where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def before(period: Period) -> Period:
    """The period before, of the same length: in whole months where it has whole months, else in days."""
    day_after = period.last + timedelta(days=1)
    if period.first.day == 1 and day_after.day == 1:
        months = (day_after.year - period.first.year) * 12 + day_after.month - period.first.month
        return Period(shift(period.first, -months), period.first - timedelta(days=1))
    return Period(period.first - (day_after - period.first), period.first - timedelta(days=1))


def cut(period: Period, against: Period, today: date) -> tuple[Period, Period]:
    """Both periods to the same day where `today` lies in the first: "à date"."""
    if not period.first <= today < period.last:
        return period, against
    months = (period.first.year - against.first.year) * 12 + period.first.month - against.first.month
    is_in_step = period.first.day == against.first.day
    end = shift(today, -months) if is_in_step else against.first + (today - period.first)
    return Period(period.first, today), Period(against.first, min(against.last, end))
