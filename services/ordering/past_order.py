"""Orders of the past, recorded from imported history as they were.

No ceiling, price list, duration or order of dates applies to them, and they change by a corrected import only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from uuid import UUID

from events.base import Refusal, Unknown
from events.ordering import PastLine, PastOrderCorrected, PastOrderRecorded
from events.values import cents, derived_id
from services.ordering.commands import PastOrderLine, RecordPastOrder
from services.ordering.lines import check_distinct, within
from services.ordering.order import Order
from services.ordering.terms import Terms

COMPUTED = {"counted_on", "baseline_price", "baseline_amount"}
"""Fields of a recorded line that the source does not state."""
STATED = tuple(name for name in PastLine.model_fields if name not in COMPUTED)


Recorded = PastOrderRecorded | PastOrderCorrected


class OnlyTheGroup(Refusal):
    """Somebody who acts for one establishment or supplier tried to record history."""

    rule = "History is recorded by the group, for all of its members"
    remedy = "Ask the group to import the file."


class NotItsId(Refusal):
    """The order's id is not the one of its establishment, source and number."""

    rule = "The id of a past order is derived from its establishment, source and number"
    remedy = "Send the order_id that is named here."


class NotRecorded(Refusal):
    """A past order names an agreement that was really signed."""

    rule = "History is recorded only under agreements recorded from history: a signed one has a ceiling to keep"
    remedy = "Import it under an agreement of its own, or submit a real order."


class OtherContent(Refusal):
    """A line was recorded before with other content."""

    rule = "A recorded line never changes silently"
    remedy = "Import again with --correct to record a reversal and the new fact, or leave the line out."


class OtherCurrency(Refusal):
    """The order was recorded before in another currency."""

    rule = "An order has one currency"
    remedy = "Correct the currency, or give these lines an order number of their own."


@lru_cache(1 << 14)
def past_order_id(establishment_id: UUID, source: str, number: str) -> UUID:
    """Identity of a past order: establishment, source, order number."""
    return derived_id(establishment_id, f"{len(source)}:{source}:{number}")


def difference(known: PastLine, asked: PastLine) -> dict[str, tuple[str, str]]:
    """Field -> recorded and asked value, where they differ; what the domain computed apart."""
    changed = {name for name in STATED if getattr(known, name) != getattr(asked, name)}
    if not changed:
        return {}
    before, after = (line.model_dump(mode="json", include=changed) for line in (known, asked))
    return {name: (str(before[name]), str(after[name])) for name in before}


def record(order: Order | None, command: RecordPastOrder, terms_of: Callable[[UUID], Terms | None]) -> list[Recorded]:
    """Records the lines that are new, corrects those that changed where asked, and nothing where all is known.

    Raises NotItsId, DoubleLine, Unknown, NotRecorded, OtherCurrency, OtherContent (naming both values), TooLarge.
    """
    _check_document(order, command)
    known = {line_id: state.line for line_id, state in order.lines.items()} if order else {}
    before = {line_id: line for line_id, line in known.items() if isinstance(line, PastLine)}
    days = {line_id: line.ordered_on for line_id, line in before.items()}
    day = min({**days, **{line.line_id: line.ordered_on for line in command.lines}}.values())
    new: list[PastLine] = []
    changed: dict[str, PastLine] = {}
    for n, asked in enumerate(command.lines):
        line = _line(n, asked, command, terms_of, day)
        recorded = before.get(asked.line_id)
        if recorded is None:
            new.append(line)
        elif changes := difference(recorded, line):
            if not command.is_correction:
                raise OtherContent(_both(command.number, asked.line_id, changes), pointer=f"/lines/{n}")
            changed[asked.line_id] = line
    document = {
        "order_id": command.order_id,
        "establishment_id": command.establishment_id,
        "currency": command.currency,
        "source": command.source,
        "number": command.number,
    }
    found: list[Recorded] = []
    if new:
        found.append(PastOrderRecorded(**document, business_date=day, lines=tuple(new)))
    if changed:
        found.append(_corrected(document, before, changed, day))
    return found


def _check_document(order: Order | None, command: RecordPastOrder) -> None:
    order_id = past_order_id(command.establishment_id, command.source, command.number)
    if command.order_id != order_id:
        msg = f"order {command.number} of source {command.source} has the order_id {order_id}"
        raise NotItsId(msg, pointer="/order_id", order_id=order_id)
    check_distinct(line.line_id for line in command.lines)
    if order is not None and order.currency != command.currency:
        msg = f"order {command.number} was recorded in {order.currency}, now {command.currency}"
        raise OtherCurrency(msg, pointer="/currency", recorded=order.currency, now=command.currency)


def _corrected(
    document: Mapping[str, object], before: Mapping[str, PastLine], changed: Mapping[str, PastLine], day: date
) -> PastOrderCorrected:
    """Reverses and records again what was wrong, on the day on which it counted.

    A line whose own order day was wrong counts on the right day instead, and with it those that took their day from it.
    """
    after = {**before, **changed}
    right = {
        line_id: line.model_copy(update={"counted_on": _counted_on(before[line_id], line, day)})
        for line_id, line in after.items()
        if line_id in changed or line.counted_on < day
    }
    return PastOrderCorrected(
        **document,
        business_date=min(line.counted_on for line in right.values()),
        reversed_lines=tuple(before[line_id] for line_id in right),
        lines=tuple(right.values()),
    )


def _counted_on(before: PastLine, after: PastLine, day: date) -> date:
    return max(before.counted_on, day) if before.ordered_on == after.ordered_on else day


def _both(number: str, line_id: str, changes: Mapping[str, tuple[str, str]]) -> str:
    pairs = "; ".join(f"{name}: recorded {before!r}, now {after!r}" for name, (before, after) in changes.items())
    return f"order {number}, line {line_id} was recorded with other content: {pairs}"


def _line(
    n: int,
    asked: PastOrderLine,
    command: RecordPastOrder,
    terms_of: Callable[[UUID], Terms | None],
    day: date,
) -> PastLine:
    terms = terms_of(asked.agreement_id)
    if terms is None:
        msg = f"agreement {asked.agreement_id} is not known"
        raise Unknown(msg, pointer=f"/lines/{n}/agreement_id")
    if not terms.is_recorded:
        msg = f"agreement {terms.reference} was signed"
        raise NotRecorded(msg, pointer=f"/lines/{n}/agreement_id")
    baseline = _baseline(asked, command.currency, terms_of)
    return PastLine(
        line_id=asked.line_id,
        agreement_id=asked.agreement_id,
        supplier_id=asked.supplier_id,
        category=asked.category,
        item=asked.item,
        label=asked.label,
        unit=asked.unit,
        quantity=asked.quantity,
        base_quantity=asked.quantity,
        unit_price=asked.unit_price,
        amount=asked.amount,
        baseline_price=baseline,
        baseline_amount=None
        if baseline is None
        else within(cents(baseline * asked.quantity), f"the baseline of line {asked.line_id}", f"/lines/{n}/quantity"),
        ordered_on=asked.ordered_on,
        counted_on=day,
        received_on=asked.received_on,
        invoiced_on=asked.invoiced_on,
        invoice_number=asked.invoice_number,
    )


def _baseline(asked: PastOrderLine, currency: str, terms_of: Callable[[UUID], Terms | None]) -> Decimal | None:
    """The item's reference price; none where price or amount is zero: nothing paid, nothing saved."""
    if asked.baseline_id is None or not asked.unit_price or not asked.amount:
        return None
    recorded = terms_of(asked.baseline_id)
    if recorded is None or recorded.currency != currency:
        return None
    return recorded.baseline(None, asked.item, date.max)
