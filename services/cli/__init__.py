"""The `groupement` command: everything that the product does, from a terminal."""

from __future__ import annotations

import os
import sys

import psycopg
from clickhouse_connect.driver.exceptions import OperationalError as ClickHouseOperationalError
from eventsourcing.persistence import OperationalError as EventsOperationalError
from kafka.errors import KafkaError

from events.base import Refusal
from infra.clickhouse import AnalyticsInUse
from infra.log import BeyondTheEnd
from infra.memory import collect_seldom
from projections.projector import ChainBroken, OtherStore
from services.cli import asking, checking, full, importing, keeping, letters, processes, running
from services.cli.console import tell_refusal, tell_trouble
from services.cli.options import app, take_home

AWAY = (psycopg.OperationalError, ClickHouseOperationalError, EventsOperationalError, KafkaError)
"""What is raised where PostgreSQL, ClickHouse or Kafka does not answer."""

app.callback()(take_home)
for module in (running, importing, asking, keeping, letters, checking, processes, full):
    module.register(app)


def main() -> None:
    """The entry point: refusals are told with their rule and what to do, exit code 1."""
    collect_seldom()
    try:
        app()
    except Refusal as refusal:
        tell_refusal(refusal)
    except (AnalyticsInUse, OtherStore, BeyondTheEnd, ChainBroken) as trouble:
        tell_trouble(str(trouble))
    except AWAY as away:
        first_line = str(away).partition("\n")[0][:500]
        tell_trouble(f"a store or server does not answer: {first_line or type(away).__name__}")
    except KeyboardInterrupt:
        tell_trouble("stopped")
    except Exception as error:
        if os.environ.get("GROUPEMENT_DEBUG"):
            raise
        first_line = str(error).partition("\n")[0][:500]
        tell_trouble(f"{type(error).__name__}: {first_line}")
        tell_trouble(
            "this is a defect; GROUPEMENT_DEBUG=1 shows where. Nothing is half-written: try again, or report it."
        )
    else:
        return
    sys.exit(1)
