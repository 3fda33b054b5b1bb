"""The plan as dated commands: what is said to which context, and when."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime

from services.demo import paperwork
from services.demo.agreements import Lot
from services.demo.network import FOUNDED, Establishment
from services.demo.plan import Plan
from services.demo.signatures import tendering
from services.demo.steps import HOURS, Step, step
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


def script(plan: Plan) -> Iterator[Step]:
    """All commands, moment by moment."""
    others = sorted([*_membership(plan), *_suppliers(plan), *tendering(plan)], key=_moment)
    return heapq.merge(others, _ordering(plan), key=_moment)


def _moment(one: Step) -> datetime:
    return one.at


def length(plan: Plan) -> int:
    """How many commands there are."""
    others = sum(1 for part in (_membership, _suppliers, tendering) for _ in part(plan))
    return others + sum(paperwork.count(entry) for entry in plan.entries)


def _ordering(plan: Plan) -> Iterator[Step]:
    for entry in plan.entries:
        at = datetime.combine(entry.document.recorded, HOURS["ordering"], UTC)
        for request in paperwork.requests(plan.network.root, entry):
            yield Step(at, "ordering", request)


def _membership(plan: Plan) -> Iterator[Step]:
    for place in plan.network.establishments:
        yield step(plan, max(FOUNDED, place.joined_on), _join(place), "demo-buyer-1", place.establishment_id)
    for site in plan.network.sites:
        opened = OpenSite(
            establishment_id=site.establishment_id, site_id=site.site_id, name=site.name, opened_on=site.opened_on
        )
        yield step(plan, max(FOUNDED, site.opened_on), opened, "demo-buyer-1", site.site_id)
    for adhesion in plan.adhesions:
        ids = {
            "establishment_id": adhesion.place.establishment_id,
            "agreement_id": adhesion.agreement.agreement_id,
        }
        grant = GrantAdhesion(**ids, valid_from=adhesion.valid_from)
        yield step(plan, adhesion.granted_on, grant, "demo-buyer-2", *ids.values())
        if adhesion.ended_on:
            end = EndAdhesion(**ids, ended_on=adhesion.ended_on, reason="Besoin couvert par un groupement régional")
            yield step(plan, adhesion.ended_on, end, "demo-buyer-2", *ids.values())


def _join(place: Establishment) -> JoinEstablishment:
    return JoinEstablishment(
        establishment_id=place.establishment_id, name=place.name, kind=place.kind, joined_on=place.joined_on
    )


def _suppliers(plan: Plan) -> Iterator[Step]:
    for supplier in plan.network.suppliers:
        registered = RegisterSupplier(supplier_id=supplier.supplier_id, name=supplier.name, country=supplier.country)
        yield step(plan, FOUNDED, registered, "demo-buyer-1", supplier.supplier_id)
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
        yield step(plan, rating.declared_on, declared, actor, rating.rating_id, scope=rating.supplier_id)
        if rating.judged_on:
            judged = (
                RejectCsrRating(**ids, reason="La fiche de score ne correspond pas à la déclaration")
                if rating.is_rejected
                else VerifyCsrRating(**ids)
            )
            yield step(plan, rating.judged_on, judged, "demo-buyer-3", rating.rating_id)
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
    yield step(plan, first, suspend, "demo-buyer-3", lot.lot_id)
    reinstate = ReinstateSupplier(supplier_id=lot.supplier_id, reinstated_on=back)
    yield step(plan, back, reinstate, "demo-buyer-3", lot.lot_id)
