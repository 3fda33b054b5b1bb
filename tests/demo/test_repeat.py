"""A generated network is the same for ever: run again, cut and continued, or built elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from infra.settings import Settings
from services.demo.run import DemoSummary, NotADemo, build_demo
from services.embedded import open_contexts
from tests.demo.conftest import open_demo
from tests.demo.facts import SMALL, Facts

CONTEXTS = ("membership", "suppliers", "tendering", "ordering")


class Killed(Exception):
    """The process ends here."""


def test_a_run_that_was_cut_continues_to_the_same_bytes(facts: Facts, tmp_path: Path) -> None:
    def cut(stage: str, done: int, total: int) -> None:
        if stage == "commands" and done > total * 2 // 3:
            raise Killed

    with pytest.raises(Killed):
        build_demo(open_demo(tmp_path), orders=SMALL, seed=7, progress=cut)
    part = Facts(tmp_path).raw("ordering")
    assert 0 < len(part) < len(facts.raw("ordering"))

    seen: list[tuple[str, int, int]] = []
    summary = build_demo(open_demo(tmp_path), orders=SMALL, seed=7, progress=lambda *at: seen.append(at))

    assert {stage for stage, *_ in seen} == {"planning", "commands"}
    assert seen[-1] == ("commands", summary.commands, summary.commands)
    assert summary.commands * 2 // 3 < summary.repeated < summary.commands
    for context in CONTEXTS:
        assert Facts(tmp_path).raw(context) == facts.raw(context), context

    before = [Facts(tmp_path).raw(context) for context in CONTEXTS]
    again = build_demo(open_demo(tmp_path), orders=SMALL, seed=7)

    assert again.repeated == again.commands
    assert [Facts(tmp_path).raw(context) for context in CONTEXTS] == before


def test_another_network_is_not_mixed_into_a_store(tmp_path: Path) -> None:
    def cut(stage: str, done: int, total: int) -> None:
        if stage == "commands":
            raise Killed

    with pytest.raises(Killed):
        build_demo(open_demo(tmp_path), orders=SMALL, seed=7, progress=cut)
    with pytest.raises(NotADemo, match="already hold events"):
        build_demo(open_demo(tmp_path), orders=SMALL, seed=8)


def test_a_platform_with_the_real_time_is_refused(settings: Settings) -> None:
    with pytest.raises(TypeError, match="DemoClock"):
        build_demo(open_contexts(settings), orders=SMALL, seed=7)


def test_facts_are_recorded_in_the_order_of_time_on_the_day_of_their_document(
    built: Callable[[int], tuple[DemoSummary, Facts]],
) -> None:
    summary, facts = built(7)
    for context in CONTEXTS:
        recorded = [json.loads(state)["recorded_at"] for _, state in facts.raw(context)]
        assert all(one <= next_one for one, next_one in pairwise(recorded)), context
        assert recorded[-1] <= summary.until.isoformat().replace("+00:00", "Z")
    for order in facts.of("ordering.OrderSubmitted"):
        assert order["recorded_at"][:10] == order["business_date"]
    for invoice in facts.of("ordering.InvoiceReceived"):
        assert invoice["recorded_at"][:10] == invoice["received_on"] >= invoice["business_date"]
