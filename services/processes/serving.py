"""A process that answers over HTTP, from its start to its end."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack, closing

from infra import address
from infra.clickhouse import Analytics, open_server
from infra.clock import told_now
from infra.event_store import Clock, utc_now
from infra.settings import Settings
from services import web
from services.serving import Serving


def listening(settings: Settings, host: str, port: int) -> socket.socket:
    """A socket that listens. Raises NotLoopback, AddressTaken."""
    return address.listening(host, port, only_loopback=settings.is_loopback_only)


def serve(build: Callable[[Settings, Analytics, Clock], Serving], settings: Settings, host: str, port: int) -> None:
    """Serves the routes of one part until a signal ends it."""
    clock = told_now if settings.clock_header else utc_now
    with closing(listening(settings, host, port)) as listener, ExitStack() as stack:
        process = stack.enter_context(build(settings, open_server(settings), clock))
        web.serve(web.create_app(process, [process.role]), listener)
