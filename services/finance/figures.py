"""The figures: volume, growth, savings and CSR, each a query over the ledger written down as one JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from events.values import paris_day, plain
from infra.clickhouse import Analytics
from projections.agreements.reader import Agreements
from projections.establishments.reader import Establishments
from projections.ledger.sums import NO_ID, Counts, Slice, Sums, counts, item_labels, sums
from projections.suppliers.reader import Suppliers, valid_scores
from services.finance.periods import Period, before, cut, named
from services.finance.query import PERIODS, BadQuestion, FigureQuery, SeveralCurrencies
from services.finance.ratios import money, ratio

METHODS = {"volume": "volume/1", "growth": "growth/1", "savings": "savings/1", "csr": "csr/1"}
NONE = Decimal("0.00")
Rows = dict[tuple[str, ...], Sums]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what answers it."""

    query: FigureQuery
    analytics: Analytics
    slice: Slice
    now: datetime

    @property
    def day(self) -> date:
        """The day of knowledge in Paris: the as-of day, or today."""
        return paris_day(self.query.as_of or self.now)


def slice_of(query: FigureQuery) -> Slice:
    """The facts that a question is about."""
    return Slice(
        query.measure,
        query.first,
        query.last,
        query.establishment,
        query.agreement,
        query.supplier,
        query.currency,
        query.as_of,
    )


def compute(asked: Asked) -> Document:
    """A figure: method, currency, warnings, rows and total. Raises SeveralCurrencies, BadQuestion."""
    compute_one = {"volume": _volume, "growth": _growth, "savings": _savings, "csr": _csr}[asked.query.figure]
    return compute_one(asked)


def _sums(asked: Asked, by: Sequence[str], part: Slice | None = None) -> tuple[Rows, str | None]:
    """Sums by keys, and their one currency; None where there is nothing. Raises SeveralCurrencies."""
    found = sums(asked.analytics, by, part or asked.slice)
    currencies = sorted({one.currency for one in found})
    if len(currencies) > 1:
        msg = f"these amounts are in {', '.join(currencies)}"
        raise SeveralCurrencies(msg, pointer="/currency", currencies=", ".join(currencies))
    return {one.keys: one for one in found}, currencies[0] if currencies else asked.query.currency


def _total(rows: Iterable[Sums]) -> Sums:
    total = Sums((), "", NONE, Decimal(0), 0, NONE, NONE, 0, 0, 0)
    for row in rows:
        total += row
    return total


def _volume(asked: Asked) -> Document:
    by = asked.query.by
    found, currency = _sums(asked, by)
    by_key, overall = counts(asked.analytics, by, asked.slice), counts(asked.analytics, (), asked.slice)

    def row(one: Sums, count: Counts, *, has_item: bool) -> Document:
        quantity = {"quantity": plain(one.quantity)} if has_item else {}
        return {
            "amount": money(one.amount),
            **quantity,
            "lines": one.lines,
            "orders": count.orders,
            "establishments": count.establishments,
        }

    has_item = "item" in by
    rows = {k: row(s, by_key.get((s.currency, k), Counts()), has_item=has_item) for k, s in found.items()}
    total = row(_total(found.values()), overall.get((currency or "", ()), Counts()), has_item=False)
    return _figure(asked, currency, rows, total)


def _savings(asked: Asked) -> Document:
    found, currency = _sums(asked, asked.query.by)

    def row(one: Sums) -> Document:
        saving = one.baseline_amount - one.amount_with_baseline
        return {
            "amount": money(one.amount_with_baseline),
            "baseline_amount": money(one.baseline_amount),
            "saving": money(saving),
            "rate_on_baseline": ratio(saving, one.baseline_amount),
            "rate_on_spend": ratio(saving, one.amount_with_baseline),
            "lines": one.lines_with_baseline,
            "without_baseline": {
                "lines": one.lines - one.lines_with_baseline,
                "amount": money(one.amount - one.amount_with_baseline),
            },
        }

    total = _total(found.values())
    return _figure(asked, currency, {k: row(s) for k, s in found.items()}, row(total), _baseline_warnings(total))


def _baseline_warnings(total: Sums) -> list[str]:
    warnings = []
    if total.first_price_lines:
        warnings.append(
            f"{total.first_price_lines} lines are measured by first-recorded-price: the gap to the first known price "
            "of imported history, not a negotiated saving"
        )
    if total.jump_lines:
        warnings.append(
            f"{total.jump_lines} lines have a price more than 10 times their baseline, or less than a tenth: "
            "a unit of measure may have changed"
        )
    return warnings


def _csr(asked: Asked) -> Document:
    by = asked.query.by
    found, currency = _sums(asked, (*by, "supplier"))
    scores = valid_scores(asked.analytics, asked.day, asked.query.as_of)
    groups: dict[tuple[str, ...], list[tuple[Decimal, int | None]]] = {}
    for keys, one in found.items():
        groups.setdefault(keys[:-1], []).append((one.amount, scores.get(UUID(keys[-1]))))

    def row(spends: Iterable[tuple[Decimal, int | None]]) -> Document:
        spends = list(spends)
        spend = sum((amount for amount, _ in spends), NONE)
        rated = [(amount, score) for amount, score in spends if score is not None]
        rated_spend = sum((amount for amount, _ in rated), NONE)
        return {
            "spend": money(spend),
            "rated_spend": money(rated_spend),
            "coverage": ratio(rated_spend, spend),
            "score": ratio(sum((amount * score for amount, score in rated), NONE), rated_spend),
        }

    total = row(pair for pairs in groups.values() for pair in pairs)
    warnings = [f"ratings as valid on {asked.day}"]
    return _figure(asked, currency, {k: row(pairs) for k, pairs in groups.items()}, total, warnings)


