"""Generates the contracts of the events: for each version a JSON Schema and a golden example, and one catalogue.

A golden example is the stored JSON, the fields in the stored order, broken into lines so that a change is read as a
diff; without the spaces between its tokens it is byte for byte what a store holds. Files of versions that have a
successor stay as they were released.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.catalogue import catalogue
from contracts.examples import EXAMPLES
from contracts.operations import operations
from contracts.readers import READERS, Reader
from contracts.released import Fields, fields_of, release, release_operations, release_written, still_load
from events import CONTEXTS
from events.base import Event

FOLDER = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXAMPLE = ".example.json"
RELEASED = "released.json"


def event_documents(
    folder: Path = FOLDER,
    contexts: Mapping[str, Sequence[type[Event]]] = CONTEXTS,
    examples: Iterable[Event] = EXAMPLES,
    readers: Sequence[Reader] = READERS,
) -> dict[str, str]:
    """Path within the folder -> text, for the newest version of every event, given what the folder says was released.

    Raises BreakingChange where a released version would change, or a released example would no longer load.
    """
    events = [cls for classes in contexts.values() for cls in classes]
    example_of = {type(event): event for event in examples}
    released = release(_released(folder / RELEASED), events)
    still_load(released_examples(folder), events)
    documents = {}
    for cls in events:
        if cls not in example_of:
            msg = f"{cls.TOPIC} has no example: add one to contracts/examples/"
            raise LookupError(msg)
        documents[f"events/{cls.TOPIC}.schema.json"] = as_json(schema(cls))
        documents[f"events/{cls.TOPIC}{EXAMPLE}"] = as_json(json.loads(example_of[cls].model_dump_json()))
    documents[RELEASED] = _by_line(released)
    documents["CATALOGUE.md"] = catalogue(contexts, released, readers)
    return documents


def written_documents(
    name: str, form: Mapping[str, Any], variants: Mapping[str, Mapping[str, Any]], folder: Path = FOLDER
) -> dict[str, str]:
    """The schema of something that the product writes for other programs, and what of its variants was released.

    Raises BreakingChange.
    """
    file = f"{name}.{RELEASED}"
    fields = {variant: fields_of(schema) for variant, schema in variants.items()}
    released = release_written(_released(folder / file), fields)
    return {f"{name}.schema.json": as_json(form), file: _by_line(released)}


def api_documents(document: Mapping[str, Any], folder: Path = FOLDER) -> dict[str, str]:
    """The OpenAPI document, and what of its operations was released. Raises BreakingChange."""
    file = f"openapi.{RELEASED}"
    released = release_operations(_released(folder / file), operations(document))
    return {"openapi.json": as_json(document), file: _by_line(released)}


def schema(cls: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's stored form. Further fields may appear: readers ignore what they do not know."""
    found = cls.model_json_schema(mode="serialization")
    return {"$schema": DIALECT, "$id": f"{cls.TOPIC}.schema.json", **found}


def as_json(document: Any) -> str:
    """JSON as it is committed: two spaces, letters as they are, a newline at the end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _by_line(released: Mapping[str, Fields]) -> str:
    """One line for each field, so that a diff says which."""
    events = []
    for topic, fields in released.items():
        lines = ",\n".join(f"    {json.dumps(path)}: {json.dumps(field)}" for path, field in fields.items())
        events.append(f"  {json.dumps(topic)}: {{\n{lines}\n  }}")
    return "{\n" + ",\n".join(events) + "\n}\n"


def _released(file: Path) -> dict[str, Fields]:
    return dict(json.loads(file.read_text("utf-8"))) if file.exists() else {}


def released_examples(folder: Path = FOLDER) -> dict[str, bytes]:
    """Stored name -> golden example, of every version that the folder holds."""
    files = sorted((folder / "events").glob(f"*{EXAMPLE}"))
    return {file.name.removesuffix(EXAMPLE): file.read_bytes() for file in files}


def write(documents: Mapping[str, str], folder: Path = FOLDER) -> list[str]:
    """Writes the documents that differ from the files. Returns their paths."""
    changed = []
    for path, text in documents.items():
        file = folder / path
        if file.exists() and file.read_bytes() == text.encode():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        changed.append(path)
    return changed
