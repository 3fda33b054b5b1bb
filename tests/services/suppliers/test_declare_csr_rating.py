from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import ValidationError

from events.base import AlreadyExists, Unknown
from infra.settings import Settings
from services.suppliers.app import build
from services.suppliers.commands import DeclareCsrRating
from services.suppliers.rating import PublishedInTheFuture
from tests.scenario import Scenario
from tests.services.suppliers.facts import OTHER, RATING, SUPPLIER, TODAY, declare, declared, register


def test_a_rating_expires_on_the_anniversary_of_its_publication(registered: Scenario) -> None:
    registered.when(declare(date(2022, 3, 15)), scope=SUPPLIER).then(declared(date(2022, 3, 15), date(2023, 3, 15)))


def test_a_rating_of_29_february_counts_until_the_end_of_the_next_february(registered: Scenario) -> None:
    registered.when(declare(date(2020, 2, 29))).then(declared(date(2020, 2, 29), date(2021, 3, 1)))


def test_a_rating_may_be_declared_on_the_day_of_its_publication(registered: Scenario) -> None:
    registered.when(declare(TODAY)).then(declared(TODAY, date(2023, 6, 1)))


def test_a_rating_of_tomorrow_is_refused(registered: Scenario) -> None:
    registered.when(declare(TODAY + timedelta(days=1)))
    registered.then_refused(PublishedInTheFuture, pointer="/published_on", saying="today is 2022-06-01")


def test_today_is_the_day_in_paris(settings: Settings) -> None:
    late_evening = datetime(2022, 5, 31, 22, 30, tzinfo=UTC)
    scenario = Scenario(build(settings, lambda: late_evening)).given(register())
    scenario.when(declare(date(2022, 6, 1))).then(declared(date(2022, 6, 1), date(2023, 6, 1)))


def test_a_rating_is_declared_once(rated: Scenario) -> None:
    rated.when(declare()).then_refused(AlreadyExists, pointer="/rating_id", saying=str(RATING))


def test_an_unknown_supplier_declares_nothing(nobody: Scenario) -> None:
    nobody.when(declare()).then_refused(Unknown, pointer="/supplier_id")


def test_a_supplier_declares_for_itself_only(registered: Scenario) -> None:
    registered.given(register(OTHER)).when(declare(), scope=OTHER).then_refused(Unknown, pointer="/supplier_id")


@pytest.mark.parametrize("scores", [{"overall": 101}, {"overall": -1}, {"overall": 60, "enviroment": 70}, {}])
def test_a_score_out_of_range_or_misspelt_is_refused(scores: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        DeclareCsrRating.model_validate({**declare().model_dump(), "scores": scores})


def test_a_score_of_exactly_100_and_one_of_0_are_scores() -> None:
    scores = {"overall": 100, "labour": 0}
    command = DeclareCsrRating.model_validate({**declare().model_dump(), "scores": scores})
    assert (command.scores.overall, command.scores.labour, command.scores.ethics) == (100, 0, None)
