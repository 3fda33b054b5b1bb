"""Raw log and ledger take turns while little arrives; nobody holds up whom he does not feed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from projections import turns
from projections.tables import TABLES
from projections.turns import PACE, Turns

CONTEXT = "ordering"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "FLUSH_SECONDS", 0.3)
    monkeypatch.setattr(turns, "PACE", {"ledger": 0.02, "orders": 0.02})


def run(test: Callable[[Turns], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(test(Turns([CONTEXT])), 10)

    asyncio.run(bounded())


async def derive(found: Turns, table: str) -> None:
    async with found.of(CONTEXT, table):
        pass


async def is_waiting(task: asyncio.Task[None]) -> bool:
    await asyncio.sleep(0.05)
    return not task.done()


async def seconds(waiting: Awaitable[None]) -> float:
    began = time.monotonic()
    await waiting
    return time.monotonic() - began


def test_every_derived_table_has_a_pace() -> None:
    assert PACE.keys() == TABLES.keys()


def test_a_table_waits_for_its_source() -> None:
    async def test(found: Turns) -> None:
        ledger, orders = (asyncio.ensure_future(derive(found, table)) for table in ("ledger", "orders"))
        assert await is_waiting(ledger)
        found.appended(CONTEXT)
        await ledger
        await orders

    run(test)


def test_orders_that_take_long_do_not_hold_up_the_ledger_nor_who_appends() -> None:
    async def test(found: Turns) -> None:
        found.appended(CONTEXT)
        async with found.of(CONTEXT, "ledger"):
            pass
        async with found.of(CONTEXT, "orders"):
            assert await seconds(found.to_append(CONTEXT, time.monotonic())) < 0.1
            found.appended(CONTEXT)
            await derive(found, "ledger")
            assert await seconds(found.to_append(CONTEXT, time.monotonic())) < 0.1

    run(test)


def test_who_appends_waits_for_the_ledger_but_not_for_ever() -> None:
    async def test(found: Turns) -> None:
        found.appended(CONTEXT)
        async with found.of(CONTEXT, "ledger"):
            assert await seconds(found.to_append(CONTEXT, time.monotonic())) >= 0.29
            # What was appended meanwhile is derived first.
            found.appended(CONTEXT)
        append = asyncio.ensure_future(found.to_append(CONTEXT, time.monotonic()))
        assert await is_waiting(append)
        await derive(found, "ledger")
        assert await seconds(append) < 0.1

    run(test)


def test_a_table_is_derived_in_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PACE", {"ledger": 0.2, "orders": 0.2})

    async def test(found: Turns) -> None:
        found.look(CONTEXT)
        assert await seconds(derive(found, "ledger")) >= 0.19

    run(test)


def test_a_turn_that_fails_lets_nobody_believe_that_it_was_taken() -> None:
    async def test(found: Turns) -> None:
        found.appended(CONTEXT)
        with pytest.raises(ZeroDivisionError):
            async with found.of(CONTEXT, "ledger"):
                raise ZeroDivisionError
        assert await is_waiting(asyncio.ensure_future(derive(found, "orders")))
        assert await seconds(found.to_append(CONTEXT, time.monotonic())) >= 0.29

    run(test)
