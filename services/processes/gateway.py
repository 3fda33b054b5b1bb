"""The process of the gateway."""

from __future__ import annotations

from contextlib import closing

from infra.settings import Settings
from services import web
from services.gateway import create_app
from services.processes.serving import listening


def run(settings: Settings, host: str, port: int) -> None:
    """Serves until a signal ends it."""
    with closing(listening(settings, host, port)) as listener:
        web.serve(create_app(settings.upstreams), listener)
