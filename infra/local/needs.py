"""What the tests need besides Python: PostgreSQL's server, Chromium, promtool, a Java runtime and Maven for Kafka.

Run as a script it installs what is missing (with `full`: for the full run only) from Debian's packages where the user
may (root, or sudo without a password), and else stops with the one line to type. Needs the standard library alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "groupement"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def postgres_bin() -> Path | None:
    """Folder of `initdb` and `postgres`, the newest of Debian's versions first; None where there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    in_path = shutil.which("initdb")
    for folder in (*debian, *([Path(in_path).resolve().parent] if in_path else [])):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def chromium() -> str | None:
    """Path of a Chromium, None where there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def promtool() -> str | None:
    """Path of promtool, which checks names of metrics and rules of alerts; None where there is none."""
    kept = CACHE / "promtool"
    return shutil.which("promtool") or (str(kept) if os.access(kept, os.X_OK) else None)


ONLY_TESTS = ("chromium", "prometheus")


def missing(*, for_tests: bool = True) -> list[str]:
    """Debian packages of what is neither here nor named by GROUPEMENT_PG_DSN or KAFKA_HOME."""
    needs = {
        "postgresql": os.environ.get("GROUPEMENT_PG_DSN") or postgres_bin(),
        "chromium": chromium(),
        "default-jre-headless": shutil.which("java"),
        "prometheus": promtool(),
        "maven": os.environ.get("KAFKA_HOME") or shutil.which("mvn"),
    }
    wanted = {package: found for package, found in needs.items() if for_tests or package not in ONLY_TESTS}
    return [package for package, found in wanted.items() if found is None]


def line_to_type(packages: list[str]) -> str:
    """What installs the packages."""
    return f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(packages)}"


def _may_install() -> list[str] | None:
    """What to put before a command that installs; None where the user may not."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    may = shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)  # noqa: S607
    return ["sudo", "-n"] if may and may.returncode == 0 else None


def _take_promtool() -> None:
    """Takes promtool out of Debian's package. Installing the package would start a monitoring server."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "prometheus"], cwd=folder, capture_output=True, check=False)  # noqa: S607
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", package, folder], capture_output=True, check=False)  # noqa: S603, S607
        if (found := Path(folder, "usr", "bin", "promtool")).exists():
            shutil.move(found, CACHE / "promtool")


def main(*, for_tests: bool) -> int:
    """Installs what is missing. Returns 1 where something is missing still."""
    packages = missing(for_tests=for_tests)
    if not packages:
        return 0
    before = _may_install()
    if before is not None:
        print(f"installing {', '.join(packages)} from Debian's packages …", flush=True)  # noqa: T201
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        installed = [package for package in packages if package != "prometheus"]
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *installed]):
            subprocess.run([*before, "apt-get", *arguments], env=environment, stdout=subprocess.DEVNULL, check=False)  # noqa: S603
        if "prometheus" in packages:
            _take_promtool()
        packages = missing(for_tests=for_tests)
    if packages:
        who = "the tests need" if for_tests else "the full run needs"
        print(f"{who} {', '.join(packages)}; type:\n  {line_to_type(packages)}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(for_tests=sys.argv[1:] != ["full"]))
