"""The grammars against an independent reference in Python, for arbitrary text, and reasons by hand."""

import math
import re
import unicodedata
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cemlab.data.engine import connect
from cemlab.data.intake.grammar import (
    filter_doubt,
    filter_hit,
    product_reason,
    product_value,
    reason,
    text_value,
    typed_value,
)
from cemlab.data.intake.plan import ColumnRule, Filter
from cemlab.errors import DataError, OptionError

CONNECTION = connect()
FORMS = ["id", "text", "integer", "number", "money", "share", "date", "time", "flag"]


def rule(form, **options):
    return ColumnRule(name="x", form=form, source="x", **options)


def results(expressions, table):
    """Run (broken, value) over a table of one block; return a list of (broken, value)."""
    block = CONNECTION.create_table("block", table, overwrite=True)
    broken, value = expressions(block)
    out = block.select(broken=broken, value=value).to_pyarrow().to_pylist()
    return [(row["broken"], row["value"]) for row in out]


def run(values, a_rule):
    table = pa.table({"x": pa.array(values, pa.string())})
    return results(lambda block: text_value(block.x, a_rule), table)


def run_typed(array, a_rule):
    return results(lambda block: typed_value(block.x, a_rule), pa.table({"x": array}))


# --- the reference: written from the decisions, character by character, without our patterns ---

DIGITS = "0123456789"
HIDDEN = [0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, 0xAD, 0xFEFF]


def is_hidden(char):
    code = ord(char)
    if char in "\t\n\r":
        return False
    if unicodedata.category(char) == "Cc" or code in HIDDEN or 0xFE00 <= code <= 0xFE0F:
        return True
    if 0x180B <= code <= 0x180F or 0xE0000 <= code <= 0xE0FFF:
        return True
    # format characters, but those that are seen: Arabic and Egyptian signs around numbers and text
    shown = {*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD}
    seen = code in shown or 0x13430 <= code <= 0x1345F or 0x1BCA0 <= code <= 0x1BCA3
    return (unicodedata.category(char) == "Cf" or 0x2060 <= code <= 0x206F) and not seen


def all_digits(text, least=1, most=10**9):
    return least <= len(text) <= most and all(char in DIGITS for char in text)


def plain_whole(whole, thousands, most):
    """Return the digits of a whole part without marks, or None."""
    if all_digits(whole, 1, most):
        return whole
    if not thousands or thousands not in whole:
        return None
    first, *groups = whole.split(thousands)
    if not all_digits(first, 1, 3) or first[0] == "0" or not all(all_digits(g, 3, 3) for g in groups):
        return None
    bare = first + "".join(groups)
    return bare if len(bare) <= most else None


def reference_number(text, form, decimal=".", thousands=""):
    sign, body = ("-", text[1:]) if text[:1] == "-" else ("", text)
    whole, point, fraction = body.partition(decimal)
    if point and not all_digits(fraction):
        return None
    if form == "share":
        right = not sign and (whole == "0" or (whole == "1" and set(fraction) <= {"0"}))
        return float(f"{whole}.{fraction or 0}") if right else None
    bare = plain_whole(whole, thousands, {"integer": 18, "number": 15, "money": 14}[form])
    if bare is None or (form == "integer" and point) or (form == "money" and len(fraction) > 4):
        return None
    if form == "integer":
        return int(sign + bare)
    return (Decimal if form == "money" else float)(f"{sign}{bare}.{fraction or 0}")


def reference_iso(text):
    parts = text.split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(all_digits(part) for part in parts):
        return None
    try:
        return date(*map(int, parts))
    except ValueError:
        return None


