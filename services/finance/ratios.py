"""How figures are written: amounts with two decimals, ratios with six, none where a denominator is zero or less."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

SIX_PLACES = Decimal("0.000001")


def ratio(part: Decimal, whole: Decimal) -> str | None:
    """`part / whole` with six decimals, HALF_UP; None where the whole is not above zero."""
    if whole <= 0:
        return None
    return f"{(part / whole).quantize(SIX_PLACES, rounding=ROUND_HALF_UP):f}"


def money(amount: Decimal) -> str:
    """An amount with two decimals."""
    return f"{amount:.2f}"
