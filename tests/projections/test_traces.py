"""From the trace of a request to the events that it caused, and to their rows in the ledger."""

from __future__ import annotations

from uuid import UUID, uuid4

from events.base import Command
from infra.request import Request
from projections.traces.reader import Traces
from services.embedded import Platform
from services.ordering.commands import RecordPastOrder
from services.ordering.past_order import past_order_id
from services.suppliers.commands import RegisterSupplier
from services.tendering.commands import RecordAgreement

AGREEMENT, SUPPLIER, ESTABLISHMENT = UUID(int=11), UUID(int=12), UUID(int=13)


def run(platform: Platform, command: Command, trace_id: str, actor: str = "officer-1") -> None:
    context = type(command).__module__.split(".")[1]
    getattr(platform, context).handle(Request(command, uuid4(), actor, trace_id=trace_id))


def register(platform: Platform, trace_id: str, actor: str = "officer-1") -> UUID:
    supplier_id = uuid4()
    run(platform, RegisterSupplier(supplier_id=supplier_id, name="Fournisseur"), trace_id, actor)
    return supplier_id


def past_order(number: str) -> RecordPastOrder:
    line = {
        "agreement_id": AGREEMENT, "supplier_id": SUPPLIER, "category": "ARV", "item": "LAMIVUDINE", "label": "Lamivudine",
        "unit": "60 tablets", "quantity": "10", "unit_price": "10", "amount": "100.00", "ordered_on": "2010-01-05",
    }  # fmt: skip
    return RecordPastOrder.model_validate(
        {
            "order_id": past_order_id(ESTABLISHMENT, "scms", number), "establishment_id": ESTABLISHMENT, "source": "scms",
            "number": number, "currency": "USD", "lines": [{**line, "line_id": str(n)} for n in range(3)],
        }
    )  # fmt: skip


def test_a_trace_leads_to_its_events_and_to_their_rows_in_the_ledger(platform: Platform) -> None:
    trace, other = uuid4().hex, uuid4().hex
    agreement = {
        "agreement_id": AGREEMENT, "reference": "R", "title": "ARV", "supplier_id": SUPPLIER, "category": "ARV",
        "currency": "USD", "source": "scms",
    }  # fmt: skip
    run(platform, RecordAgreement.model_validate(agreement), other)
    platform.react()
    run(platform, past_order("PO-1"), trace)
    run(platform, past_order("PO-2"), other)
    platform.catch_up()
    found = Traces(platform.analytics).events(trace)
    assert [event.type for event in found] == ["ordering.PastOrderRecorded.v1"]
    event = found[0]
    place = {"lane": event.lane, "pos": event.position}
    rows = platform.analytics.rows(
        "select event_id, measure, amount from ledger where app = 'ordering' and lane = {lane:UInt16} and pos = {pos:UInt64}",
        place,
    )
    assert event.ledger_rows == len(rows) >= 3
    assert {row["event_id"] for row in rows} == {event.event_id}
    assert event.recorded_at.tzinfo is not None
    stored = platform.ordering.store.events(event.stream_id)[event.version - 1].event
    assert (stored.event_id, stored.trace_id) == (event.event_id, trace)


def test_events_of_several_contexts_have_one_trace(platform: Platform) -> None:
    trace = uuid4().hex
    suppliers = [register(platform, trace), register(platform, trace)]
    run(platform, past_order("PO-3"), trace)
    platform.catch_up()
    found = Traces(platform.analytics).events(trace)
    assert [event.context for event in found] == ["suppliers", "suppliers", "ordering"]
    assert [event.stream_id for event in found[:2]] == suppliers


def test_what_somebody_writes_into_a_name_is_no_trace(platform: Platform) -> None:
    trace, forged = uuid4().hex, uuid4().hex
    register(platform, trace, f'a\\","trace_id":"{forged}"')
    platform.catch_up()
    assert Traces(platform.analytics).events(forged) == []
    assert len(Traces(platform.analytics).events(trace)) == 1


def test_an_event_without_a_trace_is_found_by_none(platform: Platform) -> None:
    register(platform, "")
    platform.catch_up()
    assert Traces(platform.analytics).events("") == []
