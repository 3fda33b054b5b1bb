from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from events.base import AlreadyExists, Unknown
from infra.event_store import STORE_STREAM, Outdated
from services.tendering.agreement import Dated
from services.tendering.app import Tendering
from services.tendering.commands import SignAgreement
from services.tendering.signature import AboveMaximum, DatesOutOfOrder, NamedTwice, NoMaximum, OtherCurrency, TooLong
from tests.scenario import Scenario
from tests.services.tendering import facts
from tests.services.tendering.facts import (
    AGREEMENT,
    FIRST,
    ITEM,
    LAST,
    LOT,
    SECOND,
    lot,
    price,
    set_baseline,
    set_first_price,
    sign,
)


def test_an_agreement_is_signed(nothing: Scenario) -> None:
    nothing.when(sign()).then(facts.signed())


def test_it_is_signed_after_its_reference_prices_were_frozen(nothing: Scenario) -> None:
    nothing.given(set_baseline()).when(sign()).then(facts.signed())


def test_it_is_read_with_its_version_prices_and_maxima(signed: Scenario, tendering: Tendering) -> None:
    found, version = tendering.agreement(AGREEMENT)
    assert version == 1
    assert {place: maximum.current for place, maximum in found.maxima.items()} == {
        None: Decimal(1_000_000),
        LOT: Decimal(400_000),
    }
    assert found.prices[LOT, "TRASTUZUMAB-150"] == Dated(FIRST, Decimal(1000))


def test_an_agreement_with_reference_prices_only_is_not_known_yet(nothing: Scenario, tendering: Tendering) -> None:
    nothing.given(set_baseline())
    with pytest.raises(Unknown):
        tendering.agreement(AGREEMENT)


def test_an_agreement_is_signed_once(signed: Scenario) -> None:
    signed.when(sign()).then_refused(AlreadyExists, pointer="/agreement_id", saying="signed")


def test_a_recorded_agreement_is_not_signed(recorded: Scenario) -> None:
    recorded.when(sign()).then_refused(AlreadyExists, pointer="/agreement_id", saying="recorded")


def test_an_item_of_history_is_not_signed(nothing: Scenario) -> None:
    nothing.given(set_first_price()).when(sign(agreement_id=ITEM)).then_refused(AlreadyExists, pointer="/agreement_id")


def test_reference_prices_in_another_currency_are_refused(nothing: Scenario) -> None:
    nothing.given(set_baseline(currency="USD")).when(sign()).then_refused(
        OtherCurrency, pointer="/currency", saying="USD"
    )


def test_neither_a_maximum_of_its_own_nor_of_a_lot_is_refused(nothing: Scenario) -> None:
    nothing.when(sign(maximum=None)).then_refused(NoMaximum, pointer="/lots/1/maximum", saying="lot 2")


def test_a_maximum_for_every_lot_is_enough(nothing: Scenario) -> None:
    lots = (lot(), lot(SECOND, "2", "1"))
    nothing.when(sign(maximum=None, lots=lots)).then(facts.signed(maximum=None, lots=lots))


def test_a_lot_may_have_the_agreements_maximum(nothing: Scenario) -> None:
    lots = (lot(maximum="1000000"),)
    nothing.when(sign(lots=lots)).then(facts.signed(lots=lots))


def test_a_lot_above_the_agreements_maximum_is_refused(nothing: Scenario) -> None:
    nothing.when(sign(lots=(lot(maximum="1000000.01"),))).then_refused(
        AboveMaximum, pointer="/lots/0/maximum", saying="1000000.01"
    )


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"limit": "1000000"}, "/internal_limit/amount"),
        ({"lots": (lot(limit="400000"),)}, "/lots/0/internal_limit/amount"),
        ({"lots": (lot(maximum=None, limit="1000000"),)}, "/lots/0/internal_limit/amount"),
        ({"maximum": None, "lots": (lot(), lot(SECOND, "2", "1")), "limit": "400001"}, "/internal_limit/amount"),
    ],
)
def test_an_internal_limit_that_is_not_below_its_maximum_is_refused(
    nothing: Scenario, asked: dict[str, Any], pointer: str
) -> None:
    nothing.when(sign(**asked)).then_refused(AboveMaximum, pointer=pointer)


