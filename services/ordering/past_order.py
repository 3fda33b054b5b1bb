"""Orders of the past, recorded from imported history as they were.

No ceiling, price list, duration or order of dates applies to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid5

from events.base import Event, Refusal, Unknown, cents
from events.ordering import PastLine, PastOrderCorrected, PastOrderRecorded
from services.ordering.commands import PastOrderLine, RecordPastOrder
from services.ordering.order import DoubleLine, Order
from services.ordering.terms import Terms


class NotRecorded(Refusal):
    """A past order names an agreement that was really signed."""

    rule = "History is recorded only under agreements recorded from history: a signed one has a ceiling to keep"
    remedy = "Import it under an agreement of its own, or submit a real order."


class OtherContent(Refusal):
    """A line was recorded before with other content."""

    rule = "A recorded line never changes silently"
    remedy = "Import again with --correct to record a reversal and the new fact, or leave the line out."


def past_order_id(establishment_id: UUID, source: str, number: str) -> UUID:
    """Identity of a past order: establishment, source, order number."""
    return uuid5(establishment_id, f"{source}:{number}")


def difference(known: PastLine, asked: PastLine) -> dict[str, tuple[str, str]]:
    """Field -> recorded and asked value, where they differ; what the domain computed apart."""
    apart = {"counted_on", "baseline_price", "baseline_amount"}
    before, after = known.model_dump(mode="json", exclude=apart), asked.model_dump(mode="json", exclude=apart)
    return {name: (str(before[name]), str(after[name])) for name in before if before[name] != after[name]}


def record(
    order: Order | None,
    command: RecordPastOrder,
    terms_of: Callable[[UUID], Terms | None],
) -> list[Event]:
    """Records the lines that are new, corrects those that changed where asked, and nothing where all is known.

    Raises Unknown, NotRecorded, DoubleLine, OtherContent (naming both values).
    """
    if len({line.line_id for line in command.lines}) < len(command.lines):
        raise DoubleLine("two lines have the same line_id", pointer="/lines")
    known = {line_id: state.line for line_id, state in order.lines.items()} if order else {}
    day = min(
        [line.ordered_on for line in command.lines]
        + [line.counted_on for line in known.values() if isinstance(line, PastLine)]
    )
    new, reversed_lines, corrected = [], [], []
    for n, asked in enumerate(command.lines):
        line = _line(n, asked, command, terms_of, day)
        before = known.get(asked.line_id)
        if not isinstance(before, PastLine):
            new.append(line)
        elif changes := difference(before, line):
            if not command.is_correction:
                raise OtherContent(_both(command.number, asked.line_id, changes), pointer=f"/lines/{n}")
            reversed_lines.append(before)
            corrected.append(line.model_copy(update={"counted_on": _corrected_day(before, line)}))
    document = {
        "order_id": command.order_id,
        "establishment_id": command.establishment_id,
        "business_date": day,
        "currency": command.currency,
        "source": command.source,
        "number": command.number,
    }
    found: list[Event] = []
    if new:
        found.append(PastOrderRecorded(**document, lines=tuple(new)))
    if corrected:
        found.append(PastOrderCorrected(**document, reversed_lines=tuple(reversed_lines), lines=tuple(corrected)))
    return found


def _corrected_day(before: PastLine, after: PastLine) -> date:
    """A correction counts on the day of the fact that it corrects, unless that day itself was wrong."""
    return before.counted_on if before.ordered_on == after.ordered_on else after.counted_on


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
        baseline_amount=None if baseline is None else cents(baseline * asked.quantity),
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
