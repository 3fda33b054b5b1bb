from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from services.cli.options import app
from services.finance.document import FIGURE
from tests.cli.conftest import Run, run_in

COMMANDS = sorted(
    name if not hasattr(command, "commands") else f"{name} {sub}"
    for name, command in get_command(app).commands.items()  # type: ignore[attr-defined]
    for sub in getattr(command, "commands", {"": None})
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_with_an_example(command: str) -> None:
    answer = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "120"})
    assert answer.exit_code == 0
    assert "Example" in answer.stdout, "help without an example"
    assert f"groupement {command}" in answer.stdout or f"groupement --home DIR {command}" in answer.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_stands_in_the_readme(command: str) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert command.rsplit(maxsplit=1)[-1] in readme


@pytest.mark.parametrize("figure", ["volume", "growth", "savings", "csr"])
def test_the_json_of_a_figure_has_its_published_form(run: Run, figure: str) -> None:
    found = json.loads(run("figures", figure, "--by", "year", "--format", "json").stdout)
    FIGURE.validate_python(found)
    assert found["rows"]


def test_csv_has_a_head_and_a_row_for_each_key(run: Run) -> None:
    lines = run("figures", "savings", "--by", "year", "--format", "csv").stdout.splitlines()
    assert lines[0].startswith("year,amount,baseline_amount,saving")
    assert [line[:4] for line in lines[1:] if line] == ["2020", "2021", "2022"]


def test_a_table_speaks_french(run: Run, demo_home: Path) -> None:
    assert "Gains achats" in run_in(demo_home, "--lang", "fr", "figures", "savings").stdout


def test_the_events_behind_a_figure_add_up_to_it(run: Run) -> None:
    found = json.loads(
        run("explain", "savings", "--from", "2022-01-01", "--to", "2022-01-31", "--format", "json").stdout
    )
    assert found["behind"]["amount"] == found["total"]["amount"]


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (("figures", "volumes"), "FIGURE"),
        (("figures", "volume", "--by", "town"), "--by"),
        (("figures", "volume", "--from", "2022-02-30"), "--from"),
        (("figures", "volume", "--from", "1889-01-01"), "--from"),
        (("figures", "volume", "--measure", "paid"), "--measure"),
        (("figures", "volume", "--as-of", "yesterday"), "--as-of"),
        (("figures", "volume", "--currency", "euro"), "--currency"),
    ],
)
def test_a_wrong_option_is_named_with_its_value(run: Run, arguments: tuple[str, ...], place: str) -> None:
    refused = run(*arguments, expect=2)
    assert place in refused.stderr
    assert arguments[-1] in refused.stderr


def test_days_in_the_wrong_order_are_refused_with_the_rule(run: Run) -> None:
    refused = run("figures", "volume", "--from", "2022-02-01", "--to", "2022-01-01", expect=1)
    assert "BadQuestion" in refused.stderr


def test_an_empty_home_says_that_there_is_nothing_and_what_to_do(tmp_path: Path) -> None:
    assert "Nothing to show" in run_in(tmp_path, "figures", "volume").stdout
    assert "groupement demo" in run_in(tmp_path, "events").stderr


def test_reconcile_says_zero(run: Run) -> None:
    assert json.loads(run("reconcile", "--format", "json").stdout)["difference"] == "0.00"


def test_a_cent_that_differs_makes_reconcile_fail(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_in(home, "demo", "--no-serve", "--orders", "1500", "--seed", "3")
    program = (
        "from pathlib import Path; from infra.clickhouse import open_embedded\n"
        f"a = open_embedded(Path({str(home / 'analytics')!r}))\n"
        "a.command(\"alter table ledger_g1 update amount = amount + toDecimal64('0.01', 2) \"\n"
        "          \"where measure = 'invoiced' and pos = (select min(pos) from ledger_g1 where measure = 'invoiced') \"\n"
        '          "and line = 1 settings mutations_sync = 2")\n'
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    found = json.loads(run_in(home, "reconcile", "--format", "json", expect=1).stdout)
    assert (found["difference"], found["differing"]) == ("0.01", 1)


def test_a_rebuild_leaves_figures_as_they_were(run: Run) -> None:
    found = json.loads(run("rebuild", "--format", "json").stdout)
    assert found["is_equal"]
    assert found["before"] == found["after"]


def test_events_of_an_aggregate_are_its_whole_life(run: Run) -> None:
    lines = run("events", "--context", "ordering", "--limit", "200", "--format", "json").stdout.splitlines()
    submitted = [json.loads(line) for line in lines if '"ordering.InvoiceReceived.v1"' in line][-1]
    life = run("events", "--id", submitted["aggregate"], "--format", "json").stdout.splitlines()
    assert [json.loads(line)["version"] for line in life] == list(range(1, len(life) + 1))
    assert json.loads(life[0])["type"] == "ordering.OrderSubmitted.v1"


def test_the_doctor_finds_a_home_healthy(run: Run) -> None:
    assert all(check["is_good"] for check in json.loads(run("doctor", "--format", "json").stdout)["checks"])


@pytest.fixture(scope="module")
def served(demo_home: Path) -> Iterator[str]:
    """The demo's home, served by a process that holds its analytics."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from services.cli import main; main()"]
    process = subprocess.Popen(
        [*command, "--home", str(demo_home), "serve", "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0, "SIGTERM ends the server in order"
    assert not (demo_home / "serve.json").exists()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not answer")


def test_while_a_server_holds_the_folder_the_command_asks_it(run: Run, served: str) -> None:
    assert "served at" in run("doctor").stdout
    volume = json.loads(run("figures", "volume", "--by", "year", "--format", "json").stdout)
    assert [row["year"] for row in volume["rows"]] == ["2020", "2021", "2022"]
    assert json.loads(run("reconcile", "--format", "json").stdout)["difference"] == "0.00"
    assert json.loads(run("rebuild", "--format", "json").stdout)["is_equal"]


def test_refusals_of_the_server_are_told_like_ones_of_this_process(run: Run, served: str) -> None:
    refused = run("figures", "growth", "--by", "year", "--from", "2022-01-01", "--to", "2022-12-31", expect=1)
    assert "leave out --by" in refused.stderr
    assert "each key once, and one kind of period" in refused.stderr, "the rule is the refusal's own"


def test_a_token_of_this_machine_opens_its_server(run: Run, served: str) -> None:
    token = run("token", "--role", "finance").stdout.strip()
    request = urllib.request.Request(f"{served}/api/v1/figures/volume", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["figure"] == "volume"


def test_no_other_address_than_a_loopback_one_is_served(run: Run) -> None:
    assert "NotLoopback" in run("serve", "--host", "0.0.0.0", "--port", "0", expect=1).stderr
