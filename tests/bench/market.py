"""Who buys what in the benches that write: establishments, agreements, orders of three lines, a database for each run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from psycopg.conninfo import conninfo_to_dict

from events.base import Event
from events.membership import AdhesionGranted
from events.ordering import OrderSubmitted
from events.tendering import AgreementSigned, Lot, PriceListLine
from infra.event_store import Request, utc_now
from infra.local.postgres import Postgres
from infra.log import Entry
from infra.settings import Settings
from services.ordering.app import Ordering, build
from services.ordering.commands import OrderedLine, SubmitOrder

ROOT = UUID("5c8a1f0e-58f5-4c4f-9d6e-0a1f6f0f2b11")
ESTABLISHMENTS, AGREEMENTS, ITEMS, LINES = 64, 30, 20, 3
DAY = date(2022, 3, 1)


def submitted(ordering: Ordering) -> list[Any]:
    """The orders that a store holds, as recorded."""
    found, start = [], 0
    while page := ordering.store.recorder.select_notifications(start, 5_000, inclusive_of_start=False):
        start = page[-1].id
        found += [ordering.store.mapper.to_domain_event(one) for one in page if one.topic == OrderSubmitted.TOPIC]
    return found


def settings(server: Postgres, home: Path, numbers: count[int]) -> Settings:
    """Settings of a store in a database of its own, which is made."""
    name = f"bench_{next(numbers)}"
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    given = conninfo_to_dict(server.dsn)
    return Settings(
        home=home,
        postgres_host=str(given["host"]),
        postgres_port=int(str(given["port"])),
        postgres_user=str(given["user"]),
        postgres_password=str(given["password"]),
        postgres_dbname=name,
    )


def ordering(settings: Settings) -> Ordering:
    """Ordering with signed agreements and the adhesion of every establishment to each."""
    made = build(settings)
    _note(made, "tendering", [_agreement(n) for n in range(AGREEMENTS)])
    adhesions = [
        AdhesionGranted(
            establishment_id=_id("establishment", n), agreement_id=_id("agreement", m), valid_from=DAY, valid_to=None
        )
        for n in range(ESTABLISHMENTS)
        for m in range(AGREEMENTS)
    ]
    _note(made, "membership", adhesions)
    return made


def _note(ordering: Ordering, context: str, facts: Sequence[Event]) -> None:
    entries = []
    for n, fact in enumerate(facts):
        raw = fact.stamped(uuid4(), utc_now(), "bench", "").model_dump_json().encode()
        entries.append(Entry(0, n + 1, n, uuid4(), 1, fact.TOPIC, utc_now(), raw))
    ordering.react(context, entries)


def _agreement(n: int) -> AgreementSigned:
    prices = tuple(
        PriceListLine(item=f"item {k}", label=f"Item {k}", unit="box of 10", base_units="10", unit_price="12.50")
        for k in range(ITEMS)
    )
    lot = Lot(
        lot_id=_id("lot", n), number="1", title="Lot 1", supplier_id=_id("supplier", n), category="33600000",
        prices=prices, maximum="900000000",
    )  # fmt: skip
    return AgreementSigned(
        agreement_id=_id("agreement", n), reference=f"A{n}", title=f"Agreement {n}", currency="EUR", signed_on=DAY,
        valid_from=DAY, valid_to=DAY.replace(year=DAY.year + 3), maximum="900000000", revision_bound="0.10", lots=(lot,),
    )  # fmt: skip


def requests(orders: int) -> list[Request[Any]]:
    """So many orders, spread over establishments and agreements."""
    return [Request(_command(n), uuid4(), "officer-1") for n in range(orders)]


def _command(n: int) -> SubmitOrder:
    agreement = n % AGREEMENTS
    return SubmitOrder(
        order_id=uuid4(),
        establishment_id=_id("establishment", n % ESTABLISHMENTS),
        agreement_id=_id("agreement", agreement),
        number=f"PO-{n}",
        ordered_on=DAY,
        lines=tuple(
            OrderedLine(
                line_id=str(k), lot_id=_id("lot", agreement), item=f"item {(n + k) % ITEMS}", quantity=str(1 + k)
            )
            for k in range(LINES)
        ),
    )


def _id(kind: str, n: int) -> UUID:
    return uuid5(ROOT, f"{kind}:{n}")
