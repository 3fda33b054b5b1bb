"""What the journal makes of answers."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid5

import pytest

from tests.faults.journal import Asked, Fact, Journal, read, sums

KEY = "00000000-0000-4000-8000-000000000001"
FACT = Fact("ordered", "e", "a", "2026-03", 1999)
ASKED = Asked(KEY, "e", "submit_order", "ordering", "/orders", {"number": "BC-1"}, (FACT,))


@pytest.mark.parametrize(
    ("statuses", "answer"),
    [
        pytest.param([201], "accepted", id="accepted"),
        pytest.param([409], "refused", id="refused"),
        pytest.param([0], "unknown", id="cut"),
        pytest.param([503, 502, 504, 500], "unknown", id="in trouble"),
        pytest.param([0, 503, 201], "accepted", id="accepted in the end"),
        pytest.param([201, 0], "accepted", id="accepted before"),
        pytest.param([0, 409], "unknown", id="refused while another try may be on its way"),
        pytest.param([], "unknown", id="asked, and the journal ends"),
    ],
)
def test_what_is_known_of_a_command(tmp_path: Path, statuses: list[int], answer: str) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal.asks(ASKED)
        for status in statuses:
            journal.hears(ASKED, status)
    (outcome,), seen = read(path)
    assert (outcome.asked, outcome.answer, outcome.tries, seen) == (ASKED, answer, 1, [])


def test_two_tenants_may_use_the_same_key(tmp_path: Path) -> None:
    other = Asked(KEY, "f", "submit_order", "ordering", "/orders", {})
    with Journal(tmp_path / "journal") as journal:
        for asked, status in ((ASKED, 201), (other, 409)):
            journal.asks(asked)
            journal.hears(asked, status)
    outcomes, _ = read(tmp_path / "journal")
    assert [outcome.answer for outcome in outcomes] == ["accepted", "refused"]
    assert next(ASKED.event_ids()) == uuid5(UUID(KEY), "e:1") != next(other.event_ids())


def test_sums_are_by_everything_but_the_amount_and_nothing_is_left_of_what_cancels_out(tmp_path: Path) -> None:
    facts = (FACT, FACT, FACT._replace(measure="invoiced"), FACT._replace(measure="invoiced", cents=-1999))
    with Journal(tmp_path / "journal") as journal:
        journal.asks(Asked(KEY, "e", "submit_order", "ordering", "/orders", {}, facts))
    assert sums(read(tmp_path / "journal")[0]) == {FACT._replace(cents=0): 3998}
