"""Names are invented: no real hospital, town or company appears."""

from __future__ import annotations

import re
import unicodedata

from services.demo.network import build_network

HOSPITALS = """
    gustave roussy curie berard lambret bergonie paoli calmettes gauducheau lacassagne marquis becquerel baclesse
    leclerc perrin godinot strauss regaud aurelle papin oncopole salpetriere cochin necker bichat tenon pompidou
    bretonneau trousseau hotel-dieu purpan rangueil timone bellevue pellegrin haut-leveque hautepierre brabois
"""
TOWNS = """
    paris marseille lyon toulouse nice nantes montpellier strasbourg bordeaux lille rennes reims toulon dijon angers
    grenoble villejuif nimes brest tours amiens limoges clermont ferrand besancon orleans rouen mulhouse caen nancy
    metz perpignan poitiers valenciennes dunkerque avignon cannes pau calais colmar troyes lorient niort bayonne
"""
COMPANIES = """
    sanofi servier pfizer roche novartis bayer astrazeneca merck msd biogaran mylan viatris sandoz teva accord fresenius
    baxter braun becton dickinson medtronic abbott amgen celltrion biogen siemens healthineers varian elekta accuray
    philips canon fujifilm guerbet bracco drager maquet getinge mindray intuitive olympus pentax stryker hartmann
    molnlycke vygon coloplast ansell sodexo elior compass engie edf totalenergies veolia suez onet thales orange atos
    capgemini sopra dell lenovo microsoft cisco stormshield biomerieux qiagen illumina leica therapanacea ecovadis
"""


def words(text: str) -> set[str]:
    """Words without accents, in small letters."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return set(re.findall(r"[a-z]+(?:-[a-z]+)*", plain))


def test_no_name_has_a_word_of_a_real_hospital_town_or_company() -> None:
    network = build_network(7, 12_000)
    real = words(HOSPITALS) | words(TOWNS) | words(COMPANIES)
    names = [place.name for place in network.establishments] + [supplier.name for supplier in network.suppliers]
    assert "gustave" in real
    assert not {name for name in names if words(name) & real}


def test_every_name_is_given_once() -> None:
    network = build_network(7, 12_000)
    names = [place.name for place in network.establishments] + [supplier.name for supplier in network.suppliers]
    assert len(set(names)) == len(names) == 264
