"""The log and the trace: one id from a request to the events that it caused, in every line in between.

The id comes from the caller's `traceparent` (W3C Trace Context), else it is made here. It stands in each event, in the
headers of its message, and in the answer's `Groupement-Trace`.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from importlib.metadata import version
from typing import Any, Literal, TextIO
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars, get_contextvars, merge_contextvars

from events.base import Refusal
from infra.metrics import BUILD, COMMANDS, HTTP_SECONDS
from infra.request import Accepted, OutcomeUnknown, Request

TRACE_HEADER = "Groupement-Trace"
OURS = ("events", "contracts", "infra", "projections", "services")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OUTCOMES = ("accepted", "repeated", "refused", "unknown", "fault")
QUIET = ("/metrics", "/health", "/ready")
"""What is asked every few seconds, by nobody who would read it."""
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")

log = logging.getLogger(__name__)


def trace_of(traceparent: str) -> str:
    """The trace that a `traceparent` names, 32 hexadecimal digits; empty where it names none."""
    found = _PARENT.fullmatch(traceparent)
    return found[1] if found else ""


def current_trace() -> str:
    """The trace of the request or message that is being dealt with; empty where there is none."""
    return str(get_contextvars().get("trace_id", ""))


def outgoing() -> dict[str, str]:
    """The header that carries the current trace to another process; none where there is no trace."""
    trace = current_trace()
    return {"traceparent": f"00-{trace}-{uuid4().hex[:16]}-01"} if trace else {}


def configure(form: Literal["text", "json"], role: str, stream: TextIO | None = None) -> None:
    """Sets up the log of this process, of libraries too, on standard error.

    `json`: one object a line, every request and step, for a collector. `text`: warnings, for a person at a terminal.
    """
    BUILD.labels(version("groupement")).set(1)
    stream = stream or sys.stderr

    def of_role(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["role"] = role
        return line

    facts: list[Any] = [
        merge_contextvars,
        of_role,
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=facts,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO if form == "json" else logging.WARNING)
    # `Traced` has told the fault with its trace; the server would tell it again, without.
    logging.getLogger("uvicorn.error").addFilter(_is_no_fault)


def _is_no_fault(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Exception in ASGI application")


def announce(command: str) -> None:
    """Shows a command's counters from 0 on: an alert on what is new would not see the first one otherwise."""
    for outcome in OUTCOMES:
        COMMANDS.labels(command, outcome)


def counted(handle: Callable[[Request[Any]], Accepted], asked: Request[Any]) -> Accepted:
    """Runs a command, counts what became of it, and tells it in the log. Raises what `handle` raises."""
    name, outcome = type(asked.command).__name__, "fault"
    told: dict[str, Any] = {"command": name, "command_id": str(asked.command_id)}
    try:
        accepted = handle(asked)
        outcome = "repeated" if accepted.repeated else "accepted"
        told |= {"stream_id": str(accepted.stream_id), "version": accepted.version}
    except Refusal as refusal:
        outcome = "unknown" if isinstance(refusal, OutcomeUnknown) else "refused"
        told["refusal"] = type(refusal).__name__
        raise
    else:
        return accepted
    finally:
        COMMANDS.labels(name, outcome).inc()
        log.info("command", extra={**told, "outcome": outcome})


class Traced:
    """Gives every request its trace, measures it, and tells it in the log: no query, no header, no body of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = trace_of(Headers(scope=scope).get("traceparent", "")) or uuid4().hex
        scope["trace_id"] = trace
        status = 500

        async def with_trace(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[TRACE_HEADER] = trace
            await send(message)

        began = time.perf_counter()
        with bound_contextvars(trace_id=trace):
            try:
                await self._app(scope, receive, with_trace)
            except Exception:
                log.exception("fault", extra={"method": scope["method"], "path": scope["path"]})
                raise
            finally:
                seconds = time.perf_counter() - began
                _note(scope, status, seconds)


def _note(scope: Scope, status: int, seconds: float) -> None:
    operation = getattr(scope.get("route"), "name", "none")
    method = scope["method"] if scope["method"] in METHODS else "other"
    HTTP_SECONDS.labels(method, operation, f"{status // 100}xx").observe(seconds)
    if scope["path"] not in QUIET:
        told = {"path": scope["path"], "operation": operation, "status": status, "ms": round(seconds * 1_000, 1)}
        log.info("request", extra={"method": method, **told})
