"""The panel that links experience to money: what it holds, and every refusal by name."""

from __future__ import annotations

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab import linkage, simulate
from cemlab.data.company import Company, CompanyInfo
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.linkage import linked_months, linked_panel


@pytest.fixture
def frame():
    rng = np.random.default_rng(1)
    rows = [(f"b{u}", pd.Timestamp(2024, 1 + t, 1)) for u in range(8) for t in range(6)]
    panel = pd.DataFrame(rows, columns=["branch", "month"])
    for name in ("cx", "profit", "size", "mood", "lot"):
        panel[name] = rng.normal(size=len(panel))
    kinds = {"b0": "mall", "b1": "mall", "b2": "mall", "b3": "shop"}
    panel["kind"] = panel["branch"].map(kinds).fillna("street")
    panel["region"] = panel["branch"].map(lambda name: int(name[1]) // 2)
    panel["customers"] = np.exp(panel["size"])
    return panel


def read(frame, **options):
    return linked_panel(frame, **{"outcome": "profit", **options})


def test_rows_come_in_order_with_kinds_as_columns_and_gaps_kept_in_time(frame):
    frame.attrs["source"] = "Books"
    shuffled = frame[frame["month"] != "2024-03-01"].sample(frac=1, random_state=1)
    before = shuffled.copy()
    linked = read(
        shuffled, controls=["kind", "mood"], weights="customers", cluster="region", instruments=["lot"]
    )
    pd.testing.assert_frame_equal(shuffled, before)
    assert linked.units == tuple(f"b{u}" for u in range(8))
    assert list(linked.periods) == list(pd.date_range("2024-01-01", periods=6, freq="MS"))
    assert linked.period[:5].tolist() == [0, 1, 3, 4, 5]
    ordered = shuffled.sort_values(["branch", "month"])
    assert linked.outcome.tolist() == ordered["profit"].tolist()
    # the street is commonest, so that the others are told from it
    assert linked.control_names == ("kind: mall", "kind: shop", "mood")
    assert linked.controls[:, 0].tolist() == (ordered["kind"] == "mall").astype(float).tolist()
    assert (linked.n_clusters, linked.n_units, linked.source) == (4, 8, "Books")
    assert linked.weights.tolist() == ordered["customers"].tolist()
    assert linked.instruments[:, 0].tolist() == ordered["lot"].tolist()


@pytest.mark.parametrize(
    ("month", "expected"),
    [
        (lambda m: m + pd.offsets.MonthEnd(0), ["2024-01-31", "2024-02-29", "2024-03-31"]),
        (
            lambda m: pd.Timestamp(2023, 12, 25) + pd.Timedelta(weeks=m.month),
            ["2024-01-01", "2024-01-08"],
        ),
        (lambda m: 2 * m.month, [2, 4, 6]),
    ],
)
def test_a_period_without_rows_is_still_a_period(frame, month, expected):
    frame = frame[frame["month"] != "2024-02-01"].assign(month=frame["month"].map(month))
    found = read(frame).periods
    assert len(found) == 6
    assert [str(value)[:10] for value in found[: len(expected)]] == [str(value) for value in expected]


def test_rows_with_something_missing_are_left_out_counted_and_checked_for_being_missing_by_the_score(frame):
    frame.loc[[0, 9, 20], "profit"] = None
    frame.loc[30, "mood"] = np.nan
    linked = read(frame, controls=["mood"])
    check = linked.checks[0]
    assert (len(linked.outcome), linked.n_given, check.passed) == (44, 48, True)
    assert "4 of 48 rows are left out" in check.detail
    assert "cx, where known, differs" in check.detail
    # the unhappy months are missing
    frame.loc[frame["cx"] < -0.6, "profit"] = None
    assert read(frame).checks[0].passed is False
    whole = read(frame.dropna())
    assert whole.checks[0].passed


def test_halves_that_are_not_of_the_score_are_told(frame):
    error = np.random.default_rng(2).normal(scale=0.1, size=len(frame))
    frame["a"], frame["b"] = frame["cx"] + error, frame["cx"] - error
    assert read(frame, halves=("a", "b")).checks[-1].passed
    frame["a"] *= 10
    assert read(frame, halves=("a", "b")).checks[-1].passed is False
    for odd in ("ab", ("a",), ("a", "a")):
        with pytest.raises(OptionError, match="two columns"):
            read(frame, halves=odd)


@pytest.mark.parametrize(
    "other",
    [
        lambda f: f["a"],
        lambda f: 10 - 3.5 * f["a"],
        # one column but for what is special to a branch, which is gone within branches
        lambda f: f["a"] + f["region"],
    ],
)
def test_one_half_twice_is_no_score_without_error(frame, other):
    frame["a"] = frame["cx"] + np.random.default_rng(2).normal(scale=0.1, size=len(frame))
    frame["b"] = other(frame)
    with pytest.raises(DesignError, match="halves: 'a' and 'b' are one column on two scales"):
        read(frame, halves=("a", "b"))


BROKEN = [
    (lambda f: f.drop(columns="cx"), {}, ColumnError, "no column named 'cx'"),
    (lambda f: pd.concat([f, f[:1]]), {}, DataError, "branch b0 stands twice in month 2024-01-01"),
    (lambda f: f, {"scale": (-1, 1)}, DataError, "scores lie outside their scale, -1 to 1"),
    (lambda f: f, {"scale": (1, 0)}, OptionError, "scale is"),
    (lambda f: f[f["branch"] == "b1"], {}, DesignError, "all rows are of one branch, b1"),
    (lambda f: f[f["branch"] < "b2"], {}, DesignError, "3 are the fewest"),
    (lambda f: f[f["month"] == "2024-01-01"], {}, DesignError, "all rows are of one period"),
    (lambda f: f.assign(cx=7.5), {}, DesignError, "column 'cx': experience is 7.5 everywhere"),
    (lambda f: f.assign(profit=1), {}, DesignError, "column 'profit': the outcome is 1 everywhere"),
    (
        lambda f: f.assign(twin=2 * f["mood"] - f["size"] + 3),
        {"controls": ["lot", "mood", "size", "twin"]},
        DesignError,
        "collinear controls: the control 'twin' is made up of 'mood' and 'size'",
    ),
    (
        lambda f: f.assign(mood=f["cx"] * 10),
        {"controls": ["mood"]},
        DesignError,
        "collinear controls: the score 'cx' is made up of 'mood'",
    ),
    (
        lambda f: f.assign(mood=1e6),
        {"controls": ["mood"]},
        DesignError,
        "control 'mood' is the same everywhere",
    ),
    (lambda f: f.assign(kind="mall"), {"controls": ["kind"]}, DesignError, "control 'kind' is the same"),
    (lambda f: f.assign(currency=["EUR", "USD"] * 24), {}, DataError, "EUR and USD are mixed"),
    (lambda f: f.assign(Currency=["EUR", "USD"] * 24), {}, DataError, "'Currency': EUR and USD are mixed"),
    (lambda f: f.assign(profit="much"), {}, DataError, "'much' is a str; allowed are numbers"),
    (lambda f: f.assign(cx=f["cx"].astype(str)), {}, DataError, "make texts numbers with pandas.to_numeric"),
    (lambda f: f.assign(cx=[np.inf] + [0.0, 1.0] * 23 + [1.0]), {}, DataError, "1 values are infinite"),
    (lambda f: f.assign(profit=np.nan), {}, DesignError, "no row has a value in every column"),
    (lambda f: f.assign(branch=None), {}, DataError, "48 rows name no branch"),
    (lambda f: f.assign(month="soon"), {}, DataError, "dates and whole numbers"),
    (lambda f: f.assign(branch=[1, "1"] * 24), {}, DataError, "as number and text"),
    (lambda f: f, {"weights": "size"}, DataError, "weights are 0 or less"),
    (lambda f: f, {"cluster": "lot"}, DataError, "it differs within branch b0"),
    (lambda f: f.assign(region=f["region"] // 2), {"cluster": "region"}, DesignError, "2 clusters; 3 are"),
    (lambda f: f.assign(region=None), {"cluster": "region"}, DataError, "48 rows name no cluster"),
    (lambda f: f, {"controls": "mood"}, OptionError, r"e.g. \['mood'\]"),
    (lambda f: f, {"controls": ["cx"]}, OptionError, "'cx' is to be score and control"),
    (
        lambda f: f.assign(month=f["month"].dt.month.map({1: 0, 2: 2, 3: 5, 4: 7, 5: 9, 6: 11})),
        {},
        DesignError,
        "from 2 to 5 is no whole number of the steps",
    ),
]


def test_an_interval_of_three_clusters_stands_beside_a_failed_check(frame):
    frame["region"] = frame["region"].clip(upper=2)
    three = linkage.value_of_a_point(read(frame, cluster="region"))
    assert "too few clusters" in [check.name for check in three.evidence.failed]
    assert "3 clusters by region" in str(three.evidence.checks)
    assert not [check for check in read(frame).checks if check.name == "too few clusters"]


def test_dates_of_one_week_that_differ_are_no_periods():
    rng = np.random.default_rng(3)
    branch, week = np.divmod(np.arange(20 * 16), 16)
    monday = pd.Timestamp(2024, 1, 1) + pd.to_timedelta(7 * week, unit="D")
    weekly = pd.DataFrame({"branch": branch, "month": monday, "cx": rng.normal(size=320)})
    weekly["profit"] = rng.normal(size=320)
    shifted = weekly.assign(month=monday + pd.to_timedelta(rng.integers(0, 3, 320), unit="D"))
    with pytest.raises(DesignError, match=r"48 periods, in most of which a branch has no row .*to_period"):
        read(shifted)
    # so too where days are numbered
    numbered = shifted.assign(month=(shifted["month"] - pd.Timestamp(2024, 1, 1)).dt.days)
    with pytest.raises(DesignError, match="if dates of one week"):
        read(numbered)
    whole = shifted.assign(month=shifted["month"].dt.to_period("W").dt.start_time)
    assert list(read(whole).periods) == list(read(weekly).periods)
    # whoever comes late or goes early leaves no gaps between
    late = weekly[(weekly["branch"] % 16 <= week) & (week <= weekly["branch"] % 16 + 3)]
    assert len(read(late).periods) == 16


@pytest.mark.parametrize(("broken", "options", "error", "told"), BROKEN)
def test_what_cannot_be_linked_is_refused_by_name(frame, broken, options, error, told):
    with pytest.raises(error, match=told):
        read(broken(frame), **options)


def test_currencies_named_beside_the_panel_and_names_that_are_no_kinds_are_refused(frame):
    frame.attrs["currency"] = ["EUR", "USD"]
    with pytest.raises(DataError, match="attrs 'currency': EUR and USD are mixed"):
        read(frame)
    frame.attrs["currency"] = "EUR"
    many = pd.concat([frame.assign(branch=frame["branch"] + str(i)) for i in range(2)], ignore_index=True)
    many["kind"] = [f"k{i}" for i in range(len(many))]
    with pytest.raises(DataError, match="96 texts are no kinds"):
        read(many, controls=["kind"])
    with pytest.raises(DataError, match="a list is no table"):
        read([1, 2])


def test_haldens_months_hold_what_each_table_says_of_them():
    company = simulate.company(customers=2_000)
    panel = linked_months(company)
    assert (len(panel), panel["branch"].nunique(), panel.attrs["not_there"]) == (2_880, 60, ())
    sold = company.table("transactions")["revenue"].sum().to_pyarrow().as_py()
    # every purchase is some branch's, to the cent
    assert panel["spend"].sum() == pytest.approx(float(sold), rel=1e-12)
    assert panel["margin_per_customer"].to_numpy() == pytest.approx(panel["margin"] / panel["customers"])
    counted = company.table("contacts").filter(ibis._["employee"].notnull()).count().to_pyarrow().as_py()
    assert panel["contacts"].sum() <= counted
    assert (panel["staff"] >= panel["trained"]).all()
    assert panel["engagement"].std() > 0
    # nothing of training is needed
    rest = {name: table for name, table in company.tables.items() if name != "training"}
    bare = linked_months(Company(info=company.info, tables=rest))
    assert bare.attrs["not_there"] == ("training",)
    assert bare["margin"].tolist() == panel["margin"].tolist()


@pytest.mark.parametrize(
    "ask",
    [
        linkage.value_of_a_point,
        linkage.lag_profile,
        linkage.shape_of_returns,
        linkage.penalty_reward,
        lambda panel: linkage.slope_by_segment(panel, segments={}),
        linkage.slope_without_each,
        linkage.errors_beside,
        linkage.placebo_leads,
        linkage.omitted_confounder,
        linkage.instrument_value,
        linkage.lasting_units,
    ],
)
def test_what_was_not_read_yet_is_told_how_to_be(frame, ask):
    for given in (frame, ibis.memtable(frame[["branch", "cx"]])):
        with pytest.raises(DataError, match=r"is no linked panel; hand in linked_panel\(…\)"):
            ask(given)
    with pytest.raises(DataError, match="a Ladder is no linked panel"):
        ask(linkage.value_of_a_point(read(frame)))


@pytest.mark.parametrize(
    "ask",
    [
        lambda panel: linkage.shape_of_returns(panel, curve="quadratic"),
        linkage.penalty_reward,
        lambda panel: linkage.slope_by_segment(panel, segments={f"b{u}": "ab"[u % 2] for u in range(8)}),
        linkage.slope_without_each,
        lambda panel: linkage.errors_beside(panel, draws=99),
    ],
)
def test_controls_that_levels_say_already_are_left_out_and_told(frame, ask):
    plain = ask(read(frame, controls=["mood"]))
    found = ask(
        read(frame.assign(month_number=frame["month"].dt.month), controls=["kind", "mood", "month_number"])
    )
    pd.testing.assert_frame_equal(found.table, plain.table)
    told = next(check for check in found.evidence.checks if check.name == "controls left out")
    assert told.detail.endswith("say it already: kind: mall, kind: shop and month_number.")
    assert "controls left out" not in [check.name for check in plain.evidence.checks]


def test_what_cannot_be_told_has_advice_that_fits(frame):
    frame["cx"] = frame["region"] + frame["month"].dt.month
    with pytest.raises(DesignError) as told:
        linkage.penalty_reward(read(frame), reference=5.0)
    assert "knots" not in str(told.value)


def test_of_training_by_branch_alone_the_first_month_is_known():
    days = [date(2024, m, 1) for m in (1, 2)]
    books = ibis.memtable({"branch": ["a", "a"], "month": days, "cx": [0.1, 0.3], "profit": [1.0, 2.0]})
    trained = ibis.memtable({"branch": ["a"], "date": [date(2024, 2, 9)]})
    company = Company(
        info=CompanyInfo(name="Small", source="Small"), tables={"branch_month": books, "training": trained}
    )
    panel = linked_months(company)
    assert panel["first_trained"].tolist() == [pd.Timestamp(2024, 2, 1)] * 2
    assert "training" in panel.attrs["not_there"]
