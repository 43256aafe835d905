"""An executed notebook as one HTML page: no script, nothing fetched, readable on paper and on a phone."""

from __future__ import annotations

import datetime
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup

from cemlab.evidence import GRADES
from cemlab.files import write_atomically
from cemlab.notebook.parameters import DECLARED, INJECTED, has_tag
from cemlab.notebook.sanitise import sanitise_html

if TYPE_CHECKING:
    from jinja2 import Environment
    from nbformat import NotebookNode

_H1 = re.compile(r"<h1\b[^>]*>.*?</h1>\s*", re.DOTALL)
_H2 = re.compile(r"<h2\b[^>]*>(.*?)</h2>", re.DOTALL)
_TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
_CAPTION = re.compile(r"<caption\b[^>]*>(.*?)</caption>", re.DOTALL)
_MARKUP = re.compile(r"<[^>]+>")
# What a plotting call returns says nothing to a reader, and the picture stands beside it.
_PLOT_OBJECT = re.compile(r"\s*\[?<(?:Axes|Figure|matplotlib|seaborn)[^\n]*>?\]?\s*", re.IGNORECASE)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_WIDGET = "application/vnd.jupyter.widget-view+json"
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg")


@dataclass(frozen=True, kw_only=True)
class PageEntry:
    """One line of the index.

    Parameters
    ----------
    title, question
        As the notebook states them.
    href
        The page, relative to the index; empty where there is none yet.
    date
        When the page was made; empty where there is none.
    failed_href
        The page of a later run that failed; empty where there is none.
    """

    title: str
    question: str = ""
    href: str
    date: str = ""
    failed_href: str = ""


@dataclass(kw_only=True)
class _Block:
    """A part of the page: prose, a code cell with its outputs, or a solution that holds further blocks."""

    kind: Literal["prose", "code", "solution"]
    content: Markup = field(default_factory=Markup)
    code: Markup = field(default_factory=Markup)
    label: str = "Show code"
    parts: list[_Block] = field(default_factory=list)


def write_page(
    notebook: NotebookNode,
    path: Path,
    *,
    title: str,
    question: str = "",
    source: str = "",
    date: datetime.date | None = None,
    version: str = "",
    failure: str = "",
) -> Path:
    """Write an executed notebook as one HTML page that fetches nothing.

    Code is folded away; cells tagged ``hide-input`` show none, cells tagged ``solution`` are folded
    together with their outputs, and the cells of imports and parameters are folded and named as such.
    HTML and Markdown, whether from the author or from data, are stripped of anything active; what a
    cell wrote to standard error is not shown. A rule in the page also forbids the browser to run a
    script or to fetch anything, should something have slipped through.

    Parameters
    ----------
    notebook
        With outputs; not changed.
    path
        The page; replaced as a whole if it exists.
    title, question
        Shown at the head; the notebook's own heading of level 1 is left out.
    source
        Where the data come from.
    date
        When the notebook was run.
    version
        Version of cemlab.
    failure
        Where the notebook did not finish: the failing cell and its error.

    Returns
    -------
    pathlib.Path
        `path`.
    """
    contents: list[tuple[str, str]] = []
    blocks = _with_anchors(_blocks(notebook), contents)
    text = (
        templates()
        .get_template("page.html.j2")
        .render(
            title=title,
            question=question,
            source=source,
            date=_long_date(date),
            version=version,
            failure=failure,
            blocks=blocks,
            contents=contents,
            grades=GRADES,
        )
    )
    write_atomically(path, text)
    return path


def write_index(entries: Sequence[PageEntry], path: Path) -> Path:
    """Write the page that lists the others.

    Parameters
    ----------
    entries
        In the order to show them.
    path
        The page; replaced as a whole if it exists.

    Returns
    -------
    pathlib.Path
        `path`.
    """
    write_atomically(path, templates().get_template("index.html.j2").render(entries=entries))
    return path


