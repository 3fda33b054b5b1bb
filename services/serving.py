"""What every process that answers over HTTP has, whichever parts of the platform it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from eventsourcing.persistence import PersistenceError

from infra.event_store import EventStore
from infra.settings import Settings
from infra.watch import Watch
from services.reading import Reading, ReadModels


class Serving:
    """Stores, and the projections as readers see them. Routes find it, or more than it, as `app.state.platform`."""

    def __init__(self, role: str, settings: Settings, stores: Sequence[EventStore], reading: Reading) -> None:
        self.role = role
        self.settings = settings
        self.stores = tuple(stores)
        self.reading = reading

    @property
    def read(self) -> ReadModels:
        """The lists that pages and the API show."""
        return self.reading.models

    def troubles(self) -> list[str]:
        """Why requests should not be sent here; empty where they may."""
        found = []
        for store in self.stores:
            try:
                store.last_pos()
            except PersistenceError as error:
                found.append(f"the {store.context} store does not answer: {error}")
        try:
            self.reading.projected.positions()
        except (ClickHouseError, OSError) as error:
            found.append(f"the projections do not answer: {error}")
        return found

    def watch(self) -> Watch:
        """What the process shows of itself."""
        return Watch(self.role, (), self.troubles)

    def __enter__(self) -> Self:
        """Begins what it does besides answering."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connections to the stores and to the projections."""
        for store in self.stores:
            store.close()
        self.reading.projected.analytics.close()
