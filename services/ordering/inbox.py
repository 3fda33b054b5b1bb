"""Other contexts' events, taken in exactly once: what they change here and how far reading has come are one commit.

An event that cannot be taken in is parked as a dead letter, in the commit that moves the position past it. Whatever
follows it of the same aggregate is parked behind it, so that its order stays; everything else goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple
from uuid import UUID

from eventsourcing.persistence import PersistenceError

from events import CONTEXTS
from events.base import Refusal
from infra.dead_letters import (
    LETTERS,
    Kind,
    Letters,
    MessageParked,
    MessageSettled,
    NoSuchLetter,
    evolve,
)
from infra.event_store import EventStore, Transaction
from infra.log import Entry
from infra.mapper import Copy, Language, NewerEvent, UnreadableEvent
from services.ordering.reactions import NOTED, react

KNOWN = Language(cls for classes in CONTEXTS.values() for cls in classes)
"""What this code has ever heard of."""


class BrokenChain(Exception):
    """A message is missing before one that arrived."""


class NotTaken(Exception):
    """An event could not be taken in; those before it were."""

    def __init__(self, context: str, entry: Entry, kind: Kind, reason: str) -> None:
        super().__init__(f"{context}, lane {entry.lane}, position {entry.pos}, {entry.type}: {reason}")
        self.context, self.entry, self.kind, self.reason = context, entry, kind, reason


class KnowledgeIncomplete(Refusal):
    """Ordering could not read something that another context published about what the decision is on."""

    rule = "A decision is taken on what is known, never past an event that could not be read"
    remedy = "Send it again later; whoever runs the service: `groupement dead-letters list`."


class Retried(NamedTuple):
    """What became of a letter that was tried again."""

    letter: MessageParked
    is_settled: bool
    answer: str


class Inbox:
    """Takes in the logs of other contexts, each lane from its own position on."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._language = Language(NOTED)

    def pos(self, context: str, lane: int) -> int:
        """How far a lane of another context was taken in."""
        return self._store.recorder.max_tracking_id(_name(context, lane)) or 0

    def take(self, context: str, entries: Sequence[Entry]) -> None:
        """Takes in entries, of any number of lanes; what was taken in before changes nothing.

        Raises BrokenChain where an event is missing before one of these, and NotTaken where one cannot be taken in;
        what came before it is taken in.
        """
        for lane in sorted({entry.lane for entry in entries}):
            in_lane = [entry for entry in entries if entry.lane == lane]
            trouble, _ = self._store.run(partial(self._take_lane, context=context, lane=lane, entries=in_lane))
            if trouble is not None:
                raise trouble

    def _take_lane(self, tx: Transaction, context: str, lane: int, entries: Sequence[Entry]) -> Exception | None:
        # Read again in each attempt: another process may have been first, or the answer of our own commit was lost.
        done = upto = self.pos(context, lane)
        letters = _letters(tx)
        trouble: Exception | None = None
        for entry in entries:
            if entry.pos <= upto:
                continue
            try:
                _check_chain(context, entry, upto)
                _check_letters(context, entry, letters)
                self._note(tx, context, entry)
            except (BrokenChain, NotTaken) as found:
                trouble = found
                break
            upto = entry.pos
        if upto > done:
            tx.track(_name(context, lane), upto)
        return trouble

    def _note(self, tx: Transaction, context: str, entry: Entry) -> bool:
        """Notes an event where ordering has a use for it, and says whether it has. Raises NotTaken."""
        if not KNOWN.knows(entry.type):
            raise NotTaken(context, entry, "newer", f"this version of groupement does not know {entry.type}")
        if not self._language.knows(entry.type):
            return False
        try:
            event = self._language.load(entry.type, entry.raw)
            if (place := react(event)) is None:
                return False
            stream_id, change = place
            tx.read(stream_id, change)
            tx.note(stream_id, event, Copy(entry.type, entry.raw), change)
        except PersistenceError:
            raise
        except NewerEvent as error:
            raise NotTaken(context, entry, "newer", str(error)) from error
        except UnreadableEvent as error:
            raise NotTaken(context, entry, "unreadable", str(error)) from error
        except Exception as error:  # whatever a fact does to the code, it must not stop the facts about others
            raise NotTaken(context, entry, "defect", f"{type(error).__name__}: {error}") from error
        return True

    def letters(self) -> Letters:
        """What is parked, as of now."""
        return self._store.state(LETTERS, evolve)[0] or Letters()

    def letter(self, name: str) -> MessageParked:
        """An open letter by its name. Raises NoSuchLetter."""
        letter = self.letters().open.get(name)
        if letter is None:
            raise NoSuchLetter(f"{name} is not the name of an open dead letter", pointer="NAME")
        return letter

    def has_parked(self, letter: MessageParked) -> bool:
        """Whether a letter was parked before, or its event taken in."""
        if letter.pos is None:
            return letter.name in self.letters().foreign
        return letter.pos <= self.pos(letter.source, letter.lane)

    def park(self, letter: MessageParked) -> None:
        """Puts a message aside and moves the lane's position past it, in one commit; as often as one likes.

        Raises BrokenChain.
        """
        self._store.run(partial(self._park, letter=letter))

    def _park(self, tx: Transaction, letter: MessageParked) -> None:
        letters = _letters(tx)
        entry = letter.entry
        if entry is None:
            if letter.name not in letters.foreign:
                tx.append(LETTERS, [letter], evolve)
            return
        upto = self.pos(letter.source, letter.lane)
        if entry.pos <= upto:
            return
        _check_chain(letter.source, entry, upto)
        if letter.kind == "behind" and letters.holding(letter.source, entry.stream_id) is None:
            return  # what it waited for was taken in meanwhile: it can be taken in itself
        tx.append(LETTERS, [letter], evolve)
        tx.track(_name(letter.source, letter.lane), entry.pos)

    def retry(self, name: str | None = None) -> list[Retried]:
        """Tries to take in what is parked: all of it, or one letter with what waits with it. Raises NoSuchLetter."""
        found: list[Retried] = []
        tried: set[str] = set()
        for letter in [self.letter(name)] if name else self.letters().open.values():
            if letter.name not in tried:
                results, _ = self._store.run(partial(self._retry, name=letter.name))
                tried |= {one.letter.name for one in results}
                found += results
        return found

    def _retry(self, tx: Transaction, name: str) -> list[Retried]:
        """Takes in the letters of one aggregate in their order, up to the first that cannot be."""
        letters = _letters(tx)
        if name not in letters.open:
            return []  # somebody else was first
        found: list[Retried] = []
        is_stopped = False
        for letter in letters.after(letters.open[name]):
            if is_stopped:
                found.append(Retried(letter, is_settled=False, answer="waits for the one before"))
                continue
            try:
                answer = self._settle(tx, letter)
            except NotTaken as trouble:
                is_stopped = True
                found.append(Retried(letter, is_settled=False, answer=trouble.reason))
            else:
                tx.append(LETTERS, [MessageSettled(name=letter.name)], evolve)
                found.append(Retried(letter, is_settled=True, answer=answer))
        return found

    def _settle(self, tx: Transaction, letter: MessageParked) -> str:
        if (entry := letter.entry) is None:
            # The chain of positions is whole without it, so nothing that counts depends on it.
            return "no event of a store: nothing depends on it"
        return "taken in" if self._note(tx, letter.source, entry) else "ordering has no use for it"


def check_known(tx: Transaction, context: str, stream_id: UUID) -> None:
    """Refuses a decision on an aggregate of another context that a letter is open about. Raises KnowledgeIncomplete."""
    if (letter := _letters(tx).holding(context, stream_id)) is not None:
        msg = f"an event of {context} about {stream_id} waits as dead letter {letter.name}: {letter.reason}"
        raise KnowledgeIncomplete(msg, context=context, dead_letter=letter.name)


def _letters(tx: Transaction) -> Letters:
    return tx.read(LETTERS, evolve) or Letters()


def _check_chain(context: str, entry: Entry, upto: int) -> None:
    if entry.prev != upto:
        msg = f"{context}, lane {entry.lane}: position {entry.pos} follows {entry.prev}, ordering stands at {upto}"
        raise BrokenChain(msg)


def _check_letters(context: str, entry: Entry, letters: Letters) -> None:
    if (letter := letters.holding(context, entry.stream_id)) is not None:
        raise NotTaken(context, entry, "behind", f"an earlier event of {entry.stream_id} waits: {letter.name}")


def _name(context: str, lane: int) -> str:
    # One name for all lanes would drop events: position 100 of lane 3 would make 90 of lane 5 look done.
    return f"{context}:{lane}"
