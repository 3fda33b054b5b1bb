from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from events.membership import AdhesionGranted, EstablishmentJoined, EstablishmentKind
from events.ordering import PastOrderRecorded
from events.suppliers import SupplierRegistered
from events.tendering import AgreementRecorded, BaselineSet
from infra.request import Request
from infra.settings import Settings
from services.embedded import open_contexts
from services.membership.commands import LeaveEstablishment
from tests.history import lookalike
from tests.history.desk import Desk, row
from tests.scenario import SHELL


def business(desk: Desk) -> list[tuple[str, dict[str, Any]]]:
    """Every fact without the shell's four fields, in the order of the logs."""
    return [(event.TOPIC, event.model_dump(mode="json", exclude=SHELL)) for event in desk.facts()]


class Killed(Exception):
    """The import stopped in the middle."""


def test_rows_become_establishments_suppliers_agreements_and_orders(desk: Desk) -> None:
    result = desk.run(
        row(line="1"),
        row(line="2", item="Masks", ordered="27/02/2020"),
        row(order="B-1", hospital="Sud", supplier="Other", category="33"),
    )
    assert result.exit_code == 0
    joined = {event.name: event for event in desk.facts(EstablishmentJoined)}
    assert {name: str(event.joined_on) for name, event in joined.items()} == {
        "Hôpital Nord": "2020-02-27",
        "Sud": "2020-03-01",
    }
    assert {event.kind for event in joined.values()} == {EstablishmentKind.OTHER}
    assert sorted(event.name for event in desk.facts(SupplierRegistered)) == ["Labo SA", "Other"]
    agreements = {event.reference: event for event in desk.facts(AgreementRecorded)}
    assert set(agreements) == {"Labo SA / 33141420", "Other / 33"}
    assert all(event.source == "test" for event in agreements.values())
    orders = {event.number: event for event in desk.facts(PastOrderRecorded)}
    assert str(orders["A-1"].business_date) == "2020-02-27", "an order's date is the earliest of its lines'"
    assert [str(line.ordered_on) for line in orders["A-1"].lines] == ["2020-02-27", "2020-03-01"]
    line = orders["B-1"].lines[0]
    assert line.agreement_id == agreements["Other / 33"].agreement_id
    assert (line.item, line.label, line.unit, line.category) == ("Gloves / box of 100", "Gloves", "box of 100", "33")
    assert (line.invoice_number, str(line.received_on), str(line.invoiced_on)) == ("B-1/1", "2020-03-05", "2020-03-05")


def test_an_adhesion_begins_with_the_first_order_under_the_agreement(desk: Desk) -> None:
    desk.run(row(ordered="05/03/2020"), row(order="A-2", ordered="02/03/2020"), row(order="A-3", category="33"))
    first_days = sorted(str(event.valid_from) for event in desk.facts(AdhesionGranted))
    assert first_days == ["2020-03-01", "2020-03-02"]


def test_a_later_file_with_earlier_orders_extends_an_adhesion_backwards(desk: Desk) -> None:
    desk.run(row(ordered="05/03/2020"))
    result = desk.run(row(order="A-0", ordered="01/02/2019"))
    assert (result.exit_code, result.adhesions.new) == (0, 1)
    days = [(str(event.valid_from), str(event.valid_to)) for event in desk.facts(AdhesionGranted)]
    assert days == [("2020-03-05", "None"), ("2019-02-01", "2020-03-04")]
    assert desk.run(row(order="A-0", ordered="01/02/2019")).adhesions.already_there == 1


def test_an_establishment_that_left_receives_no_adhesion_beyond_its_last_day(desk: Desk) -> None:
    desk.run(row())
    [joined] = desk.facts(EstablishmentJoined)
    leave = LeaveEstablishment(establishment_id=joined.establishment_id, left_on="2020-12-31", reason="merged")
    desk.contexts.membership.handle(Request(leave, uuid4(), "tester"))
    result = desk.run(
        row(order="A-2", category="33", ordered="01/06/2020"), row(order="A-3", category="34", ordered="01/06/2021")
    )
    assert result.exit_code == 0
    assert [str(event.valid_to) for event in desk.facts(AdhesionGranted)][1:] == ["2020-12-31"]
    assert result.warnings.counts["no-adhesion"] == 1


def test_the_same_number_in_two_establishments_is_two_orders(desk: Desk) -> None:
    assert desk.run(row(), row(hospital="Sud")).orders.new == 2


def test_the_same_order_in_two_sources_is_two_orders(desk: Desk) -> None:
    desk.run(row())
    other = desk.mapping(desk.mapping().read_text(encoding="utf-8").replace('"test"', '"other"'))
    assert desk.run(row(amount="26.00"), mapping=other).orders.new == 1


