"""CSR: which rating counts on which day, and how much of the spend is covered."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.examples import example
from events.suppliers import CsrRatingDeclared, CsrRatingVerified
from tests.network import Agreement, Network
from tests.projections.stored import put, raw
from tests.services.finance.buying import pick

TODAY, DAY = date(2023, 6, 15), date(2022, 3, 31)


def spend(network: Network, *ratings: tuple[int, date], is_verified: bool = True) -> tuple[UUID, Agreement]:
    """A centre that spent 100.00 with a supplier of these ratings, as of TODAY."""
    agreement = network.sign("100")
    centre = network.establishment(agreement)
    network.buy(centre, agreement, "1", "100.00", DAY)
    for overall, published_on in ratings:
        # A rating is verified while it is valid.
        network.clock.on(published_on)
        network.rate(agreement.supplier_id, overall, published_on, is_verified=is_verified)
    network.clock.on(TODAY)
    return centre, agreement


def total(network: Network, centre: UUID, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = network.figure("csr", establishment=centre, **asked)["total"]
    return found


@pytest.mark.parametrize(
    ("published_on", "score"),
    [
        (date(2022, 6, 15), None),
        (date(2022, 6, 16), "62.000000"),
        (date(2023, 6, 15), "62.000000"),
    ],
)
def test_a_rating_counts_for_a_year_its_anniversary_excluded(
    network: Network, published_on: date, score: str | None
) -> None:
    centre, _ = spend(network, (62, published_on))
    assert total(network, centre)["score"] == score


def test_a_rating_that_is_only_declared_counts_for_nothing(network: Network) -> None:
    centre, _ = spend(network, (90, date(2023, 1, 1)), is_verified=False)
    assert total(network, centre) == {
        "spend": "100.00",
        "rated_spend": "0.00",
        "coverage": "0.000000",
        "score": None,
    }


@pytest.mark.parametrize(
    ("ratings", "score", "coverage"),
    [
        ([], None, "0.000000"),
        ([(0, date(2023, 1, 1))], "0.000000", "1.000000"),
        ([(100, date(2023, 1, 1))], "100.000000", "1.000000"),
    ],
)
def test_no_data_is_never_a_score_and_a_score_of_zero_is_one(
    network: Network, ratings: list[tuple[int, date]], score: str | None, coverage: str
) -> None:
    centre, _ = spend(network, *ratings)
    found = total(network, centre)
    assert (found["score"], found["coverage"]) == (score, coverage)


def test_of_two_valid_ratings_the_one_published_last_counts(network: Network) -> None:
    centre, _ = spend(network, (70, date(2023, 5, 1)), (40, date(2022, 12, 1)))
    assert total(network, centre)["score"] == "70.000000"


def test_a_newer_rating_that_is_not_verified_leaves_the_older_one(network: Network) -> None:
    centre, agreement = spend(network, (40, date(2022, 12, 1)))
    network.rate(agreement.supplier_id, 90, date(2023, 5, 1), is_verified=False)
    assert total(network, centre)["score"] == "40.000000"


def test_as_of_a_day_counts_what_was_verified_by_then_and_valid_on_it(network: Network) -> None:
    centre, agreement = spend(network)
    network.clock.on(date(2026, 3, 1))
    network.buy(centre, agreement, "1", "1.00", DAY)
    network.clock.on(date(2026, 3, 10))
    network.rate(agreement.supplier_id, 55, date(2026, 2, 1))
    network.clock.on(date(2028, 1, 1))
    assert total(network, centre, as_of="2026-03-09")["score"] is None, "nobody had verified it"
    assert total(network, centre, as_of="2026-03-10")["score"] == "55.000000"
    assert total(network, centre, as_of="2027-01-31")["score"] == "55.000000"
    assert total(network, centre, as_of="2027-02-01")["score"] is None, "its anniversary"


def test_coverage_is_told_for_each_row(network: Network) -> None:
    rated, unrated = network.sign("100"), network.sign("100")
    centre = network.establishment(rated, unrated)
    network.clock.on(TODAY)
    network.rate(rated.supplier_id, 50, date(2023, 1, 1))
    network.buy(centre, rated, "1", "75.00", date(2022, 1, 1))
    network.buy(centre, unrated, "1", "25.00", date(2022, 1, 1))
    network.buy(centre, unrated, "1", "10.00", date(2021, 1, 1))
    rows = network.figure("csr", by=("year",), establishment=centre)["rows"]
    assert pick(rows, "year", "spend", "coverage", "score") == [
        ("2021", "10.00", "0.000000", None),
        ("2022", "100.00", "0.750000", "50.000000"),
    ]
    rows = network.figure("csr", by=("supplier",), establishment=centre)["rows"]
    assert sorted(pick(rows, "spend", "score"), key=str) == [("35.00", None), ("75.00", "50.000000")]


def test_a_figure_says_on_which_day_ratings_were_valid(network: Network) -> None:
    centre, _ = spend(network)
    assert network.figure("csr", establishment=centre)["warnings"] == ["ratings as valid on 2023-06-15"]


@pytest.mark.parametrize("scores", [{}, {"overall": None}, {"overall": "85"}, {"overall": 101}, {"overall": 8.5}])
def test_a_rating_whose_score_cannot_be_read_counts_for_nothing_and_the_figure_says_so(
    network: Network, scores: dict[str, Any]
) -> None:
    centre, agreement = spend(network)
    said = {"supplier_id": str(agreement.supplier_id), "rating_id": str(uuid4()), "scores": scores}
    said |= {"published_on": "2023-01-01", "expires_on": "2024-01-01"}
    positions = put(
        network.platform.suppliers.store,
        raw(example(CsrRatingDeclared), **said),
        raw(example(CsrRatingVerified), **said),
    )
    found = network.figure("csr", establishment=centre)
    assert (found["total"]["score"], found["total"]["coverage"]) == (None, "0.000000")
    assert set(positions) <= {one["position"] for one in found["incomplete"] if one["context"] == "suppliers"}
