"""Regressions from sums over all rows are those of pyfixest and statsmodels on the rows."""

import json
from decimal import Decimal
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import statsmodels.api as sm

from cemlab import linkage
from cemlab.data import cluster_products as products
from cemlab.data import panel_sums as reading
from cemlab.data.cluster_products import cluster_products
from cemlab.data.engine import connect
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.stats import panel_sums as solving

# a regression on centred columns keeps ten digits and more; pyfixest stops its iterations at 1e-13 here
WITHIN = 1e-8


def panel(seed, *, units=40, months=9, kept=1.0):
    rng = np.random.default_rng(seed)
    unit, month = np.divmod(rng.permutation(units * months), months)
    frame = pd.DataFrame(
        {
            "shop": np.char.add("shop ", unit.astype(str)),
            "month": pd.Timestamp("2024-01-01") + pd.to_timedelta(31 * month, unit="D"),
            "region": unit // 4,
            "cx": rng.normal(size=unit.size) + 0.3 * month,
            "staff": rng.normal(size=unit.size) + 0.01 * unit,
            "n": rng.uniform(0.5, 3, unit.size),
        }
    )
    frame["profit"] = 1e4 + unit + 5.0 * month + 2 * frame["cx"] - frame["staff"] + rng.normal(size=unit.size)
    return frame[rng.uniform(size=unit.size) < kept].reset_index(drop=True)


def rows_by_pyfixest(frame, *, cluster, weights):
    own = frame.rename(
        columns={"profit": "y", "cx": "x0", "staff": "x1", "shop": "u", "month": "t", "n": "w"}
    )
    own = own.assign(c=own["u"] if cluster == "shop" else own["t"] if cluster == "month" else own["region"])
    fit = pf.feols(
        "y ~ x0 + x1 | u + t",
        own,
        vcov={"CRV1": "c"},
        weights="w" if weights else None,
        demeaner=pf.MapDemeaner(fixef_tol=1e-13, fixef_maxiter=100_000),
    )
    return fit.coef().to_numpy(), fit.se().to_numpy(), fit._N


@pytest.mark.filterwarnings("ignore:.*singleton.*:UserWarning")
@pytest.mark.parametrize(
    ("seed", "kept", "cluster", "weights"),
    [
        (1, 1.0, None, None),
        (2, 0.7, None, "n"),
        # so few rows that shops, and months, are left alone
        (3, 0.15, None, None),
        (4, 0.6, "region", "n"),
        (5, 0.8, "month", None),
    ],
)
def test_two_ways_are_those_of_pyfixest(seed, kept, cluster, weights, monkeypatch):
    frame = panel(seed, kept=kept)
    # memory for a few shops only, so that most wait in files, and passes of two shops at a time
    monkeypatch.setattr(reading, "_HELD", 400)
    monkeypatch.setattr(reading, "_AT_ONCE", 20)
    found = linkage.value_at_scale(
        frame,
        outcome="profit",
        score="cx",
        unit="shop",
        time="month",
        controls=["staff"],
        cluster=cluster,
        weights=weights,
    )
    slopes, errors, n = rows_by_pyfixest(frame, cluster=cluster or "shop", weights=weights)
    np.testing.assert_allclose(found.table["estimate"], slopes, rtol=WITHIN)
    np.testing.assert_allclose(found.table["std_error"], errors, rtol=WITHIN)
    assert (found.evidence.n_used, found.evidence.n_given) == (n, len(frame))
    assert found.table["term"].tolist() == ["cx", "staff"]


def test_rows_without_levels_are_those_of_statsmodels():
    frame = panel(6, kept=0.8).assign(cx=lambda f: f["cx"] + 1e4)
    found = linkage.value_at_scale(
        frame,
        outcome="profit",
        score="cx",
        unit="shop",
        time="month",
        controls=["staff"],
        weights="n",
        fixed_effects="none",
    )
    centred = np.column_stack([np.ones(len(frame)), frame[["cx", "staff"]] - frame[["cx", "staff"]].mean()])
    theirs = sm.WLS(frame["profit"].to_numpy(), centred, weights=frame["n"].to_numpy()).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(frame["shop"])[0]}
    )
    np.testing.assert_allclose(found.table["estimate"], theirs.params[1:], rtol=WITHIN)
    np.testing.assert_allclose(found.table["std_error"], theirs.bse[1:], rtol=WITHIN)
    assert found.n_clusters == frame["shop"].nunique()