def reference_time(text, zone=None):
    day, clock = reference_iso(text[:10]), text[11:]
    if day is None or text[10:11] not in ("T", " ") or not text[10:11]:
        return None
    offset = None
    if zone and clock.endswith("Z"):
        clock, offset = clock[:-1], timedelta(0)
    elif zone and ("+" in clock or "-" in clock):
        at = max(clock.rfind("+"), clock.rfind("-"))
        east, sign = clock[at + 1 :], -1 if clock[at] == "-" else 1
        clock = clock[:at]
        hours, minutes = east[:2], east[2:].removeprefix(":") if len(east) != 3 else "x"
        if not all_digits(hours, 2, 2) or (minutes and not all_digits(minutes, 2, 2)):
            return None
        if int(hours) > 14 or int(minutes or 0) > 59:
            return None
        offset = sign * timedelta(hours=int(hours), minutes=int(minutes or 0))
    clock, dot, fraction = clock.partition(".")
    parts = clock.split(":")
    if len(parts) not in (2, 3) or not all(all_digits(part, 2, 2) for part in parts):
        return None
    if dot and (len(parts) != 3 or not all_digits(fraction, 1, 6)):
        return None
    try:
        moment = datetime(day.year, day.month, day.day, *map(int, parts))
    except ValueError:
        return None
    moment += timedelta(microseconds=int(f"{fraction:0<6}"))
    if offset is None:
        return moment
    utc = (moment - offset).replace(tzinfo=ZoneInfo("UTC"))
    return utc.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def reference_format(text, form):
    """Read a format sign by sign; every sign but %-d and %-m takes a fixed number of digits."""
    widths = {"%Y": 4, "%y": 2, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}
    found = {}
    while form:
        if form[:3] in ("%-d", "%-m"):
            digits = re.match(r"[0-9]{1,2}", text)
            if not digits or digits[0][0] == "0":
                return None
            found[form[2]] = int(digits[0])
            text, form = text[len(digits[0]) :], form[3:]
        elif form[:2] in widths:
            n = widths[form[:2]]
            if not all_digits(text[:n], n, n):
                return None
            found[form[1]] = int(text[:n])
            text, form = text[n:], form[2:]
        else:
            if text[:1] != form[0]:
                return None
            text, form = text[1:], form[1:]
    year = found["Y"] if "Y" in found else found["y"] + (1900 if found["y"] >= 69 else 2000)
    try:
        clock = (found.get("H", 0), found.get("M", 0), found.get("S", 0))
        return None if text else datetime(year, found["m"], found["d"], *clock)
    except ValueError:
        return None


def reference_form(text, a_rule):
    form = a_rule.form
    if form == "text":
        return text if text.strip() else None
    if form == "id":
        return text if text.strip() == text and not any(map(is_hidden, text)) else None
    if form == "flag":
        return {"true": True, "TRUE": True, "True": True, "1": True}.get(
            text, {"false": False, "FALSE": False, "False": False, "0": False}.get(text)
        )
    if form in ("date", "time"):
        if a_rule.formats:
            read = [reference_format(text, each) for each in a_rule.formats]
            said = {each.date() if form == "date" else each for each in read if each is not None}
            return said.pop() if len(said) == 1 else None
        return reference_iso(text) if form == "date" else reference_time(text, a_rule.time_zone)
    return reference_number(text, form, a_rule.decimal, a_rule.thousands)


def reference(text, a_rule):
    """Return (broken, value) from the decisions."""
    if text in a_rule.missing:
        return a_rule.required, None
    if a_rule.trim:
        text = text.strip()
        if text in a_rule.missing:
            return a_rule.required, None
    text = a_rule.values.get(text, text)
    if a_rule.remove_suffix and text.endswith(a_rule.remove_suffix) and text != a_rule.remove_suffix:
        text = text[: -len(a_rule.remove_suffix)]
        text = text.strip() if a_rule.trim else text
    if text == "":
        return a_rule.required, None
    value = reference_form(text, a_rule)
    if value is None:
        return True, None
    simple = ColumnRule(name="x", form=a_rule.form)
    if a_rule.allowed and value not in [reference_form(each, simple) for each in a_rule.allowed]:
        return True, None
    low = None if a_rule.minimum is None else reference_form(a_rule.minimum, simple)
    high = None if a_rule.maximum is None else reference_form(a_rule.maximum, simple)
    if a_rule.form == "date":
        low, high = low or date(1900, 1, 1), high or date(2100, 12, 31)
    if a_rule.form == "time":
        low, high = low or datetime(1900, 1, 1), high or datetime(2100, 12, 31, 23, 59, 59, 999999)
    if (low is not None and value < low) or (high is not None and value > high):
        return True, None
    return False, value


