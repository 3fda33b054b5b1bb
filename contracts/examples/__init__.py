"""One example of each event, complete: every field that may be null is filled at least once. Names are invented.

`make contracts` writes them beside the schemas as golden examples; tests take them from here.
"""

from __future__ import annotations

from typing import TypeVar

from contracts.examples import membership, ordering, suppliers, tendering
from events.base import Event

E = TypeVar("E", bound=Event)

EXAMPLES: tuple[Event, ...] = (
    *membership.EXAMPLES,
    *suppliers.EXAMPLES,
    *tendering.EXAMPLES,
    *ordering.EXAMPLES,
)


def example(of: type[E]) -> E:
    """The example of an event."""
    return next(event for event in EXAMPLES if isinstance(event, of))
