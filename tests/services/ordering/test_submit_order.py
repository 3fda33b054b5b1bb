from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from events.base import AlreadyExists, Unknown
from events.ordering import CeilingApproached, CeilingReserved, LotAmount, OrderSubmitted
from events.values import derived_id
from infra.event_store import Outdated
from services.ordering.ceiling import CeilingExceeded
from services.ordering.commands import SubmitOrder
from services.ordering.lines import DoubleLine, TooLarge
from services.ordering.submission import (
    NoAdhesion,
    NotInForce,
    NotOnPriceList,
    SeveralSuppliers,
    SupplierIsSuspended,
)
from tests.scenario import Scenario
from tests.services.ordering.facts import (
    AGREEMENT,
    DAY,
    ESTABLISHMENT,
    FIRST,
    LAST,
    LOT,
    MASKS,
    ORDER,
    OTHER,
    OTHER_SUPPLIER,
    SECOND_LOT,
    SUPPLIER,
    adheres,
    amended,
    baseline,
    head,
    limit,
    line,
    lot,
    money,
    no_longer_adheres,
    ordered,
    price,
    recorded,
    reinstated,
    revised,
    signed,
    submit,
    suspended,
    terminated,
)

BEFORE_FIRST, AFTER_LAST = date(2021, 12, 31), date(2024, 1, 1)


def submitted(*lines: Any, total: str, excess: str = "0.00", **more: Any) -> OrderSubmitted:
    said = {**head(), "agreement_id": AGREEMENT, "supplier_id": SUPPLIER, "number": "PO-100", "excess": excess}
    return OrderSubmitted(**{**said, "total": total, "lines": lines, **more})


def reserved(amount: str, after: str) -> CeilingReserved:
    lots = (LotAmount(lot_id=LOT, amount=amount),)
    return CeilingReserved(
        agreement_id=AGREEMENT, order_id=ORDER, currency="EUR", amount=amount, lots=lots, reserved=after
    )


def test_an_order_takes_the_lists_price_and_its_part_of_the_ceiling(may_order: Scenario) -> None:
    may_order.when(submit("10")).then(submitted(line("10", "100"), total="100"), reserved("100", "100"))


def test_an_order_has_several_lines(may_order: Scenario) -> None:
    masks = line("4", "10", "2", item=MASKS, label="Masks", unit_price="2.5")
    may_order.when(submit("10", ordered("4", "2", item=MASKS, unit_price="2.50"))).then(
        submitted(line("10", "100"), masks, total="110"), reserved("110", "110")
    )


def test_an_amount_is_rounded_once_on_the_line_half_up(nothing: Scenario) -> None:
    nothing.given(signed(lots=(lot(prices=(price(unit_price="0.333333"),)),)), adheres(), baseline("0.335"))
    nothing.when(submit("1.5", ordered("4.5", "2")))
    one, two = nothing.only(OrderSubmitted).lines
    assert (one.amount, one.baseline_amount) == (money("0.50"), money("0.50"))  # 0.4999995 and 0.5025
    assert (two.amount, two.baseline_amount) == (money("1.50"), money("1.51"))  # 1.4999985 and 1.5075


def test_an_instant_is_taken_as_its_day_in_paris(may_order: Scenario) -> None:
    may_order.when(submit(ordered_on=datetime(2022, 3, 31, 22, 30, tzinfo=UTC)))
    assert may_order.only(OrderSubmitted).business_date == date(2022, 4, 1)


# Who may order


def test_who_does_not_adhere_is_refused_and_learns_nothing_of_the_agreement(nothing: Scenario) -> None:
    nothing.given(signed()).when(submit()).then_refused(NoAdhesion, pointer="/agreement_id")
    assert "2021-GLOVES" not in str(nothing.refusal)


@pytest.mark.parametrize(
    ("day", "may"),
    [(BEFORE_FIRST, False), (date(2022, 2, 1), True), (date(2022, 6, 30), True), (date(2022, 7, 1), False)],
)
def test_an_adhesion_holds_on_its_first_and_last_day(nothing: Scenario, day: date, *, may: bool) -> None:
    nothing.given(signed(), adheres(date(2022, 2, 1), date(2022, 6, 30))).when(submit(ordered_on=day))
    assert isinstance(nothing.refusal, NoAdhesion) is not may


