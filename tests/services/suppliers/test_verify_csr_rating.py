from __future__ import annotations

from datetime import date

import pytest

from events.base import Unknown
from events.suppliers import CsrRatingVerified
from services.suppliers.app import Suppliers
from services.suppliers.commands import RejectCsrRating, VerifyCsrRating
from services.suppliers.rating import AlreadyJudged, RatingHasExpired, SelfVerification, Verdict
from tests.scenario import Scenario
from tests.services.suppliers.facts import OTHER, RATING, REJECT, SCORES, SUPPLIER, VERIFY, declare, register


def test_somebody_else_verifies_a_rating(rated: Scenario, suppliers: Suppliers) -> None:
    rated.when(VERIFY, actor="buyer-1").then(
        CsrRatingVerified(
            supplier_id=SUPPLIER,
            rating_id=RATING,
            scores=SCORES,
            published_on=date(2022, 3, 15),
            expires_on=date(2023, 3, 15),
        )
    )
    assert suppliers.supplier(SUPPLIER)[0].ratings[RATING].verdict is Verdict.VERIFIED


def test_the_declarer_does_not_verify_its_own_rating(rated: Scenario) -> None:
    rated.when(VERIFY, actor="supplier-1").then_refused(SelfVerification, saying="supplier-1")


def test_a_rating_counts_until_the_day_before_its_anniversary(registered: Scenario) -> None:
    registered.given(declare(date(2021, 6, 2))).when(VERIFY, actor="buyer-1")
    assert registered.refusal is None


def test_a_rating_has_expired_on_its_anniversary(registered: Scenario) -> None:
    registered.given(declare(date(2021, 6, 1))).when(VERIFY, actor="buyer-1")
    registered.then_refused(RatingHasExpired, pointer="/rating_id", saying="expired on 2022-06-01")


@pytest.mark.parametrize(("verdict", "saying"), [(VERIFY, "was verified"), (REJECT, "was rejected")])
def test_a_judged_rating_is_not_verified(
    rated: Scenario, verdict: VerifyCsrRating | RejectCsrRating, saying: str
) -> None:
    rated.given(verdict, actor="buyer-1").when(VERIFY, actor="buyer-2").then_refused(AlreadyJudged, saying=saying)


def test_a_rating_that_was_not_declared_is_not_verified(registered: Scenario) -> None:
    registered.when(VERIFY, actor="buyer-1").then_refused(Unknown, pointer="/rating_id", saying=str(RATING))


def test_an_unknown_supplier_has_no_rating_to_verify(nobody: Scenario) -> None:
    nobody.when(VERIFY).then_refused(Unknown, pointer="/supplier_id")


def test_another_ones_rating_does_not_exist_for_a_supplier(rated: Scenario) -> None:
    rated.given(register(OTHER)).when(VERIFY, actor="supplier-2", scope=OTHER).then_refused(
        Unknown, pointer="/supplier_id"
    )
