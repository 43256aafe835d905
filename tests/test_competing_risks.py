"""Cumulative incidence from counts agrees with R, and keeps its promises on planted truths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemlab.errors import DesignError, OptionError
from cemlab.stats.competing_risks import aalen_johansen
from cemlab.stats.gray import gray_test
from cemlab.stats.lifetable import life_table
from tests.curve_reference import LATE, SETS, START, spells, values

# Sums of a few hundred terms in double precision on both sides.
EXACT = 1e-10


def estimate(cells, **options):
    return aalen_johansen(
        cells["duration"], cause=cells["cause"], n=cells["n"], entry=cells["entry"], **options
    )


@pytest.mark.parametrize("name", SETS)
def test_incidence_and_jackknife_agree_with_survfit(name):
    theirs, ours = values(name)["causes"], estimate(spells(name), variance="jackknife")
    np.testing.assert_allclose(ours.time, theirs["time"], rtol=1e-12)
    for k in range(len(ours.incidence)):
        np.testing.assert_allclose(ours.incidence[k], theirs[f"incidence{k + 1}"], rtol=EXACT, atol=1e-15)
        # where a curve ends at certainty, R's error is the rounding of 0: an absolute bound for that
        np.testing.assert_allclose(ours.std_error[k], theirs[f"error{k + 1}"], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", START)
def test_greenwood_is_the_jackknife_without_late_entry(name):
    theirs, ours = values(name)["causes"], estimate(spells(name), variance="greenwood")
    for k in range(len(ours.incidence)):
        np.testing.assert_allclose(ours.std_error[k], theirs[f"error{k + 1}"], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", LATE)
def test_greenwood_is_near_the_jackknife_with_late_entry(name):
    # two estimates of one variance from the same few hundred spells
    one, other = (estimate(spells(name), variance=v).std_error[:, -1] for v in ("greenwood", "jackknife"))
    np.testing.assert_allclose(one, other, rtol=0.1)


@pytest.mark.parametrize("name", START)
def test_aalens_variance_agrees_with_cuminc(name):
    theirs, ours = values(name)["causes"], estimate(spells(name), variance="aalen")
    for k in range(len(ours.incidence)):
        at = ours.at(theirs[f"gray_time{k + 1}"])
        known = ~np.isnan(theirs[f"gray_est{k + 1}"])
        np.testing.assert_allclose(at["incidence"][k][known], theirs[f"gray_est{k + 1}"][known], rtol=EXACT)
        np.testing.assert_allclose(
            at["std_error"][k][known] ** 2, theirs[f"gray_var{k + 1}"][known], rtol=1e-8, atol=1e-15
        )


@pytest.mark.parametrize("name", START)
@pytest.mark.parametrize(("rho", "key"), [(0, "gray"), (1, "gray_rho")])
def test_grays_test_agrees_with_cuminc(name, rho, key):
    cells, theirs = spells(name), values(name)["causes"][key]
    for k, statistic in enumerate(theirs, start=1):
        ours = gray_test(
            cells["duration"], cause=cells["cause"], of=k, n=cells["n"], group=cells["group"], rho=rho
        )
        np.testing.assert_allclose(ours.statistic, statistic, rtol=1e-8)
        assert ours.df == cells["group"].max()


def test_ties_need_no_jitter():
    # months, heavily tied: the order of the rows and how they are split change nothing, not the last digit
    cells = spells("tied")
    theirs = values("tied")["causes"]["incidence1"][-1]
    rows = {key: np.repeat(value, cells["n"]) for key, value in cells.items()}
    rows["n"] = np.ones(len(rows["n"]), dtype=int)
    found = set()
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(rows["n"]))
        ours = estimate({key: value[order] for key, value in rows.items()})
        found.add(float(ours.incidence[0, -1]))
    assert len(found) == 1
    assert found.pop() == pytest.approx(theirs, rel=EXACT)


def test_sums_by_hand():
    # of 10, 2 leave for one cause at 1 and 4 of the 8 left for the other at 2
    found = aalen_johansen([1, 2, 3], cause=[1, 2, 0], n=[2, 4, 4])
    np.testing.assert_allclose(found.incidence[:, -1], [0.2, 0.4], rtol=1e-15)
    # nobody was lost before, so both are shares of 10
    np.testing.assert_allclose(found.std_error[:, -1] ** 2, [0.2 * 0.8 / 10, 0.4 * 0.6 / 10], rtol=1e-12)


cell = st.tuples(st.integers(1, 12), st.integers(0, 3), st.integers(0, 11), st.integers(1, 5))


@given(st.lists(cell, min_size=1, max_size=40))
def test_invariants(rows):
    rows = [(d, c, s if s < d else 0, n) for d, c, s, n in rows]
    rows += [(13, 0, 0, 1), (12, 1, 0, 1)]  # somebody is watched throughout, and somebody leaves
    duration, cause, entry, n = map(np.asarray, zip(*rows, strict=True))
    found = aalen_johansen(duration, cause=cause, n=n, entry=entry, n_causes=3)
    table = life_table(duration, event=cause > 0, n=n, entry=entry)
    # the shares for all causes and the share still there make up everybody
    np.testing.assert_allclose(found.incidence.sum(axis=0) + table.survival, 1, atol=1e-12)
    assert (np.diff(found.incidence, axis=1) >= 0).all()
    assert (found.conf_low <= found.incidence + 1e-12).all()
    assert (found.incidence <= found.conf_high + 1e-12).all()
    # one cause alone: one minus Kaplan–Meier, with its interval
    alone = aalen_johansen(duration, cause=(cause > 0).astype(int), n=n, entry=entry)
    np.testing.assert_allclose(alone.incidence[0], 1 - table.survival, atol=1e-12)
    inside = (table.survival > 0) & (table.survival < 1)
    np.testing.assert_allclose(alone.conf_low[0][inside], 1 - table.conf_high[inside], atol=1e-9)
    np.testing.assert_allclose(alone.conf_high[0][inside], 1 - table.conf_low[inside], atol=1e-9)


def drawn(rng, n, *, late):
    lived, watched = rng.exponential(20, n), rng.uniform(5, 50, n)
    entry = np.where(rng.random(n) < 0.5, rng.uniform(0, 12, n), 0.0) * late
    cause = np.where(lived <= watched, rng.choice([1, 2], n, p=[0.3, 0.7]), 0)
    end = np.minimum(lived, watched)
    seen = end > entry
    return end[seen], cause[seen], entry[seen]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("variance", ["greenwood", "aalen", "jackknife"])
def test_intervals_cover_the_planted_incidence(late, variance):
    rng = np.random.default_rng(12)
    truth = 0.3 * (1 - np.exp(-18 / 20))
    covered = 0
    for _ in range(400):
        end, cause, entry = drawn(rng, 200, late=late)
        at = aalen_johansen(
            end, cause=cause, entry=entry, n=np.ones(len(end), dtype=int), variance=variance
        ).at(18)
        covered += bool(at["conf_low"][0, 0] <= truth <= at["conf_high"][0, 0])
    # 400 intervals of 95 %: 380 expected, standard deviation 4.4; four of them either way
    assert 362 <= covered <= 398


def test_grays_test_keeps_its_level():
    rng = np.random.default_rng(3)
    rejected = 0
    for _ in range(400):
        end, cause, _ = drawn(rng, 120, late=False)
        test = gray_test(
            end, cause=cause, of=1, n=np.ones(len(end), dtype=int), group=rng.integers(0, 3, len(end))
        )
        rejected += test.p_value < 0.05
    # 20 expected, standard deviation 4.4; four of them either way
    assert 2 <= rejected <= 38


def test_nothing_is_known_after_the_last_end_and_nobody_left_before_the_first():
    found = aalen_johansen([2, 4], cause=[1, 0], n=[1, 1]).at([1, 2, 5])
    np.testing.assert_array_equal(found["incidence"][0], [0, 0.5, np.nan])


def test_refusals():
    with pytest.raises(DesignError, match="nobody left for any cause"):
        aalen_johansen([1, 2], cause=[0, 0], n=[1, 1])
    with pytest.raises(OptionError, match="no variance named 'bootstrap'"):
        aalen_johansen([1, 2], cause=[0, 1], n=[1, 1], variance="bootstrap")
    with pytest.raises(DesignError, match="use the log-rank test of this cause"):
        gray_test([3, 4], cause=[1, 1], of=1, n=[1, 1], group=[0, 1], entry=[0, 1])
    with pytest.raises(DesignError, match="two groups"):
        gray_test([3, 4], cause=[1, 1], of=1, n=[1, 1], group=[0, 0])
    with pytest.raises(DesignError, match="nobody left for this cause"):
        gray_test([3, 4], cause=[1, 1], of=2, n=[1, 1], group=[0, 1])
    with pytest.raises(OptionError, match="rho is -1"):
        gray_test([3, 4], cause=[1, 1], of=1, n=[1, 1], group=[0, 1], rho=-1)