def test_an_adhesion_that_ended_holds_on_its_last_day(may_order: Scenario) -> None:
    may_order.given(no_longer_adheres(DAY)).when(submit())
    assert may_order.refusal is None
    may_order.when(submit(order_id=uuid4(), ordered_on=date(2022, 3, 2))).then_refused(NoAdhesion)


def test_an_adhesion_granted_again_after_it_ended_holds(may_order: Scenario) -> None:
    may_order.given(no_longer_adheres(date(2022, 1, 31)), adheres(DAY)).when(submit())
    assert may_order.only(OrderSubmitted)


def test_an_adhesion_of_another_establishment_does_not_help(nothing: Scenario) -> None:
    nothing.given(signed(), adheres(establishment_id=OTHER)).when(submit()).then_refused(NoAdhesion)


@pytest.mark.parametrize("scope", [OTHER, SUPPLIER])
def test_who_acts_for_another_is_told_that_it_is_not_known(may_order: Scenario, scope: UUID) -> None:
    may_order.when(submit(), scope=scope).then_refused(Unknown, pointer="/establishment_id")


def test_an_establishment_acts_for_itself(may_order: Scenario) -> None:
    may_order.when(submit(), scope=ESTABLISHMENT).then(
        submitted(line("10", "100"), total="100"), reserved("100", "100")
    )


# When


@pytest.mark.parametrize(("day", "may"), [(BEFORE_FIRST, False), (FIRST, True), (LAST, True), (AFTER_LAST, False)])
def test_an_agreement_is_valid_on_its_first_and_its_last_day(nothing: Scenario, day: date, *, may: bool) -> None:
    nothing.given(signed(), adheres(date(2020, 1, 1))).when(submit(ordered_on=day))
    if may:
        assert nothing.only(OrderSubmitted).business_date == day
    else:
        nothing.then_refused(NotInForce, pointer="/ordered_on", saying="2022-01-01 to 2023-12-31")


def test_a_terminated_agreement_is_valid_on_its_last_day(may_order: Scenario) -> None:
    may_order.given(terminated(DAY)).when(submit(ordered_on=date(2022, 3, 2))).then_refused(NotInForce)
    may_order.when(submit()).then(submitted(line("10", "100"), total="100"), reserved("100", "100"))


def test_a_prolonged_agreement_is_valid_on_its_new_last_day(may_order: Scenario) -> None:
    may_order.given(amended(valid_to=date(2024, 6, 30))).when(submit(ordered_on=date(2024, 6, 30)))
    assert may_order.only(OrderSubmitted)


def test_an_agreement_of_the_past_takes_no_orders(nothing: Scenario) -> None:
    nothing.given(recorded(), adheres()).when(submit()).then_refused(
        NotInForce, pointer="/agreement_id", saying="recorded from history"
    )


def test_an_agreement_that_is_not_known_is_refused(nothing: Scenario) -> None:
    nothing.when(submit()).then_refused(Unknown, pointer="/agreement_id")


def test_a_baseline_alone_is_no_agreement(nothing: Scenario) -> None:
    nothing.given(baseline("12")).when(submit()).then_refused(Unknown, pointer="/agreement_id")


# At which price


def test_an_item_that_is_not_on_the_list_is_refused(may_order: Scenario) -> None:
    may_order.when(submit("1", ordered("1", "2", item="GOWNS"))).then_refused(
        NotOnPriceList, pointer="/lines/1/item", saying="GOWNS"
    )


def test_an_item_of_another_lot_is_refused(nothing: Scenario) -> None:
    nothing.given(signed(lots=(lot(), lot(SECOND_LOT, "2", prices=(price("GOWNS"),)))), adheres())
    nothing.when(submit(lines=(ordered("1", item="GOWNS"),))).then_refused(NotOnPriceList, pointer="/lines/0/item")


