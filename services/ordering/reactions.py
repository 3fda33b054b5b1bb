"""Ordering's reactions: each notes another context's event in the stream that keeps it.

`stream_of` is the whole table: which events are noted, and where. A noted event is a copy under an internal name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

from events.base import Event
from events.membership import AdhesionEnded, AdhesionGranted
from events.suppliers import SupplierReinstated, SupplierSuspended
from events.tendering import (
    AgreementAmended,
    AgreementRecorded,
    AgreementSigned,
    AgreementTerminated,
    BaselineSet,
    PriceRevised,
)
from events.values import derived_id
from services.ordering.terms import evolve_adhesion, evolve_standing, evolve_terms

NOTED: tuple[type[Event], ...] = (
    AgreementSigned,
    AgreementRecorded,
    BaselineSet,
    PriceRevised,
    AgreementAmended,
    AgreementTerminated,
    AdhesionGranted,
    AdhesionEnded,
    SupplierSuspended,
    SupplierReinstated,
)
"""The foreign events that ordering reads."""

Evolve = Callable[[Any, Event], Any]


@lru_cache(1 << 14)
def terms_stream(agreement_id: UUID) -> UUID:
    """Where an agreement's terms (or an imported item's baseline) are noted."""
    return derived_id(agreement_id, "terms")


@lru_cache(1 << 14)
def adhesion_stream(establishment_id: UUID, agreement_id: UUID) -> UUID:
    """Where an establishment's adhesion to an agreement is noted."""
    return derived_id(establishment_id, f"adhesion:{agreement_id}")


@lru_cache(1 << 14)
def standing_stream(supplier_id: UUID) -> UUID:
    """Where a supplier's suspensions are noted."""
    return derived_id(supplier_id, "standing")


def on_tendering_event_note_terms(
    event: AgreementSigned | AgreementRecorded | BaselineSet | PriceRevised | AgreementAmended | AgreementTerminated,
) -> tuple[UUID, Evolve]:
    """An agreement's terms are known to ordering from its signature on."""
    agreement_id = event.baseline_id if isinstance(event, BaselineSet) else event.agreement_id
    return terms_stream(agreement_id), evolve_terms


def on_adhesion_event_note_right(event: AdhesionGranted | AdhesionEnded) -> tuple[UUID, Evolve]:
    """An establishment may order from its adhesion on, until it ends."""
    return adhesion_stream(event.establishment_id, event.agreement_id), evolve_adhesion


def on_supplier_event_note_standing(event: SupplierSuspended | SupplierReinstated) -> tuple[UUID, Evolve]:
    """A suspended supplier receives no order."""
    return standing_stream(event.supplier_id), evolve_standing


def react(event: Event) -> tuple[UUID, Evolve] | None:
    """The stream that notes an event, and how it changes; None where ordering has no use for it."""
    match event:
        case (
            AgreementSigned()
            | AgreementRecorded()
            | BaselineSet()
            | PriceRevised()
            | AgreementAmended()
            | AgreementTerminated()
        ):
            return on_tendering_event_note_terms(event)
        case AdhesionGranted() | AdhesionEnded():
            return on_adhesion_event_note_right(event)
        case SupplierSuspended() | SupplierReinstated():
            return on_supplier_event_note_standing(event)
    return None
