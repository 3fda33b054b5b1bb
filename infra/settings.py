"""Settings: environment variables that begin with GROUPEMENT_, and where things lie on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from platformdirs import user_data_path
from pydantic import Field, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS = Path("/run/secrets")
"""Where containers find secrets: the file `groupement_postgres_password` holds what the variable of that name would."""
READER: Final = "finance"
"""The user of ClickHouse and of PostgreSQL who reads what answers questions, and may do nothing else."""


class Settings(BaseSettings):
    """Everything that may differ between two installations: a variable, or a file in SECRETS where none is set."""

    model_config = SettingsConfigDict(
        env_prefix="GROUPEMENT_", frozen=True, secrets_dir=SECRETS if SECRETS.is_dir() else None
    )

    home: Path = user_data_path("groupement")
    """Folder of stores, analytics and keys."""
    postgres_host: str = ""
    """Where set, stores live in PostgreSQL, one database for each context."""
    postgres_port: int = 5432
    postgres_user: str = "groupement"
    """`finance`, who may only read, for the process of that name; all others write."""
    postgres_password: str = Field("", repr=False)
    postgres_finance_password: str = Field("", repr=False)
    """What `migrate` gives to the user `finance`, whom it makes; where empty, it makes none."""
    postgres_dbname: str = "{context}"
    clickhouse_host: str = ""
    """Where set, figures live in a ClickHouse server, else in the embedded engine."""
    clickhouse_port: int = 8123
    clickhouse_user: str = "projector"
    """`projector` may write; `finance` reads what answers questions, and nothing else."""
    clickhouse_password: str = Field("", repr=False)
    clickhouse_database: str = "groupement"
    lanes: int = 1
    """Lanes of a new ordering store; fixed at its creation."""
    kafka_bootstrap: str = ""
    """`host:port` of the broker. Where empty, everything runs in one process and nothing is sent."""
    metrics_port: int = 0
    """Where a process without an HTTP API of its own serves `/metrics`, `/health` and `/ready`; 0 is nowhere."""
    log_format: Literal["text", "json"] = "text"
    """Lines for people, or one JSON object for each."""
    upstreams: Mapping[str, Annotated[str, StringConstraints(pattern=r"^http://[^/?#\s]+/?$")]] = {}
    """For the gateway, as JSON: role -> address of its process, such as {"ordering": "http://127.0.0.1:8004"}."""
    is_private_network: bool = False
    """Processes listen on a loopback address only, unless this says that a network of containers keeps others out:
    tokens are signed by a key that lies in the home, and are good for whoever has one."""
    clock_header: bool = False
    """A request may say what time it is (header Groupement-Now), to give a generated network its past. Whoever may send
    requests could then write history: it is refused on any other address than a loopback one, and never belongs in
    an installation that holds real orders."""

    @property
    def is_loopback_only(self) -> bool:
        """Whether processes listen on this machine only: who may name the time of a request could write history."""
        return self.clock_header or not self.is_private_network

    def store_environment(self, context: str) -> dict[str, str]:
        """The `eventsourcing` library's variables for the store of a context."""
        if self.postgres_host:
            return {
                "PERSISTENCE_MODULE": "eventsourcing.postgres",
                "POSTGRES_DBNAME": self.postgres_dbname.format(context=context),
                "POSTGRES_HOST": self.postgres_host,
                "POSTGRES_PORT": str(self.postgres_port),
                "POSTGRES_USER": self.postgres_user,
                "POSTGRES_PASSWORD": self.postgres_password,
                "POSTGRES_LOCK_TIMEOUT": "5",
                "POSTGRES_CONNECT_TIMEOUT": "5",
                "CREATE_TABLE": "no" if self.postgres_user == READER else "yes",
            }
        folder = self.home / "stores"
        folder.mkdir(parents=True, exist_ok=True)
        return {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(folder / f"{context}.db"),
            "SQLITE_LOCK_TIMEOUT": "10",
        }

    @property
    def demo_mark(self) -> Path:
        """The file by which a home says that its data are generated."""
        return self.home / ("full/demo.json" if self.kafka_bootstrap else "demo.json")

    @property
    def analytics(self) -> Path:
        """Folder of the embedded analytics engine: one process at a time may open it."""
        return self.home / "analytics"
