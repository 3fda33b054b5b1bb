"""The published language: every event of every context, frozen, in the past tense. Imports nothing of ours."""

from events import membership, ordering, suppliers, tendering
from events.base import Event

CONTEXTS: dict[str, tuple[type[Event], ...]] = {
    "membership": membership.EVENTS,
    "suppliers": suppliers.EVENTS,
    "tendering": tendering.EVENTS,
    "ordering": ordering.EVENTS,
}
"""Context -> the events it publishes. A new event is added to the tuple of its module."""
