"""Lets the tags of coloured text through and nothing else: findings carry words from the user's data.

An allow-list in the spirit of OWASP's advice on HTML sanitising: tags and attributes not named here are dropped,
text is escaped again, so that a review that says `<script>` is shown and not run.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

# fmt: off
TAGS = frozenset((
    "b", "br", "caption", "code", "dd", "div", "dl", "dt", "em", "figcaption", "figure", "h4", "h5", "hr", "i", "li",
    "mark", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "u", "ul",
))
VOID = frozenset({"br", "hr"})
SILENT = frozenset(
    {"script", "style", "template", "iframe", "object", "svg", "math", "title", "textarea", "noscript"}
)
ATTRIBUTES = frozenset(
    {"class", "title", "style", "colspan", "rowspan", "dir", "lang", "aria-label", "aria-hidden", "role"}
)
PROPERTIES = frozenset((
    "background", "background-color", "color", "opacity", "width", "height", "font-weight", "font-size", "font-family",
    "text-align", "display", "white-space", "border", "border-bottom", "border-radius", "padding", "margin",
    "line-height", "text-decoration",
))
# fmt: on
_VALUE = re.compile(r"[\w#%.,()/ +-]*\Z")


def sanitize(markup: str) -> str:
    """`markup` with only the allowed tags, attributes and style properties, all tags closed."""
    parser = _Allow()
    parser.feed(markup)
    parser.close()
    return "".join(parser.out) + "".join(f"</{tag}>" for tag in reversed(parser.open))


def _style(text: str) -> str:
    kept = []
    for declaration in text.split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name in PROPERTIES and _VALUE.match(value) and not re.search(r"url|expression|image", value, re.I):
            kept.append(f"{name}:{value}")
    return ";".join(kept)


class _Allow(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.open: list[str] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self.silent.append(tag)
        if self.silent or tag not in TAGS:
            return
        parts = [tag]
        for name, value in attrs:
            if name in ATTRIBUTES:
                clean = _style(value or "") if name == "style" else value or ""
                parts.append(f'{name}="{html.escape(clean)}"')
        self.out.append(f"<{' '.join(parts)}>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            if tag == self.silent[-1]:
                self.silent.pop()
        elif tag in self.open:
            while self.open:
                closed = self.open.pop()
                self.out.append(f"</{closed}>")
                if closed == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.out.append(html.escape(data))
