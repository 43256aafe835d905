"""HTML from data and prose made harmless: what is known to be safe is written anew, all else is left out."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_TAGS = frozenset(
    {"a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "del"}
    | {"details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span"}
    | {"strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"}
    | {"var"}
)
_VOID = frozenset({"br", "col", "hr", "img"})
# What stands inside these is not text for a reader. (Browsers also parse it by rules of their own.)
_DROPPED = frozenset(
    {"script", "style", "svg", "math", "template", "iframe", "object", "noscript", "noembed", "noframes"}
    | {"textarea", "select", "title", "xmp"}
)
_STYLES = frozenset({"text-align", "color", "background-color", "font-weight", "font-style", "white-space"})
_ADDRESS = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]+")
_PATTERNS = {
    "class": re.compile(r"[\w -]+"),
    "colspan": re.compile(r"\d{1,4}"),
    "rowspan": re.compile(r"\d{1,4}"),
    "span": re.compile(r"\d{1,4}"),
    "width": re.compile(r"\d{1,5}"),
    "height": re.compile(r"\d{1,5}"),
    "start": re.compile(r"-?\d{1,9}"),
    "scope": re.compile(r"row|col|rowgroup|colgroup"),
    "lang": re.compile(r"[A-Za-z-]{2,20}"),
    "dir": re.compile(r"ltr|rtl|auto"),
    "alt": re.compile(r".*", re.DOTALL),
    "title": re.compile(r".*", re.DOTALL),
    "href": re.compile(_ADDRESS.pattern + r".*", re.IGNORECASE | re.DOTALL),
}
_STYLE_VALUE = re.compile(r"[\w\s#%.,()-]+")


def sanitise_html(text: str) -> str:
    """Return HTML without scripts, style sheets, forms, frames, events, or anything fetched from elsewhere.

    Parameters
    ----------
    text
        Any HTML, however broken.

    Returns
    -------
    str
        Balanced HTML of allowed elements and attributes. Pictures stay where they are embedded; of the
        others the alternative text stays. Links stay, since nothing is fetched until a reader follows one.

    Examples
    --------
    >>> sanitise_html('<b onclick="x()">plan <script>x()</script>A</b><img src="//x/y.png" alt="curve">')
    '<b>plan A</b>[picture: curve]'
    """
    writer = _Writer()
    writer.feed(text)
    writer.close()
    return writer.result()


class _Writer(HTMLParser):
    """Writes the allowed elements anew, so that nothing of the input's own mark-up is passed on."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._open: list[str] = []
        self._dropping: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._dropping.append(tag)
        if self._dropping or tag not in _TAGS:
            return
        given = {name: value or "" for name, value in attrs}
        if tag == "img" and not _PICTURE.fullmatch(given.get("src", "")):
            self._parts.append(f"[picture: {html.escape(given['alt'])}]" if given.get("alt") else "")
            return
        written = "".join(f' {name}="{html.escape(value)}"' for name, value in _attributes(tag, given))
        self._parts.append(f"<{tag}{written}>")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._dropping:
            if tag in self._dropping:
                del self._dropping[len(self._dropping) - 1 - self._dropping[::-1].index(tag) :]
        elif tag in self._open:
            while (closed := self._open.pop()) != tag:
                self._parts.append(f"</{closed}>")
            self._parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self._parts.append(html.escape(data, quote=False))

    def result(self) -> str:
        return "".join(self._parts) + "".join(f"</{tag}>" for tag in reversed(self._open))


def _attributes(tag: str, given: dict[str, str]) -> list[tuple[str, str]]:
    kept = [
        (name, value)
        for name, value in given.items()
        if name in _PATTERNS and _PATTERNS[name].fullmatch(value) and (name != "href" or tag == "a")
    ]
    if tag == "img":
        kept.append(("src", given["src"]))
    if tag == "details" and "open" in given:
        kept.append(("open", ""))
    if style := _style(given.get("style", "")):
        kept.append(("style", style))
    if tag == "a":
        kept.append(("rel", "noopener noreferrer"))
    return kept


def _style(text: str) -> str:
    pairs = (part.split(":", 1) for part in text.split(";") if ":" in part)
    kept = ((name.strip().lower(), value.strip()) for name, value in pairs)
    return ";".join(
        f"{name}:{value}"
        for name, value in kept
        if name in _STYLES and _STYLE_VALUE.fullmatch(value) and "url" not in value.lower()
    )
