"""Many faults: python -m tests.faults --kills 200 --seed 1; prints what the oracle says and writes docs/chaos.md."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from tests.faults.campaign import Report, run
from tests.faults.stack import DISK, running

NOTE = Path(__file__).parents[2] / "docs" / "chaos.md"
HANG_SECONDS = 30.0
TEXT = """\
# Faults

`make chaos KILLS={kills} SEED={seed}` wrote this on {day}: {machine}.

The whole platform as processes: Kafka, PostgreSQL, ClickHouse (on a disk of {disk}), five services, gateway, relay,
reactions, projector. Buyers of six establishments order, approve, receive, invoice and credit over HTTP and repeat,
with the same key, whatever has no answer; each request is on disk before it is sent, and its answer after. Meanwhile
processes are killed (SIGKILL) and hang (SIGSTOP, {hang:.0f} s), answers are cut after the server has given them, the disk
fills up, the engine's data and topics are deleted. The seed fixes the faults and their order. In the end everything
comes to rest, and an oracle compares what was accepted, refused and left unknown with stores, topics and ledger: as
sets of event ids, and in cents by measure, establishment, agreement and month, from prices that the buyers know.

| | |
|---|---|
{rows}

0 failures in n kills do not prove that there are none: by the rule of three, at 95 % fewer than 3 / n of all kills lose,
double or move anything: here {bound}. {verdict}

That the oracle sees what it should is tested with planted faults: `tests/faults/test_planted.py` (no command id, float
amounts, a credit note that adds, a missing tenant filter) and `tests/simulation` (no lock on the table, a checkpoint
before the future, one tail for all lanes, another token on retry, no compare-and-set, acknowledging before the insert,
`latest`, one tracking name for all lanes, effects before their position, and more).
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hang-seconds", type=float, default=HANG_SECONDS)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="groupement-chaos-"))
    with running(folder) as stack:
        report = run(stack, folder, asked.kills, asked.seed, asked.hang_seconds, _say)
    _say(report.told())
    if not report.is_good:
        _say(f"logs and journal: {folder}")
        return 1
    shutil.rmtree(folder)
    NOTE.write_text(note(report, asked.hang_seconds), encoding="utf-8")
    return 0


def note(report: Report, hang_seconds: float) -> str:
    """The text of docs/chaos.md."""
    verdict = report.verdict
    rows = {
        "kills": report.kills,
        **dict(sorted(report.fired.items())),
        **{f"{name} ended by itself": count for name, count in sorted(report.ended_by_itself.items())},
        **dict.fromkeys(report.not_possible, "not possible on this machine"),
        "commands accepted / refused / unknown": f"{verdict.accepted} / {verdict.refused} / {verdict.unknown}",
        "requests sent for them": report.tries,
        "events published": verdict.events,
        "messages that lie in a topic more than once": verdict.repeated_messages,
        "seconds of faults, and until everything was at rest": f"{report.seconds - report.rest_seconds:.0f}, {report.rest_seconds:.0f}",
        "**lost**": f"**{len(verdict.lost)}**",
        "**doubled**": f"**{len(verdict.doubled)}**",
        "**difference**": f"**{Decimal(verdict.difference) / 100:.2f} EUR**",
        "otherwise wrong": len(verdict.wrong),
    }
    return TEXT.format(
        kills=report.kills,
        seed=report.seed,
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=f"{platform.system()}, Python {platform.python_version()}, {os.cpu_count()} cores shared by all of it",
        disk=DISK,
        hang=hang_seconds,
        rows="\n".join(f"| {name} | {value} |" for name, value in rows.items()),
        bound=f"{3 / report.kills:.2%}",
        verdict="Nothing was lost, doubled or moved." if verdict.is_clean else "The run was not clean.",
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