@cache
def templates() -> Environment:
    """Return the templates of our pages; whatever enters them is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent / "templates" / "cemlab"
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _long_date(date: datetime.date | None) -> str:
    return "" if date is None else f"{date.day} {date:%B %Y}"


def _blocks(notebook: NotebookNode) -> list[_Block]:
    blocks: list[_Block] = []
    first_code = next((cell for cell in notebook.cells if cell.cell_type == "code"), None)
    heading_left = True
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            content = _markdown(cell.source, cell.get("attachments"))
            if heading_left and _H1.search(content):
                content, heading_left = _H1.sub("", content, count=1), False
            block = _Block(kind="prose", content=Markup(content))
        elif cell.cell_type == "code":
            block = _code_block(cell, is_first=cell is first_code)
        else:
            continue
        if not (block.content or block.code):
            continue
        if not has_tag(cell, "solution"):
            blocks.append(block)
        elif blocks and blocks[-1].kind == "solution":
            blocks[-1].parts.append(block)
        else:
            blocks.append(_Block(kind="solution", parts=[block]))
    return blocks


def _code_block(cell: NotebookNode, *, is_first: bool) -> _Block:
    code = "" if has_tag(cell, "hide-input") or not cell.source.strip() else _highlight(cell.source)
    label = "Show code"
    if is_first and all(
        line.startswith(("import ", "from ", "#")) for line in cell.source.split("\n") if line
    ):
        label = "Show code: imports"
    elif has_tag(cell, DECLARED):
        label = "Show code: parameters and their defaults"
    elif has_tag(cell, INJECTED):
        label = "Show code: parameters of this run"
    content = "".join(_outputs(cell))
    return _Block(kind="code", content=Markup(content), code=Markup(code), label=label)


def _outputs(cell: NotebookNode) -> Iterator[str]:
    outputs = cell.get("outputs", ())
    has_picture = any(set(output.get("data", ())) & set(_PICTURES) for output in outputs)
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stdout" and output.text.strip():
                yield _plain(output.text)
        elif output.output_type == "error":
            kind, said = html.escape(output.ename), html.escape(output.evalue)
            yield f'<p class="failure"><strong>{kind}</strong>: {said}</p>'
        elif not (has_picture and _is_plot_object(output)):
            yield _shown(output.data, output.get("metadata", {}))


def _is_plot_object(output: NotebookNode) -> bool:
    return set(output.data) == {"text/plain"} and bool(_PLOT_OBJECT.fullmatch(output.data["text/plain"]))


def _shown(data: dict[str, Any], about: dict[str, Any]) -> str:
    """Return the best form of an output that a still page can show."""
    if _WIDGET in data:
        still = _shown({kind: form for kind, form in data.items() if kind in _PICTURES}, about)
        return f'{still}<p class="aside">In the notebook itself, controls to try other values stand here.</p>'
    if "text/html" in data:
        return f'<div class="output">{_scrolling(sanitise_html(data["text/html"]))}</div>'
    if "text/markdown" in data:
        return f'<div class="output">{_markdown(data["text/markdown"])}</div>'
    for kind in _PICTURES:
        if kind in data:
            return _picture(kind, data[kind], about.get(kind, {}), str(data.get("text/plain", "")))
    return _plain(data["text/plain"]) if "text/plain" in data else ""


def _picture(kind: str, content: str, about: dict[str, Any], plain: str) -> str:
    if kind == "image/svg+xml":
        import base64

        content = base64.b64encode(content.encode()).decode()
    alt = str(about.get("alt", "")) or ("" if _PLOT_OBJECT.fullmatch(plain) else plain)
    size = "".join(
        f' {side}="{int(about[side])}"' for side in ("width", "height") if isinstance(about.get(side), int)
    )
    address = f"data:{kind};base64,{re.sub(r'[^A-Za-z0-9+/=]', '', content)}"
    said = html.escape(alt or "A picture; what it shows is said in the text beside it.")
    return f'<figure><img src="{address}" alt="{said}"{size}></figure>'


def _plain(text: str) -> str:
    return f'<pre class="output" tabindex="0">{html.escape(_ANSI.sub("", text).rstrip())}</pre>'


def _scrolling(text: str) -> str:
    """Let a wide table scroll by itself, with the keyboard too, instead of the whole page."""

    def wrap(found: re.Match[str]) -> str:
        caption = _CAPTION.search(found[0])
        name = _MARKUP.sub("", caption[1]).strip() if caption else ""
        label = html.escape(html.unescape(f"Table: {name}" if name else "Table"))
        return f'<div class="scroll" tabindex="0" role="group" aria-label="{label}">{found[0]}</div>'

    return _TABLE.sub(wrap, text)


def _markdown(text: str, attachments: dict[str, dict[str, str]] | None = None) -> str:
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True, attachments=attachments)
    return _scrolling(sanitise_html(MarkdownWithMath(renderer).render(text)))


def _highlight(code: str) -> str:
    from nbconvert.filters.highlight import Highlight2HTML

    # A line too long for the screen is scrolled, with the keyboard too.
    return str(Highlight2HTML(pygments_lexer="python")(code)).replace("<pre>", '<pre tabindex="0">')


def _with_anchors(blocks: list[_Block], contents: list[tuple[str, str]]) -> list[_Block]:
    """Give each heading of level 2 an anchor, and list (anchor, title) in `contents`."""

    def anchored(found: re.Match[str]) -> str:
        title = html.unescape(_MARKUP.sub("", found[1])).strip()
        anchor = f"section-{len(contents) + 1}"
        contents.append((anchor, title))
        return f'<h2 id="{anchor}">{found[1]}</h2>'

    for block in blocks:
        if block.kind == "prose":
            block.content = Markup(_H2.sub(anchored, block.content))
    return blocks
