"""What a container asks of its process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.local.process import free_port
from infra.ready import main
from infra.watch import Part, Watch, watched

PART = Part("relay", "ordering", state=lambda: "waiting for the broker", is_working=lambda: True)


def test_a_process_that_may_be_used_is_healthy() -> None:
    with watched(Watch("relay", [PART]), 0) as port:
        assert main(f"http://127.0.0.1:{port}/ready") == 0


def test_a_process_that_may_not_be_used_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with watched(Watch("relay", [replace(PART, is_working=lambda: False)]), 0) as port:
        assert main(f"http://127.0.0.1:{port}/ready") == 1
    assert "waiting for the broker" in capsys.readouterr().err


def test_a_process_that_does_not_answer_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(f"http://127.0.0.1:{free_port()}/ready") == 1
    assert "refused" in capsys.readouterr().err
