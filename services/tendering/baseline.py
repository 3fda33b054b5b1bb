"""Reference prices: what savings are measured against. Frozen as events before the award, and never moved silently.

An agreement's are kept under the agreement's id, those of imported history under an id of their own.
"""

from __future__ import annotations

from events.base import Refusal
from events.tendering import BaselineMethod, BaselineSet
from events.values import plain
from services.tendering.agreement import Agreement, IsRecorded, Kind
from services.tendering.commands import SetBaseline
from services.tendering.signature import OtherCurrency


class BaselineMisplaced(Refusal):
    """The reference price does not belong where it is put."""

    rule = (
        "A reference price belongs to a lot of an agreement and is kept under the agreement's id; "
        "a first recorded price belongs to imported history, and to no agreement"
    )
    remedy = "Give agreement_id, lot_id and the same baseline_id; for history give neither agreement nor lot."


class BaselineIsFrozen(Refusal):
    """A reference price was set, and would be overwritten."""

    rule = (
        "A reference price is frozen: a change is a new fact with effect from a later day; a first price never changes"
    )
    remedy = "Keep the price; one of an agreement may change from a later valid_from on."


class BaselineAfterAward(Refusal):
    """The agreement was signed without a reference price for the item."""

    rule = "A reference price is frozen before the award: afterwards every saving would be to measure"
    remedy = "The item has no reference price under this agreement; set one for its successor."


def set_baseline(known: Agreement | None, command: SetBaseline) -> BaselineSet:
    """A reference price is frozen, or changes with effect from a later day.

    Raises BaselineMisplaced, IsRecorded, BaselineAfterAward, OtherCurrency, BaselineIsFrozen.
    """
    if command.method is BaselineMethod.FIRST_RECORDED_PRICE:
        _check_first(known, command)
    else:
        _check_agreed(known, command)
    return BaselineSet(**command.model_dump())


def _check_first(known: Agreement | None, command: SetBaseline) -> None:
    for name, value in (("agreement_id", command.agreement_id), ("lot_id", command.lot_id)):
        if value is not None:
            raise BaselineMisplaced(f"a first recorded price has no {name}", pointer=f"/{name}")
    if known is None:
        return
    if known.kind is not Kind.ITEM:
        raise BaselineMisplaced(f"{command.baseline_id} is an agreement", pointer="/baseline_id")
    (_, item), last = next(iter(known.baselines.items()))
    msg = f"{item} has had the reference price {plain(last.price)} {known.currency} from {last.since}"
    raise BaselineIsFrozen(msg, pointer="/baseline_id", price=plain(last.price), valid_from=last.since)


def _check_agreed(known: Agreement | None, command: SetBaseline) -> None:
    if command.agreement_id != command.baseline_id:
        msg = f"baseline_id {command.baseline_id} is not agreement_id {command.agreement_id}"
        raise BaselineMisplaced(msg, pointer="/agreement_id" if command.agreement_id is None else "/baseline_id")
    if command.lot_id is None:
        raise BaselineMisplaced("an agreement's reference price names its lot", pointer="/lot_id")
    if known is None:
        return
    if known.kind is Kind.ITEM:
        raise BaselineMisplaced(f"{command.baseline_id} is an item of history", pointer="/baseline_id")
    if known.kind is Kind.RECORDED:
        raise IsRecorded(f"agreement {command.agreement_id} was recorded from history", pointer="/agreement_id")
    if known.currency != command.currency:
        msg = f"agreement {command.agreement_id} is in {known.currency}, not {command.currency}"
        raise OtherCurrency(msg, pointer="/currency", currency=known.currency)
    last = known.baselines.get((command.lot_id, command.item))
    if last is None:
        if known.kind is Kind.SIGNED:
            msg = f"agreement {command.agreement_id} was signed without a reference price of {command.item}"
            raise BaselineAfterAward(msg, pointer="/item", item=command.item)
        return
    if command.valid_from <= last.since:
        msg = (
            f"{command.item} has the reference price {plain(last.price)} {known.currency} from {last.since}; "
            f"{command.valid_from} is not later"
        )
        raise BaselineIsFrozen(msg, pointer="/valid_from", price=plain(last.price), valid_from=last.since)
