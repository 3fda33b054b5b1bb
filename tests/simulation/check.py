"""What must be so in the end: everything is there once, and nothing else is."""

from __future__ import annotations

from itertools import chain

from infra.log import Entry, Log
from tests.faults.oracle import knowledge, noted
from tests.simulation.warehouse import Wrong
from tests.simulation.world import FOREIGN, LANES, World


def published(world: World, context: str) -> dict[int, list[Entry]]:
    """What a context has published, by lane."""
    found: dict[int, list[Entry]] = {lane: [] for lane in range(LANES[context])}
    for entry in Log(world.databases[context].truth).page(1_000_000) or []:
        found[entry.lane].append(entry)
    return found


def left(world: World) -> list[str]:
    """What was not answered, or has not come everywhere."""
    found = [f"{one.command!r} is {one.answer}" for one in world.desk.operations if one.answer == "unknown"]
    for context in () if found else LANES:
        tables = ("raw_log", "ledger_g1", *(("orders_g1",) if context == "ordering" else ()))
        for lane, entries in published(world, context).items():
            end = entries[-1].pos if entries else 0
            stands = {table: world.warehouse.end(table, (context, lane)) for table in tables}
            if context in FOREIGN:
                stands["ordering"] = world.noted(context, lane)
            carried = world.topics[context].read(lane)
            stands["topic"] = carried[-1].pos if carried else 0
            found += [
                f"{where} of {context}, lane {lane}: {pos} of {end}" for where, pos in stands.items() if pos != end
            ]
    return found


def check(world: World) -> None:
    """Raises Wrong where something was lost, doubled, moved or invented."""
    for context in LANES:
        log = published(world, context)
        for lane, entries in log.items():
            world.warehouse.check(context, lane, entries)
        ids = [entry.raw[13:49] for entries in log.values() for entry in entries]
        if len(ids) != len(set(ids)):
            raise Wrong(f"{context}: an event id stands in the log twice")
    world.warehouse.check_sums(world.databases["ordering"].truth)
    check_knowledge(world)
    for operation in world.desk.operations:
        receipts = world.receipts(operation)
        if receipts != (operation.answer == "accepted"):
            raise Wrong(f"{operation.answer}, but it happened {receipts} times: {operation}")


def check_knowledge(world: World) -> None:
    """What ordering noted is a fold of what the others published: each event once, in its order."""
    logs = {context: published(world, context) for context in FOREIGN}
    expected = knowledge({context: chain(*lanes.values()) for context, lanes in logs.items()})
    found = noted(world.databases["ordering"].truth.recorder.select_notifications(1, 1_000_000), FOREIGN)
    if found != expected:
        wrong = [stream for stream in found.keys() | expected.keys() if found.get(stream) != expected.get(stream)]
        raise Wrong(f"ordering knows {len(found)} things, {len(wrong)} of {len(expected)} not as they were published")