def test_a_lot_that_the_agreement_does_not_have_is_refused(may_order: Scenario) -> None:
    may_order.when(submit(lines=(ordered("1", lot_id=SECOND_LOT),))).then_refused(NotOnPriceList)


def test_another_price_than_the_lists_is_refused(may_order: Scenario) -> None:
    may_order.when(submit(lines=(ordered("1", unit_price="9.99"),))).then_refused(
        NotOnPriceList, pointer="/lines/0/unit_price", saying="costs 10 on 2022-03-01, not 9.99"
    )


@pytest.mark.parametrize(
    ("day", "amount"),
    [(date(2022, 5, 31), "100"), (date(2022, 6, 1), "110"), (date(2022, 9, 1), "120.5"), (LAST, "120.5")],
)
def test_a_price_holds_from_its_day_on_and_earlier_prices_stay_known(
    may_order: Scenario, day: date, amount: str
) -> None:
    # The later revision became known first: each holds from its own day on.
    may_order.given(revised("12.05", date(2022, 9, 1)), revised("11", date(2022, 6, 1))).when(submit(ordered_on=day))
    assert may_order.only(OrderSubmitted).total == money(amount)


def test_of_two_prices_from_the_same_day_the_newer_one_holds(may_order: Scenario) -> None:
    may_order.given(revised("11", DAY), revised("10.50", DAY, "11")).when(submit())
    assert may_order.only(OrderSubmitted).total == money("105")


def test_the_price_history_outlives_a_termination_and_an_amendment(may_order: Scenario) -> None:
    may_order.given(revised("11", date(2022, 6, 1)), amended(maximum="200000"), terminated(date(2022, 12, 31)))
    may_order.when(submit())
    assert may_order.only(OrderSubmitted).total == money("100")


def test_the_baseline_is_that_of_the_orders_day(may_order: Scenario) -> None:
    may_order.given(baseline("12"), baseline("13", since=date(2022, 6, 1))).when(submit())
    (one,) = may_order.only(OrderSubmitted).lines
    assert (one.baseline_price, one.baseline_amount) == (money("12"), money("120"))


def test_a_baseline_of_the_whole_agreement_holds_for_lots_without_their_own(may_order: Scenario) -> None:
    may_order.given(baseline("3", MASKS, lot_id=None), baseline("11", lot_id=None), baseline("12"))
    may_order.when(submit("10", ordered("4", "2", item=MASKS)))
    assert [one.baseline_price for one in may_order.only(OrderSubmitted).lines] == [money("12"), money("3")]


def test_a_baseline_set_before_the_signature_is_kept(nothing: Scenario) -> None:
    nothing.given(baseline("12"), signed(), adheres()).when(submit())
    assert nothing.only(OrderSubmitted).lines[0].baseline_amount == money("120")


# From whom


def test_an_order_goes_to_one_supplier(nothing: Scenario) -> None:
    nothing.given(signed(lots=(lot(), lot(SECOND_LOT, "2", supplier_id=OTHER_SUPPLIER))), adheres())
    nothing.when(submit("1", ordered("1", "2", lot_id=SECOND_LOT))).then_refused(
        SeveralSuppliers, pointer="/lines/1/lot_id", saying=str(OTHER_SUPPLIER)
    )


@pytest.mark.parametrize(
    ("facts", "may"),
    [
        ([suspended(DAY)], False),
        ([suspended(date(2022, 3, 2))], True),
        ([suspended(date(2022, 2, 1)), reinstated(DAY)], True),
        ([suspended(date(2022, 2, 1)), reinstated(date(2022, 3, 2))], False),
        ([suspended(date(2022, 1, 1)), reinstated(date(2022, 2, 1)), suspended(date(2022, 2, 15))], False),
        ([suspended(DAY, OTHER_SUPPLIER)], True),
    ],
)
def test_a_suspended_supplier_receives_no_order(may_order: Scenario, facts: list[Any], *, may: bool) -> None:
    may_order.given(*facts).when(submit())
    if may:
        assert may_order.only(OrderSubmitted)
    else:
        may_order.then_refused(SupplierIsSuspended, pointer="/lines/0/lot_id", saying=str(SUPPLIER))


