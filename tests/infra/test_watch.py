"""What a process shows of itself: alive, ready, its lanes, and metrics that Prometheus takes."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra import metrics
from infra.watch import Delay, Part, Standing, Watch, watched
from tests.promtool import Promtool

PART = Part(
    "relay",
    "ordering",
    state=lambda: "relaying",
    is_working=lambda: True,
    standings=lambda: [Standing("ordering", lane, done=90, end=90 + 10 * lane) for lane in (0, 1)],
    counts=lambda: [("events", 90), ("errors", 2)],
    problems=lambda: [("poison", "ordering"), ("poison", "ordering"), ("chain", "tendering")],
)
STUCK = replace(PART, name="reactions", state=lambda: "waiting for the broker: gone", is_working=lambda: False)


def lines(watch: Watch) -> list[str]:
    return watch.metrics().decode().splitlines()


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def port() -> Iterator[int]:
    with watched(Watch("relay", [PART, STUCK]), 0) as port:
        yield port


def test_a_lane_at_its_end_has_no_lag() -> None:
    assert 'groupement_lag_events{context="ordering",lane="0",part="relay"} 0.0' in lines(Watch("relay", [PART]))


def test_a_lane_behind_its_end_says_by_how_many_positions() -> None:
    assert 'groupement_lag_events{context="ordering",lane="1",part="relay"} 10.0' in lines(Watch("relay", [PART]))


def test_the_lag_in_seconds_is_the_age_of_what_waits_longest() -> None:
    delay = Delay()
    told = [
        delay.seconds(*one) for one in [(5, 5, 100.0), (5, 8, 101.0), (5, 9, 103.0), (8, 12, 104.0), (12, 12, 105.0)]
    ]
    assert told == [0, 0, 2, 1, 0]


def test_an_end_that_nobody_reaches_for_hours_is_remembered_from_its_first_second() -> None:
    delay = Delay()
    assert [delay.seconds(0, end, float(end)) for end in range(1, 20_001)][-1] == 19_999


def test_the_seconds_of_a_lane_are_counted_from_look_to_look() -> None:
    now = iter([10.0, 10.0, 14.5, 14.5])
    watch = Watch("relay", [PART], clock=lambda: next(now))
    watch.look()
    assert 'groupement_lag_seconds{context="ordering",lane="1",part="relay"} 4.5' in lines(watch)


def test_problems_are_counted_by_kind_and_context() -> None:
    told = lines(Watch("projector", [PART]))
    assert 'groupement_problems{context="ordering",kind="poison",part="relay"} 2.0' in told
    assert 'groupement_problems{context="tendering",kind="chain",part="relay"} 1.0' in told


def test_each_counter_of_a_part_is_a_series() -> None:
    told = lines(Watch("reactions", [replace(PART, counts=lambda: [("events", 90), ("parked", 1), ("errors", 2)])]))
    assert 'groupement_part_done_total{context="ordering",part="relay",what="parked"} 1.0' in told
    assert 'groupement_part_errors_total{context="ordering",part="relay"} 2.0' in told


def test_a_part_that_cannot_say_where_it_stands_does_not_hide_the_others() -> None:
    def broken() -> list[Standing]:
        raise OSError("gone")

    told = lines(Watch("relay", [replace(PART, context="tendering", standings=broken), PART]))
    assert 'groupement_part_working{context="tendering",part="relay"} 1.0' in told
    assert 'groupement_lag_events{context="ordering",lane="0",part="relay"} 0.0' in told


def test_alive_and_ready_differ(port: int) -> None:
    alive, health = ask(port, "/health")
    assert (alive, json.loads(health)["parts"]["reactions ordering"]) == (200, "waiting for the broker: gone")
    ready, why = ask(port, "/ready")
    assert (ready, json.loads(why)["reasons"]) == (503, ["reactions ordering: waiting for the broker: gone"])


def test_a_process_whose_parts_work_is_ready() -> None:
    with watched(Watch("relay", [PART]), 0) as port:
        assert ask(port, "/ready") == (200, '{"is_ready":true,"reasons":[]}')


def test_a_process_says_its_metrics_and_nothing_else(port: int) -> None:
    status, body = ask(port, "/metrics")
    assert status == 200
    assert "groupement_lag_seconds" in body
    assert ask(port, "/")[0] == 404


@pytest.mark.promtool
def test_prometheus_takes_every_metric(run_promtool: Promtool) -> None:
    metrics.COMMANDS.labels("SubmitOrder", "accepted").inc()
    metrics.REFUSALS.labels("ceiling-exceeded").inc()
    metrics.HTTP_SECONDS.labels("GET", "list_orders", "2xx").observe(0.01)
    metrics.LOST_RACES.labels("ordering", "ordering.CeilingReserved.v1").inc()
    with metrics.inserting("ledger", 3):
        pass
    metrics.VISIBLE_SECONDS.labels("ordering").observe(0.1)
    given = Watch("relay", [PART, STUCK]).metrics()
    done = run_promtool("check", "metrics", given=given)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"groupement_lost_races_total{" in given


@pytest.mark.promtool
def test_promtool_refuses_a_bad_name(run_promtool: Promtool) -> None:
    assert (
        run_promtool(
            "check", "metrics", given=b"# HELP badName_ms x\n# TYPE badName_ms counter\nbadName_ms 1\n"
        ).returncode
        == 3
    )


def test_no_label_holds_a_tenant_or_an_id() -> None:
    labels = set(re.findall(r'[{,]([a-z_]+)="', Watch("relay", [PART]).metrics().decode()))
    assert labels <= {
        "part", "context", "lane", "kind", "command", "outcome", "problem", "method", "operation", "status", "event",
        "table", "version", "le", "what", "generation",
    }  # fmt: skip