def test_internal_limits_below_their_maxima_are_signed(nothing: Scenario) -> None:
    asked: dict[str, Any] = {"limit": "999999.99", "lots": (lot(limit="399999.99"),)}
    nothing.when(sign(**asked)).then(facts.signed(**asked))


def test_an_agreement_may_be_signed_on_its_first_day_and_last_one_day(nothing: Scenario) -> None:
    asked: dict[str, Any] = {"signed_on": FIRST, "valid_to": FIRST}
    nothing.when(sign(**asked)).then(facts.signed(**asked))


def test_an_agreement_does_not_begin_before_its_signature(nothing: Scenario) -> None:
    nothing.when(sign(signed_on=date(2022, 1, 2))).then_refused(
        DatesOutOfOrder, pointer="/valid_from", saying="2022-01-02"
    )


def test_an_agreement_does_not_end_before_it_begins(nothing: Scenario) -> None:
    nothing.when(sign(valid_to=date(2021, 12, 31))).then_refused(
        DatesOutOfOrder, pointer="/valid_to", saying="2021-12-31"
    )


def test_an_agreement_runs_four_years_its_last_day_included(nothing: Scenario) -> None:
    nothing.when(sign(valid_to=date(2025, 12, 31))).then(facts.signed(valid_to=date(2025, 12, 31)))


def test_one_day_more_than_four_years_is_refused(nothing: Scenario) -> None:
    nothing.when(sign(valid_to=date(2026, 1, 1))).then_refused(TooLong, pointer="/valid_to", saying="2026-01-01")


def test_a_justified_agreement_runs_longer(nothing: Scenario) -> None:
    asked: dict[str, Any] = {
        "valid_to": date(2029, 12, 31),
        "duration_justification": "equipment written off over 8 years",
    }
    nothing.when(sign(**asked)).then(facts.signed(**asked))


@pytest.mark.parametrize(
    ("lots", "pointer"),
    [
        ((lot(), lot(LOT, "2")), "/lots/1/lot_id"),
        ((lot(), lot(SECOND, "1")), "/lots/1/number"),
        ((lot(), lot(SECOND, "2", prices=(price(), price("B"), price()))), "/lots/1/prices/2/item"),
    ],
)
def test_lots_and_items_are_named_once(nothing: Scenario, lots: object, pointer: str) -> None:
    nothing.when(sign(lots=lots)).then_refused(NamedTwice, pointer=pointer)


@pytest.mark.parametrize("lots", [(), (lot(prices=()),)])
def test_an_agreement_without_lots_or_prices_is_no_command(lots: object) -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        sign(lots=lots)


@pytest.mark.parametrize("place", [("lots", 0), ("lots", 0, "prices", 0), ("internal_limit",), ()])
def test_a_misspelt_field_is_refused_wherever_it_stands(place: tuple[Any, ...]) -> None:
    body = part = sign(limit="1").model_dump(mode="json")
    for step in place:
        part = part[step]
    part["maximun"] = "5"
    with pytest.raises(ValidationError) as refused:
        SignAgreement.model_validate(body)
    assert refused.value.errors()[0]["loc"] == (*place, "maximun")


def test_a_command_survives_its_own_json() -> None:
    assert SignAgreement.model_validate_json(sign().model_dump_json()) == sign()


def test_a_change_is_made_on_the_version_that_was_seen(nothing: Scenario) -> None:
    nothing.given(set_baseline()).when(sign(), expected_version=0).then_refused(Outdated, saying="the newest is 1")


def test_other_agreements_are_independent(signed: Scenario) -> None:
    signed.when(sign(agreement_id=UUID(int=99), valid_to=LAST))
    assert signed.refusal is None


def test_the_platforms_own_ids_are_no_agreements(tendering: Tendering) -> None:
    with pytest.raises(Unknown):
        tendering.agreement(STORE_STREAM)
    for ask in (sign, lambda agreement_id: set_baseline(baseline_id=agreement_id)):
        with pytest.raises(ValidationError, match="platform's own"):
            ask(agreement_id=STORE_STREAM)
