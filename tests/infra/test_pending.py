"""Work that hangs is told, with what it is and for how long."""

from __future__ import annotations

import threading

import pytest

from infra import pending
from infra.pending import Pending


def test_only_what_takes_long_and_has_not_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "SLOW_SECONDS", 0.05)
    work, goes_on = Pending(), threading.Event()
    assert work.slow() == {}
    with work.doing("first"):
        goes_on.wait(0.1)
        with work.doing("second"):
            told = work.slow()
            assert list(told) == ["first"]
            assert 0.1 <= told["first"] < 5
    assert work.slow() == {}


def test_work_that_fails_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "SLOW_SECONDS", -1)
    work = Pending()
    with pytest.raises(ZeroDivisionError), work.doing("it"):
        raise ZeroDivisionError
    assert work.slow() == {}


def test_the_same_may_be_done_by_two_for_a_while() -> None:
    """What was left behind ends after it was begun again."""
    work = Pending()
    left, again = work.doing("it"), work.doing("it")
    left.__enter__()
    with again:
        left.__exit__(None, None, None)
    assert work.slow() == {}
