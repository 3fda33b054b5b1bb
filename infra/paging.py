"""Lists in pages: cursors, and the Link header that names the next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Response
from starlette.requests import Request as HttpRequest

from infra.opaque import clear, opaque
from infra.problems import TokenUnreadable

PAGE, LARGEST_PAGE = 50, 200
Row = TypeVar("Row")


def cursor_of(place: str) -> str:
    """An opaque cursor."""
    return opaque(place)


def place_of(cursor: str | None) -> str | None:
    """The place that a cursor names, None without one. Raises TokenUnreadable."""
    if cursor is None:
        return None
    try:
        return clear(cursor)
    except ValueError as error:
        raise TokenUnreadable("the cursor cannot be read", pointer="/cursor") from error


def link_next(request: HttpRequest, response: Response, cursor: str | None) -> None:
    """Names the next page in a Link header (RFC 8288): the same address with another cursor."""
    if cursor is not None:
        others = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        response.headers["Link"] = f'<{request.url.path}?{urlencode([*others, ("cursor", cursor)])}>; rel="next"'


def page(
    rows: Sequence[Row], key: Callable[[Row], UUID], cursor: str | None, limit: int
) -> tuple[list[Row], str | None]:
    """A page of rows that are all at hand, and the cursor of the next one. Raises TokenUnreadable."""
    place = place_of(cursor)
    start = next((n + 1 for n, row in enumerate(rows) if str(key(row)) == place), 0)
    if place is not None and not start:
        raise TokenUnreadable("the cursor's row is gone", pointer="/cursor")
    found = list(rows[start : start + limit])
    return found, cursor_of(str(key(found[-1]))) if start + limit < len(rows) else None


Cursor = Annotated[str | None, Query(description="Where the last page ended: `next` of its answer.")]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Rows of a page.")]
