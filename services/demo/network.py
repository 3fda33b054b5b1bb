"""The generated members and suppliers: who there is, before anything is bought."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from events.membership import EstablishmentKind
from services.demo.names import REGIONS, TOWNS, establishment_name, supplier_names

FOUNDED = date(2019, 10, 1)
"""The day on which the group begins to record: everybody who is a member joins the store."""
FIRST_DAY, LAST_DAY = date(2020, 1, 1), date(2022, 12, 31)
"""First and last day of the documents."""

_KINDS = {  # kind -> how many, and the sizes between which they are drawn: a share of the purchases
    EstablishmentKind.CLCC: (18, 60, 140),
    EstablishmentKind.AFFILIATE: (2, 30, 50),
    EstablishmentKind.CHU: (7, 150, 290),
    EstablishmentKind.CH: (22, 25, 90),
    EstablishmentKind.ESPIC: (10, 25, 70),
    EstablishmentKind.PRIVATE: (5, 15, 50),
}
SATURDAY = 5
CANCER_NETWORK = (EstablishmentKind.CLCC, EstablishmentKind.AFFILIATE)
_LATECOMER, _LATE_DAY = 40, date(2021, 9, 1)
_SECOND_SITES = {3: date(2016, 5, 2), 11: date(2021, 5, 3)}
_SECTORS = {
    "medicines": 48, "equipment": 34, "supplies": 38, "laboratory": 20, "digital": 24, "services": 28, "energy": 8,
}  # fmt: skip
_COUNTRIES = ("FR",) * 12 + ("DE", "DE", "IT", "ES", "BE", "NL", "CH", "IE", "SE", "US")


@dataclass(frozen=True, slots=True)
class Establishment:
    """A member. `size` is its share of the purchases."""

    establishment_id: UUID
    name: str
    kind: EstablishmentKind
    region: str
    size: int
    joined_on: date


@dataclass(frozen=True, slots=True)
class Site:
    """A place where goods are delivered."""

    site_id: UUID
    establishment_id: UUID
    name: str
    opened_on: date


@dataclass(frozen=True, slots=True)
class Supplier:
    """A company that sells to the group, or would like to."""

    supplier_id: UUID
    name: str
    sector: str
    country: str


@dataclass(frozen=True, slots=True)
class Network:
    """Everybody in the generated network, and the root of all their identifiers."""

    root: UUID
    establishments: tuple[Establishment, ...]
    sites: tuple[Site, ...]
    suppliers: tuple[Supplier, ...]


def chance(seed: int, what: str) -> random.Random:
    """A generator of its own for every part: the same seed draws the same network, on every machine."""
    return random.Random(f"groupement demo {seed} {what}")  # noqa: S311 - a story, not a secret


def weekday(day: date) -> date:
    """The day itself, or the Monday after it."""
    return day + timedelta(days=7 - day.weekday() if day.weekday() >= SATURDAY else 0)


def build_network(seed: int, orders: int) -> Network:
    """The network of a seed: 64 establishments, 22 sites of the cancer network, 200 suppliers.

    Identifiers follow seed and number of orders, so that two different demos never share one.
    """
    root = uuid5(NAMESPACE_URL, f"urn:groupement:demo:{seed}:{orders}")
    establishments = tuple(_establishments(seed, root))
    return Network(root, establishments, tuple(_sites(root, establishments)), tuple(_suppliers(seed, root)))


def _establishments(seed: int, root: UUID) -> list[Establishment]:
    draw = chance(seed, "establishments")
    towns = list(TOWNS)
    draw.shuffle(towns)
    found: list[Establishment] = []
    for kind, (count, smallest, largest) in _KINDS.items():
        for nth in range(count):
            n = len(found)
            found.append(
                Establishment(
                    uuid5(root, f"establishment:{n}"),
                    establishment_name(kind, nth, towns[n]),
                    kind,
                    REGIONS[draw.randrange(len(REGIONS))],
                    draw.randint(smallest, largest),
                    _LATE_DAY if n == _LATECOMER else date(draw.randint(2009, 2019), draw.randint(1, 9), 1),
                )
            )
    return found


def _sites(root: UUID, establishments: tuple[Establishment, ...]) -> list[Site]:
    found = []
    for n, place in enumerate(establishments):
        if place.kind not in CANCER_NETWORK:
            continue
        opened = [place.joined_on, *([_SECOND_SITES[n]] if n in _SECOND_SITES else [])]
        found += [
            Site(uuid5(root, f"site:{n}:{nth}"), place.establishment_id, f"{place.name}, site {nth}", day)
            for nth, day in enumerate(opened, start=1)
        ]
    return found


def _suppliers(seed: int, root: UUID) -> list[Supplier]:
    draw = chance(seed, "suppliers")
    found = []
    for sector, count in _SECTORS.items():
        names = supplier_names(sector)
        for n in range(count):
            country = "FR" if sector in ("services", "energy") else draw.choice(_COUNTRIES)
            found.append(Supplier(uuid5(root, f"supplier:{sector}:{n}"), next(names), sector, country))
    return found
