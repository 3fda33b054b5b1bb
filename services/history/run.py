"""Runs an import: reads the whole file, decides everything, then commits in transactions of a few hundred commands.

Identities and command ids come from the content, so that a killed import, run again, continues, and a run after
success changes nothing.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from infra.request import Request
from services.history import prerequisites
from services.history.errors import check_errors_file, write_errors
from services.history.identity import request
from services.history.known import Known, Platform, Service
from services.history.mapping import load_mapping
from services.history.plan import STRIDE, Plan, Progress, decide, warn
from services.history.reading import Table, open_table
from services.history.refusals import Unreadable
from services.history.result import ImportResult
from services.history.rows import Row, RowReader

BATCH = 300
"""Commands in one transaction."""


@contextmanager
def _without_collector() -> Iterator[None]:
    """Nothing that an import makes refers to itself: reference counts free all of it.

    The collector would look through the rows and the plan of the whole file again and again, a fifth of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_without_collector()
def import_orders(
    platform: Platform,
    file: Path,
    mapping: Path,
    *,
    dry_run: bool = False,
    accept_partial: bool = False,
    correct: bool = False,
    errors: Path | None = None,
    progress: Progress,
) -> ImportResult:
    """Imports a file of order history.

    With bad rows nothing is committed unless `accept_partial`; a row that was recorded with other content is bad unless
    `correct`, which reverses it and records the new fact. `progress(step, done, total)` is called after every
    transaction: where it raises, the import stops there. Raises ImportRefused, or a Refusal of the services where
    somebody else wrote at the same time: the same import, run again, continues.
    """
    started = time.monotonic()
    if errors is not None:
        check_errors_file(errors, file, mapping)
    parts = load_mapping(mapping)
    result = ImportResult(file, mapping, is_dry_run=dry_run)
    with open_table(file, parts.columns(), parts.sheet) as table:
        reader = RowReader(parts, file, table.header)
        rows = _valid(table, reader, result, progress)
    known = Known(platform)
    plan = decide(rows, reader, known, parts.baseline, correct=correct, progress=progress)
    result.problems += plan.problems
    result.problems.sort(key=lambda problem: problem.row)
    warn(plan, result.warnings)
    _count(plan, result)
    first = {
        "establishments": list(prerequisites.establishments(plan, known, result)),
        "suppliers": list(prerequisites.suppliers(plan, known, result)),
        "agreements": list(prerequisites.agreements(plan, known, result)),
        "baselines": list(prerequisites.baselines(plan, result)),
        "adhesions": list(prerequisites.adhesions(plan, known, result)),
    }
    if errors is not None and result.problems:
        write_errors(errors, file, parts, result.problems)
        result.errors_file = errors
    if not dry_run and (accept_partial or not result.problems):
        _commit(platform, first, plan, result, progress)
    result.seconds = time.monotonic() - started
    return result


def _valid(table: Table, reader: RowReader, result: ImportResult, progress: Progress) -> list[Row]:
    """The rows that keep every rule; the problems of the others are noted. Raises Unreadable, TooLarge."""
    rows = []
    for n, raw in enumerate(table.rows, start=1):
        row = reader.read(raw)
        if isinstance(row, Row):
            rows.append(row)
        else:
            result.problems += row
        result.read = n
        if n % STRIDE == 0:
            progress("reading", raw.done, table.total)
    if not result.read:
        msg = f"{reader.file} has a header, and no row below"
        raise Unreadable(msg, file=reader.file)
    progress("reading", table.total, table.total)
    for strange in table.ending:
        result.warnings.add("cut-off", strange)
    return rows


def _count(plan: Plan, result: ImportResult) -> None:
    for order in plan.orders:
        result.rows.new += len(order.new)
        result.rows.already_there += len(order.known)
        result.rows_corrected += len(order.corrected)
        result.orders.new += not order.version
        result.orders.already_there += bool(order.version)
        result.orders_extended += bool(order.version and order.new)
        result.orders_corrected += bool(order.corrected)
    result.rows_repeated = plan.repeated
    result.rows_refused = len({problem.row for problem in result.problems})


def _commit(
    platform: Platform,
    first: dict[str, list[prerequisites.Wish]],
    plan: Plan,
    result: ImportResult,
    progress: Progress,
) -> None:
    send = partial(_send, result=result, progress=progress)
    services = {
        "establishments": platform.membership,
        "suppliers": platform.suppliers,
        "agreements": platform.tendering,
        "baselines": platform.tendering,
        "adhesions": platform.membership,
    }
    for step, wishes in first.items():
        send(services[step], step, (request(command, about) for about, command in wishes), len(wishes))
    # Ordering records lines only under agreements that it has heard of, and freezes their reference price in them.
    platform.react()
    asked = [order for order in plan.orders if order.new or order.corrected]
    requests = (
        request(command, command.order_id, order.version) for order in asked for command in order.commands(plan.rule)
    )
    send(platform.ordering, "orders", requests, len(asked))
    result.is_committed = True


def _send(
    service: Service,
    step: str,
    requests: Iterable[Request[Any]],
    total: int,
    *,
    result: ImportResult,
    progress: Progress,
) -> None:
    """Sends commands, a transaction at a time. Each of them is one event."""
    waiting = iter(requests)
    done = 0
    while batch := list(islice(waiting, BATCH)):
        accepted = service.handle_many(batch)
        result.events_written += sum(not answer.repeated for answer in accepted)
        done += len(batch)
        progress(step, min(done, total), total)
