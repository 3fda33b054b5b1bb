"""The pages' routes. What changes with the code (events, problems) is rendered from the code, at the first request."""

from __future__ import annotations

import tomllib
from functools import cache
from html import escape
from importlib.resources import files
from inspect import getdoc
from string import Template

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, Response

from events.base import Refusal
from infra.problems import NoSuchPath, refusals, slug, status_of, title
from services.pages.catalogue import as_html

router = APIRouter(include_in_schema=False)

MEDIA = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
ASSETS = {
    "style.css": "services.pages",
    "docs.js": "services.pages",
    "icon.svg": "services.pages",
    "swagger-ui.css": "services.pages.vendor",
    "swagger-ui-bundle.js": "services.pages.vendor",
}
"""File -> package that holds it: what browsers may load, and nothing else."""
HOUR = "max-age=3600"


@cache
def _text(name: str, package: str = "services.pages") -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


FRENCH: dict[str, str] = tomllib.loads(_text("french.toml"))
"""Problem -> its title in French; those that are missing are shown in English."""


def _page(heading: str, body: str, head: str = "", kind: str = "text") -> str:
    return Template(_text("page.html")).substitute(title=escape(heading), head=head, body=body, kind=kind)


@router.get("/", response_class=HTMLResponse)
def landing(request: HttpRequest) -> str:
    """What is here, in French and English."""
    origin = escape(str(request.base_url).rstrip("/"))
    notice = _text("generated.html") if request.app.state.is_generated else ""
    return _page("groupement", Template(_text("landing.html")).substitute(origin=origin, notice=notice))


@router.get("/docs", response_class=HTMLResponse)
def docs() -> str:
    """Swagger UI."""
    styles = '<link rel="stylesheet" href="/assets/swagger-ui.css">'
    return _page("API", _text("docs.html"), styles, kind="tool")


@router.get("/catalogue", response_class=HTMLResponse)
def catalogue() -> str:
    """The event catalogue of contracts/."""
    return _page("Event catalogue", as_html(_text("CATALOGUE.md", "contracts")))


@router.get("/catalogue/events/{name}")
def contract(name: str) -> Response:
    """A JSON Schema or an example that the catalogue names."""
    folder = files("contracts").joinpath("events")
    if name not in {file.name for file in folder.iterdir()}:
        raise NoSuchPath(f"the catalogue has no {name}")
    return Response(folder.joinpath(name).read_bytes(), media_type="application/json")


@router.get("/problems", response_class=HTMLResponse)
def problems() -> str:
    """Every problem type, by name."""
    rows = "".join(
        f'<tr><td><a href="/problems/{name}">{escape(title(kinds[0]))}</a></td>'
        f'<td lang="fr">{escape(FRENCH.get(name, ""))}</td></tr>'
        for name, kinds in sorted(_known().items())
    )
    head = '<tr><th scope="col">Problem</th><th scope="col" lang="fr">Problème</th></tr>'
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return _page("Problems", f"<h1>Problems</h1>{_text('problems.html')}{table}")


@router.get("/problems/{name}", response_class=HTMLResponse)
def problem(request: HttpRequest, name: str) -> str:
    """One problem type: what it means, its rule, what to do."""
    kinds = _known().get(name)
    if kinds is None:
        raise NoSuchPath(f"there is no problem {name}")
    french = f'<p lang="fr">{escape(FRENCH[name])}</p>' if name in FRENCH else ""
    meanings = "".join(_meaning(kind, status_of(kind, request.app.state.statuses)) for kind in kinds)
    heading = title(kinds[0])
    return _page(heading, f'<p><a href="/problems">All problems</a></p><h1>{escape(heading)}</h1>{french}{meanings}')


def _meaning(kind: type[Refusal], status: int) -> str:
    parts = {"Status": str(status), "Rule": kind.rule, "What to do": kind.remedy}
    terms = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in parts.items())
    return f"<p>{escape(getdoc(kind) or '')}</p><dl>{terms}</dl>"


def _known() -> dict[str, list[type[Refusal]]]:
    """Problem -> the refusals of that name that the product's own modules make."""
    found: dict[str, list[type[Refusal]]] = {}
    for kind in refusals():
        if kind.rule and kind.__module__.partition(".")[0] in ("events", "infra", "projections", "services"):
            found.setdefault(slug(kind), []).append(kind)
    return found


@router.get("/assets/{name}")
def asset(name: str) -> Response:
    """A script, a style sheet, an icon."""
    if name not in ASSETS:
        raise NoSuchPath(f"there is no asset {name}")
    media = MEDIA[name.rpartition(".")[2]]
    return Response(_text(name, ASSETS[name]), media_type=media, headers={"Cache-Control": HOUR})
