"""Figures of imported history against another engine's, to the cent."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from infra.settings import Settings
from services.embedded import open_platform
from services.finance.query import FigureQuery
from services.history.run import import_orders
from tests.history import lookalike
from tests.history.desk import quiet
from tests.history.independent import By, Figures, volume_and_savings


def agree(settings: Settings, file: Path, mapping: Path) -> None:
    """Imports a file and compares volume and savings by year, establishment and supplier."""
    with open_platform(settings) as platform:
        assert import_orders(platform, file, mapping, progress=quiet).exit_code == 0
        platform.catch_up()
        for by in get_args(By):
            expected = volume_and_savings(file, by)
            assert expected
            label = by if by == "year" else "label"
            savings = platform.finance.figure(FigureQuery(figure="savings", by=(by,)))
            assert savings["incomplete"] is None
            assert {row[label]: _figures(row) for row in savings["rows"]} == expected
            volume = platform.finance.figure(FigureQuery(figure="volume", by=(by,)))
            found = {row[label]: (Decimal(row["amount"]), row["lines"]) for row in volume["rows"]}
            assert found == {
                key: (figures.volume, figures.lines + figures.without_baseline_lines)
                for key, figures in expected.items()
            }


def _figures(row: dict[str, object]) -> Figures:
    without: dict[str, object] = row["without_baseline"]  # type: ignore[assignment]
    return Figures(
        Decimal(str(row["amount"])),
        Decimal(str(row["baseline_amount"])),
        Decimal(str(row["saving"])),
        int(str(row["lines"])),
        int(str(without["lines"])),
        Decimal(str(without["amount"])),
    )


def test_figures_of_the_look_alike_agree_to_the_cent(settings: Settings, tmp_path: Path, scms_mapping: Path) -> None:
    agree(settings, lookalike.write(tmp_path / "look.csv"), scms_mapping)


@pytest.mark.parametrize("seed", [1, 2])
def test_figures_of_other_files_agree_to_the_cent(
    settings: Settings, tmp_path: Path, scms_mapping: Path, seed: int
) -> None:
    agree(settings, lookalike.write(tmp_path / "look.csv", lookalike.rows(300, seed)), scms_mapping)


def test_figures_of_the_real_file_agree_to_the_cent(settings: Settings, real_file: Path, scms_mapping: Path) -> None:
    agree(settings, real_file, scms_mapping)


def test_the_look_alike_has_the_dirt_of_the_real_file() -> None:
    """A clean file would prove nothing."""
    rows = list(lookalike.rows())
    assert any(row["po sent to vendor date"] in lookalike.WORDS for row in rows)
    assert any(row["pack price"] == "0" and row["line item value"] != "0.00" for row in rows)
    assert any(row["pack price"] != "0" and row["line item value"] == "0.00" for row in rows)
    numbers = [(row["country"], row["po / so #"]) for row in rows]
    assert len(set(numbers)) < len(numbers)
    assert len({number for _, number in numbers}) < len(set(numbers)), "a number that two establishments use"
    exact = [Decimal(row["pack price"]) * int(row["line item quantity"]) for row in rows]
    assert any(amount != amount.quantize(Decimal("0.01")) for amount in exact), "amounts that must be rounded"
    first = {row["delivered to client date"] for row in rows}
    assert len(first) < len(rows), "days that several lines share"
