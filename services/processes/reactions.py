"""The process of ordering's reactions to what other contexts publish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from infra import address
from infra.settings import Settings
from infra.watch import Part, Standing, Watch, watched
from services.ordering import consumer
from services.processes.work import Work, signalled


def run(settings: Settings, host: str, port: int) -> None:
    """Reacts until a signal ends it."""
    address.check(host, only_loopback=settings.is_loopback_only)
    reactions = consumer.build(settings)
    with ExitStack() as stack:
        stack.callback(reactions.ordering.store.close)
        stop = stack.enter_context(signalled())
        if port:
            stack.enter_context(watched(watch_of(reactions), port, host))
        work = Work(reactions.run)
        work.start()
        while not stop.wait(1) and work.is_alive:
            pass
        work.stop()
        if work.fault is not None:
            raise work.fault


def watch_of(reactions: consumer.Reactions) -> Watch:
    """What the process shows of itself; `/health` counts the dead letters that are open in the store."""

    def numbers() -> dict[str, int | None]:
        letters = reactions.letters
        return {"open_dead_letters": None if letters is None else len(letters.open)}

    return Watch("reactions", [_part_of(reactions)], numbers=numbers)


def _part_of(reactions: consumer.Reactions) -> Part:
    def standings() -> Iterator[Standing]:
        for lane, left in list(reactions.lag.items()):
            done = reactions.ordering.noted_pos(lane.context, lane.number)
            yield Standing(lane.context, lane.number, done, done + left)

    return Part(
        "reactions",
        "",
        lambda: reactions.health,
        lambda: reactions.state == "reacting",
        standings,
        lambda: list(reactions.counts.items()),
        lambda: reactions.problems,
    )
