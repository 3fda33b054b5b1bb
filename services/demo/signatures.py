"""Agreements of the plan as commands to tendering: reference prices, signatures, revisions, the amendment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from events.tendering import BaselineMethod
from services.demo.agreements import Agreement, Lot
from services.demo.network import weekday
from services.demo.plan import Plan
from services.demo.steps import Step, step
from services.tendering.commands import (
    AmendAgreement,
    AskedLimit,
    AskedLot,
    AskedPrice,
    RevisePrice,
    SetBaseline,
    SignAgreement,
)

BEFORE_AWARD, BEFORE_EFFECT = timedelta(days=30), timedelta(days=10)
CURRENCY = "EUR"
EVIDENCE = {
    BaselineMethod.LAST_CONTRACT_PRICE: "Dernier prix du marché précédent",
    BaselineMethod.INDEXED_PRICE: "Prix du marché précédent, indexé",
    BaselineMethod.MEAN_OF_OFFERS: "Moyenne des offres recevables",
    BaselineMethod.STUDY: "Étude de prix du groupe de travail achats",
}


def tendering(plan: Plan) -> Iterator[Step]:
    """All commands to tendering, agreement by agreement."""
    for agreement in plan.agreements:
        yield from _reference_prices(plan, agreement)
        yield step(plan, agreement.signed_on, _signature(plan, agreement), "demo-buyer-2", agreement.agreement_id)
        yield from _revisions(plan, agreement)
        amendment, amended = agreement.story.amendment, plan.ceilings[agreement.agreement_id].amended
        if amendment and amended:
            day, maximum = amended
            amend = AmendAgreement(
                agreement_id=agreement.agreement_id,
                ground=amendment.ground,
                justification=amendment.justification,
                signed_on=day,
                maximum=maximum,
            )
            yield step(plan, day, amend, "demo-buyer-2", agreement.agreement_id)


def _reference_prices(plan: Plan, agreement: Agreement) -> Iterator[Step]:
    """Frozen a month before the signature: before the award."""
    for lot in agreement.lots:
        for item in lot.items:
            price = plan.reference_prices.get((lot.lot_id, item.story.code))
            if price is None or lot.story.method is None:
                continue
            frozen = SetBaseline(
                baseline_id=agreement.agreement_id,
                agreement_id=agreement.agreement_id,
                lot_id=lot.lot_id,
                item=item.story.code,
                method=lot.story.method,
                price=price,
                currency=CURRENCY,
                evidence=EVIDENCE[lot.story.method],
                valid_from=agreement.story.valid[0],
                approved_by="demo-expert-1",
            )
            day = weekday(agreement.signed_on - BEFORE_AWARD)
            yield step(plan, day, frozen, "demo-buyer-2", lot.lot_id, item.story.code)


def _signature(plan: Plan, agreement: Agreement) -> SignAgreement:
    story, ceiling = agreement.story, plan.ceilings[agreement.agreement_id]
    limit = story.internal_limit
    return SignAgreement(
        agreement_id=agreement.agreement_id,
        reference=story.reference,
        title=story.title,
        currency=CURRENCY,
        signed_on=agreement.signed_on,
        valid_from=story.valid[0],
        valid_to=story.valid[1],
        maximum=ceiling.maximum,
        internal_limit=AskedLimit(amount=ceiling.internal_limit, allowance=limit.allowance)
        if limit and ceiling.internal_limit
        else None,
        revision_bound=story.revision_bound,
        lots=tuple(_lot(lot, ceiling.by_lot.get(lot.lot_id)) for lot in agreement.lots),
    )


def _lot(lot: Lot, maximum: Decimal | None) -> AskedLot:
    return AskedLot(
        lot_id=lot.lot_id,
        number=lot.number,
        title=lot.story.title,
        supplier_id=lot.supplier_id,
        category=lot.story.cpv,
        maximum=maximum,
        prices=tuple(
            AskedPrice(
                item=item.story.code,
                label=item.story.label,
                unit=item.story.unit,
                base_units=Decimal(item.story.base_units),
                unit_price=item.story.price,
            )
            for item in lot.items
        ),
    )


def _revisions(plan: Plan, agreement: Agreement) -> Iterator[Step]:
    for lot in agreement.lots:
        for item in lot.items:
            for revision, (effective_on, price) in zip(agreement.story.revisions, item.prices[1:], strict=True):
                revise = RevisePrice(
                    agreement_id=agreement.agreement_id,
                    lot_id=lot.lot_id,
                    item=item.story.code,
                    unit_price=price,
                    effective_on=effective_on,
                    formula=revision.formula,
                )
                day = weekday(effective_on - BEFORE_EFFECT)
                yield step(plan, day, revise, "demo-buyer-2", lot.lot_id, item.story.code, effective_on)
