"""Placing an order: who may order what, from whom, on which day, at which price. Its ceiling is apart (`ceiling`)."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP

from events.base import Refusal
from events.ordering import Line, OrderSubmitted
from events.values import cents, plain
from services.ordering.commands import OrderedLine, SubmitOrder
from services.ordering.lines import MILLIONTH, NO_MONEY, ZERO, check_distinct, total, within
from services.ordering.terms import Adhesion, Standing, Terms, valid_on


class NoAdhesion(Refusal):
    """The establishment does not adhere to the agreement on the order's day."""

    rule = "An establishment orders only under an agreement to which it adheres"
    remedy = "Ask the group to grant the adhesion, or order under another agreement."


class NotInForce(Refusal):
    """The agreement is not in force on the order's day."""

    rule = "An order is placed while its agreement is in force, last day included"
    remedy = "Order on a day of the agreement, or under its successor."


class NotOnPriceList(Refusal):
    """The item, or its price, is not that of the agreement's list."""

    rule = "An order is placed at a price of the agreement's list"
    remedy = "Order an item of the list, at its price; leave the price out to take the list's."


class SupplierIsSuspended(Refusal):
    """The supplier receives no orders on the order's day."""

    rule = "A suspended supplier receives no order"
    remedy = "Order from another supplier, or wait for the reinstatement."


class SeveralSuppliers(Refusal):
    """The lines belong to lots of more than one supplier."""

    rule = "An order goes to one supplier"
    remedy = "Send one order for each supplier."


def submit(command: SubmitOrder, terms: Terms, adhesion: Adhesion | None, standing: Standing | None) -> OrderSubmitted:
    """Decides on an order, its ceiling apart: adhesion, dates, prices, supplier. The excess is 0.00 until known.

    `standing` is that of the supplier of the first line's lot. Raises NoAdhesion, NotInForce, NotOnPriceList,
    SupplierIsSuspended, SeveralSuppliers, DoubleLine, TooLarge.
    """
    day = command.ordered_on
    # First of all the adhesion: who has none learns nothing of the agreement's terms.
    if adhesion is None or not adhesion.allows(day):
        msg = f"establishment {command.establishment_id} does not adhere to agreement {terms.agreement_id} on {day}"
        raise NoAdhesion(msg, pointer="/agreement_id", ordered_on=day)
    _check_in_force(terms, day)
    check_distinct(line.line_id for line in command.lines)
    lines = tuple(_priced(n, asked, terms, day) for n, asked in enumerate(command.lines))
    _check_supplier(lines, standing, day)
    return OrderSubmitted(
        order_id=command.order_id,
        establishment_id=command.establishment_id,
        business_date=day,
        currency=terms.currency,
        agreement_id=command.agreement_id,
        supplier_id=lines[0].supplier_id,
        number=command.number,
        excess=NO_MONEY,
        total=total(lines, "the order's total"),
        lines=lines,
    )


def _check_in_force(terms: Terms, day: date) -> None:
    if terms.is_recorded:
        msg = f"agreement {terms.reference} was recorded from history and takes no orders"
        raise NotInForce(msg, pointer="/agreement_id")
    if not terms.is_in_force(day):
        msg = f"agreement {terms.reference} is in force {terms.valid_from} to {terms.valid_to}, not on {day}"
        raise NotInForce(msg, pointer="/ordered_on", ordered_on=day)


def _check_supplier(lines: tuple[Line, ...], standing: Standing | None, day: date) -> None:
    supplier_id = lines[0].supplier_id
    for n, line in enumerate(lines):
        if line.supplier_id != supplier_id:
            msg = f"line {lines[0].line_id} goes to supplier {supplier_id}, line {line.line_id} to {line.supplier_id}"
            raise SeveralSuppliers(msg, pointer=f"/lines/{n}/lot_id")
    if standing is not None and standing.is_suspended(day):
        msg = f"supplier {supplier_id} is suspended on {day}"
        raise SupplierIsSuspended(msg, pointer="/lines/0/lot_id", supplier_id=supplier_id)


def _priced(n: int, asked: OrderedLine, terms: Terms, day: date) -> Line:
    lot = terms.lots.get(asked.lot_id)
    listed = lot.items.get(asked.item) if lot else None
    if lot is None or listed is None:
        msg = f"{asked.item} is not on the price list of {terms.reference}, lot {asked.lot_id}"
        raise NotOnPriceList(msg, pointer=f"/lines/{n}/item", item=asked.item)
    price = valid_on(lot.prices[asked.item], day) or ZERO
    if asked.unit_price is not None and asked.unit_price != price:
        msg = f"{asked.item} costs {plain(price)} on {day}, not {plain(asked.unit_price)}"
        raise NotOnPriceList(msg, pointer=f"/lines/{n}/unit_price", price=plain(price))
    pointer = f"/lines/{n}/quantity"
    base_units = within(asked.quantity * listed.base_units, f"line {asked.line_id} in base units", pointer)
    base_quantity = base_units.quantize(MILLIONTH, rounding=ROUND_HALF_UP)
    baseline = terms.baseline(asked.lot_id, asked.item, day)
    return Line(
        line_id=asked.line_id,
        agreement_id=terms.agreement_id,
        lot_id=asked.lot_id,
        supplier_id=lot.lot.supplier_id,
        category=lot.lot.category,
        item=asked.item,
        label=listed.label,
        unit=listed.unit,
        quantity=asked.quantity,
        base_quantity=base_quantity,
        unit_price=price,
        amount=within(cents(price * asked.quantity), f"the amount of line {asked.line_id}", pointer),
        baseline_price=baseline,
        baseline_amount=None
        if baseline is None
        else within(cents(baseline * base_quantity), f"the baseline of line {asked.line_id}", pointer),
    )