def test_two_suppliers_under_one_name_of_an_agreement_are_two_agreements(desk: Desk) -> None:
    mapping = desk.mapping(
        desk.mapping().read_text(encoding="utf-8").replace('agreement = { columns = ["supplier", "category"], separator = " / " }', 'agreement = { constant = "All" }')
    )  # fmt: skip
    desk.run(row(), row(line="2", supplier="Other"), row(line="3", category="33"), mapping=mapping)
    assert [event.reference for event in desk.facts(AgreementRecorded)] == ["All", "All"]
    [recorded] = desk.facts(PastOrderRecorded)
    assert len({(line.agreement_id, line.supplier_id) for line in recorded.lines}) == 2


def test_a_dry_run_decides_everything_and_writes_nothing(desk: Desk) -> None:
    before = desk.positions()
    result = desk.run(file=lookalike.write(desk.folder / "look.csv"), mapping=scms(), dry_run=True)
    assert desk.positions() == before
    assert not result.is_committed
    assert (result.exit_code, result.events_written) == (0, 0)
    assert result.document()["rows"]["new"] == 1200
    committed = desk.run(file=desk.folder / "look.csv", mapping=scms())
    dry, wet = result.document(), committed.document()
    for key in ("rows", "orders", "establishments", "suppliers", "agreements", "adhesions", "baselines", "warnings"):
        assert dry[key] == wet[key]


def scms() -> Path:
    return Path(__file__).parents[2] / "mappings" / "scms.toml"


def test_an_import_leaves_nothing_that_only_the_collector_would_free(desk: Desk) -> None:
    file = lookalike.write(desk.folder / "look.csv")
    gc.collect()
    gc.disable()
    try:
        desk.run(file=file, mapping=scms())
        assert gc.collect() < 1_000, "of 1,200 rows and the events of each"
    finally:
        gc.enable()


def test_the_collector_is_on_again_after_an_import_that_was_stopped(desk: Desk) -> None:
    def stop(*_: object) -> None:
        assert not gc.isenabled()
        raise Killed

    with pytest.raises(Killed):
        desk.run(row(), progress=stop)
    assert gc.isenabled()


def test_run_again_after_success_an_import_changes_nothing(desk: Desk) -> None:
    file = lookalike.write(desk.folder / "look.csv")
    first = desk.run(file=file, mapping=scms())
    assert first.is_committed
    assert first.events_written == len(desk.facts())
    before = desk.positions()
    second = desk.run(file=file, mapping=scms())
    assert desk.positions() == before
    assert (second.exit_code, second.events_written) == (0, 0)
    document = second.document()
    assert document["rows"] == {
        "read": 1200,
        "new": 0,
        "already_there": 1200,
        "corrected": 0,
        "repeated": 0,
        "refused": 0,
    }
    assert document["orders"]["already_there"] == first.orders.new
    for name in ("establishments", "suppliers", "agreements", "adhesions", "baselines"):
        assert document[name]["new"] == 0
        assert document[name]["already_there"] == first.document()[name]["new"]
    assert document["warnings"] == first.document()["warnings"]


def test_a_later_file_with_more_lines_of_an_order_adds_them(desk: Desk) -> None:
    desk.run(row())
    result = desk.run(row(), row(line="2", ordered="01/01/2020"), row(line="3"))
    assert (result.rows.new, result.rows.already_there, result.orders_extended) == (2, 1, 1)
    first, second = desk.facts(PastOrderRecorded)
    assert [line.line_id for line in first.lines] == ["1"]
    assert [line.line_id for line in second.lines] == ["2", "3"]


