"""The `groupement` command: everything that the product does, from a terminal."""

from __future__ import annotations

import sys

import typer

from events.base import Refusal
from infra.clickhouse import AnalyticsInUse
from infra.log import BeyondTheEnd
from projections.projector import ChainBroken, OtherStore
from services.cli import asking, checking, importing, running
from services.cli.console import tell_refusal, tell_trouble
from services.cli.options import app, take_home

app.callback()(take_home)
for module in (running, importing, asking, checking):
    module.register(app)


def main() -> None:
    """The entry point: refusals are told with their rule and what to do, exit code 1."""
    try:
        app()
    except Refusal as refusal:
        tell_refusal(refusal)
    except (AnalyticsInUse, OtherStore, BeyondTheEnd, ChainBroken) as trouble:
        tell_trouble(str(trouble))
    except KeyboardInterrupt:
        tell_trouble("stopped")
    else:
        return
    sys.exit(1)


__all__ = ["app", "main", "typer"]
