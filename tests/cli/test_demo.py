from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from tests.cli.conftest import SMALL, Run, run_in

IN_2022 = ("--from", "2022-01-01", "--to", "2022-12-31")
TOLERANCE = Decimal("0.0005")


def _figure(run: Run, *arguments: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(run("figures", *arguments, "--format", "json").stdout)
    return found


def _is_near(found: str, wanted: int) -> bool:
    return abs(Decimal(found) / wanted - 1) <= TOLERANCE


def test_the_demo_lands_on_the_published_volume_of_2022(run: Run) -> None:
    assert _is_near(_figure(run, "volume", *IN_2022)["total"]["amount"], 1_100_000_000)


def test_the_demo_lands_on_the_published_growth_from_2020_to_2022(run: Run) -> None:
    against = ("--against-from", "2020-01-01", "--against-to", "2020-12-31")
    growth = Decimal(_figure(run, "growth", *IN_2022, *against)["total"]["growth"])
    assert abs(growth - Decimal("0.33")) <= TOLERANCE


def test_the_demo_lands_on_the_published_savings_of_2022(run: Run) -> None:
    assert _is_near(_figure(run, "savings", *IN_2022)["total"]["saving"], 72_000_000)


def test_no_event_of_the_demo_is_unreadable(run: Run) -> None:
    assert _figure(run, "volume")["incomplete"] is None


def test_a_second_demo_changes_nothing(run: Run, demo_home: Path) -> None:
    before = run("figures", "volume", "--by", "year", "--format", "json").stdout
    run_in(demo_home, "demo", "--no-serve", *SMALL)
    assert run("figures", "volume", "--by", "year", "--format", "json").stdout == before


def test_another_demo_does_not_mix_with_the_one_that_is_there(run: Run) -> None:
    refused = run("demo", "--no-serve", "--orders", "1500", "--seed", "12", expect=1)
    assert "NotADemo" in refused.stderr
    assert "rule:" in refused.stderr
    assert "do:" in refused.stderr


def test_the_demo_says_that_it_is_generated(run: Run) -> None:
    assert "Generated data" in run("demo", "--no-serve", *SMALL).stdout
    assert "generated" in run("doctor").stdout


def test_a_full_run_that_cannot_be_filled_is_refused_before_anything_starts(tmp_path: Path) -> None:
    found = run_in(tmp_path, "full", "--demo", "--orders", "150", "--port", "0", expect=1)
    assert "at least 557 are needed" in found.stderr
    assert not (tmp_path / "full").exists()
