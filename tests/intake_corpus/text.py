"""Faults of text files: quotes, line ends, fields, headers, encodings, duplicates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from tests.intake_corpus.case import (
    ANY,
    Aside,
    Case,
    Contents,
    accept,
    later,
    lines,
    one_file,
    quarantine,
    reject,
)

_HEADER = "customer,date,revenue,category"
_COLUMNS = ("customer", "date", "revenue", "category")


def _good(n: int, category: str = "tea") -> str:
    return f"C{n},2026-01-05,{n}.00,{category}"


def _cells(n: int, category: str | None = "tea") -> tuple[object, ...]:
    return (f"C{n}", date(2026, 1, 5), Decimal(n), category)


def _table(*rows: tuple[object, ...]) -> Contents:
    return Contents(columns=_COLUMNS, rows=rows)


def _whole(line: int, says: str = "") -> Aside:
    """Return a row that is wrong as a whole."""
    return Aside(line=line, column=None, value=ANY, says=says)


def _quotes() -> Iterator[Case]:
    bad = "C9,2026-01-05,abc,tea"
    for name, end in (("lf", "\n"), ("crlf", "\r\n")):
        content = lines(_HEADER, _good(1, f'"two{end}lines"'), bad, _good(2), end=end)
        outcome = quarantine(3, Aside(line=4, column="revenue", value="abc"))
        yield one_file(f"line-number-after-a-quoted-newline-{name}", content, outcome)
    content = lines(_HEADER, _good(1, '"two\nlines"'), bad).removesuffix(b"\n")
    outcome = quarantine(2, Aside(line=4, column="revenue", value="abc"))
    yield one_file("line-number-of-a-last-row-without-line-end", content, outcome)
    content = lines(_HEADER, _good(1, '"a\nb\n\n\nc"'), _good(2), '"C3\n",2026-01-05,1.00,tea', bad)
    aside = (Aside(line=8, column="customer", value="C3\n"), Aside(line=10, column="revenue", value="abc"))
    yield one_file("blank-lines-within-quotes-count-as-lines", content, quarantine(4, *aside))

    rows = [_good(n) for n in range(1, 21)]
    rows[6] = _good(7, '"never closed')
    outcome = reject("line 8", "quot")
    yield one_file("quote-never-closed", lines(_HEADER, *rows), outcome)
    rows[12] = _good(13, '"green tea"')
    yield one_file("quote-closed-by-another-rows-quote", lines(_HEADER, *rows), outcome)
    yield one_file(
        "quote-opened-in-the-last-line", lines(_HEADER, _good(1), _good(2, '"')), reject("line 3", "quot")
    )
    yield one_file(
        "quote-never-closed-in-the-header",
        lines('customer,date,"revenue', _good(1)),
        reject("line 1", "quot"),
    )

    content = lines(_HEADER, _good(1), _good(2, '"oops'), _good(3), 'C4,2026-01-05,4.00,ends"', _good(5), bad)
    outcome = quarantine(4, _whole(3, "quot"), Aside(line=7, column="revenue", value="abc"))
    yield one_file(
        "rows-swallowed-by-a-quote-that-closes", content, outcome, contents=_table(_cells(1), _cells(5))
    )
    content = lines(_HEADER, _good(1), _good(2, '"green" tea'), _good(3), bad)
    outcome = quarantine(4, _whole(3, "quot"), Aside(line=5, column="revenue", value="abc"))
    yield one_file("text-after-a-closing-quote", content, outcome, contents=_table(_cells(1), _cells(3)))
    content = lines(_HEADER, _good(1), '"C"2,2026-01-05,2.00,"tea"', _good(3))
    yield one_file("text-after-a-closing-quote-in-the-first-field", content, quarantine(3, _whole(3, "quot")))

    content = lines(
        _HEADER,
        _good(1, '5" pipe'),
        _good(2, 'a"b"c'),
        _good(3, '"he said ""hi"""'),
        _good(4, '""""'),
        _good(5, '""'),
    )
    table = _table(
        _cells(1, '5" pipe'), _cells(2, 'a"b"c'), _cells(3, 'he said "hi"'), _cells(4, '"'), _cells(5, None)
    )
    yield one_file("quotes-in-the-middle-and-doubled", content, accept(5), contents=table)
    content = lines(_HEADER, _good(1, ' "tea, green"'), _good(2))
    yield one_file("a-space-before-the-quote", content, quarantine(2, _whole(2, "field")))
    content = lines(_HEADER, _good(1, "'tea, green'"), _good(2))
    yield one_file("single-quotes-quote-nothing", content, quarantine(2, _whole(2, "field")))
    content = lines(_HEADER, _good(1, '"tea\\"'), _good(2, "a\\"))
    table = _table(_cells(1, "tea\\"), _cells(2, "a\\"))
    yield one_file("a-backslash-escapes-nothing", content, accept(2), contents=table)
    content = lines(_HEADER, _good(1, '"tea\\", green"'), _good(2))
    yield one_file("backslash-before-a-quote", content, quarantine(2, _whole(2)))


