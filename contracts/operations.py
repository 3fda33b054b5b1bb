"""The operations of an OpenAPI document as fields, so that the rule for what was released holds for them too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.released import Fields, fields_of

JSON = ("application/json", "application/problem+json")


def operations(document: Mapping[str, Any]) -> dict[str, Fields]:
    """Method and path -> `asked.query:limit`, `asked.body.lines[].item`, `answered.200.items[].id` and so on."""
    definitions = document["components"]["schemas"]
    return {
        f"{method.upper()} {path}": fields_of({**_form(operation), "$defs": definitions})
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def _form(operation: Mapping[str, Any]) -> dict[str, Any]:
    """An operation as one object of what it is asked with and what it answers."""
    parameters = operation.get("parameters", ())
    asked = {f"{parameter['in']}:{parameter['name']}": parameter["schema"] for parameter in parameters}
    required = [f"{parameter['in']}:{parameter['name']}" for parameter in parameters if parameter.get("required")]
    if "requestBody" in operation:
        asked |= {"body": _content(operation["requestBody"])}
        required += ["body"] * operation["requestBody"].get("required", False)
    answered = {status: _content(answer) for status, answer in operation["responses"].items()}
    return _object({"asked": _object(asked, required), "answered": _object(answered, list(answered))}, ["answered"])


def _object(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _content(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON form of a body or an answer; empty where it has none."""
    forms = (form.get("schema") for kind, form in part.get("content", {}).items() if kind in JSON)
    return next((form for form in forms if form), {})
