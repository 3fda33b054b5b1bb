"""Identities of what a file of history names: the same name is the same thing, in every file and every run."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

from events.base import Command
from infra.request import Request, request_of_content
from services.history.rows import Row
from services.ordering.past_order import past_order_id

_HISTORY = UUID("0c7f4f5e-7d0c-5b35-9d0e-0b7c2f8a4d61")
ACTOR = "import"
"""Who acts, in every event of an import."""


@lru_cache(1 << 16)
def _named(kind: str, *parts: str) -> UUID:
    # No part holds a control character, so that no two lists of parts are joined to the same text.
    return uuid5(_HISTORY, "\x1f".join((kind, *parts)))


def establishment_id(row: Row) -> UUID:
    """An establishment is known by its name, whatever the source."""
    return _named("establishment", row.establishment)


def supplier_id(row: Row) -> UUID:
    """A supplier is known by its name, whatever the source."""
    return _named("supplier", row.supplier)


def agreement_id(row: Row) -> UUID:
    """A recorded agreement has one supplier and one currency; its name is the source's."""
    return _named("agreement", row.source, row.agreement, row.supplier, row.currency)


def baseline_id(row: Row) -> UUID:
    """A reference price holds for an item of a source, across agreements, in one currency."""
    return _named("baseline", row.source, row.item, row.currency)


def order_id(row: Row) -> UUID:
    """Establishment, source, order number."""
    return past_order_id(establishment_id(row), row.source, row.order_number)


def request(command: Command, about: UUID, version: int = 0) -> Request[Any]:
    """A command of an import. The same import run twice asks the same, and content that comes back is a new wish."""
    return request_of_content(command, about, version, ACTOR)
