from __future__ import annotations

from datetime import date

import pytest

from events.base import Unknown
from events.suppliers import CsrRatingRejected
from services.suppliers.app import Suppliers
from services.suppliers.commands import RejectCsrRating, VerifyCsrRating
from services.suppliers.rating import AlreadyJudged, SelfVerification, Verdict
from tests.scenario import Scenario
from tests.services.suppliers.facts import RATING, REJECT, SUPPLIER, VERIFY, declare

REJECTED = CsrRatingRejected(supplier_id=SUPPLIER, rating_id=RATING, reason="no such scorecard")


def test_somebody_else_rejects_a_rating(rated: Scenario, suppliers: Suppliers) -> None:
    rated.when(REJECT, actor="buyer-1").then(REJECTED)
    assert suppliers.supplier(SUPPLIER)[0].ratings[RATING].verdict is Verdict.REJECTED


def test_an_expired_rating_may_be_rejected(registered: Scenario) -> None:
    registered.given(declare(date(2020, 1, 1))).when(REJECT, actor="buyer-1").then(REJECTED)


def test_the_declarer_does_not_reject_its_own_rating(rated: Scenario) -> None:
    rated.when(REJECT, actor="supplier-1").then_refused(SelfVerification, saying="supplier-1")


@pytest.mark.parametrize(("verdict", "saying"), [(VERIFY, "was verified"), (REJECT, "was rejected")])
def test_a_judged_rating_is_not_rejected(
    rated: Scenario, verdict: VerifyCsrRating | RejectCsrRating, saying: str
) -> None:
    rated.given(verdict, actor="buyer-1").when(REJECT, actor="buyer-2").then_refused(AlreadyJudged, saying=saying)


def test_a_rating_that_was_not_declared_is_not_rejected(registered: Scenario) -> None:
    registered.when(REJECT, actor="buyer-1").then_refused(Unknown, pointer="/rating_id")


def test_an_unknown_supplier_has_no_rating_to_reject(nobody: Scenario) -> None:
    nobody.when(REJECT).then_refused(Unknown, pointer="/supplier_id")
