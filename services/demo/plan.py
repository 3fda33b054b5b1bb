"""The whole plan of a generated network, computed before the first command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from services.demo.adhesions import Adhesion, build_adhesions
from services.demo.agreements import Agreement, build_agreements
from services.demo.calibration import calibrated, reference_prices
from services.demo.ceilings import Ceiling, build_ceilings
from services.demo.network import Network, build_network
from services.demo.orders import Entry, timeline
from services.demo.purchases import draw_orders
from services.demo.ratings import Rating, build_ratings

Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that will be said to the four contexts."""

    seed: int
    orders: int
    """How many were asked for."""
    network: Network
    ratings: tuple[Rating, ...]
    agreements: tuple[Agreement, ...]
    adhesions: tuple[Adhesion, ...]
    reference_prices: Mapping[tuple[UUID, str], Decimal]
    ceilings: Mapping[UUID, Ceiling]
    entries: tuple[Entry, ...]
    """The documents of all orders, as they are recorded."""


def build_plan(seed: int, orders: int, progress: Progress) -> Plan:
    """The plan of a seed and a number of orders, always the same. Raises TooFewOrders, NotCalibrated."""
    network = build_network(seed, orders)
    agreements = build_agreements(seed, network)
    adhesions = build_adhesions(seed, network, agreements)
    progress("planning", 1, 4)
    drawn = draw_orders(seed, agreements, adhesions, orders)
    progress("planning", 2, 4)
    bought = calibrated(drawn)
    progress("planning", 3, 4)
    entries = timeline(bought)
    plan = Plan(
        seed,
        orders,
        network,
        tuple(build_ratings(seed, network)),
        tuple(agreements),
        tuple(adhesions),
        reference_prices(agreements, bought),
        build_ceilings(agreements, entries),
        tuple(entries),
    )
    progress("planning", 4, 4)
    return plan
