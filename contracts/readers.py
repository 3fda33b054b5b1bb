"""Who reads which event: declared here for the catalogue; a test compares it with what the readers' own code names."""

from __future__ import annotations

from dataclasses import dataclass

from events import membership, ordering, suppliers, tendering
from events.base import Event


@dataclass(frozen=True)
class Reader:
    """A folder that reads events, and what for."""

    folder: str
    purpose: str
    events: tuple[type[Event], ...]


READERS: tuple[Reader, ...] = (
    Reader(
        "services/ordering",
        "accepts an order only under an agreement, an adhesion and a supplier's standing that allow it",
        (
            *tendering.EVENTS,
            membership.AdhesionGranted,
            membership.AdhesionEnded,
            suppliers.SupplierSuspended,
            suppliers.SupplierReinstated,
        ),
    ),
    Reader(
        "services/history",
        "an import that runs again knows what it created before",
        (suppliers.SupplierRegistered, tendering.AgreementRecorded, tendering.BaselineSet),
    ),
    Reader(
        "services/finance",
        "proves that the ledger's sums are those of the events",
        (
            ordering.OrderSubmitted,
            ordering.OrderApproved,
            ordering.OrderCancelled,
            ordering.OrderLineReceived,
            ordering.OrderLineReturned,
            ordering.InvoiceReceived,
            ordering.CreditNoteReceived,
            ordering.PastOrderRecorded,
            ordering.PastOrderCorrected,
        ),
    ),
    Reader("projections/ledger", "the signed facts that every figure adds up", ordering.EVENTS),
    Reader(
        "projections/orders",
        "what has happened to each order",
        (
            ordering.OrderSubmitted,
            ordering.OrderApproved,
            ordering.OrderRejected,
            ordering.OrderWithdrawn,
            ordering.OrderCancelled,
            ordering.OrderLineReceived,
            ordering.OrderLineReturned,
            ordering.InvoiceReceived,
            ordering.CreditNoteReceived,
            ordering.PastOrderRecorded,
            ordering.PastOrderCorrected,
        ),
    ),
    Reader(
        "projections/agreements",
        "which agreements and lots there are, until when, and up to which maximum",
        (
            tendering.AgreementSigned,
            tendering.AgreementRecorded,
            tendering.AgreementAmended,
            tendering.AgreementTerminated,
        ),
    ),
    Reader("projections/establishments", "who is a member of the group, with sites and adhesions", membership.EVENTS),
    Reader("projections/suppliers", "who sells to the group, and with which rating", suppliers.EVENTS),
)
