"""Who reads which event is declared once, and here compared with what the readers' own code names."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict

import pytest

from contracts.generate import FOLDER
from contracts.readers import READERS
from events import CONTEXTS
from services.ordering.reactions import NOTED

ROOT = FOLDER.parent
NAMED = re.compile(rf"\b(?:{'|'.join(CONTEXTS)})\.[A-Z]\w*(?:\.v\d+)?")
NAMES = {cls.__name__ for classes in CONTEXTS.values() for cls in classes}
RELEASED = set(json.loads((FOLDER / "released.json").read_text("utf-8")))
DECLARED = {reader.folder: {cls.TOPIC.rpartition(".v")[0] for cls in reader.events} for reader in READERS}


def topics_in(sql: str, released: set[str]) -> set[str]:
    """The released versions that an SQL text names, whole, without version, or by the beginning of a name."""
    found = set()
    for name in NAMED.findall(sql):
        topics = {topic for topic in released if topic == name or (".v" not in name and topic.startswith(name))}
        assert topics, f"{name} is no event"
        found |= topics
    return found


def read_by_sql(folder: str) -> set[str]:
    """What the SQL files of a projection read."""
    texts = (file.read_text("utf-8") for file in (ROOT / folder).rglob("*.sql"))
    return set().union(*(topics_in(text, RELEASED) for text in texts))


def imported_by_services() -> dict[str, set[str]]:
    """Folder -> the events of other contexts that its modules import."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for file in (ROOT / "services").rglob("*.py"):
        own, *_ = file.relative_to(ROOT / "services").with_suffix("").parts
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("events."):
                continue
            context = str(node.module).removeprefix("events.")
            foreign = {alias.name for alias in node.names} & NAMES if context != own else set()
            if foreign:
                found[f"services/{own}"] |= {f"{context}.{name}" for name in foreign}
    return dict(found)


def test_the_services_that_read_events_of_others_are_the_declared_ones() -> None:
    assert imported_by_services() == {
        folder: read for folder, read in DECLARED.items() if folder.startswith("services")
    }


def test_ordering_notes_what_it_is_declared_to_read() -> None:
    assert {cls.TOPIC.rpartition(".v")[0] for cls in NOTED} == DECLARED["services/ordering"]


def test_the_projections_that_read_events_are_the_declared_ones() -> None:
    folders = {f"projections/{path.name}" for path in (ROOT / "projections").iterdir() if path.is_dir()}
    reading = {folder for folder in folders if read_by_sql(folder)}
    assert reading == {folder for folder in DECLARED if folder.startswith("projections")}


@pytest.mark.parametrize("folder", [folder for folder in DECLARED if folder.startswith("projections")])
def test_a_projection_names_every_released_version_of_what_it_reads(folder: str) -> None:
    expected = {topic for topic in RELEASED if topic.rpartition(".v")[0] in DECLARED[folder]}
    assert read_by_sql(folder) == expected


def test_a_reader_that_knows_one_of_two_versions_or_a_name_that_is_none_shows() -> None:
    released = {"ordering.OrderSubmitted.v1", "ordering.OrderSubmitted.v2", "ordering.OrderSent.v1"}
    both = {"ordering.OrderSubmitted.v1", "ordering.OrderSubmitted.v2"}
    assert topics_in("type = 'ordering.OrderSubmitted.v1'", released) == {"ordering.OrderSubmitted.v1"}
    assert topics_in("startsWith(type, 'ordering.OrderSubmitted.')", released) == both
    assert topics_in("type like 'ordering.Order%'", released) == released
    with pytest.raises(AssertionError, match=r"ordering\.OrderSubmited\.v1 is no event"):
        topics_in("type = 'ordering.OrderSubmited.v1'", released)
