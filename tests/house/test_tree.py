"""What every reader of the repository may rely on."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.splitlines()  # fmt: skip
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
EMPTY_NAMES = re.compile(r"(^|/)(utils?|helpers?|common|misc|core|manager)(\.py|/)")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_no_module_has_a_name_that_explains_nothing() -> None:
    assert [path for path in TRACKED if EMPTY_NAMES.search(path)] == []


def test_every_make_target_of_the_readme_and_of_contributing_exists() -> None:
    text = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`?make ((?:[a-z-]+ ?)+)", text))
    assert {word for words in named for word in words.split() if word in {"lint", "types", "test", "demo", "bench"}}
    assert {words.split()[0] for words in named} <= TARGETS


def test_every_target_is_explained_by_make_help() -> None:
    explained = set(re.findall(r"^([a-z-]+):.*## .+", MAKEFILE, re.MULTILINE))
    assert explained == TARGETS


def test_the_gate_runs_the_test_command_of_the_readme() -> None:
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test " in README
    assert re.search(r"^make test$", gate, re.MULTILINE)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_with_hashes_and_names_no_registry(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    pins = re.findall(r"^[a-z0-9][^ ]*==[^ ]+.*$", text, re.MULTILINE)
    assert len(pins) > 20
    assert all(pin.endswith("\\") for pin in pins), "a pin without a hash"
    assert "://" not in text
    assert "--index-url" not in text


def test_every_dependency_is_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    names = [re.split(r"[\[=<>~]", one)[0] for one in project["dependencies"]]
    assert [name for name in names if f"\n{name}==" not in f"\n{lock}"] == []


def test_no_lock_of_another_tool_is_kept() -> None:
    assert [path for path in TRACKED if Path(path).name in ("uv.lock", "package-lock.json", "poetry.lock")] == []


def test_every_decision_is_short_and_dated() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert records
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 35, record.name
        assert re.search(r"^Status: \w+, \d{4}-\d{2}-\d{2}", text, re.MULTILINE), record.name


def test_sql_begins_with_the_question_that_it_answers() -> None:
    for path in TRACKED:
        if path.endswith(".sql"):
            first = (ROOT / path).read_text(encoding="utf-8").partition("\n")[0]
            assert first.startswith("-- "), path


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    local = [link for link in links if "://" not in link]
    assert local
    assert [link for link in local if not (ROOT / link).exists() and not (ROOT / f"{link}.md").exists()] == []
