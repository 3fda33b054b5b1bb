"""How commands happen once: each with its receipt, all or none of a list, or together with whoever asks just now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from eventsourcing.persistence import PersistenceError

from events.base import Refusal
from infra.group_commit import GroupCommit
from infra.request import Accepted, C, CommandAccepted, OtherBody, OutcomeUnknown, Request
from infra.streams import place_of
from infra.transaction import Overtaken, Transaction

if TYPE_CHECKING:
    from infra.event_store import EventStore, Written

ATTEMPTS_TOGETHER = 10
"""Lost races before the commands of a group are tried one by one."""

Decide = Callable[[Transaction, Request[C]], UUID]
Receipts = dict[UUID, CommandAccepted]
Decided = tuple[CommandAccepted, slice | None]
"""A command's receipt, and which events of the transaction it caused; None where it happened before."""


class Asked(NamedTuple):
    """A command, and who decides it."""

    request: Request[Any]
    decide: Decide[Any]


class Execution:
    """Runs the commands of a store."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._group = GroupCommit(self._in_a_group)

    def one(self, request: Request[C], decide: Decide[C]) -> Accepted:
        """See `EventStore.execute`."""
        return self._group.submit(Asked(request, decide))

    def all_or_none(self, requests: Sequence[Request[C]], decide: Decide[C]) -> list[Accepted]:
        """See `EventStore.execute_many`."""

        def work(tx: Transaction) -> list[Decided]:
            known = {} if tx.is_presuming else self._receipts(requests)
            try:
                return [self._accept(tx, request, decide, known) for request in requests]
            except Refusal:
                if not tx.is_presuming:
                    self._check_not_overtaken(requests, known)
                raise

        decided, written = self._store.run(work)
        return [self._answer(request, one, written) for request, one in zip(requests, decided, strict=True)]

    def _in_a_group(self, asked: Sequence[Asked]) -> list[Accepted | Exception]:
        return [self._alone(asked[0])] if len(asked) == 1 else self._together(asked, presume=True)

    def _alone(self, asked: Asked) -> Accepted | Exception:
        try:
            return self.all_or_none([asked.request], asked.decide)[0]
        except Exception as error:  # noqa: BLE001 - raised where the command came from
            return error

    def _together(self, asked: Sequence[Asked], *, presume: bool) -> list[Accepted | Exception]:
        """What each command answers or raises, of one transaction: who fails in it leaves the others alone."""

        def work(tx: Transaction) -> tuple[bool, list[Decided | Exception]]:
            return tx.is_presuming, self._decided(tx, asked)

        try:
            (is_presumed, decided), written = self._store.run(work, ATTEMPTS_TOGETHER, presume=presume)
        except OutcomeUnknown as error:
            return [OutcomeUnknown(error.detail) for _ in asked]
        except Exception:  # noqa: BLE001 - whose fault it is shows when each is alone
            return [self._alone(one) for one in asked]
        outcomes = [
            one if isinstance(one, Exception) else self._answered(request, one, written)
            for (request, _), one in zip(asked, decided, strict=True)
        ]
        doubtful = [n for n, one in enumerate(decided) if is_presumed and isinstance(one, Exception)]
        if doubtful:
            # Presumptions are no ground for a refusal: look, and decide again.
            looked = self._together([asked[n] for n in doubtful], presume=False)
            for n, outcome in zip(doubtful, looked, strict=True):
                outcomes[n] = outcome
        return outcomes

    def _decided(self, tx: Transaction, asked: Sequence[Asked]) -> list[Decided | Exception]:
        known = self._receipts(request for request, _ in asked)
        found: list[Decided | Exception] = []
        refused = []
        for request, decide in asked:
            try:
                with tx.savepoint():
                    found.append(self._accept(tx, request, decide, known))
            except PersistenceError:
                raise
            except Exception as error:  # noqa: BLE001 - raised where the command came from
                found.append(error)
                refused.append(request)
        if refused and not tx.is_presuming:
            self._check_not_overtaken(refused, known)
        return found

    def _receipts(self, requests: Iterable[Request[Any]]) -> Receipts:
        found = self._store.firsts(request.receipt_stream() for request in requests)
        return cast("Receipts", found)

    def _check_not_overtaken(self, refused: Sequence[Request[Any]], known: Receipts) -> None:
        """Another process may have accepted what this attempt refused: then its answer holds. Raises Overtaken."""
        if self._receipts(refused).keys() - known.keys():
            raise Overtaken

    def _accept(self, tx: Transaction, request: Request[C], decide: Decide[C], known: Receipts) -> Decided:
        stream = request.receipt_stream()
        receipt = known.get(stream) or tx.added(stream)
        if isinstance(receipt, CommandAccepted):
            if receipt.body_hash != request.body_hash():
                msg = f"command id {request.command_id} was accepted before with another body"
                raise OtherBody(msg, command_id=request.command_id)
            return receipt, None
        tx.begin(request)
        start = len(tx.recorded)
        stream_id = decide(tx, request)
        end = len(tx.recorded)
        receipt = CommandAccepted(
            body_hash=request.body_hash(), stream_id=stream_id, version=tx.version(stream_id), events=end - start
        )
        tx.single(stream, receipt)
        return receipt, slice(start, end)

    def _answered(self, request: Request[Any], decided: Decided, written: Written) -> Accepted | Exception:
        try:
            return self._answer(request, decided, written)
        except PersistenceError as error:
            return OutcomeUnknown(
                f"the {self._store.context} store did not say where the command's events are: {error}"
            )

    def _answer(self, request: Request[Any], decided: Decided, written: Written) -> Accepted:
        receipt, part = decided
        caused = self._caused(request, receipt) if part is None else written[part]
        return Accepted(receipt.stream_id, receipt.version, self._store.positions(caused), repeated=part is None)

    def _caused(self, request: Request[Any], receipt: CommandAccepted) -> Written:
        """The events of an earlier command with their positions: those right before its receipt."""
        recorder = self._store.recorder
        end = place_of(recorder, request.receipt_stream())
        found = recorder.select_notifications(end - receipt.events, receipt.events, stop=end - 1)
        return [(event.id, event) for event in found]
