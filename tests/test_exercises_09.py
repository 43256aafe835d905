"""The truths of notebook 09's exercises, held to what is worked out by hand from the tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cemlab import simulate, training
from cemlab.marking import checking
from cemlab.simulate.oracle import Oracle


@pytest.fixture(scope="module")
def company():
    return simulate.company()


@pytest.fixture(scope="module")
def wide(company):
    """Scores with one row a branch and one column a month, and each branch's first trained month."""
    panel = training.branch_panel(company)
    scores = panel.pivot(index="branch", columns="month", values="cx")
    return scores, panel.groupby("branch")[["first_trained", "region"]].first()


def test_the_true_effect_is_the_mean_over_trained_branches_and_their_months(company, wide):
    _, branches = wide
    effects = Oracle.of(company).effect("training", on="experience", by="branch_month").table
    when = branches["first_trained"].to_dict()
    since = [
        row.effect
        for row in effects.itertuples()
        if not pd.isna(when[row.branch]) and pd.Timestamp(row.month) >= when[row.branch]
    ]
    # sums of a thousand numbers in another order
    assert checking.find("09.a").truth(company) == pytest.approx(np.mean(since), rel=1e-9)


def test_the_negative_weights_are_those_of_the_regression(company, wide):
    scores, branches = wide
    own = branches["first_trained"].dropna()
    treated = (scores.columns.to_numpy()[None, :] >= own.to_numpy()[:, None]).astype(float)
    # what is left of the treatment once branches and months are taken off, over its sum where treated
    rest = treated - treated.mean(axis=1, keepdims=True) - treated.mean(axis=0) + treated.mean()
    weights = np.where(treated > 0, rest, 0.0) / (rest * treated).sum()
    by_hand = np.minimum(weights, 0.0).sum()
    # linear algebra on sixteen digits
    assert checking.find("09.1").truth(company) == pytest.approx(by_hand, abs=1e-9)


def test_the_clean_figure_is_the_mean_of_differences_with_clean_controls(company, wide):
    scores, branches = wide
    first = branches["first_trained"]
    reached = branches["region"].isin(set(branches.loc[first.notna(), "region"]))
    clean = first.index[first.notna() | ~reached]
    y, when = scores.loc[clean], first.loc[clean]
    months, cells = list(y.columns), []
    for wave in sorted(when.dropna().unique()):
        own, base = y[when == wave], months[months.index(wave) - 1]
        for month in months[months.index(wave) :]:
            others = y[when.isna() | (when > month)]
            change = (own[month] - own[base]).mean() - (others[month] - others[base]).mean()
            cells.append((change, len(own)))
    by_hand = np.average([c for c, _ in cells], weights=[n for _, n in cells])
    assert checking.find("09.3").truth(company) == pytest.approx(by_hand, abs=1e-9)


def test_a_study_of_eight_branches_finds_far_less_than_one_of_sixty(company):
    exercise = checking.find("09.2")
    traps = {trap.name: trap.value(company) for trap in exercise.traps}
    truth = exercise.truth(company)
    # of independent branches the error goes with the root of their number, and the test of few is coarser
    assert truth > np.sqrt(60 / 8) * traps["all sixty branches"]
    assert traps["a study of three months"] > truth
