"""What docs/import.md says is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.history import mapping, reading, workbook
from services.history.result import WARNINGS

TEXT = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", [*mapping.Mapping.model_fields, *mapping.Numbers.model_fields])
def test_every_key_of_a_mapping_is_documented(key: str) -> None:
    assert f"`{key}`" in TEXT


def test_exactly_the_warnings_that_exist_are_documented() -> None:
    section = TEXT[TEXT.index("## Warnings") : TEXT.index("## The file of bad rows")]
    assert re.findall(r"^\| `([a-z-]+)`", section, re.MULTILINE) == list(WARNINGS)


@pytest.mark.parametrize(
    "limit",
    [
        f"| rows | {reading.MOST_ROWS:,} ",
        f"| columns | {reading.MOST_COLUMNS} |",
        f"| one row | {reading.LONGEST_RECORD:,} bytes |",
        f"{workbook.MEMORY >> 30} GiB of memory and {workbook.SECONDS} s",
        f"| a mapping | {mapping.LARGEST:,} bytes |",
    ],
)
def test_limits_are_documented_as_they_are(limit: str) -> None:
    assert limit in TEXT


def test_the_examples_of_toml_are_a_mapping(tmp_path: Path) -> None:
    """The documented dates and numbers, put into a whole mapping."""
    [example] = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    constants = "\n".join(
        f'{key} = {{ constant = "1" }}'
        for key in mapping.Mapping.model_fields
        if key not in {"order_date", "received_date", "invoice_date", "baseline", "numbers", "sheet"}
    )
    file = tmp_path / "documented.toml"
    file.write_text(f'{constants}\nbaseline = "none"\n{example}', encoding="utf-8")
    found = mapping.load_mapping(file)
    assert found.order_date.names() == ("sent", "planned")
    assert found.numbers.decimal == ","