# Identity


def test_an_order_id_is_given_once(ordered_ten: Scenario) -> None:
    ordered_ten.when(submit("5")).then_refused(AlreadyExists, pointer="/order_id")


def test_an_order_id_that_another_has_given_is_refused_too(ordered_ten: Scenario) -> None:
    ordered_ten.given(adheres(establishment_id=OTHER))
    ordered_ten.when(submit("5", establishment_id=OTHER), scope=OTHER).then_refused(AlreadyExists)


def test_an_id_of_the_platforms_own_cannot_be_given(may_order: Scenario) -> None:
    # An order under the id of an agreement's ceiling would keep everybody from ordering.
    for name in ("ceiling", "terms", "standing"):
        with pytest.raises(ValidationError, match="platform's own"):
            submit(order_id=derived_id(AGREEMENT, name))


def test_two_lines_with_the_same_id_are_refused(may_order: Scenario) -> None:
    may_order.when(submit("1", ordered("1"))).then_refused(DoubleLine, pointer="/lines/1/line_id", saying="line_id 1")


def test_an_order_that_does_not_exist_yet_has_no_version_to_match(may_order: Scenario) -> None:
    may_order.when(submit(), expected_version=3).then_refused(Outdated)


# What can be written


@pytest.mark.parametrize("quantity", ["-1", "0", "NaN", "Infinity", "1.0000001", "1e12", 1.5])
def test_a_quantity_that_is_none_is_refused(quantity: Any) -> None:
    with pytest.raises(ValidationError):
        submit(quantity)


@pytest.mark.parametrize(
    ("prices", "quantity", "saying"),
    [
        ({"unit_price": "10"}, "100000000000", "the amount of line 1 would be 1000000000000"),
        ({"unit_price": "1", "base_units": "100"}, "10000000000", "line 1 in base units would be 1000000000000"),
        ({"unit_price": "999999999999"}, "999999999999.999999", "would be"),
    ],
)
def test_an_amount_of_more_than_twelve_digits_is_refused(
    nothing: Scenario, prices: Any, quantity: str, saying: str
) -> None:
    nothing.given(signed(lots=(lot(prices=(price(**prices),)),)), adheres())
    nothing.when(submit(quantity)).then_refused(TooLarge, pointer="/lines/0/quantity", saying=saying)


def test_a_baseline_or_a_total_of_more_than_twelve_digits_is_refused(nothing: Scenario) -> None:
    nothing.given(signed(maximum=None, lots=(lot(maximum="999999999999"),)), adheres(), baseline("999999999999"))
    nothing.when(submit("2")).then_refused(TooLarge, saying="the baseline of line 1")
    nothing.given(baseline("1"))
    nothing.when(submit("60000000000", ordered("60000000000", "2"))).then_refused(
        TooLarge, pointer="/lines", saying="the order's total"
    )


def test_reservations_of_more_than_twelve_digits_in_all_are_refused(nothing: Scenario) -> None:
    # Without a maximum of the agreement's own, only the lots' are kept.
    lots = (lot(maximum="999999999999"), lot(SECOND_LOT, "2", maximum="999999999999"))
    nothing.given(signed(maximum=None, lots=lots), adheres(), submit("60000000000"))
    second = submit(order_id=UUID(int=101), lines=(ordered("40000000000", lot_id=SECOND_LOT),))
    nothing.when(second).then_refused(TooLarge, pointer="/lines", saying="reserve in all would be 1000000000000")


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        SubmitOrder.model_validate({**submit().model_dump(), "establishement_id": "1"})


# The ceiling


