"""Figures over HTTP: the options of the command, JSON or CSV, and questions that cannot be answered."""

from __future__ import annotations

import csv
import io

import pytest

from services.finance.query import FigureQuery
from services.web import openapi
from tests.http.world import TODAY, World


@pytest.fixture(scope="module")
def spent(world: World) -> World:
    for establishment in (world.own, world.other):
        world.invoiced(establishment)
    world.platform.catch_up()
    return world


def test_every_field_of_the_question_is_a_parameter() -> None:
    operation = openapi()["paths"]["/api/v1/figures/{figure}"]["get"]
    parameters = {parameter["name"] for parameter in operation["parameters"]}
    asked = {info.alias or name for name, info in FigureQuery.model_fields.items()}
    assert parameters == asked | {"at_least", "format"}


def test_a_figure_over_http_is_the_one_that_finance_computes(spent: World) -> None:
    period = f"from={TODAY:%Y}-01-01&to={TODAY:%Y}-12-31"
    found = spent.get("finance", f"/figures/volume?by=year&by=supplier&measure=ordered&currency=EUR&{period}").json()
    query = {
        "figure": "volume",
        "by": ("year", "supplier"),
        "measure": "ordered",
        "currency": "EUR",
        "from": f"{TODAY:%Y}-01-01",
        "to": f"{TODAY:%Y}-12-31",
    }
    assert found == spent.platform.finance.figure(FigureQuery.model_validate(query))
    assert found["total"]["amount"] == "190.00"


def test_growth_takes_any_two_periods(spent: World) -> None:
    now, before = f"{TODAY:%Y}", f"{TODAY.year - 2}"
    path = f"/figures/growth?from={now}-01-01&to={now}-12-31&against_from={before}-01-01&against_to={before}-12-31"
    total = spent.get("finance", path).json()["total"]
    assert (total["previous_amount"], total["growth"]) == ("0.00", None)


@pytest.mark.parametrize("how", ["format", "accept"])
def test_a_figure_comes_as_csv_where_asked(spent: World, how: str) -> None:
    path = "/figures/savings?by=establishment" + ("&format=csv" if how == "format" else "")
    answer = spent.get("finance", path, headers={"Accept": "text/csv"} if how == "accept" else {})
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["label"] for row in rows} == {"Centre Nord", "Centre Sud"}
    assert {row["without_baseline_amount"] for row in rows} == {"38.00"}


@pytest.mark.parametrize(
    ("question", "status", "kind"),
    [
        ("volume?by=day", 422, "invalid-request"),
        ("volume?by=year&by=month", 422, "bad-question"),
        ("volume?from=2022-02-01&to=2022-01-01", 422, "bad-question"),
        ("volume?from=yesterday", 422, "invalid-request"),
        ("volume?as_of=2022-01-01T10:00:00", 422, "invalid-request"),
        ("volume?establishments=x", 422, "invalid-request"),
        ("volume?currency=euro", 422, "invalid-request"),
        ("volume?format=xlsx", 422, "invalid-request"),
        ("turnover", 422, "invalid-request"),
        ("growth?against_from=2020-01-01", 422, "bad-question"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(spent: World, question: str, status: int, kind: str) -> None:
    answer = spent.get("finance", f"/figures/{question}")
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")


def test_a_figure_opens_down_to_the_events_of_the_log(spent: World) -> None:
    explained = spent.get("auditor", "/explain/volume?limit=1000").json()
    behind = explained["events"][0]
    rows = spent.get("auditor", f"/events?id={behind['order_id']}").json()["rows"]
    assert behind["event_id"] in {row["data"]["event_id"] for row in rows}


def test_ledger_and_store_reconcile(spent: World) -> None:
    found = spent.get("finance", "/reconcile").json()
    assert (found["is_equal"], found["difference"]) == (True, "0.00")


def test_health_tells_whether_figures_are_whole(spent: World) -> None:
    found = spent.client.get("/health").json()
    assert (found["status"], found["poison"], found["incomplete"]) == ("alive", 0, None)
    assert found["positions"] == spent.platform.finance.positions()


def test_ready_says_why_not(spent: World) -> None:
    assert spent.client.get("/ready").json() == {"is_ready": True, "reasons": []}
    spent.platform.pump.trouble = "ChainBroken: an event is missing"
    answer = spent.client.get("/ready")
    spent.platform.pump.trouble = None
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["projector: ChainBroken: an event is missing"])
