"""Kaplan–Meier and log-rank from counts agree with lifelines on the rows, and with sums by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

from cemlab.errors import DesignError
from cemlab.stats.lifetable import life_table, risk_sets
from cemlab.stats.log_rank import log_rank

# Both sides multiply the same few hundred factors in double precision: 1e-12 is rounding alone.
EXACT = 1e-12


def spells(seed: int, *, late: bool, n: int = 4000):
    """Draw spells with many ties; where late, each entered before its end and half from the start."""
    rng = np.random.default_rng(seed)
    duration = rng.integers(1, 60, n)
    event = rng.random(n) < 0.4
    entry = np.where(rng.random(n) < 0.5, rng.integers(0, 40, n), 0) if late else np.zeros(n, dtype=int)
    seen = entry < duration
    return duration[seen], event[seen], entry[seen]


def counted(duration, event, entry):
    """Compress rows to (duration, event, entry) → n."""
    cells, n = np.unique(np.column_stack([duration, event, entry]), axis=0, return_counts=True)
    return {"duration": cells[:, 0], "event": cells[:, 1], "entry": cells[:, 2], "n": n}


@pytest.mark.parametrize("late", [False, True], ids=["all from the start", "late entry"])
@pytest.mark.parametrize("conf_level", [0.8, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_counts_give_what_lifelines_gives_on_the_rows(seed, late, conf_level):
    duration, event, entry = spells(seed, late=late)
    cells = counted(duration, event, entry)
    ours = life_table(
        cells["duration"], event=cells["event"], entry=cells["entry"], n=cells["n"], conf_level=conf_level
    )
    fit = KaplanMeierFitter(alpha=1 - conf_level).fit(duration, event, entry=entry if late else None)
    theirs = fit.survival_function_.loc[ours.time].to_numpy()[:, 0]
    band = fit.confidence_interval_.loc[ours.time].to_numpy()
    np.testing.assert_allclose(ours.survival, theirs, rtol=0, atol=EXACT)
    alive = ours.survival > 0  # where nobody is left lifelines has no interval and we give the point
    np.testing.assert_allclose(ours.conf_low[alive], band[alive, 0], rtol=0, atol=EXACT)
    np.testing.assert_allclose(ours.conf_high[alive], band[alive, 1], rtol=0, atol=EXACT)


def test_sums_by_hand():
    # 10 start; 2 leave at 1; 3 end unseen at 2; 1 leaves at 4: S = 8/10, then 8/10 · 4/5
    table = life_table([1, 2, 4, 5], event=[1, 0, 1, 0], n=[2, 3, 1, 4])
    np.testing.assert_array_equal(table.at_risk, [10, 8, 5, 4])
    np.testing.assert_allclose(table.survival, [0.8, 0.8, 0.64, 0.64], rtol=1e-15)
    greenwood = np.sqrt(2 / (10 * 8) + 1 / (5 * 4))
    np.testing.assert_allclose(table.std_error[2], 0.64 * greenwood, rtol=1e-15)


def test_entering_at_an_event_time_is_not_at_risk_then():
    at_risk, events = risk_sets([5, 9], event=[1, 1], entry=[0, 5], n=[1, 1], times=np.array([5.0, 9.0]))
    np.testing.assert_array_equal(at_risk, [1, 1])
    np.testing.assert_array_equal(events, [1, 1])


def test_a_spell_seen_from_the_start_is_at_risk_at_zero():
    table = life_table([0, 3], event=[1, 1], n=[1, 3])
    np.testing.assert_allclose(table.survival, [0.75, 0.0])


def test_everybody_there_before_the_first_end_and_nothing_known_after_the_last():
    table = life_table([2, 4], event=[1, 0], n=[1, 1])
    at = table.at([1, 2, 3.5, 4, 5])
    np.testing.assert_allclose(at["survival"], [1, 0.5, 0.5, 0.5, np.nan])
    assert at["conf_low"][0] == at["conf_high"][0] == 1


@given(
    st.lists(st.tuples(st.integers(1, 12), st.booleans(), st.integers(0, 11)), min_size=1, max_size=60).map(
        lambda rows: [(d, e, s) for d, e, s in rows if s < d] or [(1, True, 0)]
    )
)
def test_invariants(rows):
    rows = [*rows, (12, False, 0)]  # somebody is watched throughout
    duration, event, entry = map(np.asarray, zip(*rows, strict=True))
    table = life_table(duration, event=event, entry=entry, n=np.ones(len(rows), dtype=int))
    assert (np.diff(table.survival) <= 0).all()
    assert (table.conf_low <= table.survival).all()
    assert (table.survival <= table.conf_high).all()
    assert table.events.sum() == event.sum()
    # who is at risk, counted the slow way
    slow = [int(((entry < t) & (duration >= t)).sum()) for t in table.time]
    np.testing.assert_array_equal(table.at_risk, slow)
    # the fewest watched at once: the risk sets just after 0, just after each end, counted the slow way
    after = [int(((entry <= t) & (duration > t)).sum()) for t in [0, *table.time]]
    np.testing.assert_array_equal(table.watched, [min(after[: k + 1]) for k in range(len(table.time))])
    # a row that stands for two customers is the row twice
    twice = life_table(duration, event=event, entry=entry, n=np.full(len(rows), 2))
    np.testing.assert_allclose(twice.survival, table.survival, atol=EXACT)


@pytest.mark.parametrize("groups", [2, 5])
def test_log_rank_agrees_with_lifelines(groups):
    duration, event, _ = spells(3, late=False)
    group = np.random.default_rng(4).integers(0, groups, len(duration))
    ours = log_rank(duration, event=event, n=np.ones(len(duration), dtype=int), group=group)
    theirs = multivariate_logrank_test(duration, group, event)
    # the reference inverts the same small matrix by another road
    np.testing.assert_allclose(ours.statistic, theirs.test_statistic, rtol=1e-9)
    np.testing.assert_allclose(ours.p_value, theirs.p_value, rtol=1e-9)
    assert ours.df == groups - 1
    np.testing.assert_allclose(ours.observed.sum(), ours.expected.sum(), rtol=1e-12)


def test_log_rank_with_late_entry_by_hand():
    # at 4 only the spell of group 1 that entered at 3 is beside the two of group 0: E0 = 2/3, V = 2/9
    test = log_rank([4, 6, 6], event=[1, 0, 0], entry=[0, 0, 3], n=[1, 1, 1], group=[0, 0, 1])
    np.testing.assert_allclose(test.expected, [2 / 3, 1 / 3])
    np.testing.assert_allclose(test.statistic, (1 / 3) ** 2 / (2 / 9))


def test_log_rank_keeps_its_level_when_the_groups_are_alike():
    rng = np.random.default_rng(11)
    rejected = 0
    for _ in range(400):
        duration, group = rng.exponential(10, 120), rng.integers(0, 3, 120)
        event = rng.random(120) < 0.7
        rejected += log_rank(duration, event=event, n=np.ones(120, dtype=int), group=group).p_value < 0.05
    # 400 tests at 5 %: 20 expected, standard deviation 4.4; four of them either way
    assert 2 <= rejected <= 38


def test_watched_is_the_smallest_risk_set_so_far():
    # at 3 one of two is gone, one enters at 4 and one at 5: one was watched from 3 to 4
    table = life_table([3, 6, 7, 8], event=[1, 0, 1, 0], entry=[0, 0, 4, 5], n=[1, 1, 1, 1])
    np.testing.assert_array_equal(table.at_risk, [2, 3, 2, 1])
    np.testing.assert_array_equal(table.watched, [2, 1, 1, 1])


def test_after_a_gap_nothing_is_known():
    # nobody is watched from 2 to 5
    table = life_table([1, 2, 9, 9], event=[1, 0, 1, 0], entry=[0, 0, 5, 5], n=[1, 1, 1, 1])
    np.testing.assert_array_equal(table.time, [1, 2])
    np.testing.assert_allclose(table.survival, [0.5, 0.5])
    np.testing.assert_array_equal(table.at([2, 2.5, 9])["survival"], [0.5, np.nan, np.nan])


def test_spells_of_no_length_before_a_gap():
    table = life_table([0, 9], event=[1, 1], entry=[0, 5], n=[2, 3])
    np.testing.assert_array_equal(table.time, [0])
    np.testing.assert_array_equal(table.watched, [2])


def test_nobody_watched_from_the_start_is_refused_with_the_way_out():
    with pytest.raises(DesignError, match=r"before duration 2\.5; subtract 2\.5 from duration and entry"):
        life_table([5, 9], event=[1, 0], entry=[2.5, 4], n=[1, 1])
    # what the line advises works, and asks about those who reached 2.5
    moved = life_table([2.5, 6.5], event=[1, 0], entry=[0, 1.5], n=[1, 1])
    np.testing.assert_allclose(moved.survival, [0.5, 0.5])


def test_groups_never_at_risk_together_have_no_test():
    test = log_rank([2, 9], event=[1, 1], entry=[0, 5], n=[3, 3], group=[0, 1])
    assert test.df == 0
    assert np.isnan(test.p_value)


def test_refusals():
    with pytest.raises(DesignError, match="no spells"):
        life_table([], event=[], n=[])
    with pytest.raises(DesignError, match="two groups"):
        log_rank([1, 2], event=[1, 1], n=[1, 1], group=[0, 0])
    with pytest.raises(DesignError, match="no event"):
        log_rank([1, 2], event=[0, 0], n=[1, 1], group=[0, 1])
