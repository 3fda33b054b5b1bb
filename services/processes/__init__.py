"""Each part of the platform as a process of its own.

All of them end on SIGTERM and SIGINT, and finish what they have begun: a request, a page on its way, a step.
"""

from __future__ import annotations

import logging
import socket
from enum import StrEnum
from importlib import import_module
from typing import Protocol, cast

from psycopg.errors import InsufficientPrivilege, OperationalError

from infra import schema, telemetry
from infra.memory import collect_seldom
from infra.settings import Settings
from services.processes.work import signalled

RETRY_SECONDS = 1.0
"""The pause before a store that does not answer is asked again; each question takes ANSWER_SECONDS at most."""
ANSWER_SECONDS = 5.0
log = logging.getLogger(__name__)
CONTEXTS = ("membership", "suppliers", "tendering", "ordering")


class Role(StrEnum):
    """What a process does."""

    MEMBERSHIP = "membership"
    SUPPLIERS = "suppliers"
    TENDERING = "tendering"
    ORDERING = "ordering"
    FINANCE = "finance"
    RELAY = "relay"
    PROJECTOR = "projector"
    REACTIONS = "reactions"
    GATEWAY = "gateway"


OF_FIGURES = frozenset({*(Role(context) for context in CONTEXTS), Role.FINANCE})
"""What opens the projections as it starts; the projector waits for its engine whenever it is away."""


class Runs(Protocol):
    """A module of this package that is a process."""

    def run(self, settings: Settings, host: str, port: int) -> None:
        """Runs until a signal ends it."""


def run(role: Role, settings: Settings, host: str, port: int) -> None:
    """Runs a process until a signal ends it, once its stores answer.

    Raises NotMigrated, NewerSchema, NotLoopback, AddressTaken.
    """
    telemetry.configure(settings.log_format, role.value)
    if settings.postgres_host and role is not Role.GATEWAY and not _stores_are_there(settings, role):
        return
    # Only what the process is made of is loaded: it starts in half the time.
    module = cast("Runs", import_module(f"{__name__}.{role.value}"))
    collect_seldom()
    module.run(settings, host, port or settings.metrics_port)


def _stores_are_there(settings: Settings, role: Role) -> bool:
    """Waits until the stores answer; False where a signal ends that. Raises NotMigrated, NewerSchema."""
    told = ""
    with signalled() as stop:
        while not stop.is_set():
            try:
                if settings.clickhouse_host and role in OF_FIGURES:
                    # The driver would tell each attempt as an error of its own.
                    place = (settings.clickhouse_host, settings.clickhouse_port)
                    socket.create_connection(place, ANSWER_SECONDS).close()
                for context in (role.value,) if role.value in CONTEXTS else CONTEXTS:
                    schema.check(f"the {context} store", _version(settings, context), schema.STORE_VERSION)
            except (OperationalError, OSError) as error:
                where = "the stores" if isinstance(error, OperationalError) else "ClickHouse"
                if (said := f"waiting for {where}: {str(error).strip()}") != told:
                    told = said
                    log.warning("%s", told)
                stop.wait(RETRY_SECONDS)
            else:
                return True
    return False


def _version(settings: Settings, context: str) -> int | None:
    try:
        return schema.store_version(settings, context)
    except InsufficientPrivilege as error:
        raise schema.NotMigrated(f"user {settings.postgres_user} may not read the {context} store") from error
