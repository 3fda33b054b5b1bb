"""The plan as dated commands: what is said to which context, and when."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from events.base import Command
from events.tendering import BaselineMethod
from infra.event_store import Request
from services.demo import paperwork
from services.demo.agreements import Agreement, Lot
from services.demo.network import FOUNDED, Establishment, weekday
from services.demo.plan import Plan
from services.membership.commands import EndAdhesion, GrantAdhesion, JoinEstablishment, OpenSite
from services.suppliers.commands import (
    AskedScores,
    DeclareCsrRating,
    RegisterSupplier,
    ReinstateSupplier,
    RejectCsrRating,
    SuspendSupplier,
    VerifyCsrRating,
)
from services.tendering.commands import (
    AmendAgreement,
    AskedLimit,
    AskedLot,
    AskedPrice,
    RevisePrice,
    SetBaseline,
    SignAgreement,
)

HOURS = {"membership": time(6, 0), "suppliers": time(6, 10), "tendering": time(6, 20), "ordering": time(9, 0)}
"""The moment of the day (UTC) at which a context's commands are given: what orders need comes before them."""
BEFORE_AWARD, BEFORE_EFFECT = timedelta(days=30), timedelta(days=10)
CURRENCY = "EUR"
EVIDENCE = {
    BaselineMethod.LAST_CONTRACT_PRICE: "Dernier prix du marché précédent",
    BaselineMethod.INDEXED_PRICE: "Prix du marché précédent, indexé",
    BaselineMethod.MEAN_OF_OFFERS: "Moyenne des offres recevables",
    BaselineMethod.STUDY: "Étude de prix du groupe de travail achats",
}


class Step(NamedTuple):
    """A command, the context that it is for, and the moment at which it is given."""

    at: datetime
    context: str
    request: Request[Any]


def script(plan: Plan) -> Iterator[Step]:
    """All commands, moment by moment."""
    others = sorted([*_membership(plan), *_suppliers(plan), *_tendering(plan)], key=lambda step: step.at)
    return heapq.merge(others, _ordering(plan), key=lambda step: step.at)


def length(plan: Plan) -> int:
    """How many commands there are."""
    others = sum(1 for part in (_membership, _suppliers, _tendering) for _ in part(plan))
    return others + sum(paperwork.count(entry) for entry in plan.entries)


def _step(plan: Plan, day: date, command: Command, actor: str, *key: object, scope: UUID | None = None) -> Step:
    context = type(command).__module__.split(".")[1]
    name = ":".join(map(str, (type(command).__name__, *key)))
    at = datetime.combine(day, HOURS[context], UTC)
    return Step(at, context, Request(command, uuid5(plan.network.root, name), actor, scope))


def _ordering(plan: Plan) -> Iterator[Step]:
    for entry in plan.entries:
        at = datetime.combine(entry.document.recorded, HOURS["ordering"], UTC)
        for request in paperwork.requests(plan.network.root, entry):
            yield Step(at, "ordering", request)


def _membership(plan: Plan) -> Iterator[Step]:
    for place in plan.network.establishments:
        yield _step(plan, max(FOUNDED, place.joined_on), _join(place), "demo-buyer-1", place.establishment_id)
    for site in plan.network.sites:
        opened = OpenSite(
            establishment_id=site.establishment_id, site_id=site.site_id, name=site.name, opened_on=site.opened_on
        )
        yield _step(plan, max(FOUNDED, site.opened_on), opened, "demo-buyer-1", site.site_id)
    for adhesion in plan.adhesions:
        ids = {
            "establishment_id": adhesion.place.establishment_id,
            "agreement_id": adhesion.agreement.agreement_id,
        }
        grant = GrantAdhesion(**ids, valid_from=adhesion.valid_from)
        yield _step(plan, adhesion.granted_on, grant, "demo-buyer-2", *ids.values())
        if adhesion.ended_on:
            end = EndAdhesion(**ids, ended_on=adhesion.ended_on, reason="Besoin couvert par un groupement régional")
            yield _step(plan, adhesion.ended_on, end, "demo-buyer-2", *ids.values())


def _join(place: Establishment) -> JoinEstablishment:
    return JoinEstablishment(
        establishment_id=place.establishment_id, name=place.name, kind=place.kind, joined_on=place.joined_on
    )


def _suppliers(plan: Plan) -> Iterator[Step]:
    for supplier in plan.network.suppliers:
        registered = RegisterSupplier(supplier_id=supplier.supplier_id, name=supplier.name, country=supplier.country)
        yield _step(plan, FOUNDED, registered, "demo-buyer-1", supplier.supplier_id)
    for rating in plan.ratings:
        ids = {"supplier_id": rating.supplier_id, "rating_id": rating.rating_id}
        environment, labour, ethics, procurement = rating.themes
        scores = AskedScores(
            overall=rating.overall,
            environment=environment,
            labour=labour,
            ethics=ethics,
            procurement=procurement,
            medal=rating.medal,
        )
        declared = DeclareCsrRating(**ids, scores=scores, published_on=rating.published_on)
        actor = f"demo-supplier-{rating.supplier_id.hex[:8]}"
        yield _step(plan, rating.declared_on, declared, actor, rating.rating_id, scope=rating.supplier_id)
        if rating.judged_on:
            judged = (
                RejectCsrRating(**ids, reason="La fiche de score ne correspond pas à la déclaration")
                if rating.is_rejected
                else VerifyCsrRating(**ids)
            )
            yield _step(plan, rating.judged_on, judged, "demo-buyer-3", rating.rating_id)
    for agreement in plan.agreements:
        for lot in agreement.lots:
            yield from _suspension(plan, lot)


def _suspension(plan: Plan, lot: Lot) -> Iterator[Step]:
    if lot.story.suspended is None:
        return
    first, back = lot.story.suspended
    suspend = SuspendSupplier(
        supplier_id=lot.supplier_id, suspended_on=first, reason="Retrait d'un certificat de conformité"
    )
    yield _step(plan, first, suspend, "demo-buyer-3", lot.lot_id)
    reinstate = ReinstateSupplier(supplier_id=lot.supplier_id, reinstated_on=back)
    yield _step(plan, back, reinstate, "demo-buyer-3", lot.lot_id)


def _tendering(plan: Plan) -> Iterator[Step]:
    for agreement in plan.agreements:
        yield from _reference_prices(plan, agreement)
        yield _step(plan, agreement.signed_on, _signature(plan, agreement), "demo-buyer-2", agreement.agreement_id)
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
            yield _step(plan, day, amend, "demo-buyer-2", agreement.agreement_id)


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
            yield _step(plan, day, frozen, "demo-buyer-2", lot.lot_id, item.story.code)


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
                yield _step(plan, day, revise, "demo-buyer-2", lot.lot_id, item.story.code, effective_on)