def test_an_order_may_reach_the_maximum_but_not_pass_it(nothing: Scenario) -> None:
    nothing.given(signed(maximum="1000"), adheres(), submit("90"))
    nothing.when(submit("10.001", order_id=UUID(int=101))).then_refused(
        CeilingExceeded, pointer="/lines", saying="1000.00, of which 900.00 is reserved and 100.00 remains"
    )
    assert nothing.refusal is not None
    assert nothing.refusal.values == {
        "maximum": "1000.00",
        "reserved": "900.00",
        "remaining": "100.00",
        "asked": "100.01",
    }
    nothing.given(submit("10", order_id=UUID(int=102))).when(submit("0.001", order_id=UUID(int=103)))
    nothing.then_refused(CeilingExceeded, saying="0.00 remains")


def test_the_maximum_holds_across_establishments(nothing: Scenario) -> None:
    nothing.given(signed(maximum="1000"), adheres(), adheres(establishment_id=OTHER), submit("90"))
    nothing.when(submit("20", order_id=UUID(int=101), establishment_id=OTHER)).then_refused(CeilingExceeded)


def test_a_lots_maximum_holds_below_the_agreements(nothing: Scenario) -> None:
    nothing.given(signed(lots=(lot(maximum="500"), lot(SECOND_LOT, "2"))), adheres(), submit("45"))
    nothing.when(submit("6", order_id=UUID(int=101))).then_refused(CeilingExceeded, saying="lot 1")
    nothing.when(submit("5", ordered("60", "2", lot_id=SECOND_LOT), order_id=UUID(int=102)))
    found = nothing.only(CeilingReserved)
    assert {part.lot_id: part.amount for part in found.lots} == {LOT: money("50"), SECOND_LOT: money("600")}
    assert found.reserved == money("1100")


def test_where_only_the_lots_have_a_maximum_each_holds(nothing: Scenario) -> None:
    lots = (lot(maximum="500"), lot(SECOND_LOT, "2", maximum="300"))
    nothing.given(signed(maximum=None, lots=lots), adheres())
    nothing.when(submit("50", ordered("31", "2", lot_id=SECOND_LOT))).then_refused(CeilingExceeded, saying="lot 2")


def test_a_signed_amendment_raises_the_maximum(nothing: Scenario) -> None:
    nothing.given(signed(maximum="1000"), adheres(), submit("90"), amended(previous_maximum="1000", maximum="1200"))
    nothing.when(submit("30", order_id=UUID(int=101)))
    assert nothing.only(CeilingReserved).reserved == money("1200")


def test_a_signed_amendment_raises_a_lots_maximum(nothing: Scenario) -> None:
    nothing.given(signed(lots=(lot(maximum="500"),)), adheres(), amended(lot_id=LOT, maximum="600")).when(submit("60"))
    assert nothing.only(OrderSubmitted)


def test_a_lowered_maximum_stops_further_orders_only(nothing: Scenario) -> None:
    nothing.given(signed(maximum="1000"), adheres(), submit("90"), amended(maximum="800"))
    nothing.when(submit("1", order_id=UUID(int=101))).then_refused(CeilingExceeded, saying="900.00 is reserved")


def test_warnings_are_given_at_80_90_and_100_percent_once_each(nothing: Scenario) -> None:
    nothing.given(signed(maximum="1000"), adheres(), submit("79.9"))

    def warnings(order: int, quantity: str) -> list[tuple[int, UUID | None]]:
        nothing.when(submit(quantity, order_id=UUID(int=order)))
        return [(event.percent, event.lot_id) for event in nothing.published() if isinstance(event, CeilingApproached)]

    assert warnings(101, "0.1") == [(80, None)]
    assert warnings(102, "9.9") == []
    assert warnings(103, "10.1") == [(90, None), (100, None)]


def test_a_raised_maximum_warns_anew_and_a_lot_warns_of_its_own(nothing: Scenario) -> None:
    nothing.given(signed(maximum="1000", lots=(lot(maximum="1000"),)), adheres(), submit("85"))
    nothing.given(amended(maximum="1500")).when(submit("15", order_id=UUID(int=101)))
    found = [(e.percent, e.lot_id, e.maximum) for e in nothing.published() if isinstance(e, CeilingApproached)]
    assert found == [(90, LOT, money("1000")), (100, LOT, money("1000"))]


