from __future__ import annotations

import pytest

from events.ordering import PastOrderCorrected, PastOrderRecorded
from tests.history.desk import Desk, row


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": "26.00"}, "amount '25.00', now '26.00'"),
        ({"quantity": "11"}, "quantity '10', now '11'"),
        ({"price": "2.6"}, "unit_price '2.5', now '2.6'"),
        ({"received": "06/03/2020"}, "received_on '2020-03-05', now '2020-03-06'; invoiced_on '2020-03-05', now '2020-03-06'"),
        ({"ordered": "02/03/2020"}, "ordered_on '2020-03-01', now '2020-03-02'"),
        ({"supplier": "Other"}, "agreement 'Labo SA / 33141420', now 'Other / 33141420'; supplier 'Labo SA', now 'Other'"),
        ({"unit": "box of 10"}, "item 'Gloves / box of 100', now 'Gloves / box of 10'; unit 'box of 100', now 'box of 10'"),
        ({"received": ""}, "received_on '2020-03-05', now 'None'"),
    ],
)  # fmt: skip
def test_a_row_that_came_before_with_other_content_is_refused_naming_both_values(
    desk: Desk, change: dict[str, str], said: str
) -> None:
    desk.run(row(), row(order="A-2"))
    before = desk.positions()
    result = desk.run(row(order="A-3"), row(order="A-2"), row(**change))
    [problem] = result.problems
    assert result.exit_code == 1
    assert not result.is_committed
    assert desk.positions() == before, "a conflict is found before the first commit"
    assert problem.row == 4
    assert said in problem.detail
    assert "--correct" in problem.remedy


def test_conflicts_are_left_out_where_a_partial_import_is_asked_for(desk: Desk) -> None:
    desk.run(row())
    result = desk.run(row(amount="26.00"), row(line="2"), accept_partial=True)
    assert (result.exit_code, result.rows.new, result.rows_refused) == (1, 1, 1)
    assert not desk.facts(PastOrderCorrected)
    assert [len(event.lines) for event in desk.facts(PastOrderRecorded)] == [1, 1]


def test_correct_records_a_reversal_and_the_new_fact(desk: Desk) -> None:
    desk.run(row(), row(line="2"))
    result = desk.run(row(amount="26.00"), row(line="2"), row(line="3"), correct=True)
    assert (result.exit_code, result.rows_corrected, result.rows.already_there, result.rows.new) == (0, 1, 1, 1)
    [corrected] = desk.facts(PastOrderCorrected)
    assert [str(line.amount) for line in corrected.reversed_lines] == ["25.00"]
    assert [str(line.amount) for line in corrected.lines] == ["26.00"]
    again = desk.run(row(amount="26.00"), row(line="2"), row(line="3"), correct=True)
    assert (again.events_written, again.rows.already_there) == (0, 3)


def test_a_correction_may_be_taken_back_and_made_again(desk: Desk) -> None:
    """A content that comes back is a new wish, not a command that was sent before."""
    desk.run(row())
    for amount in ("26.00", "25.00", "26.00", "25.00"):
        assert desk.run(row(amount=amount), correct=True).events_written == 1
    corrected = [str(event.lines[0].amount) for event in desk.facts(PastOrderCorrected)]
    assert corrected == ["26.00", "25.00", "26.00", "25.00"]
    assert desk.run(row()).rows.already_there == 1


def test_a_correction_killed_and_run_again_is_made_once(desk: Desk) -> None:
    rows = [row(order=f"A-{n}") for n in range(400)]
    desk.run(*rows)
    changed = [{**cells, "amount": "26.00"} for cells in rows]

    def kill(step: str, done: int, total: int) -> None:
        if step == "orders":
            raise InterruptedError

    with pytest.raises(InterruptedError):
        desk.run(*changed, correct=True, progress=kill)
    result = desk.run(*changed, correct=True)
    assert (result.rows_corrected, result.rows.already_there) == (100, 300)
    assert len(desk.facts(PastOrderCorrected)) == 400


def test_the_currency_of_a_recorded_order_is_never_corrected(desk: Desk) -> None:
    desk.run(row())
    for correct in (False, True):
        result = desk.run(row(currency="USD"), correct=correct)
        [problem] = result.problems
        assert "order A-1 is in EUR, this line in USD" in problem.detail
    assert len(desk.facts(PastOrderRecorded, PastOrderCorrected)) == 1


def test_what_the_services_compute_is_no_conflict(desk: Desk) -> None:
    """The order's day and the reference price change with other rows; the row itself is the same."""
    desk.run(row())
    assert desk.run(row(line="0", ordered="01/01/2019", received="02/01/2019", price="9"), row()).exit_code == 0
