"""The form of a notebook's prose: its sections, its length, its exercises, and no figures typed by hand."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from cemlab.notebook.document import Cell, Document, headings
from cemlab.notebook.finding import Finding

#: The sections of a notebook, in order. The second one may go on after its first words.
SECTIONS = (
    "The question and the decision",
    "The data",
    "The naive answer",
    "Why it misleads",
    "The estimate",
    "Sensitivity",
    "The slide",
    "What to tell the client",
    "Limits",
    "Exercises",
    "Glossary",
)
SECOND_ACT = "Second act"  # may stand once, between Sensitivity and The slide
_FROM_CODE = ("The naive answer", "What to tell the client")  # between these, figures come from code

_WORDS = (800, 2200)
_GLOSSARY_ENTRIES = 5

_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1", re.DOTALL | re.MULTILINE)
_INLINE_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_MATH = re.compile(r"(?<!\\)\$\$|(?<![\\$])\$(?!\s)[^$\n]+(?<![\s\\])\$(?!\d)|\\[(\[]")
_CODES = r"\b(?:GBP|EUR|USD|CHF)\b"
_FIGURE = re.compile(
    rf"\d\s?%|\d\s?(?:per\s?cent|percentage points)\b"
    rf"|(?:[£€$]|{_CODES})\s?\d|\d\s?(?:k|m|bn|million|thousand)?\s?(?:[£€]|{_CODES})",
    re.IGNORECASE,
)
_CONFIDENCE = re.compile(r"\b\d+(?:\.\d+)?\s?%\s(?:confidence\s)?(?:intervals?|level)\b", re.IGNORECASE)
_SOURCE = re.compile(r"\([^()]*\b(?:18|19|20)\d\d[a-z]?\b[^()]*\)")
_ENTRY = re.compile(r"^\s{0,3}(?:[-*+]\s+)?\*\*[^*]+\*\*", re.MULTILINE)


def _sections_of(document: Document) -> Iterator[tuple[Cell, str, str]]:
    """Yield (Markdown cell, section title, text of the cell that lies in this section)."""
    section = ""
    for cell in document.of_kind("markdown"):
        lines = cell.source.split("\n")
        starts = [(h.line - 1, h.title) for h in headings(cell.source) if h.level == 2]
        edges = [(0, section), *starts, (len(lines), "")]
        for (start, title), (end, _) in itertools.pairwise(edges):
            if text := "\n".join(lines[start:end]).strip():
                yield cell, title, text
        section = starts[-1][1] if starts else section


def _known(title: str) -> str | None:
    """Return the section of the form that a title stands for, or None."""
    if title.startswith(SECOND_ACT):
        return SECOND_ACT
    if title.startswith("The data"):
        return "The data"
    return title if title in SECTIONS else None


def _one_h1(document: Document) -> Iterator[Finding]:
    places = [c.number for c in document.of_kind("markdown") for h in headings(c.source) if h.level == 1]
    if places != [1]:
        what = (
            f"headings of level 1 stand in cells {', '.join(map(str, places))}"
            if places
            else "there is no title"
        )
        cell = next((place for place in places[::-1] if place != 1 or len(places) > 1), 0)
        yield Finding("title", document.path, cell, what, "have one heading of level 1, in the first cell")


def _sections(document: Document) -> Iterator[Finding]:
    found: list[str] = []
    for cell in document.of_kind("markdown"):
        for heading in headings(cell.source):
            if heading.level == 2:
                known = _known(heading.title)
                if known is None or known in found:
                    what = (
                        f"the section {heading.title!r} {'stands twice' if known else 'is not of the form'}"
                    )
                    yield Finding(
                        "sections",
                        document.path,
                        cell.number,
                        what,
                        "use a heading of level 3 inside a section",
                    )
                else:
                    found.append(known)
    missing = [section for section in SECTIONS if section not in found]
    for section in missing:
        yield Finding(
            "sections", document.path, 0, f"the section {section!r} is missing", "write it, with this title"
        )
    order = [*SECTIONS[:6], SECOND_ACT, *SECTIONS[6:]]
    if found != sorted(found, key=order.index):
        yield Finding(
            "sections",
            document.path,
            0,
            "the sections are out of order",
            f"order them: {', '.join(SECTIONS)}",
        )


def _length(document: Document) -> Iterator[Finding]:
    text = " ".join(cell.source for cell in document.of_kind("markdown"))
    words = sum(any(char.isalnum() for char in word) for word in text.split())
    low, high = _WORDS
    if not low <= words <= high:
        advice = f"say it in {low:,} to {high:,} words"
        yield Finding("words", document.path, 0, f"the prose has {words:,} words", advice)


def _no_math(document: Document) -> Iterator[Finding]:
    for cell in document.of_kind("markdown"):
        if found := _MATH.search(_without_code(cell.source)):
            advice = "say it in words or in code; write a dollar sign as \\$"
            yield Finding(
                "math", document.path, cell.number, f"{found[0]!r} would be typeset as mathematics", advice
            )


def _typed_figures(document: Document) -> Iterator[Finding]:
    first, last = (SECTIONS.index(section) for section in _FROM_CODE)
    sections = {*SECTIONS[first : last + 1], SECOND_ACT}
    for cell, section, text in _sections_of(document):
        if _known(section) not in sections:
            continue
        for paragraph in re.split(r"\n\s*\n", _without_code(text)):
            figure = _FIGURE.search(_CONFIDENCE.sub("", paragraph))
            if figure and not _SOURCE.search(paragraph):
                advice = "let code write it, or name the source with its year in parentheses"
                yield Finding(
                    "typed-figure", document.path, cell.number, f"{figure[0]!r} is typed by hand", advice
                )
                break


def _glossary(document: Document) -> Iterator[Finding]:
    parts = [(cell, text) for cell, section, text in _sections_of(document) if section == "Glossary"]
    entries = sum(len(_ENTRY.findall(text)) for _, text in parts)
    if parts and entries < _GLOSSARY_ENTRIES:
        advice = f"explain at least {_GLOSSARY_ENTRIES}, each as '- **term**: meaning'"
        yield Finding(
            "glossary", document.path, parts[0][0].number, f"the glossary has {entries} entries", advice
        )


def _exercises(document: Document) -> Iterator[Finding]:
    """Check that every exercise is solved before the next heading, and that nothing else is coded there."""
    inside, unsolved = False, None
    for cell in document.cells:
        if cell.kind == "code" and inside:
            if "solution" in cell.tags:
                unsolved = None
            elif "check" not in cell.tags and any(line.split("#")[0].strip() for line in cell.lines):
                advice = "tag it 'solution', or leave only comments for the reader to go on from"
                yield Finding("exercise-code", document.path, cell.number, "code among the exercises", advice)
        for heading in headings(cell.source) if cell.kind == "markdown" else ():
            if heading.level in (2, 3):
                if unsolved:
                    yield _no_solution(document, *unsolved)
                    unsolved = None
                inside = heading.title == "Exercises" if heading.level == 2 else inside
                if heading.level == 3 and heading.title.startswith("Exercise"):
                    unsolved = (cell.number, heading.title)
    if unsolved:
        yield _no_solution(document, *unsolved)


def _no_solution(document: Document, cell: int, title: str) -> Finding:
    return Finding(
        "exercise-solution",
        document.path,
        cell,
        f"{title!r} has no solution",
        "add a code cell tagged 'solution' after it",
    )


def _without_code(text: str) -> str:
    return _INLINE_CODE.sub("", _FENCED.sub("", text))


RULES = (_one_h1, _sections, _length, _no_math, _typed_figures, _glossary, _exercises)