def _growth(asked: Asked) -> Document:
    period_key = next((key for key in asked.query.by if key in PERIODS), None)
    if asked.query.first and asked.query.last:
        if period_key is not None:
            msg = (
                f"growth from {asked.query.first} to {asked.query.last} is one comparison: leave out --by {period_key}"
            )
            raise BadQuestion(msg, pointer="/by")
        given = Period(asked.query.first, asked.query.last)
        against_first, against_last = asked.query.against_first, asked.query.against_last
        against = Period(against_first, against_last) if against_first and against_last else before(given)
        return _comparison(asked, [cut(given, against, asked.day)], None)
    key = period_key or "year"
    found, _ = _sums(asked, (key,))
    names = sorted(keys[0] for keys in found)
    pairs = [cut(named(name), before(named(name)), asked.day) for name in names]
    return _comparison(asked, pairs, key if period_key else None, names)


def _comparison(
    asked: Asked, pairs: Sequence[tuple[Period, Period]], period_key: str | None, names: Sequence[str] = ()
) -> Document:
    """Rows for each pair of periods; without a key of periods only the newest pair. The total is of the newest pair."""
    others = tuple(key for key in asked.query.by if key not in PERIODS)
    rows: dict[tuple[str, ...], Document] = {}
    total: Document = {
        "amount": "0.00",
        "previous_amount": "0.00",
        "growth": None,
        "period": None,
        "previous_period": None,
    }
    currency: str | None = asked.query.currency
    for n, (period, previous) in enumerate(pairs):
        if period_key is None and n < len(pairs) - 1:
            continue
        amounts, seen = _sums(asked, others, replace(asked.slice, first=period.first, last=period.last))
        olds, old_seen = _sums(asked, others, replace(asked.slice, first=previous.first, last=previous.last))
        if seen and old_seen and seen != old_seen:
            msg = f"one period is in {seen}, the other in {old_seen}"
            raise SeveralCurrencies(msg, pointer="/currency", currencies=f"{seen}, {old_seen}")
        currency = seen or old_seen or currency

        def compared(new: Sums | None, old: Sums | None, periods: tuple[Period, Period]) -> Document:
            amount, previous_amount = new.amount if new else NONE, old.amount if old else NONE
            return {
                "amount": money(amount),
                "previous_amount": money(previous_amount),
                "growth": ratio(amount - previous_amount, previous_amount),
                "period": periods[0].document(),
                "previous_period": periods[1].document(),
            }

        for keys in amounts.keys() | olds.keys():
            whole = _with_period(asked.query.by, keys, names[n] if period_key else None)
            rows[whole] = compared(amounts.get(keys), olds.get(keys), (period, previous))
        total = compared(_total(amounts.values()), _total(olds.values()), (period, previous))
    return _figure(asked, currency, rows, total)


def _with_period(by: Sequence[str], keys: tuple[str, ...], name: str | None) -> tuple[str, ...]:
    rest = iter(keys)
    return tuple(name or "" if key in PERIODS else next(rest) for key in by)


def _figure(
    asked: Asked,
    currency: str | None,
    rows: Mapping[tuple[str, ...], Document],
    total: Document,
    warnings: Sequence[str] = (),
) -> Document:
    query, by = asked.query, asked.query.by
    labels = {key: _labels(asked.analytics, key, {keys[n] for keys in rows}) for n, key in enumerate(by)}
    written: list[Document] = []
    for keys in sorted(rows):
        named_keys: Document = {
            key: None if value == str(NO_ID) else value for key, value in zip(by, keys, strict=True)
        }
        found = [labels[key].get(value, value) for key, value in zip(by, keys, strict=True) if key not in PERIODS]
        label: Document = {"label": " / ".join(found)} if found else {}
        written.append({**named_keys, **label, **rows[keys]})
    return {
        "figure": query.figure,
        "method": METHODS[query.figure],
        "measure": query.measure,
        "currency": currency,
        "by": list(by),
        "period": {"from": _day(query.first), "to": _day(query.last)},
        "as_of": query.as_of.isoformat().replace("+00:00", "Z") if query.as_of else None,
        "filters": {
            "establishment": [str(one) for one in query.establishment],
            "agreement": [str(one) for one in query.agreement],
            "supplier": [str(one) for one in query.supplier],
        },
        "warnings": list(warnings),
        "rows": written,
        "total": total,
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _labels(analytics: Analytics, key: str, values: set[str]) -> Mapping[str, str]:
    match key:
        case "establishment":
            return Establishments(analytics).labels()
        case "agreement":
            return Agreements(analytics).labels()
        case "lot":
            return {str(NO_ID): "no lot", **Agreements(analytics).lot_labels()}
        case "supplier":
            return Suppliers(analytics).labels()
        case "item":
            return item_labels(analytics, values)
    return {}
