"""The pages in a real browser: nothing leaves the origin, nothing is blocked, and Swagger UI shows the operations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

import pytest
from playwright.sync_api import Page, sync_playwright

from services.web import openapi
from tests.http.serving import served

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = pytest.mark.browser


@dataclass
class Tab:
    """A page of the browser, and what went wrong on it."""

    page: Page
    url: str
    console: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path, wait_until="networkidle")
        return self.page

    def picture(self, name: str) -> None:
        """Keeps a screenshot where GROUPEMENT_SCREENSHOTS names a folder."""
        if folder := os.environ.get("GROUPEMENT_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("home")) as (address, _):
        yield address


@pytest.fixture
def tab(url: str) -> Iterator[Tab]:
    if which(CHROMIUM) is None:
        pytest.fail("Chromium is missing; type: apt-get install -y --no-install-recommends chromium fonts-liberation")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(locale="fr-FR", viewport={"width": 1280, "height": 900}).new_page()
        found = Tab(page, url)
        page.on("console", lambda said: found.console.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: found.console.append(str(error)))
        page.on("request", lambda asked: found.left.append(asked.url) if not _is_here(asked.url, url) else None)
        yield found
        browser.close()
    assert found.left == []
    assert found.console == []


def _is_here(address: str, url: str) -> bool:
    return address.startswith((f"{url}/", "data:", "blob:"))


def test_the_landing_page_leads_to_the_others(tab: Tab) -> None:
    page = tab.open("/")
    assert page.title() == "groupement"
    tab.picture("landing")
    for link in ("/docs", "/catalogue", "/problems"):
        page = tab.open("/")
        page.click(f'main section[lang="fr"] a[href="{link}"]')
        page.wait_for_url(f"**{link}")
        assert page.locator("h1").first.is_visible()


def test_swagger_ui_shows_every_operation_and_its_parameters(tab: Tab) -> None:
    page = tab.open("/docs")
    page.wait_for_selector(".opblock")
    operations = sum(len(methods) for methods in openapi()["paths"].values())
    assert page.locator(".opblock").count() == operations
    tab.picture("swagger")
    page.click("#operations-orders-submit_order button.opblock-summary-control")
    page.wait_for_selector("#operations-orders-submit_order .parameters")
    assert "Idempotency-Key" in page.inner_text("#operations-orders-submit_order .parameters")
    tab.picture("swagger-operation")


def test_swagger_ui_calls_the_api_with_a_token(tab: Tab) -> None:
    page = tab.open("/docs")
    page.wait_for_selector(".opblock")
    block = "#operations-health-health"
    page.click(f"{block} button.opblock-summary-control")
    page.click(f"{block} .try-out__btn")
    page.click(f"{block} .execute")
    page.wait_for_selector(f"{block} .live-responses-table")
    assert "alive" in page.inner_text(f"{block} .live-responses-table")


def test_the_catalogue_is_read_by_keyboard_and_on_a_narrow_screen(tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 390, "height": 800})
    page = tab.open("/catalogue")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.click('a[href="#ordersubmitted"]')
    assert page.locator("#ordersubmitted").is_visible()
    tab.picture("catalogue")


def test_a_problem_page_says_rule_and_remedy(tab: Tab) -> None:
    page = tab.open("/problems/ceiling-exceeded")
    assert "maximum" in page.inner_text("main")
    tab.picture("problem")