RULES = [
    *(rule(form) for form in FORMS),
    *(rule(form, required=True, trim=True, missing=("NA", " - ", "98")) for form in FORMS),
    *(rule(form, decimal=",", thousands=".") for form in ("integer", "number", "money", "share")),
    *(rule(form, decimal=".", thousands="'", trim=True) for form in ("integer", "number", "money")),
    *(rule(form, decimal=",", thousands=" ", trim=True) for form in ("integer", "number", "money")),
    rule("number", decimal=".", thousands="\u202f"),
    rule("integer", remove_suffix=".0", minimum="0", maximum="10"),
    rule("integer", allowed=("1", "2")),
    rule("number", minimum="-0.5", remove_suffix=" EUR", trim=True),
    rule("money", maximum="1000.05"),
    rule("money", minimum="0", maximum="99999"),
    rule("text", allowed=("none", "price", "it's")),
    rule("id", values={"a": "b", "b": "c", "x": ""}, remove_suffix=".0"),
    rule("flag", values={"yes": "true", "no": "false", "ja'": "1"}),
    rule("date", minimum="2020-01-01"),
    rule("date", maximum="9999-12-31"),
    rule("date", formats=("%d.%m.%Y",)),
    rule("date", formats=("%d/%m/%y", "%m/%d/%y")),
    rule("date", formats=("%-d.%-m.%Y", "%Y%m%d")),
    rule("date", formats=("%Y-%m-%d %H:%M:%S",)),
    rule("date", formats=("(%Y) [%m]+%d",)),
    rule("time", formats=("%d.%m.%Y %H:%M", "%d.%m.%Y")),
    rule("time", time_zone="Europe/Berlin"),
    rule("time", time_zone="America/New_York", minimum="2000-01-01 00:00:00"),
]

# Texts that are nearly right for some rule, besides arbitrary ones.
_number = st.from_regex(r"\A[-+ ]?[0-9]{0,19}[.,' ]?[0-9]{0,6}([.,eE_%][0-9]{0,5})?\Z")
_grouped = st.from_regex(r"\A-?[0-9]{1,4}([.,' \u202f][0-9]{2,4}){0,6}([.,][0-9]{0,5})?\Z")
_dates = st.dates().map(lambda day: day.isoformat())
_german = st.dates(date(1950, 1, 1), date(2080, 1, 1)).map(lambda d: f"{d.day}.{d.month:02}.{d.year}")
_digits = st.from_regex(r"\A[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}\Z")
_slashes = st.from_regex(r"\A[0-3][0-9][./][0-3][0-9][./]([12][0-9])?[0-9]{2}( [0-2][0-9]:[0-5][0-9])?\Z")
_compact = st.from_regex(r"\A[12][0-9]{3}[01][0-9][0-3][0-9]\Z|\A\([12][0-9]{3}\) \[0[0-9]\]\+[0-2][0-9]\Z")
_times = st.from_regex(
    r"\A(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,7})?)?"
    r"(Z|[+-][01][0-9](:?[0-6][0-9])?)?\Z"
)
_words = st.sampled_from(
    [
        "true",
        "false",
        "TRUE",
        "True",
        "1",
        "0",
        "yes",
        "no",
        "ja'",
        "NA",
        "98",
        "none",
        "price",
        "it's",
        "inf",
        "-inf",
        "nan",
        "NaN",
        "infinity",
        "epoch",
        "today",
        "now",
        "1e3",
        "0x1F",
        "1_975",
        ".5",
        "5.",
        "-.5",
        "+5",
        "-",
        ".",
        ",",
        "-0",
        "-0.0",
        "1.0",
        "1.00",
        "0.5",
        "00.5",
        "1.01",
        "7.0",
        ".0",
        "7.0.0",
        "5EUR",
        "5\xa0EUR",
        "a",
        "b",
        "x",
        "c",
        "x.0",
        "1,5",
        "1.5,0",
        "２",
        "٣",
        "1٣",
        "٢٠٢٤-٠١-٠١",
        "2024-02-30",
        "2023-02-29",
        "2024-02-29",
        "0000-01-01",
        "0001-01-01",
        "10000-01-01",
        "9999-12-31",
        "1899-12-31",
        "1900-01-01",
        "2100-12-31",
        "2101-01-01",
        "2024-01-01",
        "24:00",
        "-2024-01-01",
        "2024-1-1",
        "31.04.2024",
        "29.02.2023",
        "12/31/68",
        "12/31/69",
        "31/12/99",
        "2024-06-30T23:59:60",
        "290309-12-22",
        "999999999999999999",
        "9999999999999999999",
        "99999999999999.99999",
        "99999999999999.9999",
        "1.234,50",
        "1.23.456",
        "0.123",
        "1'000",
        "1''000",
        "12.345.678",
    ]
).flatmap(lambda word: st.sampled_from([word, word, f"{word} ", f" {word}", f"{word}\n", f"{word}\xa0"]))
_around = st.sampled_from(
    ["", " ", "\n", "\r\n", "\t", "\xa0", "\u3000", "\u2028", "\u200b", "\ufeff", "\0", "A", "-"]
)
_any = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text(
    alphabet=" \t\n\xa0\u200b\u202f\xadAé0-.", max_size=6
)
TEXTS = st.one_of(
    *(_any, _words, st.tuples(_around, _words | _number, _around).map("".join)),
    *(_number, _grouped, _dates, _german, _digits, _slashes, _compact, _times),
)


