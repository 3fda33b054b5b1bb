"""Who and what the examples speak of: one invented network, so that the examples tell one story."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid5

from events.base import Event

E = TypeVar("E", bound=Event)
NAMESPACE = UUID("0b4d1f52-6f0e-5c61-8a55-5d6f3f0f9c3e")


def identity(name: str) -> UUID:
    """The same id for the same name, for ever."""
    return uuid5(NAMESPACE, name)


CENTRE = identity("establishment: Centre Hélène-Marceau")
HOSPITAL = identity("establishment: Centre hospitalier de Valmorin")
SITE = identity("site: Pharmacie des Tilleuls")
ORVALIS = identity("supplier: Laboratoires Orvalis")
BIOMERIS = identity("supplier: Bioméris France")
BIOSIMILARS = identity("agreement: Biosimilaires d'anticorps monoclonaux")
INTRAVENOUS = identity("lot: Voie intraveineuse")
SUBCUTANEOUS = identity("lot: Voie sous-cutanée")
CONTRAST = identity("agreement: Produits de contraste, avant le groupement")
ORDER = identity("order: BC-2022-00417")
SECOND_ORDER = identity("order: BC-2022-00431")
PAST_ORDER = identity("order: 2019-1187")
RATING = identity("rating: Orvalis 2022")

BUYER, APPROVER, OFFICER = "user-7f3a9c", "user-51d2e0", "user-c08b44"
SUPPLIER_USER, IMPORT = "user-e91f07", "import"


def happened(event: E, at: str, actor: str) -> E:
    """The event with the shell's four fields, as a store would fill them."""
    event_id = identity(f"event: {event.TOPIC} {at}")
    trace_id = identity(f"trace: {at}").hex
    return event.stamped(event_id, datetime.fromisoformat(at), actor, trace_id)
