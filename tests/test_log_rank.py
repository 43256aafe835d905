"""Log-rank tests from counts agree with R: weighted, stratified, and with late entry."""

import numpy as np
import pytest

from cemlab.errors import DesignError, OptionError
from cemlab.stats.log_rank import log_rank
from tests.curve_reference import LATE, START, spells, values

KINDS = {
    "plain": {},
    "rho": {"rho": 1},
    "half": {"rho": 0.5},
    "stratified": {"strata": True},
    "stratified_rho": {"strata": True, "rho": 1},
}


def run(cells, *, strata=False, **options):
    return log_rank(
        cells["duration"],
        event=cells["cause"] > 0,
        n=cells["n"],
        group=cells["group"],
        entry=cells["entry"],
        strata=cells["stratum"] if strata else None,
        **options,
    )


@pytest.mark.parametrize("name", START)
@pytest.mark.parametrize("kind", KINDS)
def test_agreement_with_survdiff(name, kind):
    theirs, df = values(name)["log_rank"][kind]
    ours = run(spells(name), **KINDS[kind])
    # a quadratic form in sums of a few hundred terms
    np.testing.assert_allclose(ours.statistic, theirs, rtol=1e-8)
    assert ours.df == df


@pytest.mark.parametrize("name", LATE)
@pytest.mark.parametrize("kind", ["plain", "stratified"])
def test_agreement_with_mantel_haenszel_over_the_risk_sets_under_late_entry(name, kind):
    theirs, df = values(name)["log_rank"][kind]
    ours = run(spells(name), **KINDS[kind])
    np.testing.assert_allclose(ours.statistic, theirs, rtol=1e-8)
    assert ours.df == df


def test_one_stratum_is_none_and_equal_strata_add_up():
    cells = spells("tied")
    one = run(cells)
    np.testing.assert_allclose(
        run(cells | {"stratum": np.full_like(cells["group"], 7)}, strata=True).statistic, one.statistic
    )
    twice = {key: np.concatenate([value, value]) for key, value in cells.items()}
    twice["stratum"] = np.repeat([0, 1], len(cells["n"]))
    # the same evidence again, apart: differences and variances double, and so does the statistic
    np.testing.assert_allclose(run(twice, strata=True).statistic, 2 * one.statistic, rtol=1e-10)


def test_late_weights_see_late_differences():
    # alike until 10, then the one group leaves and the other stays
    duration = np.array([5, 5, 15, 30])
    cells = {"duration": duration, "event": [1, 1, 1, 0], "n": [20, 20, 40, 40], "group": [0, 1, 0, 1]}
    assert log_rank(**cells, gamma=1).statistic > log_rank(**cells, rho=1).statistic


def test_refusals():
    with pytest.raises(OptionError, match="rho is -1"):
        log_rank([1, 2], event=[1, 1], n=[1, 1], group=[0, 1], rho=-1)
    with pytest.raises(OptionError, match="gamma is nan"):
        log_rank([1, 2], event=[1, 1], n=[1, 1], group=[0, 1], gamma=float("nan"))
    with pytest.raises(DesignError, match="two groups"):
        log_rank([1, 2], event=[1, 1], n=[1, 1], group=[0, 0])
