"""What the routes of commands have in common: a command happens once, and a version is an ETag.

A command's route is one line (`Does`): its fields come from the path, from the Idempotency-Key, from the token, and the
rest from the body. So nobody can name another tenant in a body, and a repeat is the same command.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any, Protocol
from uuid import UUID, uuid5

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model
from starlette.requests import Request as HttpRequest

from events.base import Command
from infra.auth import Caller
from infra.group_commit import MOST
from infra.positions import POSITION_HEADER, position_token
from infra.problems import MEDIA_TYPE, VersionMissing, trace_id
from infra.request import Accepted, Outdated, Request
from infra.telemetry import announce, counted

KEY, SCOPE, SUBJECT = "key", "scope", "subject"
"""Where a field of a command comes from when not from the body: a UUID made of the Idempotency-Key, the caller's
establishment or supplier, the caller. Any other source is the name of a parameter of the path."""

COMMANDS = ThreadPoolExecutor(MOST, "command")
"""Where commands wait for their commit: so many may share one. FastAPI's own threads are 40, and are for reads."""

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


# Not `def`: it takes nothing to wait for, and a thread for each call would cost more than the rest of it.
async def caller(request: HttpRequest) -> Caller:
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


def _endpoint(does: Does, service: Callable[[HttpRequest], Service]) -> Callable[..., Coroutine[Any, Any, Response]]:
    sources = does.sources()

    async def endpoint(**asked: Any) -> Response:
        work = partial(copy_context().run, run, **asked)
        return await asyncio.get_running_loop().run_in_executor(COMMANDS, work)

    def run(request: HttpRequest, who: Caller, key: UUID, **asked: Any) -> Response:
        version = seen_version(asked["if_match"], is_needed=does.on_seen)
        known = {KEY: uuid5(key, f"{who.scope}:{does.operation}"), SCOPE: who.scope, SUBJECT: who.subject, **asked}
        body = {name: getattr(asked["body"], name) for name in type(asked["body"]).model_fields}
        command = does.command(**body, **{name: known[source] for name, source in sources.items()})
        accepted = counted(
            service(request).handle,
            Request(command, key, who.subject, who.scope, trace_id(request), expected_version=version),
        )
        token = position_token(accepted.positions)
        done = Done(
            id=accepted.stream_id,
            version=accepted.version,
            created=getattr(command, does.creates) if does.creates else None,
            position=token,
        )
        # The answer itself: FastAPI would validate what is valid, and then write it more slowly than pydantic.
        return Response(
            done.model_dump_json(),
            201 if does.creates else 200,
            {POSITION_HEADER: token, "ETag": etag(accepted.version)},
            "application/json",
        )

    annotations = {"request": HttpRequest, "who": CallerOf, "key": Key, "if_match": IfMatch}
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
