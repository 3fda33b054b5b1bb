"""The full run: what is ordered through the gateway is in finance, whatever ends in between."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from infra import auth
from infra.positions import positions_in
from tests.full.buying import PRICE, Market
from tests.full.stack import Stack, environment, new_home
from tests.promtool import Promtool

pytestmark = pytest.mark.full
ROLES = {"membership", "suppliers", "tendering", "ordering", "finance", "relay", "projector", "reactions", "gateway"}
SERVERS = {"kafka", "postgres", "clickhouse"}
OF_LANES = ("groupement_lag_events", "groupement_lag_seconds", "groupement_part_working", "groupement_part_done_total")
OF_ANSWERS = ("groupement_http_request_duration_seconds_count", "groupement_build_info")
OF_INSERTS = (
    "groupement_projector_batch_events_count",
    "groupement_projector_insert_duration_seconds_count",
    "groupement_projector_visible_seconds_count",
)
SHOWN = {
    **dict.fromkeys(("membership", "suppliers", "tendering", "ordering"), (*OF_ANSWERS, "groupement_commands_total")),
    **dict.fromkeys(("finance", "gateway"), OF_ANSWERS),
    **dict.fromkeys(("relay", "reactions"), OF_LANES),
    "projector": (*OF_LANES, *OF_INSERTS),
}
"""Metrics that each process shows, at the least, once something was bought."""


def reconciled(stack: Stack) -> str:
    return str(stack.read("auditor", "/reconcile")["difference"])


def test_every_process_is_up_with_its_port_and_pid_in_the_note(stack: Stack) -> None:
    stack.until(lambda: {one["state"] for one in stack.note["processes"]} == {"up"}, "every process up")
    parts = {one["name"]: one for one in stack.note["processes"]}
    assert parts.keys() == ROLES | SERVERS
    assert all(Path(f"/proc/{one['pid']}").exists() for one in parts.values())
    for role in ROLES:
        assert stack.client.get(f"http://127.0.0.1:{parts[role]['port']}/health").status_code == 200


def test_a_purchase_order_through_the_gateway_is_in_finance_at_its_position(market: Market, stack: Stack) -> None:
    before = market.volume()
    done = market.invoiced(quantity=7)
    assert market.volume(done["position"]) == before + 7 * PRICE
    listed = stack.read("officer", "/orders", tenant=market.establishment, at_least=done["position"])
    assert done["id"] in {row["order_id"] for row in listed["rows"]}
    assert reconciled(stack) == "0.00"


def test_a_position_that_is_not_reached_says_what_is_missing_in_which_lane(market: Market, stack: Stack) -> None:
    projector = stack.part("projector")["pid"]
    os.kill(projector, signal.SIGSTOP)
    try:
        done = market.invoiced()
        (place,) = positions_in(done["position"])
        late = stack.ask("GET", "finance", "/figures/volume", at_least=done["position"])
        assert (late.status_code, late.json()["type"]) == (504, "/problems/not-reached")
        values = late.json()["errors"][0]["values"]
        assert list(values) == ["lag", f"ordering:{place.lane}"]
        assert f"of {place.pos}" in values[f"ordering:{place.lane}"]
        rows = stack.read("admin", "/lag")["rows"]
        (lane,) = [row for row in rows if (row["context"], row["lane"]) == ("ordering", place.lane)]
        assert lane["projector"]["events"] >= 1
        assert lane["projector"]["seconds"] > 0
    finally:
        os.kill(projector, signal.SIGCONT)
    stack.contains(done["position"])


def test_in_the_end_nobody_is_behind_in_any_lane(market: Market, stack: Stack) -> None:
    market.invoiced()

    def behind() -> list[tuple[str, int, str]]:
        rows = stack.read("admin", "/lag")["rows"]
        assert [(row["context"], row["lane"]) for row in rows] == [
            *((context, 0) for context in ("membership", "suppliers", "tendering")),
            *(("ordering", lane) for lane in range(8)),
        ]
        names = ("relay", "projector", "reactions")
        return [(r["context"], r["lane"], n) for r in rows for n in names if (r[n] or {"events": 0})["events"]]

    stack.until(lambda: not behind(), "nobody behind")
    assert {row["context"] for row in stack.read("admin", "/lag")["rows"] if row["reactions"] is None} == {"ordering"}


def metrics(stack: Stack, role: str) -> str:
    return stack.client.get(f"http://127.0.0.1:{stack.part(role)['port']}/metrics").text


@pytest.mark.promtool
@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_process_shows_metrics_that_prometheus_takes(
    role: str, market: Market, stack: Stack, run_promtool: Promtool
) -> None:
    stack.contains(market.invoiced()["position"])
    said = metrics(stack, role)
    checked = run_promtool("check", "metrics", given=said.encode())
    assert (checked.returncode, checked.stderr) == (0, b"")
    assert set(SHOWN[role]) - set(re.findall(r"^(\w+)", said, re.MULTILINE)) == set()


def test_in_the_end_the_metrics_say_that_no_lane_is_behind_and_every_part_works(market: Market, stack: Stack) -> None:
    stack.contains(market.invoiced()["position"])

    wrong: list[str] = []

    def is_quiet() -> bool:
        said = "".join(metrics(stack, role) for role in ("relay", "reactions", "projector"))
        lags = re.findall(r"^groupement_lag_(?:events|seconds){[^}]*} \S+", said, re.MULTILINE)
        working = re.findall(r"^groupement_part_working{[^}]*} \S+", said, re.MULTILINE)
        wrong[:] = [lag for lag in lags if float(lag.split()[-1]) != 0]
        wrong[:] += [part for part in working if not part.endswith(" 1.0")]
        return len(lags) > 20 and not wrong

    try:
        stack.until(is_quiet, "no lane behind, every part at work")
    finally:
        assert wrong == []


def test_one_id_leads_from_the_gateway_to_the_ledger(stack: Stack) -> None:
    trace = uuid4().hex
    answer = stack.client.post(
        f"{stack.url}/api/v1/suppliers",
        json={"name": "Fournisseur"},
        headers={
            "Authorization": f"Bearer {auth.issue(stack.settings(), 'group-buyer', 'buyer-1')}",
            "Idempotency-Key": str(uuid4()),
            "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
        },
    )
    assert answer.headers.get_list("Groupement-Trace") == [trace]
    stack.contains(answer.json()["position"])
    [caused] = stack.read("auditor", f"/traces/{trace}")["rows"]
    assert (caused["stream_id"], caused["ledger_rows"]) == (answer.json()["id"], 1)


@pytest.mark.parametrize("name", ["projector", "postgres"])
def test_what_is_killed_comes_back_and_nothing_is_lost(market: Market, stack: Stack, name: str) -> None:
    before = market.volume(market.invoiced()["position"])
    killed = stack.part(name)
    os.killpg(killed["pid"], signal.SIGKILL)
    stack.until(lambda: stack.part(name)["pid"] not in (None, killed["pid"]), f"{name} started again")
    stack.until(lambda: stack.part(name)["state"] == "up", f"{name} up")
    assert stack.part(name)["restarts"] == killed["restarts"] + 1
    stack.ready()
    done = market.invoiced(quantity=3)
    assert market.volume(done["position"]) == before + 3 * PRICE
    assert reconciled(stack) == "0.00"


def test_of_two_relays_one_is_active_and_the_other_takes_its_place(market: Market, stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    second = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "run", "relay", "--port", str(port)], env=environment(stack.variables)
    )
    try:

        def states() -> set[str]:
            return set(stack.client.get(f"http://127.0.0.1:{port}/health").json()["parts"].values())

        stack.until(lambda: states() == {"waiting: another relay is active"}, "the second relay waits")
        first = stack.part("relay")["pid"]
        os.killpg(first, signal.SIGSTOP)  # it keeps its seat …
        os.killpg(first, signal.SIGKILL)  # … until it is gone
        stack.until(lambda: states() == {"relaying"}, "the second relay is active")
        stack.contains(market.invoiced()["position"])
        assert reconciled(stack) == "0.00"
    finally:
        second.terminate()
        assert second.wait(60) == 0, "it ends in order"
    stack.until(lambda: stack.part("relay")["state"] == "up", "the first relay is back")
    stack.ready()


def test_each_command_answers_from_the_full_run(market: Market, stack: Stack) -> None:
    market.volume(market.invoiced()["position"])
    figure = json.loads(stack.command("figures", "volume", "--by", "year", "--format", "json").stdout)
    assert figure["rows"]
    assert "gants" not in stack.command("explain", "volume", "--limit", "3").stderr
    proof = stack.command("reconcile", "--format", "json")
    assert (proof.returncode, json.loads(proof.stdout)["difference"]) == (0, "0.00")
    events = stack.command("events", "--context", "ordering", "--limit", "2", "--format", "json")
    assert [json.loads(line)["context"] for line in events.stdout.splitlines()] == ["ordering"] * 2
    assert len(json.loads(stack.command("lag", "--format", "json").stdout)["rows"]) == 11
    rebuilt = stack.command("rebuild", "--format", "json")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert json.loads(rebuilt.stdout)["is_switched"]
    doctor = stack.command("doctor", "--format", "json")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr


def test_rebuilding_from_the_stores_ends_with_the_same_cents(market: Market, stack: Stack) -> None:
    before = market.volume(market.invoiced()["position"])
    rebuilt = stack.command("rebuild", "--from-stores", "--format", "json")
    assert rebuilt.returncode == 0, rebuilt.stderr
    stack.ready()
    assert market.volume(market.order()["position"]) == before
    assert reconciled(stack) == "0.00"


def test_migrate_finds_everything_as_it_was(stack: Stack) -> None:
    passwords = {"GROUPEMENT_CLICKHOUSE_USER": "projector", "GROUPEMENT_CLICKHOUSE_PASSWORD": _of_projector(stack)}
    again = stack.command("migrate", **passwords)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("as it was") == 4
    assert "topics: as they were" in again.stdout
    assert "tables as they were" in again.stdout
    assert "made" not in again.stdout


def _of_projector(stack: Stack) -> str:
    variables = Path(f"/proc/{stack.part('projector')['pid']}/environ").read_text().split("\0")
    return next(one.partition("=")[2] for one in variables if one.startswith("GROUPEMENT_CLICKHOUSE_PASSWORD="))


def _database(stack: Stack, context: str) -> psycopg.Connection[Any]:
    """The store of a context, in autocommit."""
    given = stack.variables
    return psycopg.connect(
        host=given["GROUPEMENT_POSTGRES_HOST"], port=given["GROUPEMENT_POSTGRES_PORT"], dbname=context,
        user=given["GROUPEMENT_POSTGRES_USER"], password=given["GROUPEMENT_POSTGRES_PASSWORD"], autocommit=True,
    )  # fmt: skip


def test_a_newer_schema_is_refused_by_migrate_and_by_the_process(stack: Stack) -> None:
    with _database(stack, "tendering") as database:
        database.execute("insert into groupement_schema values (99)")
        try:
            for command in (("migrate",), ("run", "tendering")):
                refused = stack.command(*command)
                assert refused.returncode == 1
                assert "NewerSchema" in refused.stderr
                assert "the tendering store has schema 99" in refused.stderr
        finally:
            database.execute("delete from groupement_schema where version = 99")


def test_finance_is_in_the_stores_as_a_user_who_may_only_read(stack: Stack) -> None:
    assert reconciled(stack) == "0.00"
    with _database(stack, "ordering") as database:
        users = database.execute("select distinct datname, usename from pg_stat_activity where usename = 'finance'")
        contexts = ("membership", "suppliers", "tendering", "ordering")
        assert set(users.fetchall()) == {(name, "finance") for name in contexts}


def test_a_second_full_run_on_the_same_home_is_refused(stack: Stack) -> None:
    second = stack.command("--home", str(stack.home), "full", "--port", "0")
    assert second.returncode == 1
    assert "RunsAlready" in second.stderr
    assert stack.client.get(f"{stack.url}/ready").status_code == 200


def test_a_port_in_use_is_refused_with_the_name_of_what_would_listen_there() -> None:
    with new_home() as home, socket.create_server(("127.0.0.1", 0)) as other:
        first = other.getsockname()[1] - 5
        refused = subprocess.run(
            [sys.executable, "-m", "services.cli", "--home", str(home), "full", "--port", str(first)],
            env=environment({}), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert refused.returncode == 1
        assert f"{first + 5} (finance)" in refused.stderr
        assert not (home / "full.json").exists(), "nothing was started"