def same(one, other):
    """Equal to the last bit, minus zero apart from zero."""
    if isinstance(other, float):
        return isinstance(one, float) and repr(one) == repr(other)
    return type(one) is type(other) and one == other


# A block of texts goes through the engine at once; shrinking it would take minutes, and the message of the
# assertion names the one text anyway.
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(TEXTS, min_size=150, max_size=300))
@pytest.mark.parametrize("i", range(len(RULES)))
def test_text_is_taken_exactly_as_the_decisions_say(i, texts):
    a_rule = RULES[i]
    texts = ["", *texts]
    for text, (broken, value) in zip(texts, run(texts, a_rule), strict=True):
        expected = reference(text, a_rule)
        assert broken is expected[0], (text, a_rule)
        assert same(value, expected[1]), (text, value, expected, a_rule)
        if broken:
            told = reason(text, a_rule)
            assert "\n" not in told
            assert told.startswith(repr(text[:80]) if text else "is blank")


def interesting(code):
    """Characters that some library takes for a space, a digit or nothing at all, and their neighbours."""
    char = chr(code)
    odd = char.isspace() or char.isnumeric() or unicodedata.category(char) in ("Cf", "Cc", "Zs", "Zl", "Zp")
    return code < 0x3200 or odd or 0xFDF0 <= code <= 0xFFFF or 0xDFFF0 <= code <= 0xE1010


CHARS = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF and interesting(c)]


@pytest.mark.parametrize(
    "a_rule", [rule("id"), rule("text"), rule("id", trim=True), rule("integer"), rule("date")]
)
def test_every_character_that_may_matter_is_judged_as_the_reference_judges_it(a_rule):
    good = {"integer": "12", "date": "2024-01-01"}.get(a_rule.form, "A")
    texts = [text for char in CHARS for text in (char, char + good, good + char, good + char + good)]
    for text, found in zip(texts, run(texts, a_rule), strict=True):
        assert found == reference(text, a_rule), text


# --- typed columns ---


def one_typed(array, a_rule):
    return run_typed(pa.array(array) if isinstance(array, list) else array, a_rule)


def test_typed_numbers_lose_nothing():
    nan, inf = math.nan, math.inf
    assert one_typed([1.0, 1.5, nan, inf, None, 2.0**53, 2.0**53 + 2], rule("integer")) == [
        (False, 1), (True, None), (True, None), (True, None), (False, None), (False, 2**53), (True, None)
    ]  # fmt: skip
    assert one_typed([12.34, 0.00005, 1e14, nan, -inf, -0.1 - 0.2], rule("money")) == [
        (False, Decimal("12.3400")), (True, None), (True, None), (True, None), (True, None), (True, None)
    ]  # fmt: skip
    exact = pa.array([Decimal("1.23450"), Decimal("1.23451")], pa.decimal128(20, 5))
    assert run_typed(exact, rule("money")) == [(False, Decimal("1.2345")), (True, None)]
    whole = pa.array([Decimal("3.00"), Decimal("3.01"), None], pa.decimal128(10, 2))
    assert run_typed(whole, rule("integer")) == [(False, 3), (True, None), (False, None)]
    assert one_typed([2**53, 2**53 + 1], rule("number")) == [(False, float(2**53)), (True, None)]
    assert run_typed(pa.array([2**64 - 1, 7], pa.uint64()), rule("integer")) == [(True, None), (False, 7)]
    assert one_typed([0.0, 1.0, 1.5, -0.1, nan], rule("share")) == [
        (False, 0.0), (False, 1.0), (True, None), (True, None), (True, None)
    ]  # fmt: skip
    assert one_typed([nan, inf, 2.5], rule("number")) == [(True, None), (True, None), (False, 2.5)]


