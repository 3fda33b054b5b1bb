"""The containers say nothing that the code does not know: commands, settings, ports, files. They are not started here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from infra.settings import READER, Settings
from services.cli.options import app
from services.gateway import table
from services.processes import Role

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
PROCESSES = {name: service for name, service in OURS.items() if service["command"][0] == "run"}
SERVERS = {name: service for name, service in SERVICES.items() if name not in OURS}
COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
DOCKERFILE = (ROOT / "infra" / "docker" / "Dockerfile").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def settings_of(service: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings as the process in the container reads them."""
    for name in [name for name in os.environ if name.startswith("GROUPEMENT_")]:
        monkeypatch.delenv(name)
    for name, value in service["environment"].items():
        monkeypatch.setenv(name, value)
    for secret in service.get("secrets", ()):
        (folder / secret["target"]).write_text(f"password of {secret['source']}")
    return Settings(_secrets_dir=folder)


def options_of(service: dict[str, Any]) -> dict[str, Any]:
    """What the command of a container is called with, as the command line reads it."""
    name, *arguments = service["command"]
    read: dict[str, Any] = COMMANDS[name].make_context(name, list(arguments)).params
    return read


def test_the_file_is_a_compose_file() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [check, "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_every_role_is_a_container_and_every_container_a_role() -> None:
    assert {options_of(service)["role"] for service in PROCESSES.values()} == set(Role)
    assert set(PROCESSES) == {role.value for role in Role}


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_the_command_line(name: str) -> None:
    assert options_of(OURS[name]) is not None


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {one.removeprefix("GROUPEMENT_").lower() for one in OURS[name]["environment"]}
    assert given - Settings.model_fields.keys() == set()
    secret = {one["target"].removeprefix("groupement_") for one in OURS[name].get("secrets", ())}
    assert secret - Settings.model_fields.keys() == set()
    settings_of(OURS[name], tmp_path, monkeypatch)


@pytest.mark.parametrize("name", OURS)
def test_a_process_knows_the_servers_by_their_names_and_ports(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(OURS[name], tmp_path, monkeypatch)
    kafka = SERVICES["kafka"]["environment"]
    assert kafka["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{settings.kafka_bootstrap}"
    assert kafka["KAFKA_LISTENERS"].split(",")[0] == f"PLAINTEXT://:{settings.kafka_bootstrap.split(':')[1]}"
    assert (settings.postgres_host, settings.postgres_port) == ("postgres", 5432)
    assert (settings.clickhouse_host, settings.clickhouse_port) == ("clickhouse", 8123)
    server = (ROOT / "infra" / "docker" / "clickhouse.xml").read_text(encoding="utf-8")
    assert f"<default_database>{settings.clickhouse_database}</default_database>" in server
    assert settings.log_format == "json"
    assert settings.clock_header is False


@pytest.mark.parametrize("name", [*PROCESSES, "migrate"])
def test_only_who_writes_figures_may_write_them(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(OURS[name], tmp_path, monkeypatch)
    writes = name in ("projector", "migrate")
    if settings.clickhouse_password:
        assert settings.clickhouse_user == ("projector" if writes else "finance")
        assert settings.clickhouse_password == f"password of clickhouse_{settings.clickhouse_user}_password"
    else:
        assert name in ("relay", "reactions", "gateway")


@pytest.mark.parametrize("name", OURS)
def test_finance_reads_the_stores_as_a_user_whom_migrate_makes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(OURS[name], tmp_path, monkeypatch)
    owner = SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    assert settings.postgres_user == (READER if name == "finance" else owner)
    secret = "postgres_finance_password" if name == "finance" else "postgres_password"
    assert settings.postgres_password == ("" if name == "gateway" else f"password of {secret}")
    made = "password of postgres_finance_password" if name == "migrate" else ""
    assert settings.postgres_finance_password == made


def test_the_users_of_clickhouse_are_those_of_tests_and_of_the_full_run() -> None:
    mounted = [volume for volume in SERVICES["clickhouse"]["volumes"] if "users.xml" in volume]
    assert mounted == ["./infra/clickhouse-users.xml:/etc/clickhouse-server/users.xml:ro"]
    users = (ROOT / "infra" / "clickhouse-users.xml").read_text(encoding="utf-8")
    asked = set(re.findall(r'from_env="(\w+)"', users))
    assert asked == set(re.findall(r"GROUPEMENT_\w+(?==)", SERVICES["clickhouse"]["entrypoint"][-1]))


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_listens_inside_and_is_asked_there_whether_it_may_be_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, options = PROCESSES[name], options_of(PROCESSES[name])
    assert settings_of(process, tmp_path, monkeypatch).is_private_network
    assert options["host"] == "0.0.0.0"
    assert process["healthcheck"]["test"] == [
        "CMD", "python", "-m", "infra.ready", f"http://127.0.0.1:{options['port']}/ready",
    ]  # fmt: skip


def test_the_gateway_finds_every_process_that_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstreams = settings_of(OURS["gateway"], tmp_path, monkeypatch).upstreams
    assert set(upstreams) == set(table().values())
    for role, address in upstreams.items():
        assert address == f"http://{role}:{options_of(PROCESSES[role])['port']}"
        assert OURS["gateway"]["depends_on"][role] == {"condition": "service_healthy"}


def test_only_the_gateway_is_published_and_what_watches_it_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"gateway", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert [name for name, service in SERVICES.items() if "outside" in service["networks"]] == list(published)
    assert COMPOSE["networks"]["inside"] == {"internal": True}


def test_nothing_starts_before_what_it_needs() -> None:
    servers = {"kafka", "postgres", "clickhouse"}
    assert SERVICES["migrate"]["depends_on"] == {name: {"condition": "service_healthy"} for name in servers}
    for name in PROCESSES.keys() - {"gateway"}:
        assert PROCESSES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}, name


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_what_it_must_and_no_more(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    if name in OURS:
        assert service["read_only"] is True
        assert "user" not in service, "the image says who it is"
    else:
        uid, _, gid = service["user"].partition(":")
        assert int(uid) > 0
        assert int(gid) > 0


def test_the_image_is_of_nobody_who_may_do_more() -> None:
    assert re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE) == [("10001", "10001")]
    assert DOCKERFILE.index("USER ") > DOCKERFILE.rindex("FROM ")


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_asked_whether_it_is_well_and_has_time_to_end(name: str) -> None:
    service = SERVICES[name]
    assert ("test" in service["healthcheck"]) is (name != "migrate")
    assert int(service["stop_grace_period"].removesuffix("s")) >= 30


def test_every_image_has_a_version() -> None:
    base = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    images = [*base, *(service["image"] for service in SERVICES.values())]
    assert [image for image in images if not re.search(r":v?\d+\.\d+", image)] == []


def test_versions_are_those_that_the_tests_ran_with() -> None:
    assert {service["image"] for service in OURS.values()} == {f"groupement:{project()['version']}"}
    jars = (ROOT / "infra" / "local" / "pom.xml").read_text(encoding="utf-8")
    kafka = SERVICES["kafka"]["image"].rpartition(":")[2]
    assert f"<version>{kafka}</version>" in jars or f">{kafka}<" in jars
    engine = re.search(r"^chdb-core==(\d+\.\d+)", LOCK, re.MULTILINE)
    assert engine is not None
    assert SERVICES["clickhouse"]["image"].endswith(f":{engine[1]}")


def test_data_live_in_named_volumes() -> None:
    named = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert {name for name in named if not name.startswith(".")} == COMPOSE["volumes"].keys()
    for name in ("kafka", "postgres", "clickhouse"):
        assert any(volume.startswith(f"{name}:/var/lib/") for volume in SERVICES[name]["volumes"])


def test_every_file_that_is_mounted_exists_and_is_not_written() -> None:
    mounts = [
        volume for service in SERVICES.values() for volume in service.get("volumes", ()) if volume.startswith(".")
    ]
    assert len(mounts) >= 6
    for mount in mounts:
        source, _, mode = mount.split(":")
        assert (ROOT / source).exists(), mount
        assert mode == "ro", mount


def test_secrets_are_files_that_make_makes_and_nobody_commits() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    made = re.search(r"for name in ([\w ]+);", makefile[makefile.index("\nsecrets:") :])
    assert made is not None
    assert set(made[1].split()) == COMPOSE["secrets"].keys()
    assert all(secret["file"] == f"./secrets/{name}" for name, secret in COMPOSE["secrets"].items())
    used = {
        one if isinstance(one, str) else one["source"]
        for service in SERVICES.values()
        for one in service.get("secrets", ())
    }
    assert used == COMPOSE["secrets"].keys()
    assert "secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    variables = [name for service in OURS.values() for name in service["environment"] if "PASSWORD" in name]
    assert variables == []


def test_the_image_is_made_of_what_docker_is_shown() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    shown = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert copied == set(shown)
    assert all((ROOT / source).exists() for source in copied)
    assert (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")[1] == "*"


def test_topics_are_made_by_migrate_alone() -> None:
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert {service["environment"]["GROUPEMENT_LANES"] for service in OURS.values()} == {"8"}


def test_the_addresses_of_the_gateway_are_json() -> None:
    addresses = json.loads(OURS["gateway"]["environment"]["GROUPEMENT_UPSTREAMS"])
    assert all(urlsplit(address).scheme == "http" for address in addresses.values())
