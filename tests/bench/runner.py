"""The `eventsourcing` library's own projection runner, writing to a table of PostgreSQL one event at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from typing import Any

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from kafka import KafkaAdminClient
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL

from infra.kafka import opened, partitions
from infra.local.postgres import Postgres

EVENTS, LINES = 4_000, 3
_numbers = count(1)


class Order(Aggregate):
    """An order of three lines, as the library's manual writes aggregates."""

    @event("Submitted")
    def __init__(self, establishment_id: str, currency: str, lines: list[dict[str, str]]) -> None:
        self.establishment_id, self.currency, self.lines = establishment_id, currency, lines


class Orders(Application):  # type: ignore[type-arg]
    """Its events are what is projected."""


class Facts(PostgresTrackingRecorder):
    """One row for each line, written with the position in one transaction."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sql_create_statements.append(SQL(  # type: ignore[arg-type]
            "create table if not exists facts (order_id uuid, line int, recorded_at timestamptz, establishment_id text, "
            "currency text, item text, quantity numeric, amount numeric, primary key (order_id, line))"
        ))  # fmt: skip

    def add(self, order: Any, tracking: Tracking) -> None:
        """The facts of an order, and how far the projection has come."""
        rows = [
            (order.originator_id, number, order.timestamp, order.establishment_id, order.currency, line["item"],
             line["quantity"], line["amount"])
            for number, line in enumerate(order.lines)
        ]  # fmt: skip
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.executemany("insert into facts values (%s, %s, %s, %s, %s, %s, %s, %s)", rows)


class Ledger(Projection[Facts]):
    """What the runner calls for each event."""

    name = "ledger"
    topics: Sequence[str] = ()  # type: ignore[assignment]

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Writes the facts of one event."""
        self.view.add(domain_event, tracking)


def measure(server: Postgres, events: int = EVENTS) -> float:
    """Events a second of the runner, from the start of a log to its end."""
    name = f"bench_{next(_numbers)}"
    with server.connect() as connection:
        connection.execute(f"create database {name}".encode())
    place = conninfo_to_dict(server.dsn)
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": name,
        "POSTGRES_HOST": str(place["host"]),
        "POSTGRES_PORT": str(place["port"]),
        "POSTGRES_USER": str(place["user"]),
        "POSTGRES_PASSWORD": str(place["password"]),
    }
    app = Orders(env)
    line = {"item": "ART-00001", "quantity": "120", "amount": "1200.00", "label": "An article of some length, in a box"}
    last = 0
    for _ in range(events // 100):
        made = [Order(establishment_id="e-1", currency="EUR", lines=[line] * LINES) for _ in range(100)]
        last = app.save(*made)[-1].notification.id
    app.close()
    with ProjectionRunner(application_class=Orders, projection_class=Ledger, view_class=Facts, env=env) as running:
        started = time.perf_counter()
        running.wait(last, timeout=600)
        return events / (time.perf_counter() - started)


def delete_topics(bootstrap: str, topics: Sequence[str]) -> None:
    """Deletes those that are there, and waits until they are gone."""
    with closing(opened(KafkaAdminClient, bootstrap)) as admin:
        admin.delete_topics(list(partitions(admin, topics)))
        while partitions(admin, topics):
            time.sleep(0.1)
