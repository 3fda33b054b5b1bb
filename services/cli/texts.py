"""Words of the terminal's tables, in English and in French."""

from __future__ import annotations

from decimal import Decimal

FRENCH = {
    "year": "année",
    "quarter": "trimestre",
    "month": "mois",
    "establishment": "établissement",
    "agreement": "accord-cadre",
    "lot": "lot",
    "supplier": "fournisseur",
    "category": "catégorie",
    "item": "article",
    "label": "libellé",
    "amount": "montant",
    "previous_amount": "montant précédent",
    "growth": "évolution",
    "period": "période",
    "previous_period": "période précédente",
    "quantity": "quantité",
    "lines": "lignes",
    "orders": "commandes",
    "establishments": "établissements",
    "baseline_amount": "à la référence",
    "saving": "gain",
    "rate_on_baseline": "taux sur référence",
    "rate_on_spend": "taux sur dépense",
    "without_baseline": "sans référence",
    "spend": "dépense",
    "rated_spend": "dépense évaluée",
    "coverage": "couverture",
    "score": "score",
    "total": "total",
    "volume": "Volume d'achats",
    "growth of": "Évolution du volume",
    "savings": "Gains achats",
    "csr": "Évaluation RSE des fournisseurs",
    "ordered": "commandé",
    "received": "réceptionné",
    "invoiced": "facturé",
    "nothing": "Rien à montrer : aucune ligne ne répond à ces critères.",
    "as of": "tel que connu le",
    "now": "tel que connu à ce jour",
    "method": "méthode",
    "more": "de plus",
    "incomplete": "INCOMPLET",
}
ENGLISH = {
    "rate_on_baseline": "rate on baseline",
    "rate_on_spend": "rate on spend",
    "baseline_amount": "at baseline",
    "previous_amount": "previous amount",
    "previous_period": "previous period",
    "rated_spend": "rated spend",
    "without_baseline": "without baseline",
    "volume": "Purchasing volume",
    "growth of": "Growth of the volume",
    "savings": "Savings",
    "csr": "Suppliers' CSR ratings",
    "nothing": "Nothing to show: no line answers these filters.",
    "as of": "as known at",
    "now": "as known now",
    "incomplete": "INCOMPLETE",
}


def word(key: str, language: str) -> str:
    """The word for a key in a language."""
    return (FRENCH if language == "fr" else ENGLISH).get(key, key)


def amount(text: str, language: str) -> str:
    """1234567.80 -> 1,234,567.80, in French 1 234 567,80."""
    return _grouped(f"{Decimal(text):,.2f}", language)


def percent(text: str | None, language: str) -> str:
    """0.330000 -> 33.00 %; a dash where there is no value."""
    return "–" if text is None else _grouped(f"{Decimal(text) * 100:,.2f}", language) + " %"


def number(value: str | int, language: str) -> str:
    """A count or a quantity."""
    return _grouped(f"{Decimal(value):,f}", language)


def _grouped(text: str, language: str) -> str:
    return text.replace(",", "\u202f").replace(".", ",") if language == "fr" else text
