from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts.examples import EXAMPLES, example
from contracts.generate import FOLDER, released_examples
from events import CONTEXTS
from events.base import NOT_YET, UNRECORDED, Event, Value
from infra.mapper import Language
from services.publish import documents

EVENTS = [cls for classes in CONTEXTS.values() for cls in classes]
RELEASED = json.loads((FOLDER / "released.json").read_text("utf-8"))
by_topic = pytest.mark.parametrize("topic", sorted(RELEASED))
by_event = pytest.mark.parametrize("cls", EVENTS, ids=[cls.TOPIC for cls in EVENTS])


@cache
def published() -> dict[str, str]:
    return documents()


def schema_of(topic: str) -> Any:
    return json.loads((FOLDER / f"events/{topic}.schema.json").read_text("utf-8"))


def validator(topic: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(topic), format_checker=FormatChecker())


def properties(schema: Any) -> dict[str, Any]:
    """Every field of an event and of its parts."""
    parts = [("", schema), *((name + ".", part) for name, part in schema.get("$defs", {}).items())]
    return {prefix + name: field for prefix, part in parts for name, field in part.get("properties", {}).items()}


def test_no_file_is_orphaned_and_none_is_missing() -> None:
    kept = {f"events/{topic}.{kind}.json" for topic in RELEASED for kind in ("schema", "example")}
    found = {str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*") if file.is_file()}
    found = {path for path in found if not path.endswith((".py", ".pyc"))}
    assert found == kept | set(published())


def test_regeneration_changes_nothing() -> None:
    changed = [path for path, text in published().items() if (FOLDER / path).read_bytes() != text.encode()]
    assert not changed, f"run `make contracts` and review the diff of {changed}"


def test_every_event_is_released_under_the_name_of_its_class_and_context() -> None:
    for context, classes in CONTEXTS.items():
        for cls in classes:
            assert re.fullmatch(rf"{context}\.{cls.__name__}\.v[1-9]\d*", cls.TOPIC)
            assert cls.__module__ == f"events.{context}"
            assert cls.TOPIC in RELEASED


def test_every_event_of_a_module_is_in_its_context() -> None:
    def below(cls: type[Event]) -> set[type[Event]]:
        return {cls}.union(*(below(child) for child in cls.__subclasses__()))

    ours = {cls for cls in below(Event) if cls.__module__ in {f"events.{context}" for context in CONTEXTS}}
    assert {cls for cls in ours if not cls.__name__.startswith("_")} == set(EVENTS)


@by_topic
def test_every_schema_is_valid_and_every_example_fits_it(topic: str) -> None:
    Draft202012Validator.check_schema(schema_of(topic))
    validator(topic).validate(json.loads(released_examples()[topic]))


@by_topic
def test_every_example_that_was_ever_released_still_loads(topic: str) -> None:
    loaded = Language(EVENTS).load(topic, released_examples()[topic])
    assert type(loaded).TOPIC.rpartition(".v")[0] == topic.rpartition(".v")[0]


@by_event
def test_an_example_loads_as_the_event_it_was_made_of(cls: type[Event]) -> None:
    assert Language(EVENTS).load(cls.TOPIC, released_examples()[cls.TOPIC]) == example(cls)


@by_event
def test_an_example_without_its_spaces_is_what_a_store_holds(cls: type[Event]) -> None:
    document = json.loads(released_examples()[cls.TOPIC])
    assert json.dumps(document, separators=(",", ":"), ensure_ascii=False) == example(cls).model_dump_json()


@by_event
def test_a_schema_refuses_what_a_store_never_holds(cls: type[Event]) -> None:
    check, document = validator(cls.TOPIC), json.loads(released_examples()[cls.TOPIC])
    for name, field in schema_of(cls.TOPIC)["properties"].items():
        assert not check.is_valid({key: value for key, value in document.items() if key != name}), f"{name} is missing"
        if field.get("format") == "decimal":
            for wrong in (12.5, "1E+3", "NaN", "12,50", "-1"):
                assert not check.is_valid({**document, name: wrong}), f"{name}: {wrong}"
    assert check.is_valid({**document, "added_later": 1}), "readers ignore what they do not know"


@by_event
def test_every_field_says_what_it_means(cls: type[Event]) -> None:
    def has_words(field: Any) -> bool:
        inner = [*field.get("anyOf", ()), *([field["items"]] if "items" in field else ())]
        return "description" in field or "$ref" in field or any(map(has_words, inner))

    schema = schema_of(cls.TOPIC)
    assert [name for name, field in properties(schema).items() if not has_words(field)] == []
    assert all(part.get("description") for part in [schema, *schema.get("$defs", {}).values()])


def test_every_field_that_may_be_null_is_filled_in_some_example() -> None:
    def walk(value: Value) -> None:
        for cls in type(value).__mro__:
            for name in getattr(cls, "__annotations__", {}).keys() & type(value).model_fields.keys():
                content = getattr(value, name)
                seen.add((f"{cls.__name__}.{name}", content is not None))
                for part in content if isinstance(content, tuple) else (content,):
                    if isinstance(part, Value):
                        walk(part)

    seen: set[tuple[str, bool]] = set()
    for event in EXAMPLES:
        walk(event)
    assert {name for name, _ in seen} == {name for name, is_filled in seen if is_filled}


def test_there_is_one_example_of_each_event_stamped_as_a_store_would() -> None:
    assert sorted(type(event).TOPIC for event in EXAMPLES) == sorted(cls.TOPIC for cls in EVENTS)
    for event in EXAMPLES:
        assert event.event_id != UNRECORDED
        assert event.recorded_at > NOT_YET
        assert event.actor
        assert event.trace_id
    assert len({event.event_id for event in EXAMPLES}) == len(EXAMPLES)


def test_the_catalogue_tells_of_every_event_and_its_links_lead_somewhere() -> None:
    text = (FOLDER / "CATALOGUE.md").read_text("utf-8")
    headings = set(re.findall(r"^#+ (\w+)$", text, re.MULTILINE))
    assert {cls.__name__ for cls in EVENTS} <= headings
    for topic in RELEASED:
        assert f"`{topic}`: [schema](events/{topic}.schema.json)" in text
    for target in set(re.findall(r"\]\(([^)]+)\)", text)):
        if target.startswith("#"):
            assert target[1:] in {heading.lower() for heading in headings}
        else:
            assert (FOLDER / target).exists(), target
