"""Settings come from variables, and secrets from files where no variable is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.settings import Settings


def test_a_secret_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "groupement_postgres_password").write_text("from a file\n")
    assert Settings(_secrets_dir=tmp_path).postgres_password == "from a file"


def test_a_variable_is_stronger_than_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "groupement_postgres_password").write_text("from a file")
    monkeypatch.setenv("GROUPEMENT_POSTGRES_PASSWORD", "from a variable")
    assert Settings(_secrets_dir=tmp_path).postgres_password == "from a variable"


def test_secrets_do_not_show_where_settings_are_shown() -> None:
    shown = repr(Settings(postgres_password="one-secret", clickhouse_password="another-secret"))
    assert "secret" not in shown
    hidden = [name for name, field in Settings.model_fields.items() if not field.repr]
    assert [name for name in Settings.model_fields if "password" in name] == hidden