def test_typed_ids_flags_dates_and_times():
    assert one_typed([12345678901234567, None], rule("id", required=True)) == [
        (False, "12345678901234567"), (True, None)
    ]  # fmt: skip
    assert one_typed([0, 1, 2, None], rule("flag")) == [
        (False, False), (False, True), (True, None), (False, None)
    ]  # fmt: skip
    assert one_typed([True, None], rule("flag", required=True)) == [(False, True), (True, None)]
    days = [date(2024, 1, 31), date(1899, 12, 31), date(9999, 12, 31)]
    assert one_typed(days, rule("date")) == [(False, days[0]), (True, None), (True, None)]
    assert one_typed(days, rule("date", formats=("%d.%m.%Y",), missing=("9999-12-31",))) == [
        (False, days[0]), (True, None), (False, None)
    ]  # fmt: skip
    moments = [datetime(2024, 1, 31), datetime(2024, 1, 31, 0, 0, 1)]
    assert one_typed(moments, rule("date")) == [(False, date(2024, 1, 31)), (True, None)]
    assert one_typed(moments, rule("time")) == [(False, moments[0]), (False, moments[1])]
    assert one_typed([date(2024, 1, 31)], rule("time")) == [(False, datetime(2024, 1, 31))]
    nanoseconds = pa.array([1_700_000_000_000_000_001, 1_700_000_000_000_001_000], pa.timestamp("ns"))
    assert [broken for broken, _ in run_typed(nanoseconds, rule("time"))] == [True, False]


def test_typed_times_with_a_zone_are_turned_or_refused():
    array = pa.array([datetime(2024, 7, 1, 22, 30)], pa.timestamp("us", tz="UTC"))
    with pytest.raises(DataError, match=r"column 'x': its times have the zone UTC; declare .* time_zone = "):
        run_typed(array, rule("time"))
    with pytest.raises(DataError, match="its times have the zone UTC; store the column as dates"):
        run_typed(array, rule("date"))
    assert run_typed(array, rule("time", time_zone="Europe/Berlin")) == [(False, datetime(2024, 7, 2, 0, 30))]
    midnight = pa.array([datetime(2024, 7, 1, 22)], pa.timestamp("us", tz="UTC"))
    assert run_typed(midnight, rule("date", time_zone="Europe/Berlin")) == [(False, date(2024, 7, 2))]


def test_missing_codes_and_values_hold_for_typed_columns():
    assert one_typed([98, 7, 11], rule("integer", missing=("98", "11.0"))) == [
        (False, None), (False, 7), (False, None)
    ]  # fmt: skip
    assert one_typed([98.0, 7.5], rule("number", missing=("98",))) == [(False, None), (False, 7.5)]
    exact = pa.array([Decimal("98.00"), Decimal("7.50")], pa.decimal128(10, 2))
    assert run_typed(exact, rule("money", missing=("98",))) == [(False, None), (False, Decimal("7.5"))]
    # whole numbers that are one and the same as floats are still told apart
    large = [12345678901234567, 12345678901234568]
    assert one_typed(large, rule("integer", missing=("12345678901234567",))) == [
        (False, None),
        (False, large[1]),
    ]
    assert one_typed([1.0, 2.0], rule("integer", values={"1": "10"})) == [(False, 10), (False, 2)]
    assert one_typed([5, 11], rule("integer", maximum="10", allowed=("5", "11"))) == [
        (False, 5),
        (True, None),
    ]
    assert one_typed(["1,5", None], rule("number", decimal=",", required=True)) == [
        (False, 1.5),
        (True, None),
    ]


