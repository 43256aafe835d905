"""Names and values that are dangerous where they are taken for code, and must come out as they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from tests.intake_corpus.case import Aside, Case, Contents, Outcome, accept, lines, one_file, quarantine

_HEADER = ("customer", "date", "revenue")
_CELLS = ("C1", date(2026, 1, 5), Decimal(1))

_NAMES: tuple[tuple[str, str], ...] = (
    ("sql", "'; drop table transactions; --"),
    ("double-quotes", 'x" or "1"="1'),
    ("semicolons", "a;b;c"),
    ("backticks", "`rm -rf /`"),
    ("formula", "=cmd|' /C calc'!A0"),
    ("at-formula", "@SUM(A1:A9)"),
    ("script", "<script>alert(1)</script>"),
    ("html-attribute", '"><img src=x onerror=alert(1)>'),
    ("emoji", "\U0001f600 \U0001f468\u200d\U0001f469"),
    ("python", "__import__('os').system('touch owned')"),
    ("braces", "{0.__class__} {{7*7}} ${jndi:ldap://x} %s %(x)s"),
    ("markup-of-a-terminal", "[bold red]x[/bold red] [link=http://x]y[/link]"),
    ("internal-name-line", "__line__"),
    ("internal-name-c0", "c0"),
    ("internal-name-c1", "c1"),
    ("internal-name-c3", "c3"),
    ("rowid", "rowid"),
    ("filename", "filename"),
    ("keyword", "select"),
    ("star", "*"),
    ("dot", "a.b"),
    ("backslash", "a\\b\\n"),
    ("comment", "/* x */ -- y # z"),
    ("path", "../../etc/passwd"),
    ("long", "x" * 5000),
    ("number", "1"),
    ("dash", "-"),
    ("mathml", "$$x$$ \\(y\\)"),
    ("right-to-left", "\u05d0\u05d1\u05d2"),
)

_VALUES = (
    "'; drop table transactions; --",
    '" or ""=""',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1+1)",
    "<script>alert(1)</script>",
    "&lt;b&gt; &amp;",
    '"><img src=x onerror=alert(1)>',
    "[red]x[/red]",
    "{{7*7}} ${x} %s %d {0}",
    "\\N",
    "\\x00\\n",
    "C:\\new\\table",
    "NULL",
    "NA",
    "nan",
    "#N/A",
    "None",
    "TRUE",
    "0x1F",
    "1e5",
    "1_000",
    "00123",
    "2026-01-05",
    "\U0001f600",
    "\u202etxt.exe",
    "a\u200bb",
    "caf\u00e9",
    "cafe\u0301",
    "\u4e2d\u6587",
    "''",
    "`id`",
    "$(id)",
    "a,b;c|d\te",
    "two\nlines",
    "two\r\nlines",
    "x" * 10_000,
    "http://example.org/?a=1&b=2",
)


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _names() -> Iterator[Case]:
    for name, column in _NAMES:
        content = lines(f"customer,date,revenue,{_quoted(column)}", "C1,2026-01-05,1,x")
        contents = Contents(columns=(*_HEADER, column), rows=((*_CELLS, "x"),))
        yield one_file(f"column-name-{name}", content, accept(1), contents=contents)
    # names that begin as our own do may be refused, but never mixed up with ours
    for column in ("cemlab_record", "cemlab_file"):
        content = lines(f"customer,date,revenue,{column}", "C1,2026-01-05,1,x")
        yield one_file(f"column-name-{column}", content, Outcome(verdict="accept|reject"))
    columns = tuple(column for _, column in _NAMES)
    content = lines(
        ",".join(map(_quoted, (*columns, *_HEADER))),
        ",".join([*map(str, range(len(columns))), "C1,2026-01-05,1"]),
    )
    row = (*map(str, range(len(columns))), *_CELLS)
    contents = Contents(columns=(*columns, *_HEADER), rows=(row,))
    yield one_file("all-hostile-column-names-together", content, accept(1), contents=contents)
    column = '\'; drop table transactions; -- "x" `y` {0}'
    content = lines(
        f'customer,date,revenue,"{column.replace(chr(34), chr(34) * 2)}"',
        "C1,2026-01-05,1,3",
        "C2,2026-01-05,1,three",
    )
    toml = f"[tables.transactions.columns]\nunits = '''{column}'''\n"
    outcome = quarantine(2, Aside(line=3, column=column, value="three"))
    contents = Contents(columns=(*_HEADER, "units"), rows=((*_CELLS, 3),))
    yield one_file("a-hostile-name-mapped-and-at-fault", content, outcome, toml=toml, contents=contents)
    # internal names could meet where the file has them in another order
    content = lines("c2,c0,c1,customer,date,revenue", "a,b,c,C1,2026-01-05,1", "a,b,c,C2,2026-01-05,x")
    outcome = quarantine(2, Aside(line=3, column="revenue", value="x"))
    contents = Contents(columns=("c2", "c0", "c1", *_HEADER), rows=(("a", "b", "c", *_CELLS),))
    yield one_file("internal-names-in-another-order", content, outcome, contents=contents)


def _values() -> Iterator[Case]:
    header = (*_HEADER, "category")
    content = lines(",".join(header), *(f"C1,2026-01-05,1,{_quoted(value)}" for value in _VALUES))
    contents = Contents(columns=header, rows=tuple((*_CELLS, value) for value in _VALUES))
    yield one_file("hostile-values-in-a-text", content, accept(len(_VALUES)), contents=contents)
    ids = [v for v in _VALUES if "\n" not in v and "\t" not in v and "\u200b" not in v and "\u202e" not in v]
    content = lines("customer,region", *(f"{_quoted(value)},x" for value in ids))
    contents = Contents(columns=("customer", "region"), rows=tuple((value, "x") for value in ids))
    yield one_file(
        "hostile-values-as-identifiers", content, accept(len(ids)), file="customers.csv", contents=contents
    )
    bad = [v for v in _VALUES if "\n" not in v]
    content = lines(
        ",".join(_HEADER),
        *(f"C1,2026-01-05,{_quoted(value)}" for value in bad if not value.startswith("00123")),
    )
    bad.remove("00123")  # leading zeros are digits, and a good amount
    aside = (Aside(line=n, column="revenue", value=value) for n, value in enumerate(bad, start=2))
    yield one_file("hostile-values-at-fault", content, quarantine(len(bad), *aside))
    toml = '[company]\nname = "<script>alert(1)</script> \'; drop table x; -- [red]"\n'
    contents = Contents(columns=_HEADER, rows=(_CELLS,))
    yield one_file(
        "a-hostile-company",
        lines(",".join(_HEADER), "C1,2026-01-05,1"),
        accept(1),
        toml=toml,
        contents=contents,
    )


def cases() -> Iterator[Case]:
    """Yield the hostile cases."""
    yield from _names()
    yield from _values()
