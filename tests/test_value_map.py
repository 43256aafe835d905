"""The value map: classes that ties do not split, exact sums, honest intervals, refusals by name."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.present import plots
from cemlab.segmentation import value_map
from cemlab.segmentation.value_classes import classify, range_labels
from cemlab.segmentation.value_tables import concentration_check
from cemlab.stats.totals import effective_above, mean_from_sums, top_share

AS_OF = date(2025, 12, 31)
LINE = {"customer": "string", "date": "date", "margin": "decimal(18, 4)"}
PERSON = {"customer": "string", "joined": "date", "potential_value": "decimal(18, 4)"}


def lines(rows: list[tuple[str, int, int]]) -> ibis.Table:
    """Purchase lines of (customer, days before AS_OF, cents of margin)."""
    made = [(who, AS_OF - timedelta(days=ago), Decimal(cents) / 100) for who, ago, cents in rows]
    return ibis.memtable(made, schema=LINE)


def people(potentials: dict[str, int]) -> ibis.Table:
    """Customers who joined long ago, with cents of potential."""
    made = [(who, date(2020, 1, 1), Decimal(cents) / 100) for who, cents in potentials.items()]
    return ibis.memtable(made, schema=PERSON)


EIGHT = people({"a": 100, "b": 200, "c": 300, "d": 400, "e": 500, "f": 600, "g": 0, "h": 700})
SOLD = lines(
    [
        ("a", 0, 5000),
        ("b", 364, 1000),
        ("b", 365, 99900),  # a day too early
        ("c", 10, 2000),
        ("d", 5, 3000),
        ("d", 4, 1000),
        ("e", 100, 500),
        ("e", 90, -700),  # gave back more than she bought
        ("h", 3, 300),
        ("h", 2, -300),
    ]
)


def per_customer(result) -> dict[str, tuple]:
    columns = ("current", "current_class", "potential_class", "quadrant")
    rows = result.cells.to_pyarrow().to_pylist()
    return {row["customer"]: tuple(row[name] for name in columns) for row in rows}


# --- by hand --------------------------------------------------------------------------------------------


def test_eight_customers_by_hand():
    result = value_map(SOLD, EIGHT, as_of=AS_OF, classes=2)
    euro = {name: Decimal(amount) for name, amount in zip("abcdegh", (50, 10, 20, 40, -2, 0, 0), strict=True)}
    # positive current values 10, 20 | 40, 50; positive potentials 1 to 7, whose middle, 4, stands in the
    # middle of the order and so at the end of the lower half
    assert per_customer(result) == {
        "a": (euro["a"], 2, 1, "protect"),
        "b": (euro["b"], 1, 1, "serve lean"),
        "c": (euro["c"], 1, 1, "serve lean"),
        "d": (euro["d"], 2, 1, "protect"),
        "e": (euro["e"], -1, 2, "grow"),
        "f": (0, 0, 2, "grow"),
        "g": (0, 0, 0, "serve lean"),
        "h": (0, 0, 2, "grow"),
    }
    cell = result.table.set_index(["current_class", "potential_class"]).loc[(2, 1)]
    assert (cell["n"], cell["current"], cell["potential"]) == (2, Decimal(90), Decimal(5))
    # 40 and 50: mean 45, SD √50, Student's quantile of one degree of freedom 12.7062
    assert cell["estimate"] == 45
    assert cell["conf_high"] - 45 == pytest.approx(12.7062047 * math.sqrt(50 / 2), rel=1e-7)  # digits given
    assert (cell["potential_mean"], cell["quadrant"]) == (2.5, "protect")
    alone = result.table.set_index(["current_class", "potential_class"]).loc[(-1, 2)]
    assert (alone["estimate"], alone["n"]) == (-2, 1)
    assert math.isnan(alone["conf_low"])  # one customer says nothing of others like her


def test_bounds_are_stated_with_both_ends():
    bounds = value_map(SOLD, EIGHT, as_of=AS_OF, classes=2).bounds
    current = bounds[bounds["side"] == "current"].drop(columns="side").to_numpy().tolist()
    assert current == [[-1, -2, -2, 1], [0, 0, 0, 3], [1, 10, 20, 2], [2, 40, 50, 2]]


def test_classes_of_even_ratios():
    table = ibis.memtable(
        [(Decimal(amount),) for amount in (1, 3, 9, 11, 99, 101, 1000, 0, -5)],
        schema={"v": "decimal(18, 4)"},
    )
    found = classify(table, "v", classes=3, cut="log").bounds
    # from 1 to 1,000 in three equal ratios: edges at 10 and 100
    assert [(one.score, int(one.low), int(one.high), one.n) for one in found] == [
        (-1, -5, -5, 1), (0, 0, 0, 1), (1, 1, 9, 3), (2, 11, 99, 2), (3, 101, 1000, 2),
    ]  # fmt: skip
    assert range_labels(found) == {-1: "below 0", 0: "0", 1: "1 to 9", 2: "11 to 99", 3: "101 to 1,000"}


def test_equal_values_leave_classes_unused_and_it_is_said():
    same = people(dict.fromkeys("abcdef", 500) | {"g": 900, "h": 100})
    result = value_map(SOLD, same, as_of=AS_OF, classes=4)
    (failed,) = [check for check in result.evidence.failed if check.name == "ties in potential value"]
    assert failed.detail.startswith("75.0 % of customers have the same 5, so potential value has")
    classes = {who: found[2] for who, found in per_customer(result).items()}
    assert len({classes[who] for who in "abcdef"}) == 1


def test_the_best_share_by_hand():
    result = value_map(SOLD, EIGHT, as_of=AS_OF, classes=2, top=0.25)
    # of 118 in all, the best two of eight bring 50 and 40
    assert result.concentration["estimate"].tolist() == [pytest.approx(90 / 118, rel=1e-12)]  # rounding
    assert result.narrative().startswith("The best 25 % of 8 customers bring 76.3 %")
    assert "4 customers (50.0 %" in result.narrative()


def test_customers_who_joined_later_and_unknown_buyers():
    later = EIGHT.mutate(
        joined=ibis.cases((EIGHT["customer"] == "h", date(2026, 1, 1)), else_=EIGHT["joined"])
    )
    result = value_map(SOLD, later, as_of=AS_OF, classes=2)
    assert (result.evidence.n_used, result.evidence.n_given) == (7, 8)
    without = value_map(SOLD, EIGHT.filter(EIGHT["customer"] != "a"), as_of=AS_OF, classes=2)
    assert "every buyer among the customers" in [check.name for check in without.evidence.failed]
    assert sum(without.table["current"]) == 68


def test_days_that_nobody_recorded_are_said():
    names = {check.name for check in value_map(SOLD, EIGHT, as_of=AS_OF, days=900, classes=2).evidence.failed}
    assert names == {"the first day inside the data", "enough among the best"}


def test_a_value_of_the_users_own():
    mine = EIGHT.select("customer", worth=EIGHT["potential_value"].cast("int64"))
    result = value_map(SOLD, mine, as_of=AS_OF, classes=2, potential="worth")
    assert sum(result.table["potential"]) == 28
    assert "column 'worth'" in result.evidence.design


# --- any customers --------------------------------------------------------------------------------------


@given(
    amounts=st.lists(st.tuples(st.integers(-50, 300), st.integers(0, 40)), min_size=4, max_size=30),
    seed=st.integers(0, 9),
)
@settings(max_examples=10, deadline=None)
def test_cells_agree_with_brute_force_whatever_the_order_of_rows(amounts, seed):
    frame = pd.DataFrame(amounts, columns=["current", "potential"])
    names = [f"c{k:02}" for k in range(len(frame))]

    def mapped(order: np.ndarray):
        sold = lines([(names[k], 1, int(frame["current"][k])) for k in order])
        known = people({names[k]: int(frame["potential"][k]) for k in order})
        return value_map(sold, known, as_of=AS_OF, classes=3)

    result = mapped(np.arange(len(frame)))
    for side in ("current", "potential"):
        assert sum(result.table[side]) == Decimal(int(frame[side].sum())) / 100
    assert result.table["n"].sum() == len(frame)
    classes = pd.DataFrame(
        [(row["current_class"], row["potential_class"]) for row in _sorted(result)], columns=["c", "p"]
    )
    for side, column in (("current", "c"), ("potential", "p")):
        pairs = pd.DataFrame({"value": frame[side], "class": classes[column]})
        assert (pairs.groupby("value")["class"].nunique() == 1).all()  # equal values, one class
        assert pairs.sort_values("value")["class"].is_monotonic_increasing
        assert (np.sign(pairs["value"]) == np.sign(pairs["class"])).all()
    brute = frame.groupby([classes["c"], classes["p"]])["current"].agg(["size", "sum", "mean"])
    cells = result.table.set_index(["current_class", "potential_class"])
    assert cells["n"].tolist() == brute["size"].tolist()
    assert [int(100 * amount) for amount in cells["current"]] == brute["sum"].tolist()
    np.testing.assert_allclose(100 * cells["estimate"], brute["mean"], rtol=1e-12, atol=1e-12)  # rounding
    again = mapped(np.random.default_rng(seed).permutation(len(frame)))
    pd.testing.assert_frame_equal(again.table, result.table)


def _sorted(result) -> list[dict]:
    return result.cells.order_by("customer").to_pyarrow().to_pylist()


# --- intervals ------------------------------------------------------------------------------------------


def test_means_from_sums_are_those_of_the_amounts():
    rng = np.random.default_rng(2)
    groups = [[Decimal(int(cents)) / 100 for cents in rng.integers(10**9, 10**9 + 50, n)] for n in (2, 7, 40)]
    found = mean_from_sums(
        [len(g) for g in groups], [sum(g) for g in groups], [sum(x * x for x in g) for g in groups]
    )
    for at, group in enumerate(groups):
        # the amounts differ in their last digits only; from them the spread is exact as well
        shifted = [float(x - 10**7) for x in group]
        low, high = stats.t.interval(0.95, len(group) - 1, np.mean(shifted), stats.sem(shifted))
        # 2e-9: half a unit in the last place of numbers of the size of 1e7
        assert found.conf_low[at] - 1e7 == pytest.approx(low, abs=4e-9)
        assert found.conf_high[at] - 1e7 == pytest.approx(high, abs=4e-9)
    with pytest.raises(DataError, match="too small for a total"):
        mean_from_sums([2], [10], [49])
    assert math.isnan(mean_from_sums([0], [0], [0]).estimate[0])


def sums_of(values: np.ndarray, top: float) -> dict:
    n = len(values)
    cut = np.sort(values)[::-1][math.ceil(top * n) - 1]
    above = values[values > cut]
    return {
        "top": top, "cut": cut, "n": n, "total": values.sum(), "squares": (values**2).sum(),
        "n_above": len(above), "above": above.sum(), "above_squares": (above**2).sum(),
    }  # fmt: skip


def test_the_interval_of_a_top_share_covers_the_truth():
    # Of exponential values, the best share p holds p (1 - ln p) of the total.
    rng = np.random.default_rng(5)
    truth = 0.1 * (1 - math.log(0.1))
    drawn = [top_share(**sums_of(rng.exponential(size=400), 0.1)) for _ in range(1000)]
    covered = np.mean([one.conf_low <= truth <= one.conf_high for one in drawn])
    # 1,000 draws: 95 % ± 4 standard errors of 0.7 points, and a point for the finite sample
    assert 0.91 < covered < 0.98
    # the mean estimate within 0.005: bias of a share of 400 customers is of order 1/400
    assert np.mean([one.estimate for one in drawn]) == pytest.approx(truth, abs=0.005)


def trusted(values: np.ndarray) -> bool:
    """Whether the check of the map would believe the interval of the best tenth of these values."""
    frame = pd.DataFrame([{"top": 0.1, "n": len(values), "effective": effective_of(values)}])
    return bool(concentration_check(frame).passed)


def effective_of(values: np.ndarray) -> float:
    sums = sums_of(values, 0.1)
    return effective_above(**{name: sums[name] for name in ("cut", "n_above", "above", "above_squares")})


def test_the_effective_number_above_a_cut():
    assert effective_above(cut=2, n_above=5, above=25, above_squares=125) == 5  # all 3 above it
    assert effective_above(cut=2, n_above=0, above=0, above_squares=0) == 0
    # one excess of 100 among eight of 1: 108² / 10,008
    values = np.array([2.0] * 91 + [3.0] * 8 + [102.0])
    assert effective_of(values) == pytest.approx(108**2 / 10_008, rel=1e-12)  # rounding


@pytest.mark.parametrize("n", [50, 500])
@pytest.mark.parametrize("name", ["gamma", "lognormal", "pareto"])
def test_an_interval_of_a_top_share_that_is_too_narrow_is_told(name, n):
    """Where it covers in less than 90 %, the check fails in nine of ten samples or more."""
    rng = np.random.default_rng(7)
    draw = {
        "gamma": lambda size: rng.gamma(0.5, size=size),
        "lognormal": lambda size: np.exp(1.5 * rng.normal(size=size)),
        "pareto": lambda size: rng.pareto(1.5, size=size) + 1,
    }[name]
    # of a Pareto tail of index a the best tenth hold 0.1 to the power 1 - 1/a, of a log-normal the normal
    # probability of sigma less the quantile; of a gamma that of a gamma with one more
    truth = {
        "gamma": stats.gamma.sf(stats.gamma.isf(0.1, 0.5), 1.5),
        "lognormal": stats.norm.cdf(1.5 - stats.norm.isf(0.1)),
        "pareto": 0.1 ** (1 - 1 / 1.5),
    }[name]
    samples = [draw(n) for _ in range(300)]
    found = [top_share(**sums_of(values, 0.1)) for values in samples]
    covered = np.mean([one.conf_low <= truth <= one.conf_high for one in found])
    told = 1 - np.mean([trusted(values) for values in samples])
    if n == 50 or name == "pareto":
        assert covered < 0.92  # 300 samples: of 95 % two and a half standard errors of 1.3 points below
    assert told > 0.9


def test_an_interval_of_a_top_share_that_holds_is_believed():
    rng = np.random.default_rng(8)
    assert np.mean([trusted(rng.gamma(0.5, size=2_000)) for _ in range(100)]) > 0.95
    assert np.mean([trusted(np.exp(rng.normal(size=2_000))) for _ in range(100)]) > 0.95
    # without a variance, no number of customers is enough
    assert np.mean([trusted(rng.pareto(1.5, size=20_000) + 1) for _ in range(100)]) < 0.1


def test_few_customers_are_told_in_the_map():
    result = value_map(SOLD, EIGHT, as_of=AS_OF, classes=2)
    (check,) = [one for one in result.evidence.failed if one.name == "enough among the best"]
    assert check.detail == "It rests on as many as 0.0 equal ones of the best 1."  # nobody exceeds the best
    assert "Few make up most of it: the interval is too narrow." in result.narrative()


def test_the_spread_of_a_top_share_is_that_of_its_influence():
    values = np.random.default_rng(6).lognormal(size=50).round(2)
    sums = sums_of(values, 0.2)
    found = top_share(**sums, conf_level=0.9)
    share, cut = float(found.estimate), sums["cut"]
    influence = (np.maximum(values - cut, 0) + 0.2 * cut - share * values) / values.mean()
    se = math.sqrt((influence**2).mean() / 50)
    # 1e-9: the same sum multiplied out
    assert found.conf_high - share == pytest.approx(stats.norm.ppf(0.95) * se, rel=1e-9)


def test_customers_at_the_cut_are_counted_in_part():
    values = np.array([5.0, 5.0, 5.0, 5.0])
    assert top_share(**sums_of(values, 0.25)).estimate == 0.25
    assert math.isnan(top_share(**sums_of(-values, 0.25)).estimate)


# --- what is shown --------------------------------------------------------------------------------------


def test_the_chart_tells_customers_by_class():
    result = value_map(SOLD, EIGHT, as_of=AS_OF, classes=2, currency="EUR", source="eight people")
    chart = result.chart
    assert chart.size == "customers"
    assert chart.frame["customers"].sum() == 8
    assert chart.frame["current_range"].cat.categories.tolist() == ["below 0", "0", "10 to 20", "40 to 50"]
    assert chart.x_label == "Current value: margin of 365 days to 2025-12-31 [EUR]"
    assert "grow: 2 with 3 in all" in chart.alt_text()
    assert len(plots.png(chart)) > 1000
    assert result.summary["n"].tolist() == [0, 2, 3, 3]
    assert result.quadrants["n"].sum() == 8


def strategies(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["current_class", "potential_class", "strategy", "n"])


def test_cells_are_coloured_by_what_is_best_for_most():
    result = value_map(SOLD, EIGHT, as_of=AS_OF, classes=2)
    chart = result.coloured(
        strategies([(1, 1, "retain", 1), (1, 1, "grow", 1), (2, 1, "retain", 2), (0, 2, "grow", 1)])
    )
    # retain is best for 3 of 5, so in the cell where both are, it is shown; 4 of 5 have what is shown
    shown = chart.frame.set_index(["current_class", "potential_class"])["strategy"].to_dict()
    assert shown == {(1, 1): "retain", (2, 1): "retain", (0, 2): "grow"}
    assert chart.claim == "“retain” is the primary strategy of most customers: 60.0 %"
    assert chart.note.startswith(
        "Colour: the primary strategy of most customers in a cell; 80.0 % of 5 customers have the one shown."
    )
    # of two that are equally frequent in a cell, the one shown is more frequent over all
    tied = result.coloured(
        strategies(
            [(-1, 2, "a", 1), (1, 1, "b", 1), (1, 1, "second", 1), (0, 2, "c", 1), (0, 2, "second", 1)]
        )
    )
    assert sorted(tied.frame["strategy"]) == ["a", "second", "second"]
    assert "the most frequent is “second”: 40.0 %" in tied.claim
    even = result.coloured(strategies([(1, 1, "retain", 1), (2, 1, "grow", 1)]))
    assert even.claim.startswith("No strategy suits most customers; the most frequent is")
    assert len(plots.png(chart)) > 1000


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (strategies([(9, 9, "x", 1)]), DataError, "the cell 9, 9 holds 0 customers on this map and 1"),
        (strategies([(2, 1, "x", 2), (2, 1, "y", 1)]), DataError, "2, 1 holds 2 customers on this map and 3"),
        (strategies([(2, 1, "x", -1)]), DataError, "0 or more"),
        (strategies([(2, 1, None, 1)]), DataError, "none missing"),
        (strategies([]), DataError, "somebody in all"),
        (
            strategies([(2, 1, "x", 1)]).drop(columns="n"),
            ColumnError,
            "strategy_by_cell: no column named 'n'",
        ),
    ],
)
def test_colours_that_do_not_fit_the_map_are_refused(rows, error, message):
    with pytest.raises(error, match=message):
        value_map(SOLD, EIGHT, as_of=AS_OF, classes=2).coloured(rows)


# --- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"classes": 1}, OptionError, "classes is 1; allowed: a whole number from 2 to 20"),
        ({"classes": 9}, DesignError, r"8 customer\(s\) cannot be cut into 9 classes"),
        ({"days": 0}, OptionError, "days is 0"),
        ({"cut": "even"}, OptionError, "no way to cut named 'even'"),
        ({"money": "profit"}, OptionError, "no amount of money named 'profit'"),
        ({"money": "revenue"}, ColumnError, "no column named 'revenue'"),
        ({"top": 1.0}, OptionError, "top is 1.0"),
        ({"as_of": "today"}, OptionError, "as_of is 'today'"),
        ({"as_of": date(2020, 1, 1)}, DesignError, "the transactions run from 2024-12-31 to 2025-12-31"),
        ({"potential": "worth"}, ColumnError, "no column named 'worth'.*; name the column that holds it"),
        ({"conf_level": 1}, OptionError, "conf_level is 1"),
    ],
)
def test_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        value_map(SOLD, EIGHT, **{"as_of": AS_OF, "classes": 2, **options})


def test_potentials_that_cannot_be_are_refused():
    less = people({"a": 1, "b": -5, "c": 2})
    with pytest.raises(DataError, match="'potential_value': negative in 1 of 3 customers; a value map needs"):
        value_map(SOLD, less, as_of=AS_OF, classes=2)
    blank = less["potential_value"].nullif(Decimal("0.0200")).cast("decimal(18, 4)")
    unknown = less.mutate(potential_value=blank)
    with pytest.raises(DataError, match="'potential_value': missing in 1 of 3 customers"):
        value_map(SOLD, unknown, as_of=AS_OF, classes=2)


def test_tables_are_refused():
    with pytest.raises(ColumnError, match=r"no column named 'margin'.*; without it, map the revenue"):
        value_map(SOLD.drop("margin"), EIGHT, as_of=AS_OF, classes=2)
    with pytest.raises(DesignError, match="the transactions hold no purchase"):
        value_map(SOLD.filter(SOLD["margin"] > 10**6), EIGHT, as_of=AS_OF, classes=2)
    with pytest.raises(DataError, match="a customer stands twice"):
        value_map(SOLD, EIGHT.union(EIGHT), as_of=AS_OF, classes=2)
    nobody = EIGHT.mutate(customer=ibis.cases((EIGHT["customer"] == "a", None), else_=EIGHT["customer"]))
    with pytest.raises(DataError, match="a customer is missing"):
        value_map(SOLD, nobody, as_of=AS_OF, classes=2)
    rough = EIGHT.mutate(potential_value=EIGHT["potential_value"].cast("float64"))
    with pytest.raises(DataError, match="float64 does not add up exactly"):
        value_map(SOLD, rough, as_of=AS_OF, classes=2)
    huge = lines([("a", ago, 9 * 10**15) for ago in range(20)])
    with pytest.raises(
        DataError, match=r"the current values reach 1,800,000,000,000,000.* too large to add up"
    ):
        value_map(huge, EIGHT, as_of=AS_OF, classes=2)


def test_squares_of_small_change_keep_all_their_decimals():
    fine = SOLD.mutate(margin=(SOLD["margin"] / 10_000).cast("decimal(18, 4)"))
    row = value_map(fine, EIGHT, as_of=AS_OF, classes=2).table.set_index("quadrant").loc["protect"]
    # 0.0050 and 0.0040: the figures of 50 and 40, ten thousand times smaller
    assert row["conf_high"] - 0.0045 == pytest.approx(12.7062047e-4 * math.sqrt(50 / 2), rel=1e-7)


def test_large_amounts_add_up_exactly():
    rich = lines([("a", 1, 10**11 + 1), ("b", 1, 10**11 + 3)])  # cents; a thousand million each
    result = value_map(rich, people({"a": 10**13, "b": 10**13}), as_of=AS_OF, classes=2)
    assert sum(result.table["current"]) == Decimal(2 * 10**11 + 4) / 100
    together = value_map(rich, people({"a": 10**13, "b": 10**13}), as_of=AS_OF, classes=2, cut="log")
    assert sum(together.table["potential"]) == 2 * 10**11