def _fields() -> Iterator[Case]:
    content = lines(_HEADER, _good(1), "C2,2026-01-05,2.00", _good(3))
    table = _table(_cells(1), _cells(3))
    yield one_file("one-ragged-row-too-short", content, quarantine(3, _whole(3, "field")), contents=table)
    content = lines(_HEADER, _good(1), _good(2) + ",more,and more", _good(3))
    yield one_file("one-ragged-row-too-long", content, quarantine(3, _whole(3, "field")), contents=table)
    content = lines(_HEADER, _good(1) + ",", _good(2) + ",")
    yield one_file(
        "delimiter-at-the-end-of-rows", content, quarantine(2, _whole(2, "field"), _whole(3, "field"))
    )
    content = lines(_HEADER + ",", _good(1) + ",")
    yield one_file(
        "delimiter-at-the-end-of-all-lines", content, reject("blank|without a name|no name|empty|missing")
    )
    content = lines(_HEADER, "", _good(1), "", "", "C2,2026-01-05,x,tea", _good(3), "", "")
    outcome = quarantine(3, Aside(line=6, column="revenue", value="x"), says=("blank",))
    yield one_file("blank-lines-between-rows", content, outcome, contents=_table(_cells(1), _cells(3)))
    content = lines(_HEADER, _good(1), ",,,", _good(3))
    yield one_file(
        "a-row-of-delimiters-alone", content, quarantine(3, Aside(line=3, column="customer", value=""))
    )
    content = lines(_HEADER, _good(1), _good(2), "Total,,3.00,")
    yield one_file("a-total-below-the-rows", content, quarantine(3, Aside(line=4, column="date", value="")))
    content = lines(_HEADER, _good(1), _good(2), "", "(2 rows)")
    yield one_file("a-count-below-the-rows", content, quarantine(3, _whole(5, "field")))
    content = lines("customer", "C1", "", "C2", "")
    outcome = quarantine(3, Aside(line=3, column="customer", value="", says="blank|missing"))
    yield one_file("a-blank-line-in-a-file-of-one-column", content, outcome, file="style_survey.csv")
    content = lines(_HEADER, _good(1)) + b"C2,2026-01-05,2.00,t"
    table = _table(_cells(1), _cells(2, "t"))
    yield one_file("no-line-end-after-the-last-row", content, accept(2), contents=table)
    content = lines(_HEADER, _good(1)) + b"C2,2026-01"
    yield one_file("cut-off-in-the-last-row", content, quarantine(2, _whole(3, "field")))
    content = lines(_HEADER, _good(1), "# a comment", _good(2))
    yield one_file("a-comment-line", content, quarantine(3, _whole(3, "field")))
    content = lines(
        _HEADER, *[_good(n) for n in range(3000)], "bad", *[_good(n) for n in range(3000)], "worse,"
    )
    outcome = quarantine(6002, _whole(3002, "field"), _whole(6003, "field"))
    yield one_file("ragged-rows-far-down", content, outcome)
    # a record longer than a reader's buffer between others, and a fault behind it
    content = lines(_HEADER, _good(1, "x" * 3_000_000), "C2,2026-13-01,2.00,tea", _good(3))
    outcome = quarantine(3, Aside(line=3, column="date", value="2026-13-01"))
    table = _table(_cells(1, "x" * 3_000_000), _cells(3))
    yield one_file("a-record-of-three-megabytes", content, outcome, contents=table)
    content = lines(_HEADER, _good(1, "x" * (17 << 20)), _good(2))
    yield one_file("a-record-of-17-mebibytes", later(lambda: content), reject("long|16", "line 2"))


