"""What every route has in common: commands that happen once, versions as ETags, cursors, positions to wait for.

A command's route is one line (`Does`): its fields come from the path, from the Idempotency-Key, from the token, and the
rest from the body. So nobody can name another tenant in a body, and a repeat is the same command.
"""

from __future__ import annotations

import base64
import binascii
import inspect
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import urlencode
from uuid import UUID, uuid5

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model
from starlette.requests import Request as HttpRequest

from events.base import Command
from infra.auth import Caller
from infra.problems import MEDIA_TYPE, NotReached, TokenUnreadable, VersionMissing, trace_id
from infra.request import Accepted, Outdated, Position, Request
from infra.telemetry import announce, counted

POSITION_HEADER = "Groupement-Position"
WAIT_SECONDS = 5.0
"""How long a read waits for the position that it asks for."""
LOOK_SECONDS = 0.05
"""How often whoever waits looks."""
PAGE, LARGEST_PAGE = 50, 200

KEY, SCOPE, SUBJECT = "key", "scope", "subject"
"""Where a field of a command comes from when not from the body: a UUID made of the Idempotency-Key, the caller's
establishment or supplier, the caller. Any other source is the name of a parameter of the path."""

Row = TypeVar("Row")
REFUSED: dict[int | str, dict[str, Any]] = {
    code: {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for code, text in {
        "4XX": "Refused: the problem says where, which rule, and what to do.",
        "5XX": "Not answered: repeat with the same Idempotency-Key.",
    }.items()
}


class Service(Protocol):
    """A context, as its routes see it."""

    def handle(self, request: Request[Any]) -> Accepted:
        """Runs a command, once. Raises Refusal."""


@dataclass(frozen=True)
class Does:
    """A route that runs a command."""

    operation: str
    path: str
    command: type[Command]
    creates: str = ""
    """The field that names what the command makes, if anything; made of the key unless the path names it."""
    filled: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Field of the command -> SCOPE, SUBJECT or a parameter of the path that has another name."""
    on_seen: bool = False
    """Whether it is a decision on something that exists, and so needs the version that was seen (If-Match).

    Facts that arrive from outside (a receipt, an invoice) happened whatever the version; they may name one."""

    def sources(self) -> dict[str, str]:
        """Every field that the body does not hold -> where it comes from."""
        made = {self.creates: KEY} if self.creates else {}
        return made | {name: name for name in self.parameters()} | dict(self.filled)

    def parameters(self) -> list[str]:
        """The parameters of the path."""
        return re.findall(r"{(\w+)}", self.path)


class Done(BaseModel):
    """A command was accepted; a repeat of it gets the same answer."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    id: UUID
    """What changed, or was made."""
    version: int
    """Its version now, which is also its ETag."""
    created: UUID | None = None
    """What was made: the thing itself, or a part of it, such as a rating of a supplier."""
    position: str
    """Give it as `at_least` to a read that must contain this change. Also in the header Groupement-Position."""


def caller(request: HttpRequest) -> Caller:
    """Who calls: noted by the access check that stands before every route of the API."""
    found: Caller = request.state.caller
    return found


CallerOf = Annotated[Caller, Depends(caller)]
_KEY_TEXT = "A UUID that names the command; a repeat with the same one happens once and gets the first answer."
Key = Annotated[
    UUID,
    # The header's draft (httpapi-idempotency-key) writes it as a quoted string, most clients without quotes.
    BeforeValidator(lambda value: value.strip().strip('"') if isinstance(value, str) else value),
    Header(alias="Idempotency-Key", description=_KEY_TEXT),
]
IfMatch = Annotated[str | None, Header(description='The ETag that was seen, "*" for whatever it is.')]


def add_commands(
    router: APIRouter,
    routes: Iterable[Does],
    service: Callable[[HttpRequest], Service],
    package: str,
    before: Sequence[Any] = (),
) -> None:
    """Adds a POST for each command. `examples.json` beside the routes' module holds a body for each.

    `before`: what FastAPI depends on before any of them, such as a wait.
    """
    examples = json.loads(files(package).joinpath("examples.json").read_text(encoding="utf-8"))
    for does in routes:
        announce(does.command.__name__)
        router.add_api_route(
            does.path,
            _endpoint(does, service),
            methods=["POST"],
            name=does.operation,
            description=inspect.getdoc(does.command),
            status_code=201 if does.creates else 200,
            response_model=Done,
            responses=REFUSED,
            dependencies=list(before),
            openapi_extra={"requestBody": {"content": {"application/json": {"example": examples[does.operation]}}}},
        )


def _endpoint(does: Does, service: Callable[[HttpRequest], Service]) -> Callable[..., Done]:
    sources = does.sources()

    def endpoint(request: HttpRequest, response: Response, who: Caller, key: UUID, **asked: Any) -> Done:
        version = seen_version(asked["if_match"], is_needed=does.on_seen)
        known = {KEY: uuid5(key, f"{who.scope}:{does.operation}"), SCOPE: who.scope, SUBJECT: who.subject, **asked}
        body = {name: getattr(asked["body"], name) for name in type(asked["body"]).model_fields}
        command = does.command(**body, **{name: known[source] for name, source in sources.items()})
        accepted = counted(
            service(request).handle,
            Request(command, key, who.subject, who.scope, trace_id(request), expected_version=version),
        )
        token = position_token(accepted.positions)
        response.headers[POSITION_HEADER] = token
        response.headers["ETag"] = etag(accepted.version)
        return Done(
            id=accepted.stream_id,
            version=accepted.version,
            created=getattr(command, does.creates) if does.creates else None,
            position=token,
        )

    annotations = {"request": HttpRequest, "response": Response, "who": CallerOf, "key": Key, "if_match": IfMatch}
    annotations |= dict.fromkeys(does.parameters(), UUID)
    annotations["body"] = body_of(does.command, sources)
    signed: Any = endpoint  # fastapi reads the parameters from here
    signed.__signature__ = inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None if name == "if_match" else inspect.Parameter.empty,
                annotation=annotation,
            )
            for name, annotation in annotations.items()
        ]
    )
    return endpoint


