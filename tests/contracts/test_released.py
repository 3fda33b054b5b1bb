"""What was released stays readable: each way to break that is planted once and must be refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, Field, create_model

from contracts.generate import event_documents, released_examples, write
from contracts.operations import operations
from contracts.released import BreakingChange, Fields, fields_of, release, release_operations, release_written
from events.base import Event, Value
from events.values import Amount, Code, Quantity, Text
from infra.mapper import Language


class Urgency(StrEnum):
    LOW = "low"
    HIGH = "high"


class OnlyLow(StrEnum):
    LOW = "low"


class Turned(StrEnum):
    HIGH = "high"
    LOW = "low"


class WithNone(StrEnum):
    LOW = "low"
    HIGH = "high"
    NONE = "none"


def part(**fields: Any) -> Any:
    found = {"item": (Code, ...), "quantity": (Quantity, ...)} | fields
    return create_model("Part", __base__=Value, **{name: field for name, field in found.items() if field})


def parts(**fields: Any) -> Any:
    return GenericAlias(tuple, (part(**fields), ...))


def planted(version: int = 1, *, name: str = "StockReported", **fields: Any) -> type[Event]:
    """An event of the context `planted`, with fields added, changed, or taken away (None)."""
    found: dict[str, Any] = {
        "site": (Code, ...),
        "urgency": (Urgency, ...),
        "parts": (parts(), ...),
        "note": (Text | None, None),
    }
    found |= fields
    kept = {field: declared for field, declared in found.items() if declared}
    cls: Any = create_model(name, __base__=Event, __module__=__name__, __doc__="Stock was reported.", **kept)
    cls.TOPIC = f"planted.{name}.v{version}"
    return cls


def released_as(cls: type[Event]) -> Fields:
    return fields_of(cls.model_json_schema(mode="validation"))


STORED = {"site": "Tilleuls", "urgency": "low", "parts": [{"item": "TRAS-150", "quantity": "12"}], "note": "night"}


def generate(folder: Path, cls: type[Event], document: dict[str, Any] | None = None) -> list[str]:
    examples = [cls.model_validate(document or STORED)]
    return write(event_documents(folder, {"planted": [cls]}, examples, ()), folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Contracts in which version 1 was released."""
    generate(tmp_path, planted())
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


BREAKING = {
    "a removed field": ({"site": None}, "site is gone"),
    "a changed type": ({"site": (int, ...)}, "site was"),
    "a new required field": ({"unit": (Text, ...)}, "unit is new and has no default"),
    "a narrowed enumeration": ({"urgency": (OnlyLow, ...)}, "urgency was"),
    "a widened enumeration, which old readers refuse": ({"urgency": (WithNone, ...)}, "urgency was"),
    "an optional field that becomes required": ({"note": (Text, ...)}, "note was"),
    "a required field that becomes optional": ({"site": (Code, "main")}, "site was"),
    "a field that may now be null": ({"site": (Code | None, ...)}, "site was"),
    "a changed default": ({"note": (Text | None, "none")}, "note was"),
    "a shorter text": ({"site": (Annotated[str, Field(max_length=20)], ...)}, "site was"),
    "a removed field of a part": ({"parts": (parts(item=None), ...)}, "parts[].item is gone"),
    "a changed type of a part": ({"parts": (parts(quantity=(Amount, ...)), ...)}, "parts[].quantity was"),
    "a new required field of a part": ({"parts": (parts(lot=(Code, ...)), ...)}, "parts[].lot is new"),
    "a list that becomes one": ({"parts": (part(), ...)}, "parts was"),
    "a renamed field": ({"site": None, "site_id": (Code, ...)}, "site is gone; site_id is new"),
}


@pytest.mark.parametrize(("fields", "saying"), BREAKING.values(), ids=BREAKING.keys())
def test_a_breaking_change_of_a_released_version_is_refused(fields: dict[str, Any], saying: str) -> None:
    released = {"planted.StockReported.v1": released_as(planted())}
    with pytest.raises(BreakingChange) as refused:
        release(released, [planted(**fields)])
    assert saying in str(refused.value)


class Origin(Value):
    system: Code


