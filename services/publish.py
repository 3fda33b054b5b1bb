"""Writes contracts/: what the product promises to other programs. Run by `make contracts`, reviewed as a diff."""

from __future__ import annotations

import sys

from contracts.asyncapi import asyncapi
from contracts.generate import api_documents, as_json, event_documents, write, written_documents
from contracts.released import BreakingChange
from services import web
from services.finance import document
from services.ordering.channels import described


def documents() -> dict[str, str]:
    """Path within contracts/ -> text, of everything that is generated. Raises BreakingChange."""
    return {**event_documents(), **_figures(), **api_documents(web.openapi()), **_topics()}


def _figures() -> dict[str, str]:
    """The form of figures. A figure's method is its version: another form is another method."""
    form = document.schema()
    parts = (form["$defs"][branch["$ref"].rpartition("/")[2]] for branch in form["oneOf"])
    return written_documents(
        "figures",
        form,
        {part["properties"]["method"]["const"]: {**part, "$defs": form["$defs"]} for part in parts},
    )


def _topics() -> dict[str, str]:
    return {"asyncapi.json": as_json(asyncapi(described()))}


def main() -> int:
    """Writes what differs and says so. Exit code 1 where a released contract would break; nothing is written then."""
    try:
        changed = write(documents())
    except BreakingChange as refused:
        sys.stderr.write(f"Nothing was written.\n{refused}\n")
        return 1
    sys.stdout.write("".join(f"contracts/{path}\n" for path in changed) or "contracts/ is up to date\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
