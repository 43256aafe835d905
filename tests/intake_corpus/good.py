"""Clean extracts that a careless reader spoils: each must come out exactly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from tests.intake_corpus.case import Case, Contents, accept, lines, one_file

_DAY = date(2026, 1, 5)
_TRANSACTIONS = ("customer", "date", "revenue")


def _customers(name: str, header: str, *rows: tuple[object, ...], text: tuple[str, ...]) -> Case:
    contents = Contents(columns=tuple(header.split(",")), rows=rows)
    return one_file(name, lines(header, *text), accept(len(text)), file="customers.csv", contents=contents)


def _identifiers() -> Iterator[Case]:
    ids = (
        "NA",
        "null",
        "None",
        "nan",
        "NaN",
        "N/A",
        "true",
        "1e5",
        "0x1F",
        "1.0",
        "00123",
        "-",
        "+1",
        "inf",
        "2026-01-05",
        "1_000",
        "NULL",
        "\\N",
        "#N/A",
    )
    yield _customers("identifiers-that-look-like-something-else", "customer", *((i,) for i in ids), text=ids)
    branches = ("12345678901234567", None, "12345678901234568", "90071992547409931", "00000000000000001")
    rows = tuple((f"C{n}", branch) for n, branch in enumerate(branches))
    text = tuple(f"{customer},{branch or ''}" for customer, branch in rows)
    yield _customers("identifiers-of-17-digits-beside-blanks", "customer,branch", *rows, text=text)
    yield _customers(
        "identifiers-of-400-digits",
        "customer",
        ("9" * 400,),
        ("9" * 399 + "8",),
        text=("9" * 400, "9" * 399 + "8"),
    )
    rows = (("caf\u00e9",), ("cafe\u0301",), ("CAF\u00c9",), ("\uff21",), ("A",), ("\u0410",))
    yield _customers("identifiers-that-look-alike", "customer", *rows, text=tuple(r[0] for r in rows))
    rows = (("a b", "x  y"), ("O'Brien, Ltd", 'say "x"'))
    yield _customers(
        "identifiers-with-spaces-within",
        "customer,region",
        *rows,
        text=("a b,x  y", '"O\'Brien, Ltd","say ""x"""'),
    )
    rows = (
        ("C1", True),
        ("C2", False),
        ("C3", None),
        ("C4", True),
        ("C5", False),
        ("C6", True),
        ("C7", False),
    )
    text = ("C1,true", "C2,false", "C3,", "C4,TRUE", "C5,False", "C6,1", "C7,0")
    yield _customers("flags-in-all-their-forms", "customer,consent", *rows, text=text)


def _amounts() -> Iterator[Case]:
    header = "customer,date,revenue,margin,units"
    text = (
        "C1,2026-01-05,0.1,0.2,1",
        "C2,2026-01-05,99999999999999.9999,-99999999999999.9999,999999999999999999",
        "C3,2026-01-05,0,-0,-999999999999999999",
        "C4,2026-01-05,1.5,,007",
        "C5,2026-01-05,-0.0001,1.10,0",
    )
    rows = (
        ("C1", _DAY, Decimal("0.1"), Decimal("0.2"), 1),
        ("C2", _DAY, Decimal("99999999999999.9999"), Decimal("-99999999999999.9999"), 999999999999999999),
        ("C3", _DAY, Decimal(0), Decimal(0), -999999999999999999),
        ("C4", _DAY, Decimal("1.5"), None, 7),
        ("C5", _DAY, Decimal("-0.0001"), Decimal("1.1"), 0),
    )
    contents = Contents(columns=tuple(header.split(",")), rows=rows)
    yield one_file("money-to-the-last-digit", lines(header, *text), accept(5), contents=contents)
    header = "customer,touchpoint,experienced,expected"
    text = (
        "C1,bill,0.1,3",
        "C2,bill,123456789012345.123456789,-0.5",
        "C3,shop,1.7976931348623157,0.30000000000000004",
        "C4,shop,5,",
    )
    rows_2 = (
        ("C1", "bill", 0.1, 3.0),
        ("C2", "bill", 123456789012345.123456789, -0.5),
        ("C3", "shop", 1.7976931348623157, 0.30000000000000004),
        ("C4", "shop", 5.0, None),
    )
    contents = Contents(columns=tuple(header.split(",")), rows=rows_2)
    yield one_file(
        "numbers-to-the-last-bit",
        lines(header, *text),
        accept(4),
        file="touchpoint_ratings.csv",
        contents=contents,
    )
    contents = Contents(
        columns=("branch", "conformance"),
        rows=(("B1", 0.0), ("B2", 1.0), ("B3", 0.5), ("B4", 1.0), ("B5", None)),
    )
    content = lines("branch,conformance", "B1,0", "B2,1", "B3,0.5", "B4,1.000", "B5,")
    yield one_file("shares-at-their-ends", content, accept(5), file="branches.csv", contents=contents)