# The internal limit


def test_example_13_an_order_of_500_over_a_limit_of_1000_with_800_ordered_needs_an_approval_for_300(
    limited: Scenario,
) -> None:
    limited.given(submit("80")).when(submit("50", order_id=UUID(int=101)))
    assert limited.only(OrderSubmitted).excess == money("300.00")
    assert limited.only(CeilingReserved).reserved == money("1300.00")


def test_example_14_with_an_allowance_of_10_percent_orders_of_1000_then_100_are_both_accepted(
    nothing: Scenario,
) -> None:
    nothing.given(signed(internal_limit=limit("1000", "0.10")), adheres(), submit("100"))
    nothing.when(submit("10", order_id=UUID(int=101)))
    assert nothing.only(OrderSubmitted).excess == money("0.00")
    nothing.when(submit("0.1", order_id=UUID(int=102)))
    assert nothing.only(OrderSubmitted).excess == money("1.00")


def test_the_allowance_is_of_the_total_not_of_what_remains(nothing: Scenario) -> None:
    # Of the remaining 100 ten percent would be 10: an order of 150 would wait.
    nothing.given(signed(internal_limit=limit("1000", "0.10")), adheres(), submit("90"))
    nothing.when(submit("15", order_id=UUID(int=101)))
    assert nothing.only(OrderSubmitted).excess == money("0.00")


def test_a_waiting_order_counts_for_the_limit_and_the_excess_is_never_more_than_the_order(waiting: Scenario) -> None:
    waiting.when(submit("2", order_id=UUID(int=101)))
    assert waiting.only(OrderSubmitted).excess == money("20.00")


def test_a_lots_internal_limit_needs_an_approval_too(nothing: Scenario) -> None:
    lots = (lot(internal_limit=limit("100")), lot(SECOND_LOT, "2"))
    nothing.given(signed(lots=lots), adheres())
    nothing.when(submit("15", ordered("99", "2", lot_id=SECOND_LOT)))
    assert nothing.only(OrderSubmitted).excess == money("50.00")


# Worked examples of savings: what the line says


def test_example_8_a_price_of_120_then_102_then_100_on_renewal_saves_180000_then_20000(nothing: Scenario) -> None:
    renewal = UUID(int=2)
    nothing.given(
        signed(maximum="9000000", lots=(lot(prices=(price(unit_price="102"),)),)),
        adheres(),
        baseline("120"),
        signed(agreement_id=renewal, maximum="9000000", lots=(lot(SECOND_LOT, prices=(price(unit_price="100"),)),)),
        adheres(agreement_id=renewal),
        baseline("102", lot_id=SECOND_LOT, baseline_id=renewal, agreement_id=renewal),
    )
    assert _saving(nothing, submit("10000")) == money("180000.00")
    second = (ordered("10000", lot_id=SECOND_LOT),)
    assert _saving(nothing, submit(order_id=UUID(int=101), agreement_id=renewal, lines=second)) == money("20000.00")


def test_example_10_a_price_above_the_baseline_is_a_negative_saving(nothing: Scenario) -> None:
    nothing.given(signed(maximum="900000", lots=(lot(prices=(price(unit_price="122"),)),)), adheres(), baseline("120"))
    assert _saving(nothing, submit("2500")) == money("-5000.00")


def test_example_11_a_box_of_ten_at_95_against_10_20_a_unit(nothing: Scenario) -> None:
    boxes = price(unit_price="95", base_units="10", unit="box of 10")
    nothing.given(signed(maximum="900000", lots=(lot(prices=(boxes,)),)), adheres(), baseline("10.20"))
    assert _saving(nothing, submit("3000")) == money("21000.00")
    assert nothing.only(OrderSubmitted).lines[0].base_quantity == money("30000")


def _saving(scenario: Scenario, command: SubmitOrder) -> Any:
    (one,) = scenario.when(command).only(OrderSubmitted).lines
    assert one.baseline_amount is not None
    return one.baseline_amount - one.amount
