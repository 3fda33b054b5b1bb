"""How a topic is followed: the offset is a hint, the chain of positions decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from infra.log import Entry, Mark
from projections.projector import ChainBroken
from services.ordering.inbox import BrokenChain
from tests.simulation.clockwork import Clockwork
from tests.simulation.topic import SimulatedTopic

Take = Callable[[Sequence[Entry]], None]
Stands = Callable[[int], Mark]
"""How far a lane was taken in, as the data say."""
AskAgain = Callable[[int, Mark], None]
PATIENCE = 3.0
"""Seconds until a reader asks again for what it misses."""


class Reader:
    """One process's way through one topic, lane by lane."""

    is_trusting = False
    """A fault to plant: it takes what comes, from where it acknowledged, and looks at no chain."""
    acknowledges_first = False
    starts_at_the_end = False

    def __init__(
        self, clockwork: Clockwork, name: str, topic: SimulatedTopic, take: Take, stands: Stands, ask_again: AskAgain
    ) -> None:
        self._clockwork, self._name, self._topic = clockwork, name, topic
        self._take, self._stands, self._ask_again = take, stands, ask_again
        self._offsets = {lane: self._begin(lane) for lane in range(len(topic.lanes))}
        self._seen = dict.fromkeys(self._offsets, 0)
        self._gaps: dict[int, Entry] = {}
        self._has_rewound: set[int] = set()
        self._ask_at: dict[int, float] = {}
        self._look_at: dict[int, float] = {}
        self._identity = topic.identity

    def _begin(self, lane: int) -> int:
        """The acknowledged offset, where the data stand where they stood when it was acknowledged."""
        unknown = len(self._topic.lanes[lane]) if self.starts_at_the_end else 0
        offset, pos = self._topic.offsets.get((self._name, lane), (unknown, 0))
        return offset if self.is_trusting or pos == self._stands(lane).pos else 0

    def turn(self, limit: int) -> bool:
        """Takes what there is of every lane; whether there was anything."""
        if self._identity != self._topic.identity:
            self._identity, self._offsets = self._topic.identity, dict.fromkeys(self._offsets, 0)
        fetched = {lane: self._topic.fetch(lane, offset, limit) for lane, offset in self._offsets.items()}
        fitting: list[Entry] = []
        gaps: list[Entry] = []
        for lane, messages in fetched.items():
            if self.acknowledges_first and messages:
                self._acknowledge(lane, self._offsets[lane] + len(messages), messages[-1].pos)
            follows, gap = (messages, None) if self.is_trusting else follow(messages, self._stands(lane).pos)
            fitting += follows
            gaps += [gap] if gap is not None and lane not in self._gaps else []
        if fitting:
            self._take(fitting)
        for gap in gaps:
            self._note(gap)
        for lane, messages in fetched.items():
            self._go_on(lane, messages) if messages else self._at_the_end(lane)
        return any(fetched.values())

    def _go_on(self, lane: int, messages: Sequence[Entry]) -> None:
        self._offsets[lane] += len(messages)
        self._seen[lane] = max(self._seen[lane], *(entry.pos for entry in messages))
        stands = self._stands(lane).pos
        if stands >= self._seen[lane]:
            self._acknowledge(lane, self._offsets[lane], stands)
            self._gaps.pop(lane, None)
            self._has_rewound.discard(lane)

    def _acknowledge(self, lane: int, offset: int, pos: int) -> None:
        self._topic.offsets[self._name, lane] = (offset, pos)

    def _note(self, gap: Entry) -> None:
        self._gaps[gap.lane] = gap
        try:
            self._take([gap])
        except (ChainBroken, BrokenChain):
            self._clockwork.tell(f"{self._name} lane {gap.lane}: {gap.prev} is missing before {gap.pos}")

    def _at_the_end(self, lane: int) -> None:
        """Whoever is behind what was seen reads everything once more, and then asks the relay."""
        if len(self._topic.lanes[lane]) < self._offsets[lane]:
            self._offsets[lane] = 0
        if self.is_trusting or self._clockwork.now < self._look_at.get(lane, 0.0):
            return
        self._look_at[lane] = self._clockwork.now + 1.0
        # Asked again and again: what was taken in may be gone.
        stands = self._stands(lane)
        if stands.pos >= self._seen[lane]:
            return
        if lane not in self._has_rewound:
            self._has_rewound.add(lane)
            self._offsets[lane] = 0
        elif self._ask_at.get(lane, 0.0) <= self._clockwork.now:
            self._ask_at[lane] = self._clockwork.now + PATIENCE
            self._clockwork.tell(f"{self._name} lane {lane}: asks again for what follows {stands.pos}")
            self._ask_again(lane, stands)


def follow(messages: Sequence[Entry], stands: int) -> tuple[list[Entry], Entry | None]:
    """Those that follow on a position, each once, and the first that came before its turn."""
    found: list[Entry] = []
    gap: Entry | None = None
    for entry in messages:
        if entry.prev == stands and entry.pos > stands:
            found.append(entry)
            stands = entry.pos
        elif entry.pos > stands and gap is None:
            gap = entry
    return found, gap