def _times() -> Iterator[Case]:
    days = (
        "1900-01-01",
        "2100-12-31",
        "2024-02-29",
        "2000-02-29",
        "1999-12-31",
        "2026-12-31",
        "1969-12-31",
        "2038-01-20",
    )
    contents = Contents(
        columns=_TRANSACTIONS, rows=tuple(("C1", date.fromisoformat(d), Decimal(1)) for d in days)
    )
    yield one_file(
        "days-at-the-edges",
        lines(",".join(_TRANSACTIONS), *(f"C1,{d},1" for d in days)),
        accept(len(days)),
        contents=contents,
    )
    times = {
        "2026-01-05 00:00": datetime(2026, 1, 5),
        "2026-01-05T23:59": datetime(2026, 1, 5, 23, 59),
        "2026-01-05 10:11:12": datetime(2026, 1, 5, 10, 11, 12),
        "2026-03-29 02:30:00": datetime(2026, 3, 29, 2, 30),  # an hour that Berlin does not have
        "2026-10-25 02:30:00": datetime(2026, 10, 25, 2, 30),  # and one that it has twice
        "2026-01-05 10:11:12.345678": datetime(2026, 1, 5, 10, 11, 12, 345678),
        "1969-12-31 23:59:59.999999": datetime(1969, 12, 31, 23, 59, 59, 999999),
    }
    header = ("contact", "customer", "time")
    text = [f"K{n},C1,{t}" for n, t in enumerate(times)]
    contents = Contents(columns=header, rows=tuple((f"K{n}", "C1", t) for n, t in enumerate(times.values())))
    yield one_file(
        "times-to-the-last-digit",
        lines(",".join(header), *text),
        accept(len(times)),
        file="contacts.csv",
        contents=contents,
    )
    header = ("customer", "entry", "exit", "cause")
    content = lines(
        ",".join(header), "C1,2025-01-01,2025-06-30,price", "C1,2025-07-01,,none", "C2,2025-01-01,,none"
    )
    rows = (
        ("C1", date(2025, 1, 1), date(2025, 6, 30), "price"),
        ("C1", date(2025, 7, 1), None, "none"),
        ("C2", date(2025, 1, 1), None, "none"),
    )
    contents = Contents(columns=header, rows=rows)
    yield one_file("spells-that-go-on", content, accept(3), file="subscriptions.csv", contents=contents)
    rules = (
        '[[tables.subscriptions.rules]]\nrule = "no-overlap"\nby = "customer"\ncolumns = ["entry", "exit"]\n'
        '[[tables.subscriptions.rules]]\nrule = "one-event"\nby = "customer"\ncolumns = ["entry", "cause"]\n'
        '[[tables.subscriptions.rules]]\nrule = "ordered"\ncolumns = ["entry", "exit"]\n'
    )
    content = lines(
        ",".join(header),
        "C1,2025-01-01,2025-06-30,none",
        "C1,2025-06-30,2025-09-01,price",
        "C2,2025-01-01,,none",
    )
    rows = (
        ("C1", date(2025, 1, 1), date(2025, 6, 30), "none"),
        ("C1", date(2025, 6, 30), date(2025, 9, 1), "price"),
        ("C2", date(2025, 1, 1), None, "none"),
    )
    contents = Contents(columns=header, rows=rows)
    yield one_file(
        "spells-that-keep-all-rules",
        content,
        accept(3),
        file="subscriptions.csv",
        toml=rules,
        contents=contents,
    )
    stays = '[[tables.campaigns.rules]]\nrule = "stays-on"\nby = "customer"\ncolumns = ["date", "treated"]\n'
    header = ("customer", "date", "treated")
    content = lines(
        ",".join(header), "C1,2025-03-01,1", "C1,2025-01-01,0", "C1,2025-02-01,1", "C2,2025-01-01,0"
    )
    rows_2 = tuple(("C1", date(2025, m, 1), m > 1) for m in (1, 2, 3))
    contents = Contents(columns=header, rows=(*rows_2, ("C2", date(2025, 1, 1), False)))
    yield one_file(
        "a-treatment-that-stays-on", content, accept(4), file="campaigns.csv", toml=stays, contents=contents
    )


