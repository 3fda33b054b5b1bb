"""What was known at an instant, exactly: roll-ups of whole months and the rows of one give what a fold gives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from events.base import Event
from events.ordering import CreditNoteReceived, InvoiceReceived
from infra.event_store import EventStore
from infra.log import Log
from projections.ledger.facts import facts
from projections.ledger.sums import Slice, counts, sums
from services.embedded import Platform
from services.finance.fold import facts as folded
from tests.network import query
from tests.projections.engine import EACH_ENGINE, platform_of
from tests.projections.stored import line, of_order, put

CHANCE = random.Random(20220331)  # noqa: S311 - no secret
BEGIN, DAYS = datetime(2022, 1, 1, tzinfo=UTC), 400
BORDERS = [
    datetime(2022, 1, 31, 23, 30, tzinfo=UTC),
    datetime(2022, 1, 31, 22, 59, 59, 999_999, tzinfo=UTC),
    datetime(2022, 1, 31, 23, 0, tzinfo=UTC),
    datetime(2022, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2022, 2, 1, 0, 0, tzinfo=UTC),
    datetime(2022, 2, 28, 23, 30, tzinfo=UTC),
    datetime(2022, 3, 1, 0, 0, tzinfo=UTC),
    datetime(2022, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2023, 1, 1, 0, 0, tzinfo=UTC),
]
CENTRES = [uuid4() for _ in range(4)]
Known = list[tuple[datetime, Event]]


def happened() -> Iterator[Event]:
    """400 documents of 400 days; each fourth is recorded up to two days before the one that was committed first."""
    at = BEGIN
    for n in range(400):
        at += timedelta(seconds=CHANCE.randrange(2 * DAYS * 86_400 // 400), microseconds=CHANCE.randrange(1_000_000))
        if n % 9 == 0:
            at = max(at, CHANCE.choice(BORDERS))
        clock = at - timedelta(seconds=CHANCE.randrange(172_800)) if n % 4 == 0 else at
        cls = CreditNoteReceived if n % 7 == 0 else InvoiceReceived
        amount, baseline = f"{CHANCE.randrange(100_000)}.{CHANCE.randrange(100):02}", f"{CHANCE.randrange(100_000)}.10"
        lines = (line(amount, baseline if n % 3 else None), line(f"0.{n % 100:02}", None, line_id="2"))
        day = date(2021, 12, 1) + timedelta(days=CHANCE.randrange(400))
        yield of_order(cls, *lines, at=clock, business_date=day, establishment_id=CENTRES[n % 4])


def known(store: EventStore) -> Known:
    """The events as they became known: at the largest time up to them, since a lane's time never decreases."""
    found: Known = []
    latest = BEGIN
    for entry in Log(store).page(10_000) or []:
        event = store.mapper.language.load(entry.type, entry.raw)
        latest = max(latest, event.recorded_at)
        found.append((latest, event))
    return found


@pytest.fixture(scope="module", params=EACH_ENGINE)
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform_of(request.param, tmp_path_factory.mktemp("home")) as found:
        put(found.ordering.store, *happened())
        found.catch_up()
        yield found


@pytest.fixture(scope="module")
def history(platform: Platform) -> Known:
    return known(platform.ordering.store)


def test_the_clocks_of_the_history_cross(history: Known) -> None:
    said = [event.recorded_at for _, event in history]
    assert said != sorted(said)
    assert len({latest for latest, _ in history}) < len(history)


def fold(history: Known, as_of: datetime, by_year: bool) -> dict[tuple[str, ...], tuple[Decimal, Decimal, int]]:
    found: dict[tuple[str, ...], tuple[Decimal, Decimal, int]] = {}
    for latest, event in history:
        if latest > as_of:
            continue
        for fact in folded(event):
            keys = (
                (str(fact.business_date.year), str(fact.establishment_id)) if by_year else (str(fact.establishment_id),)
            )
            amount, baseline, lines = found.get(keys, (Decimal(0), Decimal(0), 0))
            found[keys] = (amount + fact.amount, baseline + (fact.baseline_amount or 0), lines + fact.lines)
    return found


def instants(history: Known) -> list[datetime]:
    """Random ones, those of events to the microsecond and just before, and the borders of months."""
    random_ones = [BEGIN + timedelta(seconds=CHANCE.randrange(DAYS * 86_400)) for _ in range(40)]
    exact = [latest - timedelta(microseconds=n % 2) for n, (latest, _) in enumerate(CHANCE.sample(history, 30))]
    return [*random_ones, *exact, *BORDERS, BEGIN - timedelta(days=1), BEGIN + timedelta(days=2 * DAYS)]


def test_a_sum_as_of_any_instant_is_a_fold_of_what_was_recorded_up_to_it(platform: Platform, history: Known) -> None:
    for n, as_of in enumerate(instants(history)):
        by = ("year", "establishment") if n % 2 else ("establishment",)
        asked = Slice("invoiced", as_of=as_of)
        found = {one.keys: (one.amount, one.baseline_amount, one.lines) for one in sums(platform.analytics, by, asked)}
        assert found == fold(history, as_of, by_year=bool(n % 2)), as_of
        rows = facts(platform.analytics, asked, 10_000, only_with_baseline=False)
        assert sum(row["amount"] for row in rows) == sum(amount for amount, _, _ in found.values()), as_of
        orders_of = counts(platform.analytics, (), asked)
        if found:
            assert orders_of["EUR", ()].orders == len({row["order_id"] for row in rows}), as_of


def test_knowledge_only_grows(platform: Platform, history: Known) -> None:
    lines = [
        sum(one.lines for one in sums(platform.analytics, (), Slice("invoiced", as_of=as_of)))
        for as_of in sorted(instants(history))
    ]
    assert lines == sorted(lines)
    assert lines[0] == 0
    assert lines[-1] == 800


@pytest.mark.parametrize(
    ("day", "until"),
    [
        (date(2022, 1, 31), "23:00"),
        (date(2022, 2, 1), "23:00"),
        (date(2022, 7, 31), "22:00"),
    ],
)
def test_a_plain_day_ends_when_it_ends_in_paris(platform: Platform, history: Known, day: date, until: str) -> None:
    end = datetime.fromisoformat(f"{day}T{until}+00:00") - timedelta(microseconds=1)
    expected = sum((amount for amount, _, _ in fold(history, end, by_year=False).values()), Decimal(0))
    found = platform.finance.figure(query("volume", as_of=day.isoformat()))
    assert found["total"]["amount"] == f"{expected:.2f}"


def test_filters_and_days_hold_as_of_an_instant_too(platform: Platform, history: Known) -> None:
    as_of = datetime(2022, 8, 17, 9, 30, tzinfo=UTC)
    asked = Slice("invoiced", date(2022, 2, 3), date(2022, 6, 17), (CENTRES[1],), as_of=as_of)
    expected = sum(
        fact.amount
        for latest, event in history
        for fact in folded(event)
        if latest <= as_of
        and date(2022, 2, 3) <= fact.business_date <= date(2022, 6, 17)
        and fact.establishment_id == CENTRES[1]
    )
    (found,) = sums(platform.analytics, (), asked)
    assert found.amount == expected
