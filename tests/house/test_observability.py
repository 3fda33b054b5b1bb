"""Dashboard and alerts ask for metrics that exist, with labels that they have, of processes that run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from infra.metrics import REGISTRY
from infra.watch import Part, Standing, Watch
from tests.promtool import Promtool

FOLDER = Path(__file__).parents[2] / "infra" / "observability"
COMPOSE: dict[str, Any] = YAML(typ="safe").load((FOLDER.parents[1] / "docker-compose.yml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = YAML(typ="safe").load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"][0][
    "rules"
]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana" / "groupement.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUESTIONS = {
    **{f"panel {panel['title']}": target["expr"] for panel in PANELS for target in panel["targets"]},
    **{f"alert {rule['alert']}": rule["expr"] for rule in RULES},
}
OF_PROMETHEUS = {"up": {"job", "instance"}}
"""What Prometheus itself adds."""
WORDS = {
    "sum", "max", "count", "by", "rate", "increase", "histogram_quantile", "topk", "vector", "or", "le", "job",
    "instance",
}  # fmt: skip


def known() -> dict[str, set[str]]:
    """Every series that a process may show -> its labels."""
    part = Part(
        "relay", "ordering", lambda: "relaying", lambda: True, lambda: [Standing("ordering", 0, 1, 2)],
        lambda: [("events", 1), ("errors", 1)], lambda: [("poison", "ordering")],
    )  # fmt: skip
    found = dict(OF_PROMETHEUS)
    for metric in [*REGISTRY.collect(), *Watch("relay", [part]).collect()]:
        collector = REGISTRY._names_to_collectors.get(metric.name)
        labels = {*getattr(collector, "_labelnames", ()), *(label for one in metric.samples for label in one.labels)}
        endings = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}.get(metric.type, ("",))
        for ending in endings:
            found[metric.name + ending] = {*labels, "job", "instance", *(["le"] if ending == "_bucket" else [])}
    return found


KNOWN = known()


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_about_metrics_that_exist_by_labels_that_they_have(question: str) -> None:
    text = re.sub(r'"[^"]*"', '""', QUESTIONS[question])
    names = {name for name in re.findall(r"[a-zA-Z_][a-zA-Z0-9_]*", text) if name in KNOWN or "_" in name} - WORDS
    assert names, "it asks for nothing"
    assert names - KNOWN.keys() == set()
    labels = {label for braces in re.findall(r"{([^}]*)}", text) for label in re.findall(r"(\w+)\s*[=!]", braces)}
    labels |= {label for by in re.findall(r"by \(([^)]*)\)", text) for label in by.replace(" ", "").split(",")}
    assert labels - {label for name in names for label in KNOWN[name]} == set()


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_names_only_labels_that_it_has(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    for target in panel["targets"]:
        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        kept = re.findall(r"by \(([^)]*)\)", target["expr"])
        if kept:
            assert shown <= set(kept[0].replace(" ", "").split(",")) - {"le"}


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert() -> None:
    asked = " ".join(QUESTIONS.values())
    ours = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in KNOWN if name.startswith("groupement_")}
    assert {name for name in ours if name not in asked} == {"groupement_build_info"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert {"summary", "remedy"} <= rule["annotations"].keys()
    assert rule["labels"]["severity"] in ("page", "look")


def test_every_process_is_asked_for_its_metrics() -> None:
    config = YAML(typ="safe").load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    processes = {
        f"{name}:{service['command'][service['command'].index('--port') + 1]}"
        for name, service in COMPOSE["services"].items()
        if "build" in service and service["command"][0] == "run"
    }
    assert set(config["scrape_configs"][0]["static_configs"][0]["targets"]) == processes


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    provisioning = FOLDER / "grafana" / "provisioning"
    source = YAML(typ="safe").load((provisioning / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["datasources"][0]["uid"]}
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    provider = YAML(typ="safe").load((provisioning / "dashboards" / "groupement.yml").read_text(encoding="utf-8"))
    folder = provider["providers"][0]["options"]["path"]
    assert any(f":{folder}/groupement.json:" in volume for volume in COMPOSE["services"]["grafana"]["volumes"])


@pytest.mark.promtool
def test_prometheus_takes_its_configuration(run_promtool: Promtool) -> None:
    done = run_promtool("check", "config", "--lint-fatal", FOLDER / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.promtool
def test_each_alert_fires_when_it_should(run_promtool: Promtool) -> None:
    done = run_promtool("test", "rules", FOLDER / "alerts.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    tested = (FOLDER / "alerts.test.yml").read_text(encoding="utf-8")
    assert [rule["alert"] for rule in RULES if f"alertname: {rule['alert']}\n" not in tested] == []


def test_every_metric_is_documented_with_its_labels() -> None:
    text = (FOLDER.parents[1] / "docs" / "observability.md").read_text(encoding="utf-8")
    told = {
        name: set(labels.split(", "))
        for name, labels in re.findall(r"^\| `(groupement_\w+)` \| ([\w, ]+) \|", text, re.MULTILINE)
    }
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", name): labels
        for name, labels in KNOWN.items()
        if name.startswith("groupement_")
    }
    assert told == {name: labels - {"job", "instance", "le"} for name, labels in ours.items()}
