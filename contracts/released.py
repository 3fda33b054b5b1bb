"""What was released stays readable: a released version of an event may gain optional fields, nothing else.

`released.json` holds the fields of every version that was ever generated, with type, limits and default. Words
(descriptions, titles) may change freely. A document that the product only writes, such as a figure, may gain fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from events.base import Event
from infra.mapper import Language, UnreadableEvent

Fields = dict[str, dict[str, Any]]
"""Path of a field, such as `lines[].amount` -> its schema without words, and whether it is required."""

WORDS = ("title", "description", "$defs")


class BreakingChange(Exception):
    """A released form would change so that what was stored, or who reads it, no longer fits."""


def fields_of(schema: Mapping[str, Any]) -> Fields:
    """The fields of a schema and of its parts, without their words."""
    return dict(_fields(_inlined(schema, schema.get("$defs", {})), ""))


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with its references replaced and its words left out."""
    if isinstance(node, list):
        return [_inlined(child, definitions) for child in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]] | {k: v for k, v in node.items() if k != "$ref"}
    found = {key: _inlined(child, definitions) for key, child in node.items() if key not in (*WORDS, "properties")}
    if "enum" in found:
        found["enum"] = sorted(found["enum"], key=str)
    if "properties" in node:
        found["properties"] = {name: _inlined(child, definitions) for name, child in node["properties"].items()}
    return found


def _fields(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in node.get("properties", {}).items():
        at = f"{path}.{name}" if path else name
        yield at, {"required": name in node.get("required", ()), **_own(child)}
        yield from _fields(child, at)
    for branch in node.get("anyOf", ()):
        yield from _fields(branch, path)
    if "items" in node:
        yield from _fields(node["items"], f"{path}[]")


def _own(node: Mapping[str, Any]) -> dict[str, Any]:
    """A field's schema without the fields of its parts, which have lines of their own."""
    found = {key: value for key, value in node.items() if key not in ("properties", "required")}
    if "anyOf" in found:
        found["anyOf"] = [_own(branch) for branch in found["anyOf"]]
    if "items" in found:
        found["items"] = _own(found["items"])
    return found


def release(released: Mapping[str, Fields], events: Iterable[type[Event]]) -> dict[str, Fields]:
    """The released versions with these events among them. Raises BreakingChange, naming every break at once."""
    newest = {_name(cls.TOPIC): cls for cls in events}
    # As a reader must expect them: what has a default may be missing in a document.
    fields = {cls.TOPIC: fields_of(cls.model_json_schema(mode="validation")) for cls in newest.values()}
    breaks = [
        f"{topic} was released and is gone: stored events of its kind must still load"
        for topic in released
        if _name(topic) not in newest
    ]
    for cls in newest.values():
        breaks += _version_breaks(released, cls) + _field_breaks(released, cls, fields[cls.TOPIC])
    if breaks:
        raise BreakingChange("\n".join(breaks))
    return dict(sorted({**released, **fields}.items()))


def release_written(released: Mapping[str, Fields], documents: Mapping[str, Fields]) -> dict[str, Fields]:
    """The same for documents that the product only writes, by name and version: they may gain fields, and end.

    Raises BreakingChange.
    """
    breaks = {name: _changes(released.get(name, {}), fields) for name, fields in documents.items()}
    _refuse(breaks, "Give the changed one a new number.")
    return dict(sorted({**released, **documents}.items()))


def release_operations(released: Mapping[str, Fields], operations: Mapping[str, Fields]) -> dict[str, Fields]:
    """The same for operations of an API: what they answer may gain fields, what they ask for may gain optional ones.

    Raises BreakingChange.
    """
    breaks = {
        name: _changes(before, operations[name]) + _demands(before, operations[name], "asked")
        if name in operations
        else ["it is gone"]
        for name, before in released.items()
    }
    _refuse(breaks, "Keep the old one and give the new one a path of its own.")
    return dict(sorted({**released, **operations}.items()))


def _refuse(breaks: Mapping[str, list[str]], remedy: str) -> None:
    found = [
        f"{name} was released: {'; '.join(changes)}.\n"
        f"  {remedy} Only where nobody uses it yet: delete its entry in contracts/*.released.json."
        for name, changes in breaks.items()
        if changes
    ]
    if found:
        raise BreakingChange("\n".join(found))


def _version_breaks(released: Mapping[str, Fields], cls: type[Event]) -> list[str]:
    version, name = cls.schema_version(), _name(cls.TOPIC)
    known = max((int(topic.rpartition(".v")[2]) for topic in released if _name(topic) == name), default=0)
    breaks = []
    if version not in (known, known + 1):
        breaks.append(f"{cls.TOPIC} follows {name}.v{known}: a version is never left out or taken back")
    if missing := [old for old in range(1, version) if old not in cls.UPCASTS]:
        versions = ", ".join(f"v{old}" for old in missing)
        breaks.append(f"{cls.TOPIC} cannot read {versions}: add {', '.join(map(str, missing))} to its UPCASTS")
    return breaks


def _field_breaks(released: Mapping[str, Fields], cls: type[Event], after: Fields) -> list[str]:
    before = released.get(cls.TOPIC)
    if before is None:
        return []
    breaks = _changes(before, after) + _demands(before, after)
    if not breaks:
        return []
    following = f"v{cls.schema_version() + 1}"
    msg = (
        f"{cls.TOPIC} was released: {'; '.join(breaks)}.\n"
        f"  Make a new version: TOPIC {_name(cls.TOPIC)}.{following}, and UPCASTS with a function that turns a stored "
        f"document of v{cls.schema_version()} into one of {following}.\n"
        f"  Only where no store holds one yet: delete its entry in contracts/released.json and generate again."
    )
    return [msg]


def _changes(before: Fields, after: Fields) -> list[str]:
    """What a reader of the fields before would miss or misread."""
    return [f"{path} is gone" for path in before if path not in after] + [
        f"{path} was {json.dumps(known)}, would be {json.dumps(after[path])}"
        for path, known in before.items()
        if path in after and after[path] != known
    ]


def _demands(before: Fields, after: Fields, part: str = "") -> list[str]:
    """What a document of the fields before would lack."""
    return [
        f"{path} is new and has no default"
        for path, new in after.items()
        if path.startswith(part) and path not in before and new["required"] and _parent(path) in ("", *before)
    ]


def _parent(path: str) -> str:
    return path.rpartition(".")[0].removesuffix("[]")


def still_load(examples: Mapping[str, bytes], events: Iterable[type[Event]]) -> None:
    """Refuses events that cannot read an example that was ever released. Raises BreakingChange."""
    language, breaks = Language(events), []
    for topic, raw in examples.items():
        try:
            language.load(topic, raw)
        except (UnreadableEvent, ValueError, LookupError, TypeError) as error:
            breaks.append(f"the released example of {topic} no longer loads: {error}")
    if breaks:
        raise BreakingChange("\n".join(breaks))


def _name(topic: str) -> str:
    return topic.rpartition(".v")[0]
