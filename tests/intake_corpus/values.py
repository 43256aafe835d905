"""Values of every form that a lenient reader takes for something else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from tests.intake_corpus.case import Aside, Case, Contents, accept, lines, one_file, quarantine

# One table for each form: its header, a good row with {value} in the place of the column, the column.
_FORMS = {
    "units": ("transactions", "customer,date,revenue,units", "C{n},2026-01-05,10.00,{value}"),
    "wait_seconds": ("contacts", "contact,customer,time,wait_seconds", "K{n},C1,2026-01-05 10:00,{value}"),
    "revenue": ("transactions", "customer,date,units,revenue", "C{n},2026-01-05,1,{value}"),
    "conformance": ("branches", "branch,region,conformance", "B{n},north,{value}"),
    "date": ("transactions", "customer,revenue,date", "C{n},10.00,{value}"),
    "time": ("contacts", "contact,customer,time", "K{n},C1,{value}"),
    "resolved": ("contacts", "contact,customer,time,resolved", "K{n},C1,2026-01-05 10:00,{value}"),
    "customer": ("transactions", "date,revenue,customer", "2026-01-05,10.00,{value}"),
    "cause": ("subscriptions", "customer,entry,cause", "C{n},2026-01-05,{value}"),
}
_PLAIN = {
    "units": "3",
    "wait_seconds": "3.5",
    "revenue": "10.00",
    "conformance": "0.5",
    "date": "2026-01-05",
    "time": "2026-01-05 10:00:00",
    "resolved": "true",
    "customer": "C1",
    "cause": "none",
}

_SPACES = (" {}", "{} ", "{}\u00a0", "\u2003{}", "{}\t")
_INVISIBLE = ("\u200b{}", "{}\u200b", "\ufeff{}", "\u200e{}", "{}\u00ad", "\u2060{}")

# What must be set aside, form by form; the reason must hold the word.
_BAD: dict[str, tuple[str, tuple[str, ...]]] = {
    "units": (
        "digits|whole|integer",
        (
            "1.5",
            "1_975",
            "0x1F",
            "0b11",
            "0o17",
            "1e3",
            "+5",
            "--5",
            "5-",
            "(5)",
            "-",
            "1,000",
            "1 000",
            "1\u00a0000",
            "1'000",
            "1.0",
            "5.",
            "NaN",
            "inf",
            "NA",
            "N/A",
            "null",
            "NULL",
            "None",
            "#N/A",
            "true",
            "five",
            "5 pcs",
            "=5",
            "'5",
            "\u0661\u0662",  # Arabic-Indic digits
            "\uff11\uff12",  # full-width digits
            "\u0967",  # Devanagari
            "\u00b2",  # superscript two
            "\u22125",  # minus sign
            "\u20135",  # en dash
            "1000000000000000000",
            "9" * 400,
            "\\N",
        ),
    ),
    "wait_seconds": (
        "number|digits|decimal",
        (
            "inf",
            "-inf",
            "Infinity",
            "NaN",
            "nan",
            "1e5",
            "1E5",
            "1.5e-3",
            ".5",
            "5.",
            "1,5",
            "1.2.3",
            "0x1p3",
            "1_000.5",
            "1d",
            "1.5f",
            "50%",
            "\u00a35",
            "1 1/2",
            "\u00bd",
            "5-",
            "(5)",
            "+5",
            "1" * 400,
            "1e400",
            "\u0663.\u0665",
            "3\u066b5",
            "NA",
            "#DIV/0!",
        ),
    ),
    "revenue": (
        "decimal|digits|money|amount|blank|missing",
        (
            "1.23456",
            "1.00000",
            "$5.00",
            "5.00 EUR",
            "\u20ac5",
            "EUR 5",
            "(5.00)",
            "5.00-",
            "5.00CR",
            "1,299.95",
            "1.299,95",
            "12,50",
            "1E+2",
            "NaN",
            "inf",
            "abc",
            "5.",
            ".50",
            "5.00%",
            "=1+1",
            "9" * 400,
            "0." + "0" * 400 + "1",
            "999999999999999.00",
            "5 00",
            "1_000.00",
            "NULL",
            "",
        ),
    ),
    "conformance": (
        "0 to 1|between|from 0|share|digits",
        ("1.01", "-0.1", "50%", "95", "inf", "NaN", ".5", "1,0", "1e-1", "1.0000000001", "2", "-1"),
    ),
    "date": (
        "date|day|form|blank|missing|1900|2100",
        (
            "31-01-26",
            "26-01-31",
            "03/04/2026",
            "2026/01/05",
            "05.01.2026",
            "20260105",
            "2026-1-5",
            "2026-02-29",
            "2025-02-29",
            "1900-02-29",
            "2026-02-30",
            "2026-04-31",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "2026-01-32",
            "0000-00-00",
            "0000-01-01",
            "0001-01-01",
            "9999-12-31",
            "1899-12-31",
            "2101-01-01",
            "12026-01-05",
            "-2026-01-05",
            "2026-01-05 (BC)",
            "2026-01-05 00:00:00",
            "2026-01-05 13:45:00",
            "2026-01-05T10:00",
            "2026-01-05Z",
            "2026-01-05+01:00",
            "5 Jan 2026",
            "January 2026",
            "2026-01",
            "2026-W02-1",
            "2026-005",
            "45000",
            "1767571200",
            "infinity",
            "-infinity",
            "epoch",
            "today",
            "now",
            "NaT",
            "None",
            "2026\u201001\u201005",
            "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0665",
            "\uff12\uff10\uff12\uff16-01-05",
            "",
        ),
    ),
    "time": (
        "time|hour|day|form|zone|offset|blank|missing",
        (
            "2026-01-05 24:00:00",
            "2026-01-05 25:00",
            "2026-01-05 10:60",
            "2026-01-05 10:00:60",
            "2026-01-05 10:00:61",
            "2026-02-29 10:00",
            "2026-01-05 10:00:00Z",
            "2026-01-05T10:00:00+01:00",
            "2026-01-05 10:00:00 UTC",
            "2026-01-05 10:00:00 Europe/Berlin",
            "2026-01-05",
            "2026-01-05 10",
            "2026-01-05 1000",
            "2026-01-05  10:00",
            "2026-01-05 9:00",
            "10:00",
            "1767600000",
            "2026-01-05 10:00:00,5",
            "2026-01-05 10:00 AM",
            "2026-01-05 10:00:00.1234567",
            "2026-01-05 10:00:00.",
            "05/01/2026 10:00",
            "9999-12-31 23:59:59",
            "0000-00-00 00:00:00",
            "infinity",
            "now",
            "",
        ),
    ),
    "resolved": (
        "true|false|flag",
        (
            "yes",
            "no",
            "Y",
            "N",
            "t",
            "f",
            "T",
            "2",
            "-1",
            "0.0",
            "1.0",
            "tRUE",
            "wahr",
            "on",
            "x",
            "ja",
            "null",
        ),
    ),
    "customer": ("blank|missing|space|white|invisible|empty", ("", "   ", "\u00a0", '"   "')),
    "cause": (
        "allowed|one of|blank|missing",
        ("Competitor", "churned", "Yes", "PRICE", "pr1ce", "p\u0433ice", "", "NULL", "0"),
    ),
}


def _quoted(value: str) -> str:
    return f'"{value}"' if "," in value else value


def _file(column: str, values: tuple[str, ...]) -> bytes:
    """Return the file of a form with a good row before, between and after the values."""
    _, header, row = _FORMS[column]
    text = [header, row.format(n=0, value=_PLAIN[column])]
    for n, value in enumerate(values, start=1):
        text += [row.format(n=2 * n - 1, value=_quoted(value)), row.format(n=2 * n, value=_PLAIN[column])]
    return lines(*text)


def _grouped(name: str, column: str, values: tuple[str, ...], says: str) -> Case:
    raw = tuple(value.strip('"') for value in values)
    aside = (Aside(line=1 + 2 * n, column=column, value=v, says=says) for n, v in enumerate(raw, start=1))
    outcome = quarantine(1 + 2 * len(values), *aside)
    return one_file(name, _file(column, values), outcome, file=f"{_FORMS[column][0]}.csv")


def _spaced(column: str) -> Case:
    values = tuple(form.format(_PLAIN[column]) for form in _SPACES)
    return _grouped(f"spaces-around-{column}", column, values, "space|white")


def _invisible(column: str) -> Case:
    values = tuple(form.format(_PLAIN[column]) for form in _INVISIBLE)
    return _grouped(f"invisible-characters-in-{column}", column, values, "")


# The famous ones stand alone too, so that a failure names them.
_ALONE = (
    ("units-with-a-decimal", "units", "1.5"),
    ("units-with-an-underscore", "units", "1_975"),
    ("units-in-hex", "units", "0x1F"),
    ("units-written-NA", "units", "NA"),
    ("wait-is-inf", "wait_seconds", "inf"),
    ("wait-is-nan", "wait_seconds", "NaN"),
    ("wait-of-400-digits", "wait_seconds", "1" * 400),
    ("money-with-five-decimals", "revenue", "1.23456"),
    ("money-with-a-comma", "revenue", "12,50"),
    ("date-with-a-short-year", "date", "31-01-26"),
    ("date-of-a-leap-day-that-was-none", "date", "2026-02-29"),
    ("date-either-april-or-march", "date", "03/04/2026"),
    ("date-of-a-sentinel", "date", "9999-12-31"),
    ("date-with-a-time-of-day", "date", "2026-01-05 13:45:00"),
    ("time-of-24-hours", "time", "2026-01-05 24:00:00"),
    ("time-with-an-offset-undeclared", "time", "2026-01-05T10:00:00+01:00"),
)


def _alone(name: str, column: str, value: str) -> Case:
    return _grouped(name, column, (value,), _BAD[column][0])


def _several_columns() -> Case:
    content = lines(
        "customer,date,units,revenue",
        "C1,2026-01-05,1,10.00",
        "C2,2026-02-30,1.5,ten",
        " ,2026-01-05,1,10.00",
    )
    outcome = quarantine(
        3,
        Aside(line=3, column="date", value="2026-02-30", says="units"),
        Aside(line=4, column="customer", value=" "),
    )
    return one_file("one-entry-where-several-columns-are-wrong", content, outcome)


def _what_is_left() -> Case:
    """Return a file with bad rows among good ones, of which the good ones must come out exactly."""
    content = lines(
        "customer,date,units,revenue",
        "00123,2026-01-05,1,10.00",
        "124,2026-01-06,2x,10.00",
        "NA,2024-02-29,,-0.0001",
        "1e5,31-01-26,1,10.00",
        "0x1F,1900-01-01,-999999999999999999,99999999999999.9999",
    )
    outcome = quarantine(
        5,
        Aside(line=3, column="units", value="2x"),
        Aside(line=5, column="date", value="31-01-26"),
    )
    contents = Contents(
        columns=("customer", "date", "units", "revenue"),
        rows=(
            ("00123", date(2026, 1, 5), 1, Decimal("10.00")),
            ("NA", date(2024, 2, 29), None, Decimal("-0.0001")),
            ("0x1F", date(1900, 1, 1), -999999999999999999, Decimal("99999999999999.9999")),
        ),
    )
    return one_file("good-rows-beside-bad-ones-come-out-exactly", content, outcome, contents=contents)


def _long_value() -> Case:
    value = "x" * 100_000
    content = lines("customer,date,revenue", f"C1,2026-01-05,{value}", "C2,2026-01-05,1.00")
    return one_file(
        "a-value-of-100000-letters", content, quarantine(2, Aside(line=2, column="revenue", value=value))
    )


def _spaces_in_text() -> Case:
    """Return text with spaces around it, which is kept, and text of spaces alone, which is no value."""
    content = lines(
        "customer,date,revenue,category", "C1,2026-01-05,1,  tea ", "C2,2026-01-05,1,   ", "C3,2026-01-05,1,"
    )
    contents = Contents(
        columns=("customer", "date", "revenue", "category"),
        rows=(
            ("C1", date(2026, 1, 5), Decimal(1), "  tea "),
            ("C3", date(2026, 1, 5), Decimal(1), None),
        ),
    )
    outcome = quarantine(3, Aside(line=3, column="category", value="   ", says="space|white|blank"))
    return one_file("text-of-spaces-alone", content, outcome, contents=contents)


def _edges() -> Case:
    """Return the values at the very edges of the grammars, all of them good."""
    content = lines(
        "contact,customer,time,wait_seconds,resolved,employee",
        "K1,C1,2026-01-05 00:00,0,true,",
        "K2,C1,2026-01-05T23:59:59,0.5,0,E1",
        "K3,C1,1900-01-01 00:00:00.000001,999999999999999.5,FALSE,nan",
        "K4,C1,2100-12-31 23:59,0000.10,1,null",
    )
    return one_file("values-at-the-edges", content, accept(4), file="contacts.csv")


def cases() -> Iterator[Case]:
    """Yield the cases of single values."""
    for column, (says, values) in _BAD.items():
        yield _grouped(f"not-a-valid-{column}", column, values, says)
    for column in ("units", "wait_seconds", "revenue", "conformance", "date", "time", "resolved", "customer"):
        yield _spaced(column)
        yield _invisible(column)
    yield from (_alone(*each) for each in _ALONE)
    yield _several_columns()
    yield _what_is_left()
    yield _long_value()
    yield _spaces_in_text()
    yield _edges()
