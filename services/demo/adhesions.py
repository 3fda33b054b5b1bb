"""Who adheres to which agreement, and from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.demo.agreements import Agreement
from services.demo.network import CANCER_NETWORK, LAST_DAY, Establishment, Network, chance, weekday


@dataclass(frozen=True, slots=True)
class Adhesion:
    """An establishment's right to order under an agreement; `ended_on` where it ends before the agreement."""

    place: Establishment
    agreement: Agreement
    granted_on: date
    valid_from: date
    ended_on: date | None = None

    def allows(self, day: date) -> bool:
        """Whether the establishment may order on a day of the agreement."""
        return self.valid_from <= day and (self.ended_on is None or day <= self.ended_on)


def build_adhesions(seed: int, network: Network, agreements: Sequence[Agreement]) -> list[Adhesion]:
    """The adhesions of a seed: the cancer network to nearly everything, the others to most of what invites them."""
    draw = chance(seed, "adhesions")
    found = []
    for agreement in agreements:
        first, last = agreement.story.valid
        for place in network.establishments:
            percent = 97 if place.kind in CANCER_NETWORK else 74
            if not agreement.invites(place) or draw.randrange(100) >= percent:
                continue
            wait = draw.randint(60, 240) if draw.randrange(12) == 0 else 0
            begins = max(first, place.joined_on) + timedelta(days=wait)
            ends = weekday(begins + timedelta(days=draw.randint(200, 500)))
            ends_early = draw.randrange(60) == 0 and ends < min(last, LAST_DAY)
            if begins > min(last, LAST_DAY):
                continue
            known = begins - timedelta(days=14) if wait else agreement.signed_on
            granted_on = weekday(max(agreement.signed_on, place.joined_on, known))
            found.append(Adhesion(place, agreement, granted_on, max(begins, granted_on), ends if ends_early else None))
    return found
