from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from events.membership import AdhesionGranted
from infra.dead_letters import parked
from infra.log import Entry
from infra.settings import Settings
from services.ordering.app import build
from tests.cli.conftest import run_in
from tests.scenario import NOW
from tests.services.ordering.facts import ESTABLISHMENT, adheres


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose ordering could read neither of two adhesions, and now could read the second establishment's."""
    ordering = build(Settings(home=tmp_path))
    for pos, stream, name in (
        (1, ESTABLISHMENT, "membership.AdhesionGranted.v9"),
        (2, UUID(int=99), AdhesionGranted.TOPIC),
    ):
        raw = adheres(establishment_id=stream).stamped(uuid4(), NOW, "tester", "").model_dump_json().encode()
        entry = Entry(0, pos, pos - 1, stream, 1, name, NOW, raw)
        ordering.inbox.park(parked("membership", entry, 40 + pos, "newer", f"too old for [{name}]"))
    ordering.store.close()
    return tmp_path


def test_dead_letters_are_listed_with_why_and_where(home: Path) -> None:
    table = run_in(home, "dead-letters", "list").stdout
    assert "membership/0/1" in table
    assert "too old" in table
    found = json.loads(run_in(home, "dead-letters", "list", "--format", "json").stdout)["dead_letters"]
    assert [(one["name"], one["offset"], one["aggregate"]) for one in found] == [
        ("membership/0/1", 41, str(ESTABLISHMENT)),
        ("membership/0/2", 42, str(UUID(int=99))),
    ]


def test_a_dead_letter_is_shown_with_its_message(home: Path) -> None:
    found = json.loads(run_in(home, "dead-letters", "show", "membership/0/1", "--format", "json").stdout)
    assert found["message"]["establishment_id"] == str(ESTABLISHMENT)
    assert found["reason"] == "too old for [membership.AdhesionGranted.v9]"
    assert (
        "too old for [membership.AdhesionGranted.v9]" in run_in(home, "dead-letters", "show", "membership/0/1").stdout
    )


def test_what_can_be_read_is_taken_in_and_the_rest_stays(home: Path) -> None:
    found = json.loads(run_in(home, "dead-letters", "retry", "--format", "json", expect=1).stdout)["retried"]
    assert [(one["name"], one["is_settled"]) for one in found] == [("membership/0/1", False), ("membership/0/2", True)]
    assert "install a newer one" in found[0]["answer"]
    assert "✗ membership/0/1" in run_in(home, "dead-letters", "retry", "membership/0/1", expect=1).stdout
    left = json.loads(run_in(home, "dead-letters", "list", "--format", "json").stdout)["dead_letters"]
    assert [one["name"] for one in left] == ["membership/0/1"]


def test_a_name_that_is_none_is_refused_with_the_rule(home: Path) -> None:
    refused = run_in(home, "dead-letters", "retry", "membership/0/7", expect=1).stderr
    assert "NoSuchLetter" in refused
    assert "groupement dead-letters list" in refused


def test_where_nothing_waits_it_says_so(tmp_path: Path) -> None:
    assert "No dead letters" in run_in(tmp_path, "dead-letters", "list").stdout
    assert "No dead letters" in run_in(tmp_path, "dead-letters", "retry").stdout
