"""How often somebody else was first is counted by the event that lost; a repeat and a new stream are no race."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from infra.event_store import Request, Transaction
from infra.metrics import REGISTRY
from infra.settings import Settings
from tests.infra.counting import Add, Added, Open, build, evolve

COUNTER = UUID(int=1)


def lost() -> dict[str, float]:
    found = next(metric for metric in REGISTRY.collect() if metric.name == "groupement_lost_races")
    return {one.labels["event"]: one.value for one in found.samples if one.labels["context"] == "counting"}


def add() -> Request[Any]:
    return Request(Add(counter_id=COUNTER), uuid4(), "officer-1")


def test_a_race_on_a_stream_is_counted_for_its_loser(settings: Settings) -> None:
    ours, other = build(settings), build(settings)
    ours.handle(Request(Open(counter_id=COUNTER), uuid4(), "officer-1"))
    before, rivals = lost().get("counting.Added.v1", 0), [add(), add()]

    def work(tx: Transaction) -> None:
        tx.read(COUNTER, evolve)
        if rivals:
            other.handle(rivals.pop())
        tx.append(COUNTER, [Added(counter_id=COUNTER, amount=1)], evolve)

    ours.store.run(work)
    assert ours.total(COUNTER) == 3
    assert lost()["counting.Added.v1"] == before + 2


def test_a_repeated_command_is_no_race(settings: Settings) -> None:
    counting, request = build(settings), add()
    counting.handle(Request(Open(counter_id=COUNTER), uuid4(), "officer-1"))
    counting.handle(request)
    before = lost()
    assert counting.handle(request).repeated
    assert build(settings).handle(request).repeated
    assert lost() == before


def test_what_exists_already_is_no_race(settings: Settings) -> None:
    counting, request = build(settings), Request(Open(counter_id=COUNTER), uuid4(), "officer-1")
    counting.handle(request)
    before = lost()
    assert build(settings).handle(request).repeated
    assert lost() == before