@pytest.mark.parametrize(
    ("array", "form"),
    [
        ([1.5], "id"),
        ([1.5], "text"),
        ([date(2024, 1, 1)], "flag"),
        ([1], "date"),
        ([date(2024, 1, 1)], "integer"),
        ([True], "money"),
    ],
)
def test_types_that_cannot_be_the_form_are_refused(array, form):
    with pytest.raises(
        DataError, match=rf"^column 'x': its type is .*, but {form} is wanted .*; change the type"
    ):
        one_typed(array, rule(form))


# --- products ---


def products(pairs, a_rule):
    table = pa.table({"a": [pair[0] for pair in pairs], "b": [pair[1] for pair in pairs]})
    return results(lambda block: product_value(block.a, block.b, a_rule), table)


def test_products_are_exact():
    pairs = [("3", "2.55"), ("0.1", "0.2"), ("0.01", "0.001"), ("", "5"), ("x", ""), ("-2", "2.5000000000")]
    assert products(pairs, rule("money", multiply=("a", "b"))) == [
        (False, Decimal("7.6500")), (False, Decimal("0.0200")), (True, None), (False, None), (True, None),
        (False, Decimal("-5.0000")),
    ]  # fmt: skip
    assert (
        products([("", "5"), ("NA", "1")], rule("money", required=True, missing=("NA",)))
        == [(True, None)] * 2
    )
    most = "9999999999999"
    assert products([(most, most), (most, "10"), (most, "11")], rule("money")) == [
        (True, None), (False, Decimal("99999999999990")), (True, None)
    ]  # fmt: skip
    assert products([("1.5", "2"), ("1.5", "3"), (most, most)], rule("integer", minimum="1")) == [
        (False, 3), (True, None), (True, None)
    ]  # fmt: skip
    # the nearest float of the exact product, which the product of the floats is not
    assert products([("0.1", "3"), ("1.1", "1.1")], rule("number")) == [(False, 0.3), (False, 1.21)]
    assert products([("1.000,5", "2")], rule("money", decimal=",", thousands=".")) == [
        (False, Decimal("2001"))
    ]
    with pytest.raises(OptionError, match="a product is an integer, a number or money, not date"):
        products([("1", "1")], rule("date"))


_factor = st.from_regex(r"\A-?[0-9]{1,14}(\.[0-9]{0,8})?\Z") | st.sampled_from(["", "NA", "1e3", " 5", "-"])


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(st.tuples(_factor, _factor), min_size=100, max_size=200))
def test_products_of_money_against_exact_decimals(pairs):
    a_rule = rule("money", multiply=("a", "b"), missing=("NA",))
    for pair, found in zip(pairs, products(pairs, a_rule), strict=True):
        exact = []
        for text in pair:
            body = text.removeprefix("-").partition(".")
            small = len(body[0]) <= 13 and len(body[2].rstrip("0")) <= 6
            if text in ("", "NA"):
                exact.append(None)
            elif reference_number(text, "number") is None or not small:
                exact.append("broken")
            else:
                exact.append(Decimal(text))
        if "broken" in exact:
            assert found == (True, None), pair
        elif None in exact:
            assert found == (False, None), pair
        else:
            with localcontext(Context(prec=60)):
                product = exact[0] * exact[1]
                fits = product == round(product, 4) and abs(product) < 10**14
            assert found == ((False, product) if fits else (True, None)), pair
        if found[0]:
            assert reason(" × ".join(pair), a_rule) == product_reason(*pair, rule("money", missing=("NA",)))


def test_reasons_of_products():
    a_rule = rule("money", multiply=("a", "b"), required=True)
    assert product_reason("3", "x", a_rule).startswith("'x' is not a number")
    assert product_reason("", "2", a_rule) == "a factor is blank, but every row needs both factors"
    assert product_reason("", "", a_rule) == "is blank, but every row needs a value"
    assert product_reason("0.01", "0.001", a_rule).startswith(
        "'0.01' times '0.001' has no product that is an amount"
    )


# --- filters ---


def filtered(values, f, **marks):
    block = CONNECTION.create_table("filtered", pa.table({"x": values}), overwrite=True)
    hit = filter_hit(lambda name: block[name], f, **marks)
    doubt = filter_doubt(lambda name: block[name], f, **marks)
    out = block.select(hit=hit, doubt=doubt).to_pyarrow().to_pydict()
    return out["hit"], out["doubt"]