def _shapes() -> Iterator[Case]:
    header = ",".join(_TRANSACTIONS)
    many = 20_000
    content = lines(header, *(f"C{n},2026-01-05,{n}.25" for n in range(many)))
    contents = Contents(
        columns=_TRANSACTIONS, rows=tuple((f"C{n}", _DAY, Decimal(n) + Decimal("0.25")) for n in range(many))
    )
    yield one_file("twenty-thousand-rows", content, accept(many), contents=contents)
    content = lines(
        "customer\tdate\trevenue\tcategory", "C1\t2026-01-05\t1\ta, b", '"C\t2"\t2026-01-05\t2\t"x"'
    )
    contents = Contents(
        columns=(*_TRANSACTIONS, "category"),
        rows=(("C1", _DAY, Decimal(1), "a, b"), ("C\t2", _DAY, Decimal(2), "x")),
    )
    yield one_file(
        "tsv-with-commas-and-a-quoted-tab", content, accept(2), file="transactions.tsv", contents=contents
    )
    content = lines('"customer","date","revenue"', '"C1","2026-01-05","1.5"', end="\r\n")
    contents = Contents(columns=_TRANSACTIONS, rows=(("C1", _DAY, Decimal("1.5")),))
    yield one_file("everything-quoted", content, accept(1), contents=contents)
    content = lines(header, "C1,2026-01-05,1", "C1,2026-01-05,1", "C1,2026-01-05,1")
    contents = Contents(columns=_TRANSACTIONS, rows=(("C1", _DAY, Decimal(1)),) * 3)
    yield one_file("the-same-purchase-thrice-is-three-purchases", content, accept(3), contents=contents)
    columns = tuple(f"x{n}" for n in range(300))
    content = lines(f"{header},{','.join(columns)}", "C1,2026-01-05,1," + ",".join(map(str, range(300))))
    contents = Contents(
        columns=(*_TRANSACTIONS, *columns), rows=(("C1", _DAY, Decimal(1), *map(str, range(300))),)
    )
    yield one_file("three-hundred-further-columns", content, accept(1), contents=contents)
    content = lines("customer", "C1", "C2", '"C\u00a03"', "")
    contents = Contents(columns=("customer",), rows=(("C1",), ("C2",), ("C\u00a03",)))
    yield one_file("one-column", content, accept(3), file="style_survey.csv", contents=contents)
    content = lines("customer,date,revenue,note", 'C1,2026-01-05,1,"first\n\nthird, with a comma\n"')
    contents = Contents(
        columns=(*_TRANSACTIONS, "note"), rows=(("C1", _DAY, Decimal(1), "first\n\nthird, with a comma\n"),)
    )
    yield one_file("a-letter-of-four-lines", content, accept(1), contents=contents)
    content = lines("customer,employee,contact,time,2024 score,note", "C1,E1,K1,2026-01-05 10:00,1.50,NA")
    contents = Contents(
        columns=("customer", "employee", "contact", "time", "2024 score", "note"),
        rows=(("C1", "E1", "K1", datetime(2026, 1, 5, 10), "1.50", "NA"),),
    )
    yield one_file("further-columns-stay-text", content, accept(1), file="contacts.csv", contents=contents)


def cases() -> Iterator[Case]:
    """Yield the clean cases."""
    for make in (_identifiers, _amounts, _times, _shapes):
        yield from make()
