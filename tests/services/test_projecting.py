"""Whoever waits for projections sees how far they are."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from infra.request import Request
from infra.settings import Settings
from projections.projector import Projector
from services.projecting import project
from services.suppliers.app import build
from services.suppliers.commands import RegisterSupplier
from tests.projections.engine import engine_in


def test_progress_ends_at_its_end_though_a_receipt_is_the_last_event(tmp_path: Path) -> None:
    suppliers = build(Settings(home=tmp_path))
    suppliers.handle(Request(RegisterSupplier(supplier_id=uuid4(), name="Laboratoires Exemple"), uuid4(), "buyer"))
    told: list[tuple[int, int]] = []
    with engine_in(tmp_path / "analytics") as analytics:
        projector = Projector(analytics)
        project(projector, [suppliers.store], lambda *step: told.append(step))
        assert told[-1] == (suppliers.store.last_pos(), suppliers.store.last_pos())
        told.clear()
        project(projector, [suppliers.store], lambda *step: told.append(step))
        assert told == []
    suppliers.store.close()