def test_an_order_of_more_lines_than_a_command_takes_keeps_its_first_day(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.history.orders.MOST_LINES", 2)
    days = ["09", "08", "07", "06", "05"]
    desk.run(*(row(line=str(n), ordered=f"{day}/03/2020") for n, day in enumerate(days)))
    recorded = desk.facts(PastOrderRecorded)
    assert [len(event.lines) for event in recorded] == [2, 2, 1]
    assert {str(line.counted_on) for event in recorded for line in event.lines} == {"2020-03-05"}


@pytest.mark.parametrize(
    "step", ["reading", "deciding", "establishments", "suppliers", "agreements", "baselines", "adhesions", "orders"]
)
def test_an_import_killed_at_any_step_and_run_again_continues(desk: Desk, settings: Settings, step: str) -> None:
    file = lookalike.write(desk.folder / "look.csv")
    undisturbed = Desk(open_contexts(Settings(home=settings.home.with_name("undisturbed"))), desk.folder)
    undisturbed.run(file=file, mapping=scms())

    def kill(name: str, done: int, total: int) -> None:
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        desk.run(file=file, mapping=scms(), progress=kill)
    before = len(desk.facts())
    reopened = Desk(open_contexts(settings), desk.folder)
    result = reopened.run(file=file, mapping=scms())
    assert result.is_committed
    assert result.events_written == len(reopened.facts()) - before
    assert business(reopened) == business(undisturbed)


SCRIPT = """
import sys
from pathlib import Path
from infra.request import Request
from infra.settings import Settings
from services.embedded import open_contexts
from services.history.run import import_orders

home, file, mapping = map(Path, sys.argv[1:])
import_orders(open_contexts(Settings(home=home)), file, mapping, progress=lambda *at: print(*at, flush=True))
"""


def start_import(settings: Settings, file: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(settings.home), str(file), str(scms())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


@pytest.mark.parametrize("after", ["agreements ", "orders 300 ", "orders 600 "])
def test_an_import_killed_by_the_system_and_run_again_continues(desk: Desk, settings: Settings, after: str) -> None:
    file = lookalike.write(desk.folder / "look.csv")
    undisturbed = Desk(open_contexts(Settings(home=settings.home.with_name("undisturbed"))), desk.folder)
    undisturbed.run(file=file, mapping=scms())
    with start_import(settings, file) as process:
        seen = next((line for line in process.stdout or () if line.startswith(after)), None)
        process.send_signal(signal.SIGKILL)
    assert seen, "the import came to the step at which it was killed"
    assert process.returncode == -signal.SIGKILL
    reopened = Desk(open_contexts(settings), desk.folder)
    assert reopened.run(file=file, mapping=scms()).is_committed
    assert business(reopened) == business(undisturbed)


def test_two_imports_of_one_file_at_the_same_time_are_one(desk: Desk, settings: Settings) -> None:
    file = lookalike.write(desk.folder / "look.csv")
    undisturbed = Desk(open_contexts(Settings(home=settings.home.with_name("undisturbed"))), desk.folder)
    undisturbed.run(file=file, mapping=scms())
    processes = [start_import(settings, file) for _ in range(2)]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert sorted(map(str, business(desk))) == sorted(map(str, business(undisturbed)))


def test_progress_is_told_for_every_step_up_to_its_end(desk: Desk) -> None:
    told: dict[str, list[tuple[int, int]]] = {}
    desk.run(
        file=lookalike.write(desk.folder / "look.csv"),
        mapping=scms(),
        progress=lambda step, done, total: told.setdefault(step, []).append((done, total)),
    )
    assert list(told) == [
        "reading",
        "deciding",
        "establishments",
        "suppliers",
        "agreements",
        "baselines",
        "adhesions",
        "orders",
    ]
    for step, steps in told.items():
        assert steps == sorted(steps), step
        assert steps[-1][0] == steps[-1][1], step


def test_a_transaction_holds_a_few_hundred_commands(desk: Desk) -> None:
    transactions: Counter[str] = Counter()

    def count(step: str, done: int, total: int) -> None:
        transactions[step] += 1

    result = desk.run(*(row(order=f"A-{n}") for n in range(700)), progress=count)
    assert result.orders.new == 700
    assert transactions["orders"] == 3


def test_the_result_is_json_with_strings_for_what_is_no_count(desk: Desk) -> None:
    document = desk.run(row(), row(line="2", quantity="-1"), accept_partial=True).document()
    assert json.loads(json.dumps(document)) == document
    assert document["committed"] is True
    assert document["problems"]["count"] == 1
    assert document["problems"]["listed"][0] == {
        "file": "orders.csv",
        "row": 3,
        "column": "quantity (quantity)",
        "value": "-1",
        "detail": "-1 is negative",
        "rule": "A quantity is zero or more, below 10^12, with at most 6 decimals",
        "remedy": "Write a plain number, such as 1200.50",
    }


def test_a_person_is_told_counts_warnings_problems_and_what_was_written(desk: Desk) -> None:
    bad = [row(line=str(n), quantity="-1") for n in range(2, 25)]
    refused = desk.run(row(amount="25.01"), *bad, errors=desk.folder / "bad.csv").lines()
    assert refused[0].startswith("orders.csv by mapping.toml: 24 rows in ")
    assert refused[1].split() == ["rows", "1", "new,", "23", "refused"]
    assert "warning: 1 × the amount is not unit price × quantity" in refused[8]
    assert refused[9] == "  such as row 2: amount 25.01, 2.50 × 10 is 25.00"
    assert refused[10].startswith("refused: orders.csv, row 3, quantity (quantity): -1 is negative. A quantity is")
    assert refused[-3].startswith("… and 3 more; --errors FILE.csv")
    assert refused[-2] == f"The 23 refused rows are in {desk.folder / 'bad.csv'}."
    assert refused[-1].startswith("Nothing was written")
    assert desk.run(row()).lines()[-1] == "6 events written."


def test_reference_prices_are_frozen_before_the_first_order(desk: Desk) -> None:
    desk.run(row())
    [baseline] = desk.facts(BaselineSet)
    [recorded] = desk.facts(PastOrderRecorded)
    assert recorded.lines[0].baseline_price == baseline.price
    assert baseline.evidence == "test, order A-1, line 1"
