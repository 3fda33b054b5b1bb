"""`make bench`: runs every measurement and writes docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench import figures, importing, latency, over_http, pipeline, projection, rebuilding, submitting

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
LIBRARIES = ("eventsourcing", "chdb-core", "clickhouse-connect", "kafka-python", "aiokafka", "pydantic")
Measured = dict[str, Any]


def main() -> None:
    """Runs what is named on the command line, or everything; a named part takes the place of its own on the page."""
    chosen = sys.argv[1:] or list(SECTIONS)
    texts = {} if chosen == list(SECTIONS) else _kept()
    for name in chosen:
        measure, tell = SECTIONS[name]
        print(f"measuring {name} …", flush=True)  # noqa: T201 - the person waits for it
        text = tell(measure())
        print(text, flush=True)  # noqa: T201
        texts[_heading(text)] = f"{text.rstrip()}\n\nMeasured on {datetime.now(UTC):%Y-%m-%d}.\n"
    PAGE.write_text(_head() + "\n".join(texts.values()), encoding="utf-8")


def _kept() -> dict[str, str]:
    """The parts of the page by their headings."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    parts = [f"## {part.rstrip()}\n" for part in page.split("\n## ")[1:]]
    return {_heading(part): part for part in parts}


def _heading(text: str) -> str:
    # A heading may name a size; what is before it stays.
    return re.split(r" over [\d,]+", text.partition("\n")[0])[0]


def _head() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        "# Benchmarks\n\n"
        "Written by `make bench`. Each ratio is of two things measured in one run on one machine; absolute numbers are\n"
        "of that machine and are there for orientation only. All data here but the SCMS file are generated.\n\n"
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores; {libraries}.\n\n"
    )


def _tell_projection(found: Measured) -> str:
    return (
        "## Projecting the log against inserting the same bytes from files with the same SQL\n\n"
        f"{found['events']:,} events of three lines: read from the store, raw log, ledger with its roll-ups, orders, "
        "positions checked.\n\n"
        "| | events/s | ratio |\n|---|---:|---:|\n"
        f"| projector | {found['projector_events_per_second']:,.0f} | {found['ratio']:.2f} |\n"
        f"| inserts alone | {found['insert_events_per_second']:,.0f} | 1 |\n"
    )


def _tell_pipeline(found: Measured) -> str:
    rates = found["rates"]
    rows = "\n".join(f"| {what} | {rates[way]:,.0f} |" for way, what in pipeline.WAYS.items())
    ratios = "\n".join(f"| {name} | {ratio:.2f} × |" for name, ratio in found["ratios"].items())
    return (
        "## The pipeline against its peers\n\n"
        f"{found['events']:,} events of three lines in {found['lanes']} lanes, one broker, one ClickHouse server, all on "
        "this machine; medians of alternating runs. Raw log and ledger with its roll-ups, on all sides without the "
        "orders. The library's runner reads and writes PostgreSQL.\n\n"
        "| | events/s |\n|---|---:|\n"
        + rows
        + "\n\n| | ratio |\n|---|---:|\n"
        + ratios
        + "\n\n"
        + pipeline.WHERE_IT_SPENDS
    )


