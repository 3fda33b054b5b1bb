"""Each part of the platform as a process of its own.

All of them end on SIGTERM and SIGINT, and finish what they have begun: a request, a page on its way, a step.
"""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import Protocol, cast

from psycopg.errors import InsufficientPrivilege

from infra import schema, telemetry
from infra.settings import Settings

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


class Runs(Protocol):
    """A module of this package that is a process."""

    def run(self, settings: Settings, host: str, port: int) -> None:
        """Runs until a signal ends it."""


def run(role: Role, settings: Settings, host: str, port: int) -> None:
    """Runs a process until a signal ends it. Raises NotMigrated, NewerSchema, NotLoopback, AddressTaken."""
    telemetry.configure(settings.log_format, role.value)
    if settings.postgres_host and role is not Role.GATEWAY:
        for context in (role.value,) if role.value in CONTEXTS else CONTEXTS:
            schema.check(f"the {context} store", _version(settings, context), schema.STORE_VERSION)
    # Only what the process is made of is loaded: it starts in half the time.
    module = cast("Runs", import_module(f"{__name__}.{role.value}"))
    module.run(settings, host, port or settings.metrics_port)


def _version(settings: Settings, context: str) -> int | None:
    try:
        return schema.store_version(settings, context)
    except InsufficientPrivilege as error:
        raise schema.NotMigrated(f"user {settings.postgres_user} may not read the {context} store") from error