def test_speed_costs_no_digits():
    stored = (Path(__file__).parent / "reference" / "nist_linear.json").read_text(encoding="utf-8")
    longley = json.loads(stored)["Longley"]
    frame = pd.DataFrame(longley["x"], columns=list("abcdef")).assign(y=longley["y"], row=range(16))
    fit = cluster_products(frame, outcome="y", columns=list("abcdef"), cluster="row")
    # ten digits have to be kept, although sums of products lose twice as many as the rows do
    np.testing.assert_allclose(fit.coefficient, longley["coefficient"], rtol=1e-10)
    # each row a cluster of its own: (n - 1) / (n - k) · n / (n - 1) is what the exact errors hold
    errors = np.sqrt(np.diag(fit.covariance))
    np.testing.assert_allclose(errors, longley["std_error_rows"], rtol=1e-10)


def test_parquet_in_decimals_and_gaps_say_the_same(tmp_path):
    frame = panel(7, kept=0.8)
    frame["profit"] = [Decimal(f"{value:.2f}") for value in frame["profit"]]
    asked = {"outcome": "profit", "score": "cx", "unit": "shop", "time": "month"}
    plain = linkage.value_at_scale(frame.astype({"profit": float}), **asked)
    holes = pd.concat([frame, frame.iloc[:3].assign(cx=np.nan), frame.iloc[:2].assign(shop=None)])
    holes.to_parquet(tmp_path / "rows.parquet")
    found = linkage.value_at_scale(connect(tmp_path).read_parquet(tmp_path / "rows.parquet"), **asked)
    pd.testing.assert_frame_equal(found.table, plain.table, rtol=WITHIN)
    assert found.evidence.n_given - found.evidence.n_used == 5
    assert "5 rows with something missing" in str(found.evidence.checks[0])
    assert found.evidence.grade == "association"
    assert "goes with" in found.narrative()
    assert found.chart.claim.startswith("One more of cx goes with")
    assert found.summary["term"].tolist() == ["cx"]


def test_long_panels_go_to_pyfixest(monkeypatch):
    frame = panel(8, kept=0.5)
    asked = {"outcome": "profit", "score": "cx", "unit": "shop", "time": "month", "controls": ["staff"]}
    exact = linkage.value_at_scale(frame, **asked)
    monkeypatch.setattr(reading, "MOST_PERIODS", 5)
    pd.testing.assert_frame_equal(linkage.value_at_scale(frame, **asked).table, exact.table, rtol=WITHIN)
    monkeypatch.setattr(reading, "_MOST_ROWS", 100)
    with pytest.raises(DesignError, match="take longer periods"):
        linkage.value_at_scale(frame, **asked)


@pytest.mark.parametrize(
    ("error", "message", "changed", "given"),
    [
        # rows that stand twice were counted twice, infinite ones left out unseen
        (DataError, "has 2 rows in month", lambda f: pd.concat([f, f[:1]]), {}),
        (
            DataError,
            "'cx': infinite or beyond",
            lambda f: f.assign(cx=f["cx"].where(f.index > 0, np.inf)),
            {},
        ),
        (DataError, "nought or less", lambda f: f.assign(n=0.0), {"weights": "n"}),
        (DesignError, "cx: constant within units", lambda f: f.assign(cx=f["region"]), {}),
        (
            DesignError,
            "staff: constant within",
            lambda f: f.assign(staff=2 * f["cx"]),
            {"controls": ["staff"]},
        ),
        (DesignError, "in one cluster", lambda f: f.assign(all=1), {"cluster": "all"}),
        (DesignError, "nothing can be compared", lambda f: f.assign(cx=np.nan), {}),
    ],
)
def test_long_panels_are_checked_as_short_ones_are(error, message, changed, given, monkeypatch):
    monkeypatch.setattr(reading, "MOST_PERIODS", 5)
    asked = {"outcome": "profit", "score": "cx", "unit": "shop", "time": "month"} | given
    with pytest.raises(error, match=message):
        linkage.value_at_scale(changed(panel(8)), **asked)


