"""What is seen to be good as a whole is what the grammar says value by value: proven on any text."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cemlab.data import engine
from cemlab.data.intake import grammar
from cemlab.data.intake.grammar.plain import may_be_plain, plain_products, plain_values
from cemlab.data.intake.plan import ColumnRule

CONNECTION = engine.connect()
FORMS = ("id", "text", "integer", "number", "date")

# near misses of every form, and any text at all
PIECES = st.sampled_from(
    [
        "0",
        "7",
        "42",
        ".",
        "-",
        "+",
        "e",
        "x",
        "_",
        " ",
        ",",
        "2024",
        "-02-",
        "30",
        "01",
        "A",
        "é",
        "\u00a0",
        "\u200b",
    ]
)
NEAR = st.lists(PIECES, max_size=6).map("".join)
DATES = st.dates().map(str)
VALUES = st.lists(
    NEAR | DATES | st.text(max_size=6) | st.integers().map(str) | st.just(""), min_size=1, max_size=5
)


def by_grammar(values: list[str], rule: ColumnRule) -> tuple[list[bool], list[object]]:
    CONNECTION.con.register("values_of_a_test", pa.table({"c0": pa.array(values, pa.string())}))
    broken, typed = grammar.text_value(CONNECTION.table("values_of_a_test").c0, rule)
    found = CONNECTION.table("values_of_a_test").select(broken=broken, typed=typed).to_pyarrow()
    return found["broken"].to_pylist(), found["typed"].to_pylist()


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)  # compiling a query takes its time, once
@given(values=VALUES)
@example(values=["1899-12-31"])
@example(values=["0000-01-01"])  # no year of Python's dates
@example(values=["0000-01-01", "2024-01-31"])
@example(values=["2100-12-31", "2101-01-01"])
@example(values=["0x1F"])
@example(values=["5."])
@example(values=[".5"])
@example(values=["1234567890123456"])
@example(values=["9" * 19])
@example(values=["", "1"])
@example(values=["１"])
def test_plain_agrees_with_the_grammar(form, required, values):
    rule = ColumnRule(name="x", source="x", form=form, required=required)
    # two chunks with an offset, as batches of a file have them
    column = pa.chunked_array(
        [pa.array(["skipped", *values], pa.string())[1:], pa.array(values[:1], pa.string())]
    )
    plain = plain_values(column, rule)
    if plain is not None:
        broken, typed = by_grammar([*values, values[0]], rule)
        assert not any(broken)
        assert plain.to_pylist() == typed


FACTORS = (
    NEAR | st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str) | st.integers().map(str)
)


@settings(deadline=None)
@given(pairs=st.lists(st.tuples(FACTORS, FACTORS), min_size=1, max_size=4))
@example(pairs=[("6", "2.55"), ("-6", "0.0001")])
@example(pairs=[("99999999999", "99999999999")])
@example(pairs=[("0.1", "0.001")])
@example(pairs=[("0.1", "0.0001")])
@example(pairs=[("1", "")])
def test_plain_products_agree_with_the_grammar(pairs):
    rule = ColumnRule(name="x", form="money", multiply=("a", "b"))
    left, right = (pa.chunked_array([list(texts)], pa.string()) for texts in zip(*pairs, strict=True))
    plain = plain_products(left, right, rule)
    if plain is not None:
        CONNECTION.con.register("factors_of_a_test", pa.table({"c0": left, "c1": right}))
        table = CONNECTION.table("factors_of_a_test")
        broken, typed = grammar.product_value(table.c0, table.c1, rule)
        found = table.select(broken=broken, typed=typed).to_pyarrow()
        assert not any(found["broken"].to_pylist())
        assert plain.to_pylist() == found["typed"].to_pylist()


def test_products_of_a_wholesaler_are_seen_to_be_plain():
    rule = ColumnRule(name="x", form="money", multiply=("a", "b"))
    found = plain_products(pa.chunked_array([["-6", "12"]]), pa.chunked_array([["2.55", "0.001"]]), rule)
    assert found.to_pylist() == [Decimal("-15.3"), Decimal("0.012")]


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("id", ["A1", "007", "St. 5"]),
        ("text", ["north", "Zürich", "日本", "a "]),
        ("integer", ["0", "42", "999999999999999999"]),
        ("number", ["3.5", "0", "123456789012345"]),
        ("date", ["1900-01-01", "2024-02-29"]),
    ],
)
def test_clean_columns_are_seen_to_be_plain(form, values):
    rule = ColumnRule(name="x", source="x", form=form)
    assert plain_values(pa.chunked_array([[*values, ""]]), rule).null_count == 1


@pytest.mark.parametrize(
    "said",
    [
        {"missing": ("NA",)},
        {"values": {"a": "b"}},
        {"allowed": ("a",)},
        {"trim": True},
        {"remove_suffix": ".0"},
        {"minimum": "0"},
        {"maximum": "9"},
        {"formats": ("%d.%m.%Y",)},
        {"thousands": "."},
        {"decimal": ","},
        {"source": None, "constant": "1"},
    ],
    ids=str,
)
def test_what_was_said_of_a_column_is_for_the_grammar(said):
    assert may_be_plain(ColumnRule(**{"name": "x", "source": "x", "form": "number"}))
    assert not may_be_plain(ColumnRule(**{"name": "x", "source": "x", "form": "number"} | said))
