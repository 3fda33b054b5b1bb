"""The stores that events come from, as far as a reader of their topics asks them: who they are, and to send again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Protocol

import psycopg

from infra.checkpoint import STORE_IS_AWAY, ask_again
from infra.event_store import open_store, utc_now
from infra.log import Mark
from infra.settings import Settings
from infra.stored import Damaged, Identity, NoStore, identities, open_stored

ORIGIN_IS_AWAY = (NoStore, Damaged, *STORE_IS_AWAY)
"""What is raised where a store is not there, or does not answer."""


class Origin(Protocol):
    """What a reader asks the stores. Its methods raise ORIGIN_IS_AWAY."""

    def identities(self, context: str) -> Sequence[Identity]:
        """Every epoch of a store, the one in force last."""

    def ask_again(self, context: str, lane: int, mark: Mark) -> None:
        """Asks the relay to send a lane again after `mark`, the last event that the reader has."""


class Stores:
    """The stores that the settings name. None is made here; a connection is opened for each question, for few are."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def identities(self, context: str) -> Sequence[Identity]:
        """Every epoch of a store, the one in force last."""
        try:
            with open_stored(self._settings.store_environment(context)) as stored:
                return identities(stored)
        except psycopg.errors.UndefinedTable as error:
            msg = f"the database of {context} holds no store"
            raise NoStore(msg) from error

    def ask_again(self, context: str, lane: int, mark: Mark) -> None:
        """Asks the relay to send a lane again after `mark`."""
        lanes = self.identities(context)[-1].lanes
        with closing(open_store(context, (), self._settings.store_environment(context), utc_now, lanes)) as store:
            ask_again(store, lane, mark)
