"""Invented names. None is a real hospital, town, company or person; the towns are in no list of French communes."""

from __future__ import annotations

from collections.abc import Iterator

from events.membership import EstablishmentKind

TOWNS = tuple(
    """
    Valmorigny Aubrelande Sarvigny Brécourtel Orvaliers Trémontel Castelnoue Montferrelle Haurimont Blézancy
        Courvaline Dormévielle Estravigne Fauverolles Gréanvert Hautelisle Isserbourg Jarvonne Kermaudrec Lanvésec
        Malcombreuil Nervalon Ombreselle Plouvarech Quincerolle Roquevermeil Saint-Aubriac Saint-Gauvrain Sainte-Orlaine
        Tarvigneux Ursandre Vaucerelle Yvremont Zellenbach Arquennois Bellorive Champdorelle Doucevigne Escarmel
        Flavignolles Hauterelle Ivrancelle Jouvaincourt Lorvigne Marsoulan Noirmarais Orgevaline Perceloup Querlon
        Rambrevoise Sauvelandes Thérouvelle Valdorme Vimarcelle Wavrinchel Xaronville Aigremagne Brumesnière
        Drouvenel Évrelande Fontarelle Grisaubois Havrencourt Lusamont
    """.split()  # noqa: SIM905 - names read better than quotes
)
REGIONS = ("Littoral", "Grande-Plaine", "Vallées", "Plateaux", "Haut-Massif")

_PATTERNS = {
    EstablishmentKind.CLCC: ("Centre de lutte contre le cancer", "Institut de cancérologie"),
    EstablishmentKind.AFFILIATE: ("Pôle de cancérologie affilié",),
    EstablishmentKind.CHU: ("Centre hospitalier universitaire",),
    EstablishmentKind.CH: ("Centre hospitalier",),
    EstablishmentKind.ESPIC: ("Hôpital associatif", "Maison de santé associative"),
    EstablishmentKind.PRIVATE: ("Clinique",),
}

_ROOTS = tuple(
    """
    Orvéliane Trévanox Calmérys Dorsélia Ficarelle Hélorane Istravel Jorvalis Kelméa Lunariel Mirvance Nolvène
    Ombrélys Pélianthe Quorvise Rostavel Sélurane Talvérion Uvéliane Vortensia Wéloris Xéranthe Zornavel Altéoria
    Bréviane Corvanthe Drévalis Esturiane Fénorix Gravélia Ilvérane Jaspérion Kérantis Lorvéane Marvenel Névorane
    Ostrelle Pravélis Quentoria Ravélune Sorvanne Tornélia Urvanelle Vélanthys Wandrelle Ystorine Arvélune Borvélis
    """.split()  # noqa: SIM905 - as above
)

_SUFFIXES = {
    "medicines": ("Pharma", "Biosciences", "Laboratoires"),
    "equipment": ("Imagerie", "Équipement médical", "Instruments"),
    "supplies": ("Dispositifs", "Santé", "Hygiène"),
    "laboratory": ("Diagnostic", "Réactifs"),
    "digital": ("Numérique", "Systèmes"),
    "services": ("Services", "Environnement"),
    "energy": ("Énergies",),
}


def establishment_name(kind: EstablishmentKind, nth: int, town: str) -> str:
    """The nth establishment of a kind, named after its town."""
    patterns = _PATTERNS[kind]
    link = "d'" if town[0] in "AEÉIOUY" else "de "
    return f"{patterns[nth % len(patterns)]} {link}{town}"


def supplier_names(sector: str) -> Iterator[str]:
    """Names for the suppliers of a sector, none twice; in every sector the roots begin elsewhere."""
    start = 7 * tuple(_SUFFIXES).index(sector)
    for suffix in _SUFFIXES[sector]:
        for n in range(len(_ROOTS)):
            yield f"{_ROOTS[(start + n) % len(_ROOTS)]} {suffix}"
