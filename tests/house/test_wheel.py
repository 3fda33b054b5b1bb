"""What an image installs: the wheel has everything that the code reads, and the command works from it alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.history import lookalike

ROOT = Path(__file__).parents[2]
SOURCES = ("events", "contracts", "infra", "projections", "services")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
SHARED = f"groupement-{VERSION}.data/data/share/groupement/"
"""Where pip finds what it puts into `share/groupement` of the environment."""
NOT_INSTALLED = ("infra/docker/", "infra/observability/")


def tracked(*folders: str) -> list[str]:
    said = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in said.stdout.splitlines() if (ROOT / path).exists()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the tracked files as they are."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    for path in tracked(*SOURCES, "mappings", "pyproject.toml", "README.md", "LICENSE"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, source / path)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--wheel-dir",
        target,
        ".",
    ]
    done = subprocess.run(list(map(str, build)), cwd=source, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(target.glob("*.whl"))


def test_the_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {path for path in tracked(*SOURCES) if not path.startswith(NOT_INSTALLED)}
    assert wanted - held == set()
    assert {SHARED + path for path in tracked("mappings")} - held == set()


def test_the_wheel_has_nothing_else(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {path for path in held if not path.startswith("groupement-")} - set(tracked(*SOURCES)) == set()


@dataclass(frozen=True)
class Installed:
    """The command out of the wheel, with the libraries that are here, and no source around it."""

    site: Path
    home: Path

    def run(self, *arguments: object) -> str:
        return self.python(self.site / "bin" / "groupement", *arguments)

    def python(self, *arguments: object) -> str:
        environment = {**os.environ, "PYTHONPATH": str(self.site), "GROUPEMENT_HOME": str(self.home / "groupement")}
        command = [sys.executable, "-P", *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self.home, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    found = Installed(tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("home"))
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        found.site,
        wheel,
    ]
    subprocess.run(list(map(str, install)), check=True, capture_output=True, timeout=120)
    said = found.python("-c", "import services; print(services.__file__)")
    assert said.startswith(str(found.site)), "the source was asked, not the wheel"
    return found


def test_the_command_works_from_the_wheel_alone(installed: Installed, tmp_path: Path) -> None:
    assert VERSION in installed.run("version")
    history = tmp_path / "history.csv"
    lookalike.write(history, lookalike.rows(40))
    mapping = installed.site / "share" / "groupement" / "mappings" / "scms.toml"
    installed.run("import", "orders", history, "--mapping", mapping)
    assert json.loads(installed.run("figures", "volume", "--format", "json"))["total"]["lines"] == 40
    installed.run("doctor")
