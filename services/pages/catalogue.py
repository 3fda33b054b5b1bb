"""The event catalogue as a page: contracts/CATALOGUE.md, its headings made addressable."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token


def as_html(markdown: str) -> str:
    """Markdown as HTML; HTML in it stays text.

    Links into the source tree become plain text; those to schemas and examples lead to /catalogue/events/.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for n, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _anchor(tokens[n + 1].content))
        if token.children:
            token.children = _links(token.children)
    html = str(parser.renderer.render(tokens, parser.options, {}))
    # A wide table scrolls by itself; the keyboard reaches it.
    opened = html.replace("<table>", '<div class="wide" tabindex="0" role="region" aria-label="table"><table>')
    return opened.replace("</table>", "</table></div>")


def _anchor(heading: str) -> str:
    """The id that the catalogue's own links use, as on the forges."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _links(tokens: list[Token]) -> list[Token]:
    kept, inside = [], True
    for token in tokens:
        if token.type == "link_open":
            target = str(token.attrGet("href"))
            inside = not target.startswith("../")
            if target.startswith("events/"):
                token.attrSet("href", f"/catalogue/{target}")
        if inside or token.type not in ("link_open", "link_close"):
            kept.append(token)
        if token.type == "link_close":
            inside = True
    return kept