COMPATIBLE = {
    "an added optional field": {"unit": (Text | None, None)},
    "an added field with a default": {"unit": (Text, "box")},
    "an added optional field of a part": {"parts": (parts(lot=(Code | None, None)), ...)},
    "an added optional part with a required field": {"origin": (Origin | None, None)},
    "other words": {"site": (Annotated[Code, Field(description="Where.")], ...)},
    "another order of an enumeration": {"urgency": (Turned, ...)},
}


@pytest.mark.parametrize("fields", COMPATIBLE.values(), ids=COMPATIBLE.keys())
def test_a_compatible_change_of_a_released_version_is_taken_in(folder: Path, fields: dict[str, Any]) -> None:
    before = released_examples(folder)["planted.StockReported.v1"]
    changed = planted(**fields)
    generate(folder, changed)
    assert json.loads((folder / "released.json").read_text())[changed.TOPIC] == json.loads(
        json.dumps(released_as(changed))
    )
    assert Language([changed]).load(changed.TOPIC, before)


def test_a_field_that_was_added_is_released_too(folder: Path) -> None:
    generate(folder, planted(unit=(Text | None, None)))
    with pytest.raises(BreakingChange, match="unit is gone"):
        generate(folder, planted())


def test_the_generator_writes_nothing_on_a_breaking_change_and_says_what_to_do(folder: Path) -> None:
    before = contents(folder)
    with pytest.raises(BreakingChange) as refused:
        generate(folder, planted(site=None))
    assert "planted.StockReported.v2" in str(refused.value)
    assert "UPCASTS" in str(refused.value)
    assert contents(folder) == before


def v2(version: int = 2) -> type[Event]:
    """The next version: `site` became `site_id`."""
    cls = planted(version, site=None, site_id=(Code, ...))
    cls.UPCASTS = {1: lambda document: {"site_id": document.pop("site"), **document}}
    return cls


NEW = {"site_id": "Tilleuls", "urgency": "high", "parts": []}


def test_a_new_version_with_an_upcaster_leaves_the_old_files_and_reads_the_old_example(folder: Path) -> None:
    before = contents(folder)
    changed = generate(folder, v2(), NEW)
    assert not {f"events/planted.StockReported.v1.{kind}.json" for kind in ("schema", "example")} & set(changed)
    assert {file: contents(folder)[file] for file in before if ".v1." in file} == {
        file: content for file, content in before.items() if ".v1." in file
    }
    assert set(json.loads((folder / "released.json").read_text())) == {
        "planted.StockReported.v1",
        "planted.StockReported.v2",
    }
    old = Language([v2()]).load("planted.StockReported.v1", released_examples(folder)["planted.StockReported.v1"])
    assert old.model_dump(include={"site_id", "urgency"}) == {"site_id": "Tilleuls", "urgency": Urgency.LOW}
    assert "events/planted.StockReported.v1.example.json" in (folder / "CATALOGUE.md").read_text()


def test_a_new_version_without_an_upcaster_is_refused(folder: Path) -> None:
    without = v2()
    without.UPCASTS = {}
    with pytest.raises(BreakingChange, match="cannot read v1: add 1 to its UPCASTS"):
        generate(folder, without, NEW)


def test_an_upcaster_that_makes_no_valid_event_of_the_released_example_is_refused(folder: Path) -> None:
    wrong = v2()
    wrong.UPCASTS = {1: lambda document: document}
    with pytest.raises(BreakingChange, match=r"StockReported\.v1 no longer loads"):
        generate(folder, wrong, NEW)


@pytest.mark.parametrize("versions", [(3,), (2, 1)])
def test_a_version_is_neither_left_out_nor_taken_back(folder: Path, versions: Sequence[int]) -> None:
    *earlier, last = versions
    for version in earlier:
        generate(folder, v2(version), NEW)
    wrong = planted() if last == 1 else v2(last)
    wrong.UPCASTS = {version: lambda document: document for version in range(1, last)}
    with pytest.raises(BreakingChange, match="a version is never left out or taken back"):
        release(json.loads((folder / "released.json").read_text()), [wrong])


def test_a_released_event_never_disappears(folder: Path) -> None:
    with pytest.raises(BreakingChange, match=r"planted\.StockReported\.v1 was released and is gone"):
        generate(folder, planted(name="StockCounted"))


