"""Spill-over, and the differences of changes behind it: by hand, against Welch, coverage, what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cemlab import training
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.stats.detectable import power_of_t
from cemlab.stats.window_differences import window_difference, window_weights
from cemlab.training.exposure import exposed_differences, exposed_units, first_exposed, main_figures


def panel(outcome, first, region):
    n, periods = outcome.shape
    return pd.DataFrame(
        {
            "branch": np.repeat([f"b{i:03}" for i in range(n)], periods),
            "month": np.tile(np.arange(1, periods + 1), n),
            "cx": outcome.ravel(),
            "first_trained": np.repeat(first, periods),
            "region": np.repeat(region, periods),
        }
    )


def company(rng, *, spill=0.0, effect=0.0, drift=0.0):
    """Regions N and M train in months 5 and 7 (of 10); in S nobody does. 8 of 12 branches are trained."""
    region = np.repeat(["N", "M", "S"], 12)
    first = np.zeros(36, dtype=int)
    first[:8], first[12:20] = 5, 7
    month = np.arange(1, 11)
    start = np.repeat([5, 7, 99], 12)
    treated = (first > 0)[:, None] & (month >= first[:, None])
    exposed = (month >= start[:, None]) & ~treated
    y = rng.normal(size=(36, 1)) + 0.5 * rng.normal(size=(36, 10)) + 0.3 * month
    y += effect * treated + spill * exposed + drift * month * (start < 99)[:, None]
    return panel(y, first, region)


def test_one_window_is_welchs_test():
    rng = np.random.default_rng(1)
    y = rng.normal(size=(11, 6)) * np.where(np.arange(11) < 4, 1.0, 2.5)[:, None]
    block = np.where(np.arange(11) < 4, 0, -1)
    weights = window_weights(6, before=slice(0, 4), after=slice(4, 6))
    found = window_difference(y, block=block, control=(block < 0)[None], weights=weights[None])
    change = y[:, 4:].mean(axis=1) - y[:, :4].mean(axis=1)
    theirs = stats.ttest_ind(change[:4], change[4:], equal_var=False)
    assert found.estimate == pytest.approx(change[:4].mean() - change[4:].mean())
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert found.interval(0.9) == pytest.approx(tuple(theirs.confidence_interval(0.9)))


def test_controls_of_several_windows_count_once():
    rng = np.random.default_rng(2)
    y = rng.normal(size=(9, 5))
    block = np.array([0, 0, 1, 1, -1, -1, -1, -1, -1])
    weights = np.array([[-1.0, 1, 0, 0, 0], [-1.0, 0, 0, 0, 1]])
    found = window_difference(
        y, block=block, control=np.repeat((block < 0)[None], 2, axis=0), weights=weights
    )
    change = y @ weights.T
    others = change[4:].mean(axis=1)  # half of the treated have either window
    own = np.concatenate([change[:2, 0], change[2:4, 1]])
    assert found.estimate == pytest.approx(own.mean() - others.mean())
    variance = (change[:2, 0].var(ddof=1) / 2 + change[2:4, 1].var(ddof=1) / 2) / 4 + others.var(ddof=1) / 5
    assert found.std_error == pytest.approx(np.sqrt(variance))


def test_nothing_varies_and_a_block_of_one():
    y = np.array([[0.0, 2.0], [0.0, 2.0], [0.0, 0.0], [0.0, 0.0]])
    weights = np.array([[-1.0, 1.0], [-1.0, 1.0]])
    control = np.repeat([[False, False, True, True]], 2, axis=0)
    found = window_difference(y, block=np.array([0, 1, -1, -1]), control=control, weights=weights)
    assert (found.estimate, found.std_error, found.p_value) == (2.0, 0.0, 0.0)
    y[1, 1] = 4.0  # each stands alone in its block; their spread is still an error
    found = window_difference(y, block=np.array([0, 1, -1, -1]), control=control, weights=weights)
    assert found.std_error == pytest.approx(1.0)


def test_planted_spill_over_is_found_and_covered():
    rng = np.random.default_rng(5)
    rolled = training.roll_out(company(rng), outcome="cx")
    region = np.repeat([0, 1, 2], 12)
    start = first_exposed(rolled, region)
    clean_units = region == 2
    exposed = exposed_units("both", rolled, start, clean_units)
    covered, main = [], []
    for _ in range(150):
        drawn = company(rng, spill=0.4, effect=1.0)["cx"].to_numpy().reshape(36, 10)
        again = replace(rolled, outcome=drawn)
        low, high = exposed_differences(again, exposed, start, clean_units)[0].interval(0.95)
        covered.append(low <= 0.4 <= high)
        main.append(main_figures(again, clean_units, 0.95)["estimate"].to_numpy())
    # 150 draws of 95 %: 4 standard errors are 7 points
    assert np.mean(covered) > 0.88
    with_spill, clean = np.mean(main, axis=0)
    # controls that were spilt over take part of the effect away; the means of 150 draws are known to 0.02
    assert clean == pytest.approx(1.0, abs=0.06)
    assert with_spill < 0.9


def test_rows_say_who_is_compared_and_what_can_be_found():
    found = training.spill_over(company(np.random.default_rng(1)), outcome="cx")
    assert found.table["who"].tolist() == ["never trained"]  # all of a region are trained at once
    assert found.table[["n_exposed", "n_clean"]].values.tolist() == [[8, 12]]
    assert "settles nothing" in found.narrative()
    assert found.evidence.grade == "quasi-experiment"
    later = company(np.random.default_rng(1), effect=2.0)
    later.loc[later["branch"].isin(["b000", "b001", "b002"]), "first_trained"] = 8
    found = training.spill_over(later, outcome="cx", plausible=5.0)
    assert found.table["who"].tolist() == ["never trained", "not yet trained", "both"]
    assert found.table["n_exposed"].tolist() == [8, 3, 11]
    assert found.table["power"].min() > 0.99  # of ten standard deviations
    row = found.table.iloc[0]
    # the chance to find what is called detectable is 80 %
    assert power_of_t(row["detectable"], std_error=row["std_error"], df=row["df"]) == pytest.approx(0.8)


def test_regions_that_drift_apart_are_no_spill_over():
    found = training.spill_over(company(np.random.default_rng(1), drift=0.8), outcome="cx")
    assert found.evidence.grade == "association"
    assert found.evidence.failed[0].name == "same slope before"
    assert "effect" not in found.chart.claim


def test_branches_chosen_for_their_trend_are_no_witnesses():
    rows = company(np.random.default_rng(2))
    rows["first_trained"] = rows["first_trained"].where(rows["first_trained"] != 5, 9)
    rows.loc[rows["first_trained"] == 9, "cx"] += 0.7 * rows["month"]
    found = training.spill_over(rows, outcome="cx")
    assert "placebo dates" in [check.name for check in found.evidence.failed]
    assert found.evidence.grade == "association"


def test_the_narrative_tells_what_is_settled():
    found = training.spill_over(company(np.random.default_rng(1), spill=3.0, effect=3.0), outcome="cx")
    assert "settles nothing" not in found.narrative()
    assert found.chart.claim.startswith("Untrained branches with trained neighbours changed by")
    assert len(found.chart.frame) == len(found.table) + 2
    assert list(found.summary["who"]) == list(found.table["who"])


def test_impossible_panels_are_refused():
    rows = company(np.random.default_rng(1))
    with pytest.raises(ColumnError, match="no column named 'area'"):
        training.spill_over(rows, outcome="cx", region="area")
    with pytest.raises(DataError, match="missing in 10 rows"):
        training.spill_over(rows.assign(region=rows["region"].where(rows["branch"] != "b001")), outcome="cx")
    with pytest.raises(DataError, match="b000 is in several"):
        training.spill_over(rows.assign(region=["N", "M"] * 180), outcome="cx")
    with pytest.raises(DesignError, match="in every region somebody is trained"):
        training.spill_over(rows[rows["region"] != "S"], outcome="cx")
    trained = rows["first_trained"].where(rows["region"] == "S", 5)
    with pytest.raises(DesignError, match="fewer than two units stand untrained"):
        training.spill_over(rows.assign(first_trained=trained), outcome="cx")
    with pytest.raises(OptionError, match="plausible"):
        training.spill_over(rows, outcome="cx", plausible=0)
    with pytest.raises(OptionError, match="conf_level"):
        training.spill_over(rows, outcome="cx", conf_level=95)


def test_regions_that_differ_in_spelling_alone_are_refused():
    rows = company(np.random.default_rng(1))
    late = rows["branch"] >= "b030"
    for odd in ("s", "S ", " S"):
        with pytest.raises(DataError, match="differ in spaces, capitals or kind alone"):
            training.spill_over(rows.assign(region=rows["region"].mask(late, odd)), outcome="cx")
    spelt = rows["region"].map({"N": "<b>north</b>", "M": "", "S": "None"}).astype("category")
    odd = rows.assign(region=spelt.cat.add_categories(["closed"]))
    found, plain = (training.spill_over(panel, outcome="cx") for panel in (odd, rows))
    pd.testing.assert_frame_equal(found.table, plain.table)


def test_one_trained_branch_has_no_main_figure():
    rows = company(np.random.default_rng(1))
    rows["first_trained"] = np.where(rows["branch"] == "b000", 5, 0)
    with pytest.raises(DesignError, match="only one cluster is treated"):
        training.spill_over(rows, outcome="cx")
