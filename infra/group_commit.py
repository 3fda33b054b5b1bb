"""Group commit: what many threads ask for at the same time is done together, by one of them, in one transaction.

No thread of its own and no waiting for company. Who comes while nobody is at work begins at once, alone; who comes
meanwhile waits, and the first of them does the work of all who wait.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from infra.request import OutcomeUnknown

MOST = 128
"""Jobs in one group: the first of them waits for the last."""

J = TypeVar("J")
A = TypeVar("A")


class _Ticket(Generic[J, A]):
    """A job, and what its thread waits for: the outcome, or its turn to lead."""

    def __init__(self, job: J) -> None:
        self.job = job
        self.called = threading.Event()
        self.outcome: A | Exception | None = None


class GroupCommit(Generic[J, A]):
    """Does jobs in groups. `work` gets the jobs of a group and says of each, in order, what it gives or raises."""

    def __init__(self, work: Callable[[Sequence[J]], Sequence[A | Exception]]) -> None:
        self._work = work
        self._waiting: deque[_Ticket[J, A]] = deque()
        self._is_led = False
        self._lock = threading.Lock()

    def submit(self, job: J) -> A:
        """What the job gives, when the group that it belongs to is done. Raises what the job raises, OutcomeUnknown."""
        ticket = _Ticket[J, A](job)
        with self._lock:
            self._waiting.append(ticket)
            leads, self._is_led = not self._is_led, True
        if not leads:
            self._wait(ticket)
        if ticket.outcome is None:
            self._lead()
        if isinstance(ticket.outcome, Exception):
            raise ticket.outcome
        return ticket.outcome  # type: ignore[return-value]

    def _wait(self, ticket: _Ticket[J, A]) -> None:
        try:
            ticket.called.wait()
        except BaseException:
            # Interrupted: nobody waits here any longer, neither for an answer nor to lead.
            with self._lock:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
                    if ticket.called.is_set():
                        self._call_next()
            raise

    def _lead(self) -> None:
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        outcomes: Sequence[A | Exception] = [OutcomeUnknown("whoever did the work was stopped") for _ in group]
        try:
            outcomes = self._work([ticket.job for ticket in group])
        finally:
            for ticket, outcome in zip(group, outcomes, strict=True):
                ticket.outcome = outcome
                ticket.called.set()
            with self._lock:
                self._call_next()

    def _call_next(self) -> None:
        """The first of those who wait leads the next group."""
        if self._waiting:
            self._waiting[0].called.set()
        else:
            self._is_led = False