def _tell_rebuilding(found: Measured) -> str:
    rows = "\n".join(
        f"| {size['events']:,} | {_seconds(size['project_seconds'])} | {size['rebuild_seconds']:.1f} | "
        f"{size['events'] / size['rebuild_seconds']:,.0f} | {size['rss_before_mb']:.0f} | "
        f"{size['rss_projected_mb']:.0f} | {size['rss_rebuilt_mb']:.0f} |"
        for size in found["sizes"]
    )
    return (
        "## Projection and rebuild over growing logs\n\n"
        f"Slope of log(rebuild seconds) over log(events): {found['slope']:.2f} (1 is linear). Peak memory in MB. The "
        "largest log is made of copies of a smaller one, under other ids and times, and only rebuilt.\n\n"
        "| events | project, s | rebuild, s | rebuild, events/s | before | projected | rebuilt |\n"
        "|---:|---:|---:|---:|---:|---:|---:|\n" + rows + "\n"
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _tell_figures(found: Measured) -> str:
    rows = "\n".join(
        f"| {rows:,} | {name} | {times['median_ms']:.1f} | {times['p95_ms']:.1f} | {times['ratio']:.0f} × |"
        for rows, questions in found["sizes"].items()
        for name, times in questions.items()
    )
    against = "\n".join(
        f"| {name} | {here['median_ms']:.1f} | {there['median_ms']:,.0f} | {there['median_ms'] / here['median_ms']:.0f} × |"
        for (name, here), there in zip(found["here"].items(), found["there"].values(), strict=True)
    )
    return (
        "## Headline figures\n\n"
        "A ClickHouse server over HTTP, asked as finance asks it. As of an instant: over many instants of the whole "
        f"span, {figures.CHECKED} of them held against the plain scan of all rows, equal to the cent.\n\n"
        "| ledger rows | question | median, ms | p95, ms | without roll-ups it takes |\n|---:|---|---:|---:|---:|\n"
        + rows
        + "\n\n"
        f"Against PostgreSQL on the same machine, both with the same {found['shared_rows']:,} rows (more would not be "
        "loaded in the time of a bench): loaded by COPY, an index on measure, currency and day that includes all that "
        "is read, vacuumed and analysed, 512 MB to work in, parallel. Each answer is the same to the cent.\n\n"
        "| question | ClickHouse, ms | PostgreSQL, ms | ratio |\n|---|---:|---:|---:|\n" + against + "\n"
    )


def _tell_importing(found: Measured) -> str:
    seconds, of_import, of_orders = found["seconds"], found["ratios"], found["ratios_of_orders"]
    peers = {
        "library": "`save` of aggregates, one for each thing that is written, in the library's JSON",
        "library_orders_only": "the same of the orders alone: nothing happens once, no bill is known",
        "our_events": "`save` of our validated events in our JSON, made of values that are at hand",
        "our_events_ready": "`save` of our events as they lie in memory: mapping and writing only",
    }
    rows = "\n".join(
        f"| {text} | {seconds[f'{name}, orders']:.2f} | {of_orders[name]:.2f} | "
        f"{seconds[name]:.2f} | {of_import[name]:.2f} |"
        for name, text in peers.items()
    )
    return (
        "## Import of order history against bare loops of the library's batched save\n\n"
        f"{found['file'].capitalize()}: {found['lines']:,} lines, {found['commands']:,} commands, {found['events']:,} "
        f"events, {found['events_of_others']:,} of them of the other contexts. A peer saves the same events, transaction "
        "by transaction, right after the import's own, into SQLite files with the same settings. It reads no file, "
        "decides nothing and looks nothing up.\n\n"
        f"Import {seconds['import']:.2f} s, from the file to the last commit "
        f"({found['commands'] / seconds['import']:,.0f} commands/s); of which the orders, from typed rows to their "
        f"commit, {seconds['orders']:.2f} s; projection {seconds['project']:.1f} s.\n\n"
        "| bare loop | orders, s | the import's orders are | all events, s | the whole import is |\n"
        "|---|---:|---:|---:|---:|\n"
        f"{rows}\n\n" + importing.WHERE_IT_SPENDS
    )


def _tell_submitting(found: Measured) -> str:
    rate, answer = found["orders_per_second"], found["answer_ms"]
    return (
        "## Orders submitted by many threads against a loop of the library's save, on PostgreSQL\n\n"
        f"{found['orders']:,} orders of three lines. Ours decides and writes order, reservation and receipt, in groups "
        f"that share a commit; answers: median {answer['median']:.0f} ms, p99 {answer['p99']:.0f} ms. The peer is "
        "`Application.save` of an aggregate with one event, its own JSON, on the same server. All durable.\n\n"
        "| | orders/s | ours is |\n|---|---:|---:|\n"
        f"| ours, {found['threads']} threads | {rate['ours']:,} | |\n"
        f"| ours, one thread | {rate['ours_one_thread']:,} | |\n"
        f"| a loop of `Application.save` | {rate['peer_loop']:,} | {found['ratio_to_loop']:.1f} × |\n"
        f"| `Application.save` in {found['threads']} threads | {rate['peer_threads']:,} | "
        f"{found['ratio_to_threads']:.1f} × |\n"
    )


def _tell_http(found: Measured) -> str:
    rate, answer, group = found["orders_per_second"], found["answer_ms"], found["group"]
    return (
        "## Orders over HTTP by many clients against a loop of the library's save, on PostgreSQL\n\n"
        f"{found['orders']:,} orders of three lines, {found['clients']} clients with a connection each; one process of "
        "ordering, as `groupement run ordering` starts it, logging as in the full run. Clients, process and PostgreSQL "
        f"share the cores. Answers: median {answer['median']:.0f} ms, p99 {answer['p99']:.0f} ms; "
        f"{group['mean']:.0f} orders share a commit on average, {group['largest']} at most. The peer is a loop of "
        "`Application.save`, without HTTP, on the same server, which has the machine to itself. All durable.\n\n"
        "| | orders/s | ours is |\n|---|---:|---:|\n"
        f"| ours, over HTTP | {rate['ours']:,.0f} | |\n"
        f"| a loop of `Application.save` | {rate['loop']:,.0f} | {found['ratio']:.2f} × |\n\n"
        + over_http.WHERE_IT_SPENDS
    )


def _tell_latency(found: Measured) -> str:
    rows = "\n".join(
        f"| {one['rate']} | {one['achieved']:.1f} | {one['answer_ms']['median']:,.0f} | {one['answer_ms']['p99']:,.0f} "
        f"| {one['logged_ms']['median']:,.0f} | {one['shown_ms']['median']:,.0f} | {one['shown_ms']['p99']:,.0f} "
        f"| {one['read_ms']['median']:,.0f} |"
        for one in found["tried"]
    )
    cores = sorted(found["tried"][0]["cores"].items(), key=lambda item: -item[1])
    busy = ", ".join(f"{name} {used:.2f}" for name, used in cores if used >= latency.SHOWN_CORES)
    return (
        "## From an accepted order to its line in finance, the full run\n\n"
        f"`groupement full` with {found['clients']} clients at its gateway; orders of three lines, each due at its time, "
        f"for {found['seconds']} s, {latency.RUNS} times at each rate, which is lowered until in the median run the "
        "slowest of a hundred is shown within a second of its answer. Clients, servers and all processes share the "
        "cores. Shown: the ledger's position, looked at every 100 ms. Read: a figure asked through the gateway with "
        "`at_least=` the order's position, for an order every two seconds. Milliseconds.\n\n"
        "| orders/s asked | answered | answer, median | p99 | in the raw log after it, median | shown after it, median "
        "| p99 | read, median |\n"
        f"|---:|---:|---:|---:|---:|---:|---:|---:|\n{rows}\n\n"
        "The raw log is what relay, Kafka and the first step of the projector have done. Cores used at "
        f"{found['tried'][0]['rate']} orders/s: {busy}; the rest is the clients'.\n\n" + latency.WHERE_IT_SPENDS
    )


SECTIONS: dict[str, tuple[Callable[[], Measured], Callable[[Measured], str]]] = {
    "submitting": (submitting.measure, _tell_submitting),
    "http": (over_http.measure, _tell_http),
    "latency": (latency.measure, _tell_latency),
    "projection": (projection.measure, _tell_projection),
    "pipeline": (pipeline.measure, _tell_pipeline),
    "rebuilding": (rebuilding.measure, _tell_rebuilding),
    "figures": (figures.measure, _tell_figures),
    "importing": (importing.measure, _tell_importing),
}


if __name__ == "__main__":
    main()
