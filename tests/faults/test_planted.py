"""The oracle proves itself: without a fault it finds nothing, and each planted one it finds.

Faults of the pipeline between stores, topic and engine are planted in tests/simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest

from infra.request import Request
from projections import projector, tables
from services.ordering import app as ordering
from tests.faults.embedded import buy, opened
from tests.faults.oracle import Verdict

Plant = Callable[[], AbstractContextManager[Any]]


def judged(tmp_path: Path, plant: Plant = nullcontext) -> Verdict:
    with plant(), opened(tmp_path / "home") as platform:
        return buy(platform, tmp_path / "journal")


def test_a_load_without_a_fault_is_clean(tmp_path: Path) -> None:
    verdict = judged(tmp_path)
    assert verdict.is_clean, verdict.told()
    assert verdict.accepted > 40
    assert verdict.events > 60


@contextmanager
def no_command_id() -> Iterator[None]:
    """Every try is another command."""
    made = Request.__init__

    def with_another_id(request: Any, command: Any, command_id: Any, *more: Any, **named: Any) -> None:
        made(request, command, uuid4(), *more, **named)

    with patch.object(Request, "__init__", with_another_id):
        yield


def _changed_sql(table: str, before: str, after: str) -> AbstractContextManager[Any]:
    text = tables.rows_sql

    def changed(name: str, app: str) -> str | None:
        found = text(name, app)
        if found is None or name != table or app != "ordering":
            return found
        assert before in found, "the statement is another one by now"
        return found.replace(before, after)

    return patch.object(projector, "rows_sql", changed)


def float_amounts() -> AbstractContextManager[Any]:
    """A cent is lost where a float is cut off."""
    return _changed_sql("ledger", "toDecimal64OrZero(l.amount, 2)", "toDecimal64(toFloat64OrZero(l.amount), 2)")


def a_credit_that_adds() -> AbstractContextManager[Any]:
    returned = "'ordering.OrderLineReturned.v1', "
    return _changed_sql("ledger", f"{returned}'ordering.CreditNoteReceived.v1',\n", f"{returned}\n")


def no_tenant_filter() -> AbstractContextManager[Any]:
    def visible(found: Any, order_id: Any, scope: Any) -> Any:
        return found

    return patch.object(ordering, "_visible", visible)


FAULTS: dict[str, tuple[Plant, str]] = {
    "no command id": (no_command_id, "doubled"),
    "float amount": (float_amounts, "difference"),
    "a credit note that adds": (a_credit_that_adds, "difference"),
    "missing tenant filter": (no_tenant_filter, "wrong"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(tmp_path: Path, fault: str) -> None:
    plant, where = FAULTS[fault]
    verdict = judged(tmp_path, plant)
    assert getattr(verdict, where), f"{fault}: {verdict.told()}"
