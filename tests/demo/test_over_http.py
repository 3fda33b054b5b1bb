"""The generated network told over HTTP, with its past as a header: the same cents as told to the services directly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from services.demo.plan import build_plan
from services.demo.run import DemoClock, build_demo
from services.embedded import Platform, open_platform
from services.finance.query import FigureQuery
from services.full.filler import Filler, NotFilled
from tests.http.serving import served

ORDERS, SEED = 560, 7
PLAN = build_plan(SEED, ORDERS, lambda *_: None)


def told(platform: Platform) -> list[Any]:
    """What finance says; identities of establishments and suppliers are others over HTTP."""

    def rows(figure: str, *by: str, **more: Any) -> list[Any]:
        found = platform.finance.figure(FigureQuery.model_validate({"figure": figure, "by": by, **more}))
        return [found["total"], sorted(found["rows"], key=str)]

    platform.catch_up()
    proof = platform.finance.reconcile()
    return [
        *(rows("volume", "agreement", "year", measure=measure) for measure in ("ordered", "received", "invoiced")),
        rows("volume", "month", as_of="2021-06-30"),
        rows("savings", "agreement", "item"),
        rows("csr", as_of="2022-12-31", **{"from": "2022-01-01", "to": "2022-12-31"}),
        (proof["is_equal"], proof["events"]),
    ]


def test_over_http_the_network_has_the_cents_that_it_has_directly(tmp_path: Path) -> None:
    with open_platform(Settings(home=tmp_path / "direct"), DemoClock()) as platform:
        build_demo(platform, orders=ORDERS, seed=SEED)
        ours = told(platform)
    settings, notes = Settings(home=tmp_path / "http"), dict[str, str]()
    with served(settings.home, "only-reacts", GROUPEMENT_CLOCK_HEADER="true") as (url, _):
        Filler(settings, url, PLAN, notes.__setitem__).fill()
    assert notes["demo"].startswith("demo: all of")
    with open_platform(settings) as platform:
        assert told(platform) == ours


def test_where_time_is_the_servers_own_the_past_of_the_network_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "http")
    with served(settings.home, "only-reacts") as (url, _), pytest.raises(NotFilled, match="rating-has-expired"):
        Filler(settings, url, PLAN, lambda *_: None).fill()