def _line_ends() -> Iterator[Case]:
    bad = "C9,2026-01-05,abc,tea"
    aside = Aside(line=3, column="revenue", value="abc")
    table = _table(_cells(1), _cells(2))
    for name, end in (("crlf", "\r\n"), ("cr-only", "\r")):
        content = lines(_HEADER, _good(1), bad, _good(2), end=end)
        yield one_file(f"line-ends-{name}", content, quarantine(3, aside), contents=table)
    content = f"{_HEADER}\n{_good(1)}\r\n{bad}\n{_good(2)}\r\n".encode()
    yield one_file("line-ends-mixed", content, quarantine(3, aside), contents=table)
    content = f"{_HEADER}\r\n{_good(1)}\r\n{_good(7)}\r{_good(8)}\r\n{bad}\r\n{_good(2)}\r\n".encode()
    outcome = quarantine(4, _whole(3), Aside(line=4, column="revenue", value="abc"))
    yield one_file("a-lone-carriage-return", content, outcome, contents=table)
    content = f"{_HEADER}\r{_good(1, chr(34) + 'a' + chr(13) + 'b' + chr(34))}\r{bad}\r".encode()
    outcome = quarantine(2, Aside(line=4, column="revenue", value="abc"))
    yield one_file("line-number-after-a-quoted-newline-cr-only", content, outcome)
    # characters that str.splitlines() takes for line ends, and that are none
    text = "a\u2028b\u2029c"
    content = lines(_HEADER, _good(1, text), _good(2, f'"{text}"'), bad)
    outcome = quarantine(3, Aside(line=4, column="revenue", value="abc"))
    contents = _table(_cells(1, text), _cells(2, text))
    yield one_file("characters-that-only-look-like-line-ends", content, outcome, contents=contents)


def _header() -> Iterator[Case]:
    yield one_file("empty-file", b"", reject("empty|header"))
    yield one_file("only-a-byte-order-mark", b"\xef\xbb\xbf", reject("empty|header"))
    yield one_file("only-blank-lines", b"\n\n\n", reject("empty|header|blank"))
    yield one_file(
        "header-alone",
        lines(_HEADER),
        accept(0, "header|no rows|no record|0 record|empty"),
        contents=_table(),
    )
    yield one_file("header-alone-without-line-end", _HEADER.encode(), accept(0))
    yield one_file("no-header", lines(_good(1), _good(2)), reject("customer"))
    yield one_file(
        "header-in-capitals", lines("Customer,Date,Revenue", "C1,2026-01-05,1"), reject("customer")
    )
    yield one_file("header-with-spaces", lines("customer, date,revenue", "C1,2026-01-05,1"), reject("date"))
    yield one_file(
        "header-without-a-required-column", lines("customer,date", "C1,2026-01-05"), reject("revenue")
    )
    yield one_file(
        "header-twice-the-same",
        lines("customer,date,revenue,revenue", "C1,2026-01-05,1,2"),
        reject("twice|two|same|duplicate", "revenue"),
    )
    same = "twice|two|same|duplicate|differ"
    for name, twin in (("capitals", "Revenue"), ("spaces", "revenue ")):
        content = lines(f"customer,date,revenue,{twin}", "C1,2026-01-05,1,2")
        yield one_file(f"header-twice-but-for-{name}", content, reject(same))
    content = lines("customer,date,revenue,caf\u00e9,cafe\u0301", "C1,2026-01-05,1,a,b")
    yield one_file("header-twice-but-for-unicode-form", content, reject(same))
    yield one_file(
        "header-with-a-blank-name",
        lines("customer,,date,revenue", "C1,x,2026-01-05,1"),
        reject("blank|without a name|no name|empty|missing"),
    )
    yield one_file(
        "header-with-a-name-of-spaces",
        lines("customer,  ,date,revenue", "C1,x,2026-01-05,1"),
        reject("blank|without a name|no name|empty|space|missing"),
    )
    content = lines('customer,date,revenue,"two\nlines"', "C1,2026-01-05,1,x")
    yield one_file("header-with-a-newline-in-a-name", content, reject("control|line end|newline|line break"))
    content = lines("customer,date,revenue,a\x00b", "C1,2026-01-05,1,x")
    yield one_file("header-with-a-nul", content, reject("control|nul"))
    content = lines("customer,date,revenue,a\x1b[31mb", "C1,2026-01-05,1,x")
    yield one_file("header-with-an-escape-sequence", content, reject("control|escape|\\x1b"))
    names = ",".join(f"x{n}" for n in range(5000))
    content = lines(f"customer,date,revenue,{names}", "C1,2026-01-05,1" + "," * 5000)
    yield one_file("header-of-5003-columns", content, reject("4,096|4096|column"))
    content = lines("Kunde,Datum,Umsatz", _HEADER, _good(1))
    yield one_file("two-header-lines", content, reject("customer"))
    content = lines(_HEADER, "Kunde,Datum,Umsatz,Art", _good(1))
    yield one_file(
        "a-second-header-below", content, quarantine(2, Aside(line=2, column="date", value="Datum"))
    )
    content = lines(_HEADER, _good(1), _HEADER, _good(2))
    yield one_file(
        "the-header-again-in-the-middle", content, quarantine(3, Aside(line=3, column="date", value="date"))
    )
    yield one_file(
        "title-lines-above", lines("Umsatzbericht 2026", "", _HEADER, _good(1)), reject("customer")
    )
    yield one_file(
        "excel-says-sep", lines("sep=;", "customer;date;revenue", "C1;2026-01-05;1"), reject("customer")
    )
    yield one_file(
        "semicolons-undeclared", lines("customer;date;revenue", "C1;2026-01-05;1"), reject("delimiter|;")
    )
    yield one_file("tabs-in-a-csv", lines("customer\tdate\trevenue", "C1\t2026-01-05\t1"), reject("customer"))
    yield one_file("commas-in-a-tsv", lines(_HEADER, _good(1)), reject("customer"), file="transactions.tsv")
    yield one_file("pipes-undeclared", lines("customer|date|revenue", "C1|2026-01-05|1"), reject("customer"))
    content = lines("revenue,category,customer,date", "1.50,tea,C1,2026-01-05")
    table = Contents(columns=_COLUMNS, rows=(("C1", date(2026, 1, 5), Decimal("1.50"), "tea"),))
    yield one_file("columns-in-another-order", content, accept(1), contents=table)