@pytest.mark.parametrize("kind", ["two-way", "none"])
def test_names_that_differ_by_case_are_refused_where_they_are_used(kind):
    frame = panel(9).assign(CX=0.5, STAFF=1.0)
    asked = {"outcome": "profit", "unit": "shop", "time": "month", "fixed_effects": kind}
    for given in ({"score": "CX"}, {"score": "cx"}, {"score": "n", "controls": ["staff"]}):
        with pytest.raises(ColumnError, match=r"cannot be told apart .* rename one"):
            linkage.value_at_scale(frame, **asked | given)
    plain = linkage.value_at_scale(frame[["shop", "month", "profit", "n"]], **asked, score="n")
    pd.testing.assert_frame_equal(linkage.value_at_scale(frame, **asked, score="n").table, plain.table)
    with pytest.raises(ColumnError, match="panel: the columns 'cx' and 'CX' cannot be told apart"):
        linkage.linked_panel(ibis.memtable(frame), outcome="profit", unit="shop")


def edited(**columns):
    return panel(9).assign(**columns)


@pytest.mark.parametrize(
    ("error", "message", "frame", "given"),
    [
        (ColumnError, "no column named 'profits'", edited(), {"outcome": "profits"}),
        (OptionError, "no kind of fixed effects named 'one-way'", edited(), {"fixed_effects": "one-way"}),
        (OptionError, "give columns in a list", edited(), {"controls": "staff"}),
        (OptionError, "'cx' stands in two roles", edited(), {"controls": ["cx"]}),
        (OptionError, "conf_level is 95", edited(), {"conf_level": 95}),
        (DataError, "'region' .*string|string is no number", edited(cx="high"), {}),
        (DataError, "EUR, USD are mixed", edited(currency=["EUR"] * 180 + ["USD"] * 180), {}),
        (DataError, "'Currency': EUR, USD", edited(Currency=["EUR"] * 180 + ["USD"] * 180), {}),
        (DataError, "'cx': infinite or beyond", edited(cx=[np.inf] + [1.0] * 359), {}),
        (DataError, "nought or less", edited(n=0.0), {"weights": "n"}),
        (DataError, "has 9 rows in region", edited(), {"time": "region"}),
        (DesignError, "cx: constant within units", edited(cx=lambda f: f["region"]), {}),
        (
            DesignError,
            "each other: cx, double;",
            edited(double=lambda f: 2 * f["cx"] + f["region"]),
            {"controls": ["double"]},
        ),
        (DesignError, "in one cluster", edited(all=1), {"cluster": "all"}),
        (DesignError, "nothing can be compared|none of", edited(cx=np.nan), {}),
        (DesignError, "nothing can be compared", edited(month=pd.NaT), {}),
        (DesignError, "nothing can be compared", edited(shop=pd.array([None] * 360, dtype="string")), {}),
    ],
)
def test_misuse_is_refused(error, message, frame, given):
    asked = {"outcome": "profit", "score": "cx", "unit": "shop", "time": "month"} | given
    with pytest.raises(error, match=message):
        linkage.value_at_scale(frame, **asked)


@pytest.mark.parametrize(
    ("message", "frame", "columns"),
    [
        ("cx: constant in all rows", edited(cx=3.3), ["cx"]),
        ("each other: cx, double;", edited(double=lambda f: 2 * f["cx"] + 1), ["cx", "double"]),
        ("none of 360 rows", edited(cx=np.nan), ["cx"]),
        ("2 complete rows cannot", edited().head(2), ["cx"]),
        ("in one cluster", edited(shop="a"), ["cx"]),
    ],
)
def test_products_refuse_what_they_cannot_tell(message, frame, columns):
    with pytest.raises(DesignError, match=message):
        cluster_products(ibis.memtable(frame), outcome="profit", columns=columns, cluster="shop")


@pytest.mark.parametrize("kind", ["two-way", "none"])
def test_what_does_not_stand_still_is_refused(kind, monkeypatch):
    # steps below nought do not exist
    for module in (products, solving):
        monkeypatch.setattr(module, "_SETTLED", -1.0)
        monkeypatch.setattr(module, "_ROUNDING", -1.0)
    asked = {"outcome": "profit", "score": "cx", "unit": "shop", "time": "month", "fixed_effects": kind}
    with pytest.raises(DesignError, match="columns cx leave too few digits"):
        linkage.value_at_scale(edited(), **asked)
