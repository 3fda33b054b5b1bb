"""A generated file that looks like the real delivery history, with the same dirt. No row is anybody's."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

COLUMNS = (
    "id", "project code", "pq #", "po / so #", "asn/dn #", "country", "managed by", "fulfill via", "vendor inco term",
    "shipment mode", "pq first sent to client date", "po sent to vendor date", "scheduled delivery date",
    "delivered to client date", "delivery recorded date", "product group", "sub classification", "vendor",
    "item description", "molecule/test type", "brand", "dosage", "dosage form", "unit of measure (per pack)",
    "line item quantity", "line item value", "pack price", "unit price", "manufacturing site",
    "first line designation", "weight (kilograms)", "freight cost (usd)", "line item insurance (usd)",
)  # fmt: skip
COUNTRIES = ("Norland", "Sudland", "Côte d'Azurie", "Est-Ouest", "Île Verte", "Mittelreich")
VENDORS = ("Depot of the centre", "Pharma & Söhne GmbH", "=Formula(1) Ltd.", 'Tests "Rapides" SA', "Labo, Frères")
GROUPS = ("ARV", "HRDT", "ACT")
WORDS = ("N/A - From RDC", "Date Not Captured")
ITEMS = [
    *(
        (f"Molecule {letter}, tablets, {dose} mg", pack, Decimal(7 + 13 * n) / 4)
        for n, letter in enumerate("ABCDEF")
        for dose in (50, 200)
        for pack in ("30", "60")
    ),
    ('Test "Quick", kit, 100 Tests', "100", Decimal("80.0050")),
    ("Free sample", "1", Decimal(0)),
]
"""Description, pack, price level. The same description in two packs is two items; one item never has a price."""
CENT = Decimal("0.01")


def rows(count: int = 1200, seed: int = 7) -> Iterator[dict[str, str]]:
    """The rows; the same count and seed give the same rows."""
    dice = random.Random(seed)  # noqa: S311 - data, not secrets
    number, country, vendor, group = 100, COUNTRIES[0], VENDORS[0], GROUPS[0]
    for line_id in dice.sample(range(1, 20 * count), count):
        if dice.random() < 0.6:
            # Sometimes the number stays: two establishments, or two suppliers, may use the same.
            number += dice.randrange(3)
            country, vendor, group = dice.choice(COUNTRIES), dice.choice(VENDORS), dice.choice(GROUPS)
        scheduled = date(2006, 5, 1) + timedelta(days=dice.randrange(3000))
        # A third arrives before it was sent for; days repeat, so that first prices are decided by the line id.
        delivered = scheduled + timedelta(days=dice.choice((0, 0, 0, 3, 30)))
        sent = scheduled + timedelta(days=dice.choice((-60, -20, 15)))
        yield {
            **dict.fromkeys(COLUMNS, ""),
            "id": str(line_id),
            "po / so #": f"SCMS-{number}",
            "country": country,
            "vendor": vendor,
            "product group": group,
            "po sent to vendor date": sent.strftime("%m/%d/%Y") if dice.random() < 0.45 else dice.choice(WORDS),
            "scheduled delivery date": _day(scheduled),
            "delivered to client date": _day(delivered),
            "delivery recorded date": _day(delivered),
            "weight (kilograms)": dice.choice(("13", "See DN-304 (ID#:10589)", "Weight Captured Separately")),
            **_price(dice),
        }


def _price(dice: random.Random) -> dict[str, str]:
    """Item, quantity, price and amount: now and then zero, off by cents, or a price that jumped."""
    description, pack, level = dice.choice(ITEMS)
    factor = dice.choice((Decimal(1), Decimal("0.98"), Decimal("1.05"), Decimal("0.8725")))
    if dice.random() < 0.01:
        factor *= 25
    price = Decimal(0) if dice.random() < 0.02 else (level * factor).quantize(Decimal("0.0001"))
    quantity = dice.randrange(1, 5000)
    amount = (price * quantity).quantize(CENT, rounding=ROUND_HALF_UP)
    if dice.random() < 0.07:
        amount = max(amount + dice.choice((-3, -1, 1, 17)) * CENT, CENT)
    if dice.random() < 0.01:
        amount = Decimal("0.00")
    return {
        "item description": description,
        "unit of measure (per pack)": pack,
        "line item quantity": str(quantity),
        "pack price": f"{price.normalize():f}",
        "line item value": f"{amount:f}",
    }


def _day(day: date) -> str:
    return f"{day.day}-{day:%b-%y}"


def write(path: Path, found: Iterator[dict[str, str]] | None = None) -> Path:
    """Writes rows as the real file is written: UTF-8, commas, quotes where needed."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows() if found is None else found)
    return path