def _encodings() -> Iterator[Case]:
    content = lines(_HEADER, _good(1), _good(2, "Gr\u00fcner Tee"), encoding="latin-1")
    yield one_file("latin-1-undeclared", content, reject("line 3", "utf-8|encoding", "fc"))
    content = lines(_HEADER, _good(1, "5 \u20ac"), encoding="cp1252")
    yield one_file("cp1252-undeclared", content, reject("line 2", "utf-8|encoding", "80"))
    content = lines(_HEADER, _good(1, "\u7dd1\u8336"), encoding="shift-jis")
    yield one_file("shift-jis-undeclared", content, reject("utf-8|encoding"))
    for encoding, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        content = mark + lines(_HEADER, _good(1), encoding=encoding)
        yield one_file(f"{encoding}-undeclared", content, reject("utf-16"))
    yield one_file("utf-16-without-a-mark", lines(_HEADER, _good(1), encoding="utf-16-le"), reject())
    yield one_file("utf-32", lines(_HEADER, _good(1), encoding="utf-32"), reject())
    content = lines(_HEADER, _good(1)) + b"C2,2026-01-05,1.00,\xc0\xafx\n"
    yield one_file("utf-8-overlong", content, reject("line 3", "utf-8|encoding"))
    content = lines(_HEADER, _good(1)) + b"C2,2026-01-05,1.00,\xed\xa0\x80\n"
    yield one_file("utf-8-surrogates", content, reject("line 3", "utf-8|encoding"))
    content = lines(_HEADER, _good(1)) + b"C2,2026-01-05,1.00,caf\xc3"
    yield one_file("utf-8-cut-off-within-a-letter", content, reject("line 3", "utf-8|encoding"))
    # bytes that are wrong far down, after quoted newlines
    content = lines(_HEADER, *[_good(n, '"a\nb"') for n in range(50_000)]) + b"C2,2026-01-05,1.00,\xff\n"
    yield one_file("wrong-bytes-in-line-100002", content, reject("line 100,002|line 100002", "ff"))
    content = b"\xef\xbb\xbf" + lines(_HEADER, _good(1), _good(2, "Gr\u00fcn"))
    table = _table(_cells(1), _cells(2, "Gr\u00fcn"))
    yield one_file("utf-8-with-a-byte-order-mark", content, accept(2), contents=table)
    content = b"\xef\xbb\xbf" + lines('"customer",date,revenue,category', _good(1))
    yield one_file("byte-order-mark-before-a-quote", content, accept(1), contents=_table(_cells(1)))
    # two files joined with cat: a mark in the middle
    content = lines(_HEADER, _good(1)) + b"\xef\xbb\xbf" + lines(_good(2), _good(3))
    outcome = quarantine(3, Aside(line=3, column="customer", value="\ufeffC2"))
    yield one_file("byte-order-mark-in-the-middle", content, outcome, contents=_table(_cells(1), _cells(3)))
    content = b"\xef\xbb\xbf\xef\xbb\xbf" + lines(_HEADER, _good(1))
    yield one_file("byte-order-mark-twice", content, reject("customer"))


