from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from events.base import AlreadyExists
from events.tendering import AgreementRecorded
from infra.event_store import Request
from services.tendering.agreement import Kind
from services.tendering.app import Tendering
from services.tendering.commands import TenderingCommand
from tests.scenario import Scenario
from tests.services.tendering.facts import AGREEMENT, ITEM, RECORD, set_baseline, set_first_price


def test_an_agreement_of_the_past_is_recorded_and_marked_so(nothing: Scenario, tendering: Tendering) -> None:
    nothing.when(RECORD).then(AgreementRecorded(**RECORD.model_dump()))
    assert tendering.agreement(AGREEMENT)[0].kind is Kind.RECORDED


def test_an_agreement_is_recorded_once(recorded: Scenario) -> None:
    recorded.when(RECORD).then_refused(AlreadyExists, pointer="/agreement_id", saying="recorded")


def test_a_signed_agreement_is_not_recorded(signed: Scenario) -> None:
    signed.when(RECORD).then_refused(AlreadyExists, pointer="/agreement_id", saying="signed")


def test_an_id_that_holds_reference_prices_is_not_recorded(nothing: Scenario) -> None:
    nothing.given(set_baseline()).when(RECORD).then_refused(AlreadyExists, pointer="/agreement_id", saying="prepared")


def test_an_item_of_history_is_no_agreement(nothing: Scenario) -> None:
    nothing.given(set_first_price()).when(RECORD.model_copy(update={"agreement_id": ITEM}))
    nothing.then_refused(AlreadyExists, pointer="/agreement_id", saying="item")


def test_an_import_records_many_agreements_in_one_transaction_or_none(nothing: Scenario, tendering: Tendering) -> None:
    def ask(agreement_id: UUID) -> Request[TenderingCommand]:
        return Request(RECORD.model_copy(update={"agreement_id": agreement_id}), uuid4(), "importer")

    known = uuid4()
    requests = [ask(uuid4()) for _ in range(200)]
    nothing.given(ask(known).command)
    before = tendering.store.last_pos()
    with pytest.raises(AlreadyExists):
        tendering.handle_many([*requests, ask(known)])
    assert tendering.store.last_pos() == before
    assert {accepted.version for accepted in tendering.handle_many(requests)} == {1}
