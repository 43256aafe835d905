"""Errors with few clusters against R, by hand, and by how often they hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from cemlab.errors import DesignError
from cemlab.linkage.errors_beside import errors_beside
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.panel_reading import linked_panel
from cemlab.linkage.rung_columns import less_means
from cemlab.stats.few_clusters import bell_mccaffrey, wild_slope_draws
from cemlab.stats.wild_bootstrap import sign_draws

REFERENCE = Path(__file__).parent / "reference"
# R writes fifteen digits; both solve well-conditioned systems of 113 rows
EXACT = 1e-10


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(REFERENCE / "few_clusters.csv")


@pytest.fixture(scope="module")
def reference():
    return json.loads((REFERENCE / "few_clusters.json").read_text())


def columns(data, rung):
    """Return outcome, score and all other columns with a dummy for each branch and month but the first."""
    beside = [data["size"], np.ones(len(data))]
    if rung == "within":
        beside += [data["branch"] == b for b in range(2, 13)] + [data["month"] == m for m in range(2, 11)]
    return data["profit"].to_numpy(), data["cx"].to_numpy(), np.column_stack(beside).astype(float)


@pytest.mark.parametrize("rung", ["controlled", "within"])
@pytest.mark.parametrize("by", ["branch", "month"])
def test_cr2_and_its_degrees_of_freedom_are_those_of_clubsandwich(data, reference, rung, by):
    y, x, z = columns(data, rung)
    if rung == "within" and by == "branch":
        # dummies of what is the cluster itself are taken out before, as the theorem allows
        code = data["branch"].to_numpy() - 1
        stack = less_means(np.column_stack([y, x, z[:, :1], z[:, 13:]]), code, np.ones(len(y)))
        y, x, z = stack[:, 0], stack[:, 1], stack[:, 2:]
    found = bell_mccaffrey(y, column=x, others=z, cluster=data[by])
    expected = reference[rung][f"cr2_{by}"]
    assert found.std_error == pytest.approx(expected["std_error"], rel=EXACT)
    assert found.df == pytest.approx(expected["df"], rel=1e-8)  # a ratio of sums of small differences


def test_errors_beside_are_those_of_sandwich(data, reference):
    found = errors_beside(
        linked_panel(data, outcome="profit", controls=["size"]), rung="controlled", draws=99
    )
    rows = found.table.set_index("way")
    expected = reference["controlled"]
    for way, name in [
        ("classical", "classical"), ("robust", "robust"), ("by cluster", "branch"), ("by period", "month"),
        ("by cluster and period", "two_way"),
    ]:  # fmt: skip
        assert rows.loc[way, "std_error"] == pytest.approx(expected[name], rel=EXACT), way
    assert rows["estimate"].to_numpy() == pytest.approx(expected["estimate"], rel=EXACT)
    assert rows.loc["CR2 by cluster", "df"] == pytest.approx(expected["cr2_branch"]["df"], rel=1e-8)
    # twelve branches: the usual error is not to be told, and the remedy names what is
    assert found.recommended == "CR2 by cluster"
    assert not rows.loc["by cluster", "usable"]
    assert found.evidence.failed[0].name == "clusters enough"
    within = errors_beside(linked_panel(data, outcome="profit", controls=["size"]), draws=99).table
    assert within["std_error"].iloc[0] == pytest.approx(reference["within"]["classical"], rel=EXACT)
    # Bartlett's weights with one lag at ten months, by hand from the scores of each month
    y, x, z = columns(data, "within")
    q = np.linalg.qr(z)[0]
    left = x - q @ (q.T @ x)
    residual = y - q @ (q.T @ y) - left * (left @ y) / (left @ left)
    s = pd.Series(left * residual).groupby(data["month"]).sum().to_numpy()
    by_hand = s @ s + 2 * (1 - 1 / 3) * (s[1:] @ s[:-1]) + 2 * (1 - 2 / 3) * (s[2:] @ s[:-2])
    by_hand = np.sqrt(max(by_hand, 0) * 10 / 9) / (left @ left)
    assert within["std_error"].iloc[5] == pytest.approx(by_hand, rel=1e-9)


def test_each_wild_draw_is_the_regression_on_the_redrawn_outcome(data):
    y, x, z = columns(data, "controlled")
    code = data["branch"].to_numpy() - 1
    factors, all_ways = sign_draws(12, signs="rademacher", draws=5, rng=np.random.default_rng(1))
    tau = 0.7
    drawn = wild_slope_draws(y, column=x, others=z, cluster=code, factors=factors, enumerated=all_ways)
    base = y - tau * x
    fitted = z @ np.linalg.lstsq(z, base, rcond=None)[0]
    for number, signs in enumerate(factors):
        again = fitted + signs[code] * (base - fitted)
        design = np.column_stack([x, z])
        beta = np.linalg.lstsq(design, again, rcond=None)[0]
        row = np.linalg.inv(design.T @ design)[0]
        scores = np.bincount(code, weights=(design @ row) * (again - design @ beta))
        assert drawn.statistics(tau)[number] == pytest.approx(beta[0] ** 2 / (scores @ scores), rel=1e-8)


def test_with_six_uneven_clusters_cr2_holds_where_the_usual_error_does_not():
    rng = np.random.default_rng(5)
    sizes = [4, 4, 6, 8, 30, 40]
    code = np.repeat(np.arange(6), sizes)
    cover = np.zeros(2)
    repetitions = 300
    for _ in range(repetitions):
        x = rng.standard_normal(6)[code] + 0.5 * rng.standard_normal(len(code))
        y = rng.standard_normal(6)[code] + rng.standard_normal(len(code))
        z = np.ones((len(code), 1))
        found = bell_mccaffrey(y, column=x, others=z, cluster=code)
        xc = x - x.mean()
        b = xc @ y / (xc @ xc)
        scores = np.bincount(code, weights=xc * (y - y.mean() - b * xc))
        usual = np.sqrt(scores @ scores * 6 / 5) / (xc @ xc)
        for place, (error, df) in enumerate([(found.std_error, found.df), (usual, 5)]):
            cover[place] += abs(b) <= student.ppf(0.975, df) * error
    share = cover / repetitions
    # of 300 repetitions 0.95 has a standard error of 0.013; three of them
    assert 0.91 <= share[0] <= 1.0
    assert share[1] < share[0] - 0.03


def small(clusters, **changes):
    rng = np.random.default_rng(2)
    unit = np.repeat(np.arange(clusters), 8)
    given = {
        "units": tuple(f"u{i}" for i in range(clusters)), "periods": tuple(range(8)), "unit": unit,
        "period": np.tile(np.arange(8), clusters), "outcome": rng.standard_normal(8 * clusters),
        "score": rng.standard_normal(8 * clusters), "halves": None, "controls": np.empty((8 * clusters, 0)),
        "control_names": (), "weights": np.ones(8 * clusters), "cluster": unit, "outcome_name": "profit",
        "score_name": "cx", "outcome_unit": "EUR", "n_given": 8 * clusters,
    }  # fmt: skip
    return LinkedPanel(**(given | changes))


def test_the_rule_names_what_is_told_and_refuses_four_clusters():
    assert errors_beside(small(8), draws=199).recommended == "wild bootstrap by cluster"
    many = errors_beside(small(60), draws=99)
    assert many.recommended == "by cluster"
    assert not many.evidence.failed
    assert "by cluster, 60 clusters" in many.narrative()
    assert len(many.summary) == 8
    assert many.chart.kind == "forest"
    with pytest.raises(DesignError, match="4 clusters; no error of a slope"):
        errors_beside(small(4))
    with pytest.raises(ValueError, match="draws is 5"):
        errors_beside(small(12), draws=5)
    with pytest.raises(DesignError, match="one cluster"):
        bell_mccaffrey(np.ones(4), column=np.arange(4.0), others=np.ones((4, 1)), cluster=np.zeros(4))
    with pytest.raises(DesignError, match="not alike"):
        bell_mccaffrey(np.ones(3), column=np.arange(4.0), others=np.ones((4, 1)), cluster=np.arange(4))
