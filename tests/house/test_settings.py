"""The README's table of settings is the settings that there are."""

from __future__ import annotations

import re
from pathlib import Path

from infra.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
OF_COMMANDS = {"api"}
"""Variables of the command itself."""


def test_every_setting_stands_in_the_readme_and_nothing_else() -> None:
    told = set()
    for cell in re.findall(r"^\| ((?:`[A-Z_]+` ?)+)\|", README, re.MULTILINE):
        first, *others = re.findall(r"`(\w+)`", cell.lower())
        told |= {first} | {first.rpartition("_")[0] + name for name in others}
    assert told - OF_COMMANDS == set(Settings.model_fields)