T, F = True, False


@pytest.mark.parametrize(
    ("comparison", "value", "values", "hit"),
    [
        ("equals", "C", ["C", "c", "", "C "], [T, F, F, F]),
        ("equals", 5, ["5", "5.0", "05"], [T, F, F]),
        ("equals", True, ["true", "True"], [T, F]),
        ("one_of", ("a", "b"), ["a", "b", "c", ""], [T, T, F, F]),
        ("starts_with", "C%", ["C%1", "C1", "", "c%"], [T, F, F, F]),
        ("ends_with", "_x", ["a_x", "abx", ""], [T, F, F]),
        ("blank", True, ["", " ", "a"], [T, F, F]),
        ("blank", False, ["", " ", "a"], [F, T, T]),
        ("below", 0, ["-1", "0", "1", "", "x", "-0.01"], [T, F, F, F, F, T]),
        ("at_most", 0, ["-1", "0", "0.0", "1"], [T, T, T, F]),
        ("above", 0.1, ["0.1", "0.11", "1e5"], [F, T, F]),
        ("at_least", 0.1, ["0.1", "0.09", "inf", "nan"], [T, F, F, F]),
    ],
)
def test_filters_by_hand(comparison, value, values, hit):
    f = Filter(column="x", comparison=comparison, value=value, reason="r")
    keep = Filter(column="x", comparison=comparison, value=value, reason="r", keep=True)
    assert filtered(values, f)[0] == hit
    kept, doubt = filtered(values, keep)
    # what cannot be judged is told of as such, whether to keep or to leave out
    assert kept == [not (each or unclear) for each, unclear in zip(hit, doubt, strict=True)]
    assert not any(each and unclear for each, unclear in zip(hit, doubt, strict=True))


def test_filters_know_the_marks_and_what_they_cannot_judge():
    f = Filter(column="x", comparison="above", value=1000, reason="r")
    assert filtered(["1.000,5", "999,9", "", "abc", "1,5.0"], f, decimal=",", thousands=".") == (
        [T, F, F, F, F], [F, F, F, T, T]
    )  # fmt: skip
    assert filtered(["abc"], Filter(column="x", comparison="equals", value="a", reason="r"))[1] == [F]
    with pytest.raises(OptionError, match="above = 'much'; give a number"):
        filtered(["1"], Filter(column="x", comparison="above", value="much", reason="r"))


# --- words ---


