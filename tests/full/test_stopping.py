"""Ctrl-C ends everything in order, leaves nothing behind, and loses nothing."""

from __future__ import annotations

import os
import socket

import pytest

from tests.full.buying import PRICE, Market
from tests.full.stack import full_run, new_home

pytestmark = pytest.mark.full
ORDER = ["gateway", "ordering", "relay", "kafka"]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_ends_in_order_leaves_nothing_behind_and_loses_nothing() -> None:
    with new_home() as home:
        with full_run(home) as stack:
            market = Market(stack)
            market.invoiced(quantity=4)
            # On its way while everything ends: nobody waited for it to be visible.
            last = market.invoiced(quantity=5)["position"]
            parts = stack.note["processes"]
            assert stack.end() == 0
        said = [line.split()[1].rstrip(":") for line in stack.log.splitlines() if ": stopped" in line]
        assert set(said) == {one["name"] for one in parts}
        assert [name for name in said if name in ORDER] == ORDER
        assert not [one["name"] for one in parts if is_alive(one["pid"])]
        for one in parts:
            with socket.create_server(("127.0.0.1", one["port"])):
                pass
        assert not (home / "full.json").exists()
        assert not (home / "full.env").exists(), "it holds passwords of a server that is gone"
        with full_run(home) as again:
            market.stack = again
            assert market.volume(last) == 9 * PRICE
            assert again.read("auditor", "/reconcile")["difference"] == "0.00"