def _controls() -> Iterator[Case]:
    for name, char in (
        ("nul", "\0"),
        ("escape", "\x1b[31m"),
        ("vertical-tab", "\v"),
        ("form-feed", "\f"),
        ("bell", "\a"),
        ("substitute", "\x1a"),
    ):
        content = lines(_HEADER, _good(1), _good(2, f"te{char}a"), _good(3))
        outcome = quarantine(3, Aside(line=3, says="control|nul|character"))
        yield one_file(f"control-character-{name}", content, outcome, contents=_table(_cells(1), _cells(3)))
    content = lines(_HEADER, _good(1), "C\x002,2026-01-05,2.00,tea", "C3,2026-01-05,3\x00.00,tea", _good(4))
    yield one_file("nul-in-an-identifier-and-a-number", content, quarantine(4, Aside(line=3), Aside(line=4)))
    content = lines(_HEADER, _good(1), _good(2, '"te\0\na"'), "C3,2026-01-05,x,tea", _good(4))
    yield one_file(
        "nul-within-quotes", content, quarantine(4, Aside(line=3), Aside(line=5, column="revenue", value="x"))
    )
    content = lines(_HEADER, _good(1)) + b"\0" * 512
    yield one_file("nuls-behind-the-last-line", content, quarantine(2, _whole(3)))
    content = lines(_HEADER, _good(1)) + b"\x1a"
    yield one_file("ctrl-z-at-the-end", content, quarantine(2, _whole(3)))
    content = lines(_HEADER, _good(1, "a\tb"), _good(2, '"a\tb"'))
    yield one_file(
        "tabs-within-text", content, accept(2), contents=_table(_cells(1, "a\tb"), _cells(2, "a\tb"))
    )


def _duplicates() -> Iterator[Case]:
    header = "customer,region"
    key: tuple[str | None, ...] = ("customer", None)
    table = Contents(columns=("customer", "region"), rows=(("C1", "north"), ("C2", "south")))
    content = lines(header, "C1,north", "C2,south", "C1,north")
    outcome = quarantine(3, Aside(line=4, column=key, says="line 2"))
    yield one_file("a-key-twice-the-same", content, outcome, file="customers.csv", contents=table)
    content = lines(header, "C1,north", "C2,south", "C1,west", "C3,east")
    outcome = quarantine(
        4, Aside(line=2, column=key, says="line 4"), Aside(line=4, column=key, says="line 2")
    )
    table = Contents(columns=("customer", "region"), rows=(("C2", "south"), ("C3", "east")))
    yield one_file("a-key-twice-contradicting", content, outcome, file="customers.csv", contents=table)
    content = lines(header, "C1,north", "C2,south", "C1,north", "C1,west", "C3,east")
    outcome = quarantine(5, *(Aside(line=n, column=key) for n in (2, 4, 5)))
    yield one_file(
        "a-key-thrice-partly-contradicting", content, outcome, file="customers.csv", contents=table
    )
    content = lines(header, "C1,", "C2,south", "C1,west", "C3,east")
    outcome = quarantine(4, Aside(line=2, column=key), Aside(line=4, column=key))
    yield one_file("a-key-twice-once-with-a-blank", content, outcome, file="customers.csv", contents=table)
    content = lines(
        "employee,month,score", "E1,2026-01-01,1", "E1,2026-02-01,1", "E2,2026-01-01,1", "E1,2026-02-01,2"
    )
    outcome = quarantine(4, Aside(line=3, says="line 5"), Aside(line=5, says="line 3"))
    yield one_file("a-person-month-twice", content, outcome, file="engagement.csv")
    content = lines(
        header, "C1,north", "c1,north", "C1x,north", "C01,north", "1,north", "01,north", "1.0,north"
    )
    yield one_file("keys-that-differ-a-little", content, accept(7), file="customers.csv")
    content = lines(header, '"C1",north', 'C2,"so\nuth"', "C1,north")
    outcome = quarantine(3, Aside(line=5, column=key, says="line 2"))
    yield one_file("a-key-twice-after-a-quoted-newline", content, outcome, file="customers.csv")
    content = content.removesuffix(b"\n")
    yield one_file("a-key-twice-in-a-last-row-without-line-end", content, outcome, file="customers.csv")


def cases() -> Iterator[Case]:
    """Yield the cases of text files."""
    for make in (_quotes, _fields, _line_ends, _header, _encodings, _controls, _duplicates):
        yield from make()
