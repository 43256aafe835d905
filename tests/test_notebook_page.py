from __future__ import annotations

import base64
import datetime
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cemlab.evidence import GRADES
from cemlab.notebook import page as page_module
from cemlab.notebook.page import PageEntry, write_index, write_page
from cemlab.notebook.sanitise import sanitise_html

PIXEL = base64.b64encode(b"\x89PNG pretended").decode()
ATTACK = '<script>alert(1)</script><img src=x onerror="alert(2)"><a href="javascript:alert(3)">x</a>'
FETCHING = {
    "src",
    "srcset",
    "href",
    "data",
    "action",
    "poster",
    "background",
    "formaction",
    "ping",
    "xlink:href",
}


class Reader(HTMLParser):
    """Reads a page as a browser would list it: elements with attributes, and text by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text: list[tuple[str, str]] = []
        self.unbalanced = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"br", "hr", "img", "meta", "col"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.unbalanced |= not self.open or self.open.pop() != tag

    def handle_data(self, data: str) -> None:
        self.text.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def inside(self, tag: str) -> str:
        return "".join(text for name, text in self.text if name == tag)


def is_harmless(reader: Reader) -> bool:
    names = {name for name, _ in reader.elements}
    events = [a for _, attributes in reader.elements for a in attributes if a.startswith("on")]
    addresses = [
        (tag, value)
        for tag, attributes in reader.elements
        for name, value in attributes.items()
        if name in FETCHING
    ]
    safe = all(
        value.startswith(("data:image/", "#")) or (tag == "a" and value.startswith(("http", "mailto:")))
        for tag, value in addresses
    )
    styles = " ".join(attributes.get("style", "") for _, attributes in reader.elements)
    active = {"script", "iframe", "object", "embed", "link", "base", "form", "svg", "math", "input"}
    return not (names & active) and not events and safe and "url" not in styles.lower()


def tags(*names: str) -> dict[str, Any]:
    return {"tags": list(names)}


def shown(data: dict[str, str], **about: Any) -> Any:
    return new_output("display_data", data=data, metadata=about.get("metadata", {}))


def page(tmp_path: Path, *cells: Any, **options: Any) -> Reader:
    path = tmp_path / "page.html"
    assert write_page(new_notebook(cells=list(cells)), path, **({"title": "T"} | options)) == path
    reader = Reader(path.read_text(encoding="utf-8"))
    assert not reader.unbalanced
    assert not reader.open
    assert is_harmless(reader)
    return reader


def test_a_page_states_its_facts_and_can_be_navigated(tmp_path: Path) -> None:
    reader = page(
        tmp_path,
        new_markdown_cell("# T\n\n## First *one*\n\nText."),
        new_markdown_cell("## Second & last"),
        question="Why?",
        source="the folder shop",
        date=datetime.date(2026, 11, 2),
        version="9.8.7",
    )
    assert reader.all("html")[0]["lang"] == "en"
    assert len(reader.all("main")) == len(reader.all("h1")) == 1
    assert {"class": "skip", "href": "#main"} in reader.all("a")
    assert [a["href"] for a in reader.all("a")[1:]] == ["#section-1", "#section-2"]
    assert [h.get("id") for h in reader.all("h2")][1:3] == ["section-1", "section-2"]
    text = " ".join(text for _, text in reader.text)
    for said in ("Why?", "the folder shop", "2 November 2026", "9.8.7", "Second & last", *GRADES.values()):
        assert said in text


def test_the_browser_is_told_to_run_and_fetch_nothing(tmp_path: Path) -> None:
    policies = [m["content"] for m in page(tmp_path).all("meta") if m.get("http-equiv")]
    assert policies == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ]


def test_whatever_comes_from_metadata_is_escaped(tmp_path: Path) -> None:
    reader = page(tmp_path, title=ATTACK, question=ATTACK, source=ATTACK, version=ATTACK, failure=ATTACK)
    assert reader.inside("h1") == reader.inside("title") == ATTACK


@pytest.mark.parametrize("kind", ["text/html", "text/markdown", "text/plain"])
def test_outputs_from_data_cannot_run_anything(tmp_path: Path, kind: str) -> None:
    cell = new_code_cell("x", outputs=[shown({kind: f"<b>before</b> {ATTACK} </div></main> after"})])
    reader = page(tmp_path, cell)
    text = "".join(text for _, text in reader.text)
    assert "before" in text
    assert "after" in text


def test_prose_cannot_run_anything(tmp_path: Path) -> None:
    text = f"{ATTACK}\n\n![plot](https://example.org/p.png)\n\n<style>body {{display: none}}</style>\n\nafter"
    reader = page(tmp_path, new_markdown_cell(text))
    assert "[picture: plot]" in reader.inside("p")
    assert "display: none}" not in "".join(text for tag, text in reader.text if tag != "style")


def test_pictures_carry_their_alternative_text_and_size(tmp_path: Path) -> None:
    about = {"image/png": {"alt": 'a "curve" <b>', "width": 300, "height": "200; x"}}
    (image,) = page(tmp_path, new_code_cell("x", outputs=[shown({"image/png": PIXEL}, metadata=about)])).all(
        "img"
    )
    assert image == {"src": f"data:image/png;base64,{PIXEL}", "alt": 'a "curve" <b>', "width": "300"}


def test_a_drawing_is_embedded_as_a_picture_in_which_scripts_do_not_run(tmp_path: Path) -> None:
    drawing = "<svg onload='x()'><script>x()</script></svg>"
    (image,) = page(tmp_path, new_code_cell("x", outputs=[shown({"image/svg+xml": drawing})])).all("img")
    assert base64.b64decode(image["src"].split(",")[1]).decode() == drawing
    assert image["alt"]


def test_what_a_plotting_call_returns_is_not_shown_beside_its_picture(tmp_path: Path) -> None:
    returned = new_output("execute_result", data={"text/plain": "<Axes: xlabel='months'>"}, execution_count=1)
    drawn = shown({"image/png": PIXEL, "text/plain": "<Figure size 640x480 with 1 Axes>"})
    reader = page(tmp_path, new_code_cell("x", outputs=[returned, drawn]))
    assert "Axes" not in str(reader.text) + reader.all("img")[0]["alt"]


def test_code_is_folded_and_hidden_where_the_tag_says_so(tmp_path: Path) -> None:
    reader = page(
        tmp_path,
        new_code_cell("import numpy"),
        new_code_cell("data = None", metadata=tags("parameters")),
        new_code_cell("data = 'x'", metadata=tags("injected-parameters")),
        new_code_cell("secret_word", metadata=tags("hide-input"), outputs=[shown({"text/plain": "result"})]),
    )
    assert reader.inside("summary") == (
        "Show code: importsShow code: parameters and their defaultsShow code: parameters of this run"
    )
    assert not any("open" in details for details in reader.all("details"))
    assert "secret_word" not in str(reader.text)
    assert "result" in reader.inside("pre")


def test_a_solution_is_folded_as_a_whole(tmp_path: Path) -> None:
    reader = page(
        tmp_path,
        new_markdown_cell("### Exercise 1"),
        new_markdown_cell("In words.", metadata=tags("solution")),
        new_code_cell("x", metadata=tags("solution"), outputs=[shown({"text/plain": "answer"})]),
        new_markdown_cell("After."),
    )
    assert [d["class"] for d in reader.all("details")] == ["solution", "code"]
    assert reader.inside("summary") == "SolutionShow code"


def test_warnings_are_left_out_and_what_a_cell_prints_is_kept(tmp_path: Path) -> None:
    outputs = [
        new_output("stream", name="stderr", text="FutureWarning: old"),
        new_output("stream", name="stdout", text="\x1b[31mkept\x1b[0m"),
    ]
    reader = page(tmp_path, new_code_cell("x", outputs=outputs))
    assert "FutureWarning" not in str(reader.text)
    assert "kept" in reader.inside("pre")
    assert "\x1b" not in str(reader.text)


def test_a_widget_is_replaced_by_a_remark(tmp_path: Path) -> None:
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "VBox(children=())"}
    reader = page(tmp_path, new_code_cell("x", outputs=[shown(data)]))
    assert "controls" in reader.inside("p")
    assert "VBox" not in str(reader.text)


def test_a_widget_that_brings_a_picture_leaves_it_on_the_page(tmp_path: Path) -> None:
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "image/png": "QUJD"}
    output = shown(data)
    output["metadata"] = {"image/png": {"alt": "Three bars"}}
    reader = page(tmp_path, new_code_cell("x", outputs=[output]))
    (picture,) = reader.all("img")
    assert (picture["src"], picture["alt"]) == ("data:image/png;base64,QUJD", "Three bars")
    assert "controls" in reader.inside("p")


def test_a_wide_table_scrolls_by_itself_and_has_a_name(tmp_path: Path) -> None:
    table = "<table class='cemlab'><caption>By &quot;plan&quot;</caption><tr><td>1</td></tr></table>"
    reader = page(tmp_path, new_code_cell("x", outputs=[shown({"text/html": table})]))
    (holder,) = (d for d in reader.all("div") if d.get("class") == "scroll")
    assert holder["aria-label"] == 'Table: By "plan"'
    assert holder["tabindex"] == "0"
    assert reader.all("table") == [{"class": "cemlab"}]


def test_an_error_is_one_line_without_its_traceback(tmp_path: Path) -> None:
    error = new_output("error", ename="KeyError", evalue="'<b>'", traceback=["frame 1", "frame 2"])
    reader = page(tmp_path, new_code_cell("x", outputs=[error]), failure="03-a, cell 1: KeyError")
    assert "frame 1" not in str(reader.text)
    assert "03-a, cell 1: KeyError" in reader.inside("pre")


def test_a_pasted_picture_is_embedded(tmp_path: Path) -> None:
    cell = new_markdown_cell("![seen](attachment:a.png)", attachments={"a.png": {"image/png": PIXEL}})
    assert page(tmp_path, cell).all("img")[0]["src"] == f"data:image/png;base64,{PIXEL}"


def test_the_index_lists_pages_and_failures(tmp_path: Path) -> None:
    entries = [
        PageEntry(title="One <b>", question=ATTACK, href="03-a.html", date="2026-11-02"),
        PageEntry(title="Two", href="", failed_href="04-b.failed.html"),
    ]
    text = write_index(entries, tmp_path / "index.html").read_text(encoding="utf-8")
    reader = Reader(text)
    assert "<script" not in text
    assert [a["href"] for a in reader.all("a")] == ["#main", "03-a.html", "04-b.failed.html"]
    assert "One <b>" in reader.inside("a")
    assert "did not finish" in reader.inside("p")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("<p>a<b>b</p>c", "<p>a<b>b</b></p>c"),
        ("</div>a", "a"),
        ("<svg><script>x</script><text>t</text></svg>after", "after"),
        ("<script>x", ""),
        ("<style>a</style><!-- c --><?pi?>b", "b"),
        ('<a href="JaVaScRiPt:x()">t</a>', '<a rel="noopener noreferrer">t</a>'),
        (
            '<a href="https://e.org/?a=1&amp;b=2">t</a>',
            '<a href="https://e.org/?a=1&amp;b=2" rel="noopener noreferrer">t</a>',
        ),
        (
            '<td style="text-align:right;position:fixed" onclick="x">1</td>',
            '<td style="text-align:right">1</td>',
        ),
        ('<td style="color:URL(//e.org)">1</td>', "<td>1</td>"),
        ('<td colspan="2" rowspan="x">1</td>', '<td colspan="2">1</td>'),
        ("1 &lt; 2 &amp; 3", "1 &lt; 2 &amp; 3"),
        ("<img src='data:text/html;base64,AA' alt='a<b'>", "[picture: a&lt;b]"),
        ("<br/><hr>", "<br><hr>"),
        ("<form action='//e.org'><input name=q><b>x</b></form>", "<b>x</b>"),
    ],
)
def test_what_becomes_of_html(given: str, expected: str) -> None:
    assert sanitise_html(given) == expected


TAGS = "<script> </script> <svg> </svg> <math> <table> <td> </div> <div> <style> <textarea> <title> <p/x>"
ODD = ["<b ", "onclick=x", ">", "<!--", "-->", "'", '"', "&lt;script&gt;", "<![CDATA[", "]]>", "\x00"]
ADDRESSED = ["<a href='javascript:x'>", "</a>", "<a href=data:text/html,x>", "<img src=x onerror=y>"]
PIECES = st.sampled_from([*TAGS.split(), *ODD, *ADDRESSED])


@given(st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join))
def test_any_html_becomes_harmless_balanced_and_stays_so(text: str) -> None:
    clean = sanitise_html(text)
    reader = Reader(clean)
    assert is_harmless(reader)
    assert not reader.unbalanced
    assert not reader.open
    assert sanitise_html(clean) == clean


def brightness(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_all_colours_of_text_can_be_read_on_all_grounds() -> None:
    style = Path(page_module.__file__).parent / "templates" / "cemlab" / "style.css"
    css = style.read_text(encoding="utf-8")
    named = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", css))
    inks = {named[name] for name in ("ink", "soft", "accent", "warn")} | set(
        re.findall(r"[{ ]color: (#[0-9a-f]{6})", css)
    )
    assert len(inks) == 8  # four names and four colours of code
    for ground in ("#ffffff", named["wash"], "#fdf3ee"):
        for ink in inks:
            contrast = (brightness(ground) + 0.05) / (brightness(ink) + 0.05)
            assert contrast >= 4.5, (ink, ground)  # WCAG 2, level AA, text of any size