def test_a_rule_that_no_schema_shows_and_a_released_example_breaks_is_refused(folder: Path) -> None:
    def never(value: str) -> str:
        msg = f"{value} is not a site any more"
        raise ValueError(msg)

    stricter = planted(site=(Annotated[Code, AfterValidator(never)], ...))
    assert released_as(stricter) == released_as(planted())
    with pytest.raises(BreakingChange, match="no longer loads"):
        event_documents(folder, {"planted": [stricter]}, [], ())


def test_an_event_without_an_example_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"planted\.StockReported\.v1 has no example"):
        event_documents(tmp_path, {"planted": [planted()]}, [], ())


def figure(**fields: Any) -> Fields:
    found = {"amount": (Amount, ...), "rate": (Quantity | None, ...)} | fields
    form = create_model("Figure", __base__=Value, **{name: field for name, field in found.items() if field})
    return fields_of(form.model_json_schema(mode="serialization"))


@pytest.mark.parametrize(("fields", "saying"), [({"rate": None}, "rate is gone"), ({"amount": (Quantity, ...)}, "amount was")])  # fmt: skip
def test_a_figure_that_loses_or_changes_a_key_needs_a_new_method(fields: dict[str, Any], saying: str) -> None:
    released = release_written({}, {"savings/1": figure()})
    with pytest.raises(BreakingChange, match=rf"savings/1 was released: {saying}"):
        release_written(released, {"savings/1": figure(**fields)})
    assert set(release_written(released, {"savings/2": figure(**fields)})) == {"savings/1", "savings/2"}


def test_a_figure_may_gain_a_key() -> None:
    released = release_written({}, {"savings/1": figure()})
    assert "lines" in release_written(released, {"savings/1": figure(lines=(int, ...))})["savings/1"]


def api(*, path: str = "/orders", limit: bool = False, parameter: str = "cursor", **changed: Any) -> dict[str, Fields]:
    """One operation of an API, with its body, its answer, its path or its parameter changed."""
    found: dict[str, Any] = {
        "body": {"number": (Code, ...)},
        "answer": {"id": (Code, ...), "version": (int, ...)},
    } | changed
    body, answer = (create_model(name, **found[name]).model_json_schema() for name in ("body", "answer"))
    schema = {"type": "string"}
    operation = {
        "parameters": [{"in": "query", "name": parameter, "schema": schema}]
        + [{"in": "query", "name": "limit", "schema": schema, "required": True}] * limit,
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/x/body"}}}},
        "responses": {"200": {"content": {"text/csv": {}, "application/json": {"schema": {"$ref": "#/x/answer"}}}}},
    }
    return operations(
        {"components": {"schemas": {"body": body, "answer": answer}}, "paths": {path: {"post": operation}}}
    )


API_BREAKS: dict[str, tuple[dict[str, Any], str]] = {
    "an operation that is gone": ({"path": "/other"}, "POST /orders was released: it is gone"),
    "a parameter that is gone": ({"parameter": "after"}, "asked.query:cursor is gone"),
    "a new required parameter": ({"limit": True}, "asked.query:limit is new"),
    "a new required field of the body": ({"body": {"number": (Code, ...), "site": (Code, ...)}}, "asked.body.site is new"),
    "a field of the body that is gone": ({"body": {}}, "asked.body.number is gone"),
    "a field of the answer that is gone": ({"answer": {"id": (Code, ...)}}, "answered.200.version is gone"),
    "a field of the answer with another type": ({"answer": {"id": (int, ...), "version": (int, ...)}}, "answered.200.id was"),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "saying"), API_BREAKS.values(), ids=API_BREAKS.keys())
def test_a_breaking_change_of_a_released_operation_is_refused(changed: dict[str, Any], saying: str) -> None:
    released = release_operations({}, api())
    with pytest.raises(BreakingChange) as refused:
        release_operations(released, api(**changed))
    assert saying in str(refused.value)


def test_an_operation_may_take_an_optional_field_more_and_answer_one_more() -> None:
    body = {"number": (Code, ...), "note": (Text | None, None)}
    answer = {"id": (Code, ...), "version": (int, ...), "total": (Amount, ...)}
    released = release_operations(release_operations({}, api()), api(body=body, answer=answer))
    assert {"asked.body.note", "answered.200.total"} <= set(released["POST /orders"])