def body_of(command: type[Command], known: Iterable[str]) -> type[Command]:
    """The command without the fields that come from elsewhere; a body that names one of them is refused."""
    fields: dict[str, Any] = {
        name: (info.rebuild_annotation(), info) for name, info in command.model_fields.items() if name not in set(known)
    }
    name = f"{command.__name__}Body"
    return create_model(name, __base__=Command, __doc__=command.__doc__, __module__=command.__module__, **fields)


def etag(version: int) -> str:
    """The strong entity tag of an aggregate's version."""
    return f'"{version}"'


def seen_version(if_match: str | None, *, is_needed: bool) -> int | None:
    """The version that an If-Match names; None where it says "*", or nothing. Raises VersionMissing, Outdated."""
    if if_match is None and is_needed:
        raise VersionMissing("the decision does not say which version it was taken on")
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'"(\d{1,18})"', if_match.strip())
    if found is None:
        # A weak or foreign tag never matches (RFC 9110, 13.1.1).
        raise Outdated(f"{if_match} is no version of it")
    return int(found[1])


def position_token(positions: Iterable[Position]) -> str:
    """An opaque text that names positions."""
    return _opaque(",".join(f"{place.context}:{place.lane}:{place.pos}" for place in positions))


def positions_in(token: str) -> tuple[Position, ...]:
    """The positions of a token. Raises TokenUnreadable."""
    try:
        parts = [part.split(":") for part in _clear(token).split(",") if part]
        return tuple(Position(context, int(lane), int(pos)) for context, lane, pos in parts)
    except ValueError as error:
        raise TokenUnreadable("the position token cannot be read", pointer="/at_least") from error


@dataclass(frozen=True, slots=True)
class Behind:
    """A lane whose projections have not come to where somebody wants them."""

    wanted: Position
    reached: int

    @property
    def lag(self) -> int:
        """The positions that are missing."""
        return self.wanted.pos - self.reached


class Waiting(Protocol):
    """The projections, as those see them who wait for them."""

    def wait_for(self, wanted: Sequence[Position], seconds: float) -> list[Behind]:
        """Waits until they have come to these positions; returns the lanes that have not in time."""


def waited(behind: Callable[[], list[Behind]], seconds: float) -> list[Behind]:
    """Asks again and again until nothing is behind, or the time is over; returns what still is."""
    deadline = time.monotonic() + seconds
    while (found := behind()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return found


def await_positions(request: HttpRequest, token: str | None) -> None:
    """Waits, for a bounded time, until the projections are where the caller wants them. Raises NotReached."""
    if token is None:
        return
    reading: Waiting = request.app.state.platform.reading
    if behind := reading.wait_for(positions_in(token), WAIT_SECONDS):
        raise not_reached("the lists and figures have", behind)


def not_reached(who: str, behind: Sequence[Behind]) -> NotReached:
    """The refusal that says, lane by lane, what is missing."""
    lanes = {
        f"{one.wanted.context}:{one.wanted.lane}": f"at {one.reached} of {one.wanted.pos}, {one.lag} missing"
        for one in behind
    }
    told = "; ".join(f"{lane} {text}" for lane, text in lanes.items())
    message = f"after {WAIT_SECONDS:.0f} s {who} not come to what was asked for: {told}"
    return NotReached(message, pointer="/at_least", lag=sum(one.lag for one in behind), **lanes)


def at_least(
    request: HttpRequest,
    at_least: Annotated[str | None, Query(description="A position token: the answer contains what it names.")] = None,
) -> None:
    """The parameter `at_least` of a list. Raises NotReached, TokenUnreadable."""
    await_positions(request, at_least)


AT_LEAST = Depends(at_least)


def cursor_of(place: str) -> str:
    """An opaque cursor."""
    return _opaque(place)


def place_of(cursor: str | None) -> str | None:
    """The place that a cursor names, None without one. Raises TokenUnreadable."""
    if cursor is None:
        return None
    try:
        return _clear(cursor)
    except ValueError as error:
        raise TokenUnreadable("the cursor cannot be read", pointer="/cursor") from error


def _opaque(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _clear(token: str) -> str:
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except binascii.Error as error:
        raise ValueError(token) from error


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
