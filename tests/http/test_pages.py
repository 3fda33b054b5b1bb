"""The pages load nothing from elsewhere, run nothing inline, and say what the code says."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from starlette.testclient import TestClient

from infra.http import KEY, SCOPE, SUBJECT, Does, body_of
from infra.problems import refusals, slug
from services.membership import api as membership
from services.ordering import api as ordering
from services.pages.catalogue import as_html
from services.pages.routes import ASSETS
from services.suppliers import api as suppliers
from services.tendering import api as tendering
from services.web import create_app
from tests.http.world import World

PAGES = ["/", "/docs", "/catalogue", "/problems", "/problems/ceiling-exceeded"]
POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


class References(HTMLParser):
    """What a page makes a browser load, and what it runs in place."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.inline: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self._inside = tag if tag in ("script", "style") and "src" not in found else ""
        self.inline += [name for name in found if name.startswith("on") or name == "style"]
        self.ids.add(found.get("id", ""))
        if tag == "a":
            self.links.append(found["href"])
        else:
            self.loaded += [found[name] for name in ("src", "href", "action", "srcset", "data") if name in found]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.inline.append(self._inside)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_from_here_only_and_runs_nothing_inline(world: World, path: str) -> None:
    answer = world.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == POLICY
    found = References(answer.text)
    assert found.inline == []
    for reference in found.loaded:
        assert re.match(r"/[^/]", reference), reference
        assert world.client.get(reference).status_code == 200


@pytest.mark.parametrize("path", [*PAGES, "/api/v1/orders", "/health", "/nothing", "/assets/style.css"])
def test_every_answer_keeps_to_itself(world: World, path: str) -> None:
    headers = world.client.get(path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "server" not in headers


@pytest.mark.parametrize("name", [name for name in ASSETS if name.endswith(".css")])
def test_a_style_sheet_loads_nothing_from_elsewhere(world: World, name: str) -> None:
    text = world.client.get(f"/assets/{name}").text
    assert "@import" not in text
    assert [
        target for target in re.findall(r"url\(['\"]?([^'\")]{0,10})", text) if not target.startswith("data:")
    ] == []


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere(world: World, path: str) -> None:
    found = References(world.client.get(path).text)
    for link in sorted(set(found.links)):
        target, _, fragment = link.partition("#")
        answer = world.client.get(target or path)
        assert answer.status_code == 200, link
        assert not fragment or fragment in References(answer.text).ids, link


def test_what_is_vendored_is_what_the_manifest_says() -> None:
    folder = files("services.pages.vendor")
    manifest = json.loads(folder.joinpath("manifest.json").read_text("utf-8"))
    listed: dict[str, str] = {}
    for package in manifest:
        assert all(package[part] for part in ("name", "version", "licence"))
        listed |= {name: file["sha256"] for name, file in package["files"].items()}
    here = {
        file.name: file for file in folder.iterdir() if file.name not in ("manifest.json", "__init__.py", "__pycache__")
    }
    assert {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in here.items()} == listed
    assert any("LICENSE" in name for name in listed)


@pytest.mark.parametrize("is_demo", [True, False])
def test_the_landing_page_says_so_where_the_data_are_generated(world: World, is_demo: bool) -> None:
    if is_demo:
        world.platform.settings.demo_mark.write_text("{}")
    app = create_app(world.platform)
    world.platform.settings.demo_mark.unlink(missing_ok=True)
    page = TestClient(app, base_url="http://127.0.0.1").get("/").text
    assert ("Données générées" in page, "Generated data" in page) == (is_demo, is_demo)


def test_nothing_but_the_assets_is_served(world: World) -> None:
    for name in ("manifest.json", "__init__.py", "french.toml", "..%2froutes.py", "%2e%2e/routes.py", "page.html"):
        assert world.client.get(f"/assets/{name}").status_code == 404


def test_the_catalogue_shows_every_event(world: World) -> None:
    text = world.client.get("/catalogue").text
    for file in files("contracts").joinpath("events").iterdir():
        if file.name.endswith(".schema.json"):
            assert f'href="/catalogue/events/{file.name}"' in text
    assert "<script" not in as_html("<script>alert(1)</script> [x](javascript:alert(1))")


def test_every_problem_has_its_page(world: World) -> None:
    index = world.client.get("/problems").text
    for kind in refusals():
        if kind.__module__.partition(".")[0] in ("events", "infra", "projections", "services"):
            assert f'href="/problems/{slug(kind)}"' in index
            page = world.client.get(f"/problems/{slug(kind)}")
            assert page.status_code == 200
            assert "Rule" in page.text


def test_answers_of_the_api_stay_out_of_caches(world: World) -> None:
    assert world.get("auditor", "/orders").headers["Cache-Control"] == "no-store"


def test_the_documented_api_is_openapi_3_1_with_its_problems(world: World) -> None:
    document = world.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    text = json.dumps(document)
    for reference in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert reference in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if path.startswith("/api/"):
                assert "application/problem+json" in operation["responses"]["4XX"]["content"]
                assert operation["description"]
    submit = document["paths"]["/api/v1/orders"]["post"]
    assert {parameter["name"]: parameter["required"] for parameter in submit["parameters"]}["Idempotency-Key"]


COMMANDS = [
    (does, api.__name__.split(".")[1]) for api in (membership, ordering, suppliers, tendering) for does in api.COMMANDS
]


@pytest.mark.parametrize(("does", "context"), COMMANDS, ids=lambda value: getattr(value, "operation", value))
def test_a_command_has_an_example_that_is_valid(does: Does, context: str) -> None:
    examples = json.loads(files(f"services.{context}").joinpath("examples.json").read_text("utf-8"))
    assert examples.keys() == {other.operation for other, its_context in COMMANDS if its_context == context}
    body_of(does.command, does.sources()).model_validate(examples[does.operation])


def test_a_field_of_a_command_comes_from_one_place_that_exists() -> None:
    for does, _ in COMMANDS:
        assert does.sources().keys() <= does.command.model_fields.keys()
        assert set(does.sources().values()) <= {KEY, SCOPE, SUBJECT, *does.parameters()}
