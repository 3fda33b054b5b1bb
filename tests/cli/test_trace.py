"""`groupement trace`: what a request caused."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from infra.request import Request
from infra.settings import Settings
from services.embedded import open_contexts
from services.suppliers.commands import RegisterSupplier
from tests.cli.conftest import run_in

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("traced") / "home"
    contexts = open_contexts(Settings(home=home))
    for trace_id in (TRACE, "a" * 32):
        command = RegisterSupplier(supplier_id=uuid4(), name="Fournisseur")
        contexts.suppliers.handle(Request(command, uuid4(), "buyer-1", trace_id=trace_id))
    return home


def test_the_events_of_a_trace_are_shown_with_their_rows_in_the_ledger(home: Path) -> None:
    rows = json.loads(run_in(home, "trace", TRACE, "--format", "json").stdout)["rows"]
    assert [(row["type"], row["context"], row["ledger_rows"]) for row in rows] == [
        ("suppliers.SupplierRegistered.v1", "suppliers", 1)
    ]
    assert "suppliers.SupplierRegistered.v1" in run_in(home, "trace", TRACE).stdout


def test_a_trace_that_caused_nothing_is_told_by_the_exit_code(home: Path) -> None:
    run_in(home, "trace", "b" * 32, expect=1)


def test_what_is_no_trace_is_refused(home: Path) -> None:
    assert "32 hexadecimal digits" in run_in(home, "trace", "x", expect=2).stderr