@pytest.mark.parametrize(
    ("text", "a_rule", "words"),
    [
        ("", rule("id", required=True), "is blank, but every row needs a value"),
        ("NA", rule("id", required=True, missing=("NA",)), "stands for 'no value', but every row needs one"),
        ("  ", rule("text"), "holds only spaces"),
        ("  ", rule("id", trim=True, required=True), "is blank, but every row needs a value"),
        (" 5", rule("integer"), "has spaces around it; declare trim = true or mend the file"),
        ("a\u200b", rule("id"), r"holds an invisible character \(U\+200B\)"),
        ("1_975", rule("integer"), "is not an integer.*underscores"),
        ("12.50", rule("integer"), "is not an integer.*it has decimals"),
        ("12.0", rule("integer"), 'declare remove_suffix = "\\.0"'),
        ("0x1F", rule("integer"), "hexadecimal"),
        ("٣", rule("integer"), "digits are 0 to 9 of ASCII only"),
        ("inf", rule("number"), "is not a number.*declare it under missing"),
        ("1e5", rule("number"), "exponent"),
        ("50%", rule("share"), "is not a share.*percent sign"),
        ("1.234,50", rule("money"), 'it has a decimal comma: declare decimal = "," and thousands = "\\."'),
        ("1,234.50", rule("money"), 'it has thousands marks: declare thousands = ","'),
        ("1,234", rule("money"), 'declare thousands = "," \\(or decimal = ","\\)'),
        ("12,5", rule("money"), 'it has a decimal comma: declare decimal = ","'),
        ("12.5", rule("money", decimal=","), 'it has a decimal point: declare decimal = "\\."'),
        ("€5", rule("money"), "something stands before the digits: take it off where the file is made"),
        ("-€5.50", rule("money"), "something stands before the digits: take it off where the file is made"),
        ("5 EUR", rule("money"), 'something stands behind the digits: declare remove_suffix = " EUR"'),
        ("1.23456", rule("money"), "it has more than four decimals: round it"),
        ("123456789012345", rule("money"), "it has more than 14 digits before the decimals"),
        ("1234567890123456.5", rule("number"), "it has more than 15 digits before the decimals"),
        ("1234567890123456789", rule("integer"), "it has more than 18 digits; is it an identifier"),
        *(
            (text, rule(form), "is not .*; if it stands for 'no value', declare it under missing")
            for text in ("NA", "N/A", "n/a", "null", "NULL", "-", "--", "#N/A", r"\N", "NaN", "nan", "None")
            for form in ("integer", "number", "money", "share", "date", "time", "flag")
        ),
        ("0000-00-00", rule("date"), "is no day of the calendar; if it stands for 'no value', declare it"),
        (
            "03/04/2026",
            rule("date", formats=("%d/%m/%Y", "%m/%d/%Y")),
            "fits two of the declared formats: 2026-04-03 or 2026-03-04; declare the one",
        ),
        ("(5)", rule("money"), "a minus stands before the digits"),
        ("+5", rule("money"), "plus sign"),
        ("1 234", rule("integer"), "thousands marks"),
        (
            "31/02/2024",
            rule("date", formats=("%d/%m/%Y",)),
            "is no day of the calendar in the format %d/%m/%Y",
        ),
        (
            "2/31/24",
            rule("date", formats=("%d/%m/%Y",)),
            "is not a date in the format %d/%m/%Y declared in cemlab.toml",
        ),
        ("2025-02-31", rule("date"), "is no day of the calendar"),
        ("31.12.2024", rule("date"), "is not a date: YYYY-MM-DD.*formats"),
        ("2024-12-31 10:00", rule("date"), "it has a time of day"),
        ("45291", rule("date"), "day number of a spreadsheet"),
        (
            "9999-12-31",
            rule("date"),
            "lies outside 1900-01-01 to 2100-12-31; if it stands for 'no date', declare it",
        ),
        ("2024-12-31", rule("time"), "it has no time of day"),
        ("2024-12-31T10:00:00Z", rule("time"), "offset from UTC: declare time_zone"),
        ("yes", rule("flag"), "is not one of true, false, 1, 0; map it with values"),
        ("Yes", rule("text", allowed=("none", "price")), "is not one of none, price"),
        ("J", rule("flag", values={"J": "maybe"}), r"\(taken for 'maybe'\) is not one of true, false"),
        ("11", rule("integer", minimum="0", maximum="10"), "is above the maximum of 10"),
        ("-1", rule("integer", minimum="0", maximum="10"), "is below the minimum of 0"),
    ],
)
def test_reasons_are_in_the_users_words(text, a_rule, words):
    assert run([text], a_rule) == [(True, None)]
    assert re.search(words, reason(text, a_rule)), reason(text, a_rule)


def test_long_values_are_cut():
    assert len(reason("x" * 10_000, rule("integer"))) < 200


@pytest.mark.parametrize(
    ("a_rule", "words"),
    [
        (rule("integer", minimum="zero"), "minimum = 'zero' is not an integer"),
        (rule("date", maximum="31.12.2024"), "maximum = '31.12.2024' is not a date"),
        (rule("id", minimum="1"), "minimum and maximum are for numbers and dates, not for id"),
        (rule("flag", allowed=("maybe",)), "allowed = 'maybe' is not one of true"),
        (rule("number", decimal=",", thousands=","), "thousands = ','"),
        (rule("number", decimal="0"), "decimal = '0'"),
        (rule("date", formats=("%d.%m",)), "it needs year, month and day"),
        (rule("date", formats=("%d.%m.%Y %d",)), "each part once"),
        (rule("date", formats=("%d.%b.%Y",)), "'%b' is not a sign"),
        (rule("date", formats=("%-d%m%Y",)), "where %-d ends cannot be seen"),
        (rule("date", formats=("%d.%m.%Y%",)), "'%' is not a sign"),
    ],
)
def test_rules_that_contradict_themselves_are_refused(a_rule, words):
    with pytest.raises(OptionError, match=re.escape(words)):
        text_value(ibis.literal("1"), a_rule)
