"""What cemlab.toml declares: marks, formats, codes, filters, rules; and settings that are wrong."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from tests.intake_corpus.case import (
    Aside,
    Case,
    Contents,
    Outcome,
    accept,
    lines,
    one_file,
    quarantine,
    refused,
    reject,
)

_T = "[tables.transactions]\n"
_COLUMNS = ("customer", "date", "revenue")


def _rows(*rows: tuple[object, ...]) -> Contents:
    return Contents(columns=_COLUMNS, rows=rows)


def _dates(name: str, formats: str, *pairs: tuple[str, date | None]) -> Case:
    """Return a case of dates in declared formats; None marks those that must be set aside."""
    content = lines("customer,date,revenue", *(f"C{n},{text},1" for n, (text, _) in enumerate(pairs)))
    aside = (
        Aside(line=n, column="date", value=text)
        for n, (text, day) in enumerate(pairs, start=2)
        if day is None
    )
    bad = tuple(aside)
    outcome = quarantine(len(pairs), *bad) if bad else accept(len(pairs))
    rows = [(f"C{n}", day, Decimal(1)) for n, (_, day) in enumerate(pairs) if day is not None]
    toml = f"{_T}formats = [{formats}]\n"
    return one_file(name, content, outcome, toml=toml, contents=_rows(*rows))


def _formats() -> Iterator[Case]:
    yield _dates(
        "third-of-april-declared",
        '"%d/%m/%Y"',
        ("03/04/2026", date(2026, 4, 3)),
        ("13/04/2026", date(2026, 4, 13)),
    )
    yield _dates(
        "fourth-of-march-declared",
        '"%m/%d/%Y"',
        ("03/04/2026", date(2026, 3, 4)),
        ("04/13/2026", date(2026, 4, 13)),
    )
    yield _dates(
        "day-first-declared-and-broken",
        '"%d/%m/%Y"',
        ("03/04/2026", date(2026, 4, 3)),
        ("04/13/2026", None),
        ("3/4/2026", None),
        ("03/04/26", None),
        ("29/02/2025", None),
        ("29/02/2024", date(2024, 2, 29)),
        ("31/04/2026", None),
        ("2026-04-03", None),
        ("03.04.2026", None),
        ("03/04/2026 ", None),
        ("03/04/2026 00:00", None),
        ("\u0660\u0663/04/2026", None),
        ("00/04/2026", None),
        ("31/12/9999", None),
        ("31/12/1899", None),
    )
    yield _dates(
        "short-years-declared",
        '"%d-%m-%y"',
        ("31-01-26", date(2026, 1, 31)),
        ("01-01-68", date(2068, 1, 1)),
        ("01-01-69", date(1969, 1, 1)),
        ("31-01-2026", None),
        ("2026-01-31", None),
    )
    yield _dates(
        "short-years-first-declared",
        '"%y-%m-%d"',
        ("31-01-26", date(2031, 1, 26)),
        ("26-01-31", date(2026, 1, 31)),
    )
    yield _dates(
        "two-formats-declared",
        '"%d.%m.%Y", "%Y-%m-%d"',
        ("05.01.2026", date(2026, 1, 5)),
        ("2026-01-06", date(2026, 1, 6)),
    )
    yield _dates(
        "dates-without-marks-declared",
        '"%Y%m%d"',
        ("20260105", date(2026, 1, 5)),
        ("2026105", None),
        ("20260230", None),
    )
    yield _dates(
        "days-without-zeros-declared",
        '"%-d.%-m.%Y"',
        ("5.1.2026", date(2026, 1, 5)),
        ("15.11.2026", date(2026, 11, 15)),
        ("32.1.2026", None),
    )
    yield _dates(
        "a-time-of-day-dropped-because-declared",
        '"%Y-%m-%d %H:%M:%S"',
        ("2026-01-05 23:59:59", date(2026, 1, 5)),
        ("2026-01-05 24:00:00", None),
        ("2026-01-05", None),
    )
    header = "contact,customer,time"
    content = lines(
        header,
        "K1,C1,2026-01-05T10:00:00Z",
        "K2,C1,2026-07-01 10:00:00+00:00",
        "K3,C1,2026-01-05 10:00:00+01:00",
        "K4,C1,2026-01-05 10:00:00",
        "K5,C1,2026-01-05 23:30:00-05:00",
        "K6,C1,2026-01-05 10:00:00+25:00",
        "K7,C1,2026-01-05 10:00:00 CET",
    )
    times = (
        datetime(2026, 1, 5, 11),
        datetime(2026, 7, 1, 12),
        datetime(2026, 1, 5, 10),
        datetime(2026, 1, 5, 10),
        datetime(2026, 1, 6, 5, 30),
    )
    contents = Contents(
        columns=("contact", "customer", "time"),
        rows=tuple((f"K{n}", "C1", t) for n, t in enumerate(times, 1)),
    )
    toml = '[company]\ntime_zone = "Europe/Berlin"\n'
    outcome = quarantine(7, Aside(line=7, column="time"), Aside(line=8, column="time"))
    yield one_file(
        "offsets-with-a-zone-declared", content, outcome, file="contacts.csv", toml=toml, contents=contents
    )
    content = lines(header, "K1,C1,05.01.2026 13:45", "K2,C1,2026-01-05 13:45")
    toml = '[tables.contacts.columns]\ntime = { formats = ["%d.%m.%Y %H:%M"] }\n'
    contents = Contents(
        columns=("contact", "customer", "time"), rows=(("K1", "C1", datetime(2026, 1, 5, 13, 45)),)
    )
    outcome = quarantine(2, Aside(line=3, column="time", value="2026-01-05 13:45"))
    yield one_file(
        "times-in-a-declared-format", content, outcome, file="contacts.csv", toml=toml, contents=contents
    )


def _amounts(name: str, toml: str, *pairs: tuple[str, str | None]) -> Case:
    """Return a case of amounts with declared marks; None marks those that must be set aside."""
    content = lines(
        "customer;date;revenue", *(f"C{n};2026-01-05;{text}" for n, (text, _) in enumerate(pairs))
    )
    bad = tuple(
        Aside(line=n, column="revenue", value=t) for n, (t, v) in enumerate(pairs, start=2) if v is None
    )
    outcome = quarantine(len(pairs), *bad) if bad else accept(len(pairs))
    rows = [(f"C{n}", date(2026, 1, 5), Decimal(v)) for n, (_, v) in enumerate(pairs) if v is not None]
    return one_file(name, content, outcome, toml=f'{_T}delimiter = ";"\n{toml}', contents=_rows(*rows))


def _marks() -> Iterator[Case]:
    yield _amounts(
        "decimal-comma",
        'decimal = ","',
        ("1234,5", "1234.5"),
        ("-0,05", "-0.05"),
        ("7", "7"),
        ("1.5", None),
        ("1.234,5", None),
        ("1,23456", None),
        (",5", None),
        ("5,", None),
    )
    yield _amounts(
        "decimal-comma-and-thousands-point",
        'decimal = ","\nthousands = "."',
        ("1.234,50", "1234.50"),
        ("1234,5", "1234.5"),
        ("1.234", "1234"),
        ("-1.234.567,89", "-1234567.89"),
        ("12.345", "12345"),
        ("0,5", "0.5"),
        ("1.5", None),
        ("1,234.50", None),
        ("1.23,4", None),
        ("12.34,5", None),
        (".123,4", None),
        ("1234.567,8", None),
        ("1.234.56", None),
        ("1..234", None),
        ("1.234.", None),
        ("1,234.567", None),
        ("1.234,567.8", None),
        ("1,2,3", None),
        ("99.999.999.999.999,9999", "99999999999999.9999"),
        ("999.999.999.999.999,0", None),
    )
    yield _amounts(
        "thousands-comma",
        'thousands = ","',
        ("1,299.95", "1299.95"),
        ("12,99.95", None),
        ("1,2", None),
        ("1299.95", "1299.95"),
    )
    yield _amounts(
        "thousands-apostrophe", 'thousands = "\'"', ("1'299.95", "1299.95"), ("1\u2019299.95", None)
    )
    yield _amounts(
        "thousands-no-break-space",
        'decimal = ","\nthousands = "\u00a0"',
        ("1\u00a0299,95", "1299.95"),
        ("1 299,95", None),
        ("\u00a0299,95", None),
    )
    content = lines(
        "customer\tdate\trevenue\tunits",
        "C1\t2026-01-05\t1,5\t1.000",
        "C2\t2026-01-05\t2,5\t1000",
        "C3\t2026-01-05\t3.5\t1,0",
    )
    outcome = quarantine(3, Aside(line=4, column="revenue", value="3.5", says="units"))
    toml = f'{_T}decimal = ","\nthousands = "."\n'
    contents = Contents(
        columns=("customer", "date", "revenue", "units"),
        rows=(("C1", date(2026, 1, 5), Decimal("1.5"), 1000), ("C2", date(2026, 1, 5), Decimal("2.5"), 1000)),
    )
    yield one_file(
        "marks-of-a-tab-separated-file",
        content,
        outcome,
        file="transactions.tsv",
        toml=toml,
        contents=contents,
    )


def _mapped() -> Iterator[Case]:
    content = lines(
        "Kundennummer;Datum;Umsatz;Bem. 1",
        "00017;05.01.2026;1.234,50;gr\u00fcn",
        "NA;06.01.2026;-3;",
        "19;06.01.26;1;x",
        encoding="cp1252",
    )
    toml = (
        f'{_T}files = ["Umsatz 2026.csv"]\nencoding = "cp1252"\ndelimiter = ";"\n'
        'decimal = ","\nthousands = "."\n'
        '[tables.transactions.columns]\ncustomer = "Kundennummer"\n'
        'date = { from = "Datum", formats = ["%d.%m.%Y"] }\nrevenue = { from = "Umsatz" }\n'
    )
    outcome = quarantine(3, Aside(line=4, column="Datum", value="06.01.26"))
    contents = Contents(
        columns=("customer", "date", "revenue", "Bem. 1"),
        rows=(
            ("00017", date(2026, 1, 5), Decimal("1234.50"), "gr\u00fcn"),
            ("NA", date(2026, 1, 6), Decimal(-3), None),
        ),
    )
    case = one_file("a-german-extract", content, outcome, file="Umsatz 2026.csv", toml=toml)
    yield Case(name=case.name, files=case.files, outcomes=case.outcomes, tables={"transactions": contents})

    header = "RESPNUM,NETPRO,KNOWN"
    content = lines(
        header, "1,10,true", "2,11,true", "3,98,true", "4,0,false", "5,-1,true", "6,,true", "7,11.0,true"
    )
    toml = (
        '[tables.surveys.columns]\ncustomer = "RESPNUM"\nresponded = { constant = "true" }\n'
        'nps = { from = "NETPRO", missing = ["11"], minimum = 0, maximum = 10 }\n'
    )
    outcome = quarantine(
        7,
        Aside(line=4, column="NETPRO", value="98", says="10"),
        Aside(line=6, column="NETPRO", value="-1", says="0"),
        Aside(line=8, column="NETPRO", value="11.0"),
    )
    contents = Contents(
        columns=("customer", "responded", "nps", "KNOWN"),
        rows=(
            ("1", True, 10, "true"),
            ("2", True, None, "true"),
            ("4", True, 0, "false"),
            ("6", True, None, "true"),
        ),
    )
    yield one_file("codes-98-and-11", content, outcome, file="surveys.csv", toml=toml, contents=contents)

    content = lines(
        "customer,entry,Churn",
        "C1,2026-01-05,Yes",
        "C2,2026-01-05,No",
        "C3,2026-01-05,Maybe",
        "C4,2026-01-05,yes",
        "C5,2026-01-05,unknown",
    )
    toml = (
        "[tables.subscriptions.columns]\n"
        'cause = { from = "Churn", values = { Yes = "unknown", No = "none" } }\n'
    )
    outcome = quarantine(
        5, Aside(line=4, column="Churn", value="Maybe"), Aside(line=5, column="Churn", value="yes")
    )
    contents = Contents(
        columns=("customer", "entry", "cause"),
        rows=(
            ("C1", date(2026, 1, 5), "unknown"),
            ("C2", date(2026, 1, 5), "none"),
            ("C5", date(2026, 1, 5), "unknown"),
        ),
    )
    yield one_file("a-value-map", content, outcome, file="subscriptions.csv", toml=toml, contents=contents)

    content = lines(
        "customer,date,Quantity,UnitPrice",
        "C1,2026-01-05,6,2.55",
        "C2,2026-01-05,3,0.1",
        "C3,2026-01-05,-2,1.25",
        "C4,2026-01-05,1.005,1.005",
        "C5,2026-01-05,x,1",
        "C6,2026-01-05,1e3,1",
    )
    toml = '[tables.transactions.columns]\nrevenue = { multiply = ["Quantity", "UnitPrice"] }\n'
    outcome = quarantine(
        6,
        Aside(line=5),
        Aside(line=6, says="'x'"),
        Aside(line=7, says="'1e3'"),
    )
    contents = Contents(
        columns=_COLUMNS,
        rows=(
            ("C1", date(2026, 1, 5), Decimal("15.30")),
            ("C2", date(2026, 1, 5), Decimal("0.3")),
            ("C3", date(2026, 1, 5), Decimal("-2.5")),
        ),
        free=("Quantity", "UnitPrice"),
    )
    yield one_file("a-product-of-two-columns", content, outcome, toml=toml, contents=contents)

    content = lines(
        "CustomerID,date,revenue",
        "17850.0,2026-01-05,1",
        "17851,2026-01-05,2",
        ".0,2026-01-05,2",
        "1.00,2026-01-05,2",
    )
    toml = '[tables.transactions.columns]\ncustomer = { from = "CustomerID", remove_suffix = ".0" }\n'
    day = date(2026, 1, 5)
    # what is nothing but the suffix stays: taking it off would make a blank of it
    kept = [("17850", Decimal(1)), ("17851", Decimal(2)), (".0", Decimal(2)), ("1.00", Decimal(2))]
    contents = _rows(*((customer, day, revenue) for customer, revenue in kept))
    yield one_file("a-suffix-taken-off", content, accept(4), toml=toml, contents=contents)

    content = lines(
        "customer,date,revenue,units",
        " C1 ,2026-01-05 , 1.50,\u00a07",
        "  ,2026-01-05,1,1",
        "C3,2026-01-05,1 0,1",
    )
    toml = f"{_T}trim = true\n"
    outcome = quarantine(3, Aside(line=3, column="customer"), Aside(line=4, column="revenue", value="1 0"))
    contents = Contents(columns=(*_COLUMNS, "units"), rows=(("C1", day, Decimal("1.5"), 7),))
    yield one_file("spaces-taken-off-because-declared", content, outcome, toml=toml, contents=contents)

    content = lines(
        "customer,date,revenue,units",
        "C1,2026-01-05,1,NA",
        "NA,2026-01-05,1,1",
        "C3,2026-01-05,1,na",
        "C4,2026-01-05,1,-",
    )
    toml = f'{_T}missing = ["NA", "-"]\n'
    outcome = quarantine(
        4, Aside(line=3, column="customer", value="NA"), Aside(line=4, column="units", value="na")
    )
    contents = Contents(
        columns=(*_COLUMNS, "units"), rows=(("C1", day, Decimal(1), None), ("C4", day, Decimal(1), None))
    )
    yield one_file("missing-codes-of-a-table", content, outcome, toml=toml, contents=contents)

    content = lines("customer,p01,p02", "C1,1,5.5", "C2,3,", "C3,,1", "C4,2,abc")
    toml = (
        '[tables.surveys.columns]\np01 = { form = "integer", required = true, allowed = ["1", "2"] }\n'
        'p02 = { form = "number" }\nresponded = { constant = "true" }\n'
    )
    outcome = quarantine(
        4,
        Aside(line=3, column="p01", value="3"),
        Aside(line=4, column="p01", value=""),
        Aside(line=5, column="p02", value="abc"),
    )
    contents = Contents(columns=("customer", "p01", "p02", "responded"), rows=(("C1", 1, 5.5, True),))
    yield one_file(
        "further-columns-with-a-form", content, outcome, file="surveys.csv", toml=toml, contents=contents
    )

    content = lines(
        "customer,date,revenue",
        "C1,2026-01-05,10",
        "C2,2024-12-31,10",
        "C3,2025-01-01,-0.01",
        "C4,2025-01-01,100",
        "C5,2025-01-01,100.01",
    )
    toml = (
        '[tables.transactions.columns]\ndate = { minimum = "2025-01-01" }\n'
        "revenue = { minimum = 0, maximum = 100 }\n"
    )
    outcome = quarantine(
        5,
        Aside(line=3, column="date", value="2024-12-31"),
        Aside(line=4, column="revenue"),
        Aside(line=6, column="revenue"),
    )
    yield one_file("ranges-of-date-and-money", content, outcome, toml=toml)
    yield one_file(
        "names-given-because-there-is-no-header",
        lines("C1,2026-01-05,1.5", "C2,2026-01-06,x"),
        quarantine(2, Aside(line=2, column="revenue", value="x")),
        toml=f'{_T}names = ["customer", "date", "revenue"]\n',
        contents=_rows(("C1", day, Decimal("1.5"))),
    )
    yield one_file(
        "more-fields-than-names",
        lines("C1,2026-01-05,1.5,x", "C2,2026-01-06,x,y"),
        refused(),
        toml=f'{_T}names = ["customer", "date", "revenue"]\n',
    )
    toml = '[tables.transactions.columns]\ncustomer = "Kunde"\n'
    yield one_file(
        "a-declared-column-that-is-not-there",
        lines("customer,date,revenue", "C1,2026-01-05,1"),
        reject("Kunde"),
        toml=toml,
    )


def _lines_skipped() -> Iterator[Case]:
    day = date(2026, 1, 5)
    table = _rows(("C1", day, Decimal(1)))
    aside = Aside(line=6, column="revenue", value="x")
    content = lines(
        "Umsatz; Bericht", "", "customer,date,revenue", "C0,2026-01-05,", "C1,2026-01-05,1", "C2,2026-01-05,x"
    )
    outcome = quarantine(3, Aside(line=4, column="revenue", value=""), aside)
    yield one_file("title-lines-skipped", content, outcome, toml=f"{_T}skip_lines = 2\n", contents=table)
    content = lines(
        "Bericht",
        'ein " Zeichen',
        "customer,date,revenue",
        '"Kunde,\nNr.",Datum,Umsatz',
        "C2,2026-01-05,x",
        "C1,2026-01-05,1",
    )
    toml = f"{_T}skip_lines = 2\nskip_below_header = 1\n"
    yield one_file("explained-below-the-header", content, quarantine(2, aside), toml=toml, contents=table)
    content = lines("sep=;", "customer;date;revenue", "C1;2026-01-05;1")
    toml = f'{_T}skip_lines = 1\ndelimiter = ";"\n'
    yield one_file("excel-says-sep-and-so-do-we", content, accept(1), toml=toml, contents=table)
    yield one_file(
        "more-lines-skipped-than-there-are",
        content,
        reject("skip_lines|header|empty"),
        toml=f"{_T}skip_lines = 9\n",
    )
    for encoding in ("cp1252", "latin-1", "utf-16", "cp850", "shift_jis"):
        # letters of which some bytes look like commas, quotes, line ends and bars
        letter = {"shift_jis": "\u30dd\u8868", "utf-16": "\u010a\u2c22\u222c\u0d0a"}.get(encoding, "\u00fc")
        content = lines(
            "customer,date,revenue,category",
            f"C1,2026-01-05,1,{letter}",
            "C2,2026-01-05,x,y",
            encoding=encoding,
        )
        outcome = quarantine(2, Aside(line=3, column="revenue", value="x"))
        contents = Contents(columns=(*_COLUMNS, "category"), rows=(("C1", day, Decimal(1), letter),))
        yield one_file(
            f"{encoding}-declared", content, outcome, toml=f'{_T}encoding = "{encoding}"\n', contents=contents
        )
    content = lines(
        "customer|date|revenue", "\u30dd|2026-01-05|1", "\u30dd|2026-01-05|x", encoding="shift_jis"
    )
    outcome = quarantine(2, Aside(line=3, column="revenue", value="x"))
    toml = f'{_T}encoding = "shift_jis"\ndelimiter = "|"\n'
    contents = _rows(("\u30dd", day, Decimal(1)))
    yield one_file(
        "a-letter-whose-second-byte-is-the-delimiter", content, outcome, toml=toml, contents=contents
    )
    content = lines("customer,date,revenue", "C1,2026-01-05,1") + b"C\x81,2026-01-05,1\n"
    yield one_file(
        "cp1252-declared-but-broken", content, reject("line 3", "81"), toml=f'{_T}encoding = "cp1252"\n'
    )
    content = lines("customer,date,revenue,category", "C1,2026-01-05,1,\u00fc")
    yield one_file("ascii-declared-but-utf-8", content, reject("line 2"), toml=f'{_T}encoding = "ascii"\n')


def _filters() -> Iterator[Case]:
    header = "customer,date,revenue,invoice,quantity"
    rows = (
        "C1,2026-01-05,1,536365,6",
        "C2,2026-01-05,1,C536379,-1",
        "C3,2026-01-05,1,536366,0",
        ",2026-01-05,1,536367,1",
        "C5,2026-01-05,1,A536368,0.001",
    )
    table = "[[tables.transactions.leave_out]]\n"
    toml = (
        f'{table}column = "invoice"\nstarts_with = "C"\nreason = "cancelled order"\n'
        f'{table}column = "quantity"\nat_most = 0\nreason = "nothing sold"\n'
        f'{table}column = "customer"\nblank = true\nreason = "no customer named"\n'
    )
    outcome = quarantine(
        5,
        Aside(line=3, value="C536379", column="invoice", says="cancelled order"),
        Aside(line=4, value="0", column="quantity", says="nothing sold"),
        Aside(line=5, value="", column="customer", says="no customer named"),
    )
    yield one_file("rows-left-out", lines(header, *rows), outcome, toml=toml)
    for comparison, value, left in (
        ("equals", '"536365"', (2,)),
        ("one_of", '["536365", "536367"]', (2, 4)),
        ("starts_with", '"5363"', (2, 4)),
        ("ends_with", '"79"', (3,)),
    ):
        toml = f'{table}column = "invoice"\n{comparison} = {value}\nreason = "not ours"\n'
        content = lines(
            "customer,date,revenue,invoice",
            "C1,2026-01-05,1,536365",
            "C2,2026-01-05,1,C536379",
            "C4,2026-01-05,1,536367",
        )
        outcome = quarantine(3, *(Aside(line=n, column="invoice", says="not ours") for n in left))
        yield one_file(f"left-out-where-{comparison}", content, outcome, toml=toml)
    for comparison, left in (
        ("below", (2,)),
        ("at_most", (2, 3)),
        ("above", (4, 5)),
        ("at_least", (3, 4, 5)),
    ):
        toml = f'{table}column = "quantity"\n{comparison} = 9\nreason = "size"\n'
        content = lines(
            "customer,date,revenue,quantity", *(f"C1,2026-01-05,1,{q}" for q in ("-10", "9.0", "10", "9.5"))
        )
        outcome = quarantine(4, *(Aside(line=n, column="quantity", says="size") for n in left))
        yield one_file(f"left-out-where-{comparison}", content, outcome, toml=toml)
    content = lines(
        "customer,date,revenue,term", "C1,2026-01-05,1,", "C2,2026-01-05,1,stopped", "C3,2026-01-05,1,"
    )
    toml = '[[tables.transactions.keep_only]]\ncolumn = "term"\nblank = true\nreason = "term was not blank"\n'
    outcome = quarantine(3, Aside(line=3, column="term", value="stopped", says="term was not blank"))
    yield one_file("kept-only-where-blank", content, outcome, toml=toml)
    toml = f'{table}column = "nowhere"\nblank = true\nreason = "x"\n'
    yield one_file("a-filter-on-a-column-that-is-not-there", content, reject("nowhere"), toml=toml)


def _rule(table: str, rule: str, columns: str, more: str = "") -> str:
    return f'[[tables.{table}.rules]]\nrule = "{rule}"\ncolumns = {columns}\n{more}'


def _some(records: int, *lines_: int) -> Outcome:
    """Return the outcome where rows contradict each other, of which some or all must go."""
    return Outcome(verdict="quarantine", records=records, some_of=lines_)


def _rules() -> Iterator[Case]:
    spells = "customer,entry,exit,cause"
    by = 'by = "customer"\n'
    file = "subscriptions.csv"
    content = lines(
        spells,
        "C1,2025-01-01,2025-06-30,price",
        "C1,2025-06-01,,none",
        "C2,2025-01-01,2025-06-30,price",
        "C2,2025-06-30,,none",
        "C3,2025-06-01,,none",
    )
    toml = _rule("subscriptions", "no-overlap", '["entry", "exit"]', by)
    yield one_file("spells-that-overlap", content, _some(5, 2, 3), file=file, toml=toml)
    content = lines(
        spells, "C1,2025-01-01,,none", "C2,2025-01-01,2025-06-30,price", "C1,2025-06-01,2025-07-01,price"
    )
    yield one_file("a-spell-that-goes-on-under-another", content, _some(3, 2, 4), file=file, toml=toml)
    content = lines(
        spells,
        "C1,2025-01-01,2025-12-31,price",
        "C1,2025-03-01,2025-04-01,price",
        "C1,2025-06-01,2025-07-01,none",
        "C2,2025-01-01,,none",
    )
    yield one_file("a-long-spell-over-two-short-ones", content, _some(4, 2, 3, 4), file=file, toml=toml)
    content = lines(
        spells,
        "C1,2025-01-01,2025-01-01,none",
        "C2,2025-06-30,2025-01-01,price",
        "C3,2025-01-01,,none",
        "C4,2025-01-01,2025-02-01,none",
    )
    toml = _rule("subscriptions", "ordered", '["entry", "exit"]')
    aside = Aside(line=3, column=("entry", "exit", None), says="entry")
    yield one_file("an-exit-before-the-entry", content, quarantine(4, aside), file=file, toml=toml)
    toml = _rule("subscriptions", "ordered", '["entry", "exit"]', "strict = true\n")
    aside_2 = Aside(line=2, column=("entry", "exit", None))
    yield one_file(
        "an-exit-on-the-day-of-entry", content, quarantine(4, aside_2, aside), file=file, toml=toml
    )
    content = lines(
        spells,
        "C1,2025-01-01,2025-02-01,competitor",
        "C1,2025-03-01,,none",
        "C2,2025-01-01,2025-02-01,none",
        "C2,2025-03-01,2025-05-01,price",
    )
    toml = _rule("subscriptions", "one-event", '["entry", "cause"]', by)
    yield one_file("an-event-before-the-last-spell", content, _some(4, 2, 3), file=file, toml=toml)
    content = lines(
        spells, "C1,2025-03-01,2025-04-01,price", "C1,2025-01-01,2025-02-01,competitor", "C2,2025-01-01,,none"
    )
    yield one_file("two-events-of-one-customer", content, _some(3, 2, 3), file=file, toml=toml)
    content = lines(
        "customer,date,treated",
        "C1,2025-03-01,0",
        "C1,2025-02-01,1",
        "C2,2025-01-01,false",
        "C2,2025-02-01,true",
        "C1,2025-01-01,0",
    )
    toml = _rule("campaigns", "stays-on", '["date", "treated"]', by)
    yield one_file(
        "a-treatment-that-switches-off", content, _some(5, 2, 3, 6), file="campaigns.csv", toml=toml
    )
    content = lines(
        "customer,date,treated", "C1,2025-03-01,0", "C1,2025-03-01,1", "C2,2025-03-01,0", "C1,2025-04-01,0"
    )
    toml = _rule("campaigns", "unique", '["customer", "date"]')
    yield one_file("unit-and-period-twice", content, _some(4, 2, 3), file="campaigns.csv", toml=toml)


_WRONG: tuple[tuple[str, str, str], ...] = (
    ("unknown-key", f"{_T}delimeter = ';'\n", "delimeter"),
    ("unknown-section", "[table.transactions]\n", "table"),
    ("unknown-table", "[tables.sales]\n", "sales"),
    ("unknown-key-of-a-column", '[tables.transactions.columns]\ndate = { form_at = "%d" }\n', "form_at"),
    ("bad-type", f'{_T}skip_lines = "two"\n', "skip_lines"),
    ("negative-number", f"{_T}skip_lines = -1\n", "skip_lines"),
    ("flag-for-a-number", f"{_T}skip_lines = true\n", "skip_lines"),
    ("list-for-a-text", f'{_T}encoding = ["utf-8"]\n', "encoding"),
    ("syntax-error", "[tables.transactions\ndelimiter = ;\n", "line 1|toml"),
    ("key-twice", f"{_T}decimal = ','\ndecimal = '.'\n", "decimal|toml|twice|overwrite"),
    ("unknown-encoding", f'{_T}encoding = "klingon"\n', "klingon"),
    ("encoding-that-is-no-text", f'{_T}encoding = "base64"\n', "base64"),
    ("encoding-rot13", f'{_T}encoding = "rot13"\n', "rot13"),
    ("encoding-undefined", f'{_T}encoding = "undefined"\n', "undefined"),
    ("long-delimiter", f'{_T}delimiter = "||"\n', "delimiter"),
    ("quote-as-delimiter", f"{_T}delimiter = '\"'\n", "delimiter"),
    ("newline-as-delimiter", f'{_T}delimiter = "\\n"\n', "delimiter"),
    ("empty-delimiter", f'{_T}delimiter = ""\n', "delimiter"),
    ("marks-the-same", f'{_T}decimal = ","\nthousands = ","\n', "decimal|thousands|marks"),
    ("digit-as-decimal-mark", f'{_T}decimal = "5"\n', "decimal"),
    ("format-without-a-year", f'{_T}formats = ["%d.%m."]\n', "%d.%m.|year|format"),
    ("format-with-unknown-sign", f'{_T}formats = ["%Q-%Y-%m-%d"]\n', "%Q"),
    ("unknown-form", '[tables.transactions.columns]\np01 = { form = "regex" }\n', "regex"),
    ("unknown-rule", _rule("transactions", "sometimes", '["date"]'), "sometimes"),
    (
        "two-comparisons",
        '[[tables.transactions.leave_out]]\ncolumn = "date"\nequals = "a"\nblank = true\nreason = "x"\n',
        "equals|blank|one",
    ),
    (
        "no-comparison",
        '[[tables.transactions.leave_out]]\ncolumn = "date"\nreason = "x"\n',
        "equals|one of|comparison",
    ),
    (
        "product-of-three",
        '[tables.transactions.columns]\nrevenue = { multiply = ["a", "b", "c"] }\n',
        "multiply",
    ),
    (
        "from-and-constant",
        '[tables.transactions.columns]\nrevenue = { from = "revenue", constant = "1" }\n',
        "constant|from",
    ),
    ("unknown-time-zone", '[company]\ntime_zone = "Mars/Olympus"\n', "Mars/Olympus"),
    ("time-zone-as-a-path", '[company]\ntime_zone = "../../../etc/passwd"\n', "time_zone|zone"),
    ("as-of-as-text", '[company]\nas_of = "soon"\n', "as_of"),
    ("file-out-of-the-folder", f'{_T}files = ["../outside.csv"]\n', "outside.csv"),
    ("file-by-its-absolute-path", f'{_T}files = ["/etc/passwd"]\n', "passwd"),
    ("file-that-is-not-there", f'{_T}files = ["gone.csv"]\n', "gone.csv"),
    ("yaml-trick", "!!python/object/apply:os.system ['touch owned']\n", "toml|cemlab.toml"),
    ("html-in-a-key", '"<script>alert(1)</script>" = 1\n', "script"),
    ("nul-in-the-settings", '[company]\nname = "a\0b"\n', "toml|cemlab.toml"),
)


def _wrong() -> Iterator[Case]:
    good = lines("customer,date,revenue", "C1,2026-01-05,1")
    for name, toml, says in _WRONG:
        yield Case(
            name=f"settings-{name}",
            files={"transactions.csv": good, "cemlab.toml": toml.encode()},
            fails=says,
        )
    for name, content in (
        ("pickled", pickle.dumps({"tables": 1})),
        ("in-utf-16", "[company]\nname = 'x'\n".encode("utf-16")),
        ("in-latin-1", "[company]\nname = 'M\u00fcller'\n".encode("latin-1")),
    ):
        yield Case(
            name=f"settings-{name}",
            files={"transactions.csv": good, "cemlab.toml": content},
            fails="cemlab.toml",
        )
    value = "__import__('os').system('touch owned')"
    toml = f'[tables.transactions.columns]\nnote = {{ form = "text", constant = "{value}" }}\n'
    contents = Contents(columns=(*_COLUMNS, "note"), rows=(("C1", date(2026, 1, 5), Decimal(1), value),))
    yield one_file("settings-with-code-as-a-constant", good, accept(1), toml=toml, contents=contents)


def cases() -> Iterator[Case]:
    """Yield the cases of settings."""
    for make in (_formats, _marks, _mapped, _lines_skipped, _filters, _rules, _wrong):
        yield from make()
