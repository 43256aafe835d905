"""Means of two groups: published figures, hand-computed cases, invariants and every refusal."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cemlab.data import datasets
from cemlab.data.published_trials import NSW, read_stata
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.stats.mean_differences import contrast_of_means
from cemlab.training.two_groups import difference_in_means, two_by_two


def public(name: str):
    if not datasets.available(name):
        pytest.skip(f"the public data set {name} is not in the cache")
    return datasets.load(name)


def test_the_randomised_training_has_its_published_effect():
    people = public("nsw").table("customers")
    found = difference_in_means(
        people, outcome="earnings_1978", treated="trained", decided_by="lot", variances="equal"
    )
    last = found.table.iloc[-1]
    # Dehejia & Wahba (1999), printed to two decimals
    assert last["estimate"] == pytest.approx(1794.34, abs=0.005)
    assert last["std_error"] == pytest.approx(632.85, abs=0.005)
    assert found.table["n"].tolist() == [260, 185, 445]
    assert found.evidence.grade == "experiment"


def test_card_and_krueger_have_their_published_means_and_difference():
    rows = public("card_krueger").table("branch_month")
    found = two_by_two(
        rows,
        outcome="full_time_equivalents",
        treated="new_jersey",
        after="after",
        variances="equal",
    )
    # Card & Krueger (1994), printed to four and to three decimals
    assert found.table["estimate"].tolist()[:4] == pytest.approx([23.331, 21.166, 20.439, 21.027], abs=5e-4)
    assert found.table["estimate"].iloc[-1] == pytest.approx(2.7536, abs=5e-5)
    assert found.table["std_error"].iloc[-1] == pytest.approx(1.6884, abs=5e-5)
    (check,) = found.evidence.checks
    assert check.passed is None  # one period before: not testable


def test_a_stata_file_that_is_none_is_refused(tmp_path):
    path = tmp_path / "nsw_mixtape.dta"
    path.write_bytes(b"no Stata file\n")
    with pytest.raises(DataError, match=r"nsw_mixtape\.dta: cannot be read"):
        read_stata(path, tuple(NSW))
    pd.DataFrame({"treat": [1.0]}).to_stata(path, write_index=False)
    with pytest.raises(ColumnError, match=r"columns age, .* are missing; the file has: treat"):
        read_stata(path, tuple(NSW))


def people(n: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({"t": np.arange(n) % 2, "a": np.arange(n) // 2 % 2, "y": rng.normal(size=n)})


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(2, 30))
@settings(max_examples=25, deadline=None)
def test_the_interval_is_welchs_and_students(seed, n_others, n_treated):
    rng = np.random.default_rng(seed)
    others, treated = rng.normal(0, 1, n_others), rng.normal(1, 3, n_treated)
    rows = pd.DataFrame({"y": [*others, *treated], "t": [False] * n_others + [True] * n_treated})
    for variances, equal in (("unequal", False), ("equal", True)):
        found = difference_in_means(rows, outcome="y", treated="t", decided_by="choice", variances=variances)
        known = stats.ttest_ind(treated, others, equal_var=equal)
        low, high = known.confidence_interval()
        # the same sums in another order
        assert found.table[["conf_low", "conf_high"]].iloc[-1].tolist() == pytest.approx(
            [low, high], rel=1e-9, abs=1e-9
        )
        assert found.p_value == pytest.approx(known.pvalue, rel=1e-7)


def test_frames_and_tables_on_an_engine_say_the_same():
    frame = people()
    one = two_by_two(frame, outcome="y", treated="t", after="a")
    other = two_by_two(ibis.memtable(frame), outcome="y", treated="t", after="a")
    pd.testing.assert_frame_equal(one.table, other.table)


def test_what_all_changed_alike_is_no_difference():
    frame = people(40)
    was = two_by_two(frame, outcome="y", treated="t", after="a").table["estimate"].iloc[-1]
    moved = frame.assign(y=frame["y"] + 5.0 * frame["a"] - 3.0 * frame["t"])
    now = two_by_two(moved, outcome="y", treated="t", after="a").table["estimate"].iloc[-1]
    assert now == pytest.approx(was, abs=1e-12)  # rounding of sums of a few numbers


def test_words_follow_who_decided():
    frame = people(40)
    by_lot = difference_in_means(frame, outcome="y", treated="t", decided_by="lot")
    by_choice = difference_in_means(frame, outcome="y", treated="t", decided_by="choice")
    assert "Treatment changes y" in by_lot.narrative()
    assert "is associated with" in by_choice.narrative()
    assert by_choice.evidence.grade == "association"
    assert by_lot.chart.claim.startswith("Whether")
    clear = frame.assign(y=frame["y"] + 9 * frame["t"])
    shown = difference_in_means(clear, outcome="y", treated="t", decided_by="choice").chart
    assert "more than the others" in shown.claim


def test_missing_outcomes_are_counted_and_refused_where_treatment_explains_them():
    frame = people(200)
    frame.loc[[0, 1, 2, 3], "y"] = np.nan
    found = difference_in_means(frame, outcome="y", treated="t", decided_by="lot")
    assert (found.evidence.n_used, found.evidence.n_given) == (196, 200)
    frame.loc[frame["t"].eq(1) & (frame.index < 60), "y"] = np.nan
    with pytest.raises(DesignError, match=r"'y' is missing by t \(2 of 100, 30 of 100"):
        difference_in_means(frame, outcome="y", treated="t", decided_by="lot")


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"t": [2] * 12}, DataError, r"column 't': 2 is no truth value"),
        ({"t": [np.nan, *[1] * 11]}, DataError, r"column 't': nan is no truth value"),
        ({"t": [1] * 12}, DesignError, r"only 2 of 4 combinations occur"),
        ({"y": ["a"] * 12}, DataError, r"column 'y': .* must be numbers"),
        ({"y": [np.inf, *[1.0] * 11]}, DataError, r"column 'y': an infinite value"),
        ({"y": [1.0] * 12}, DesignError, r"same for everybody"),
        ({"t": [1, *[0] * 11]}, DesignError, r"only 3 of 4 combinations"),
    ],
)
def test_bad_rows_are_refused_by_name(change, error, match):
    with pytest.raises(error, match=match) as caught:
        two_by_two(people().assign(**change), outcome="y", treated="t", after="a")
    assert "\n" not in str(caught.value)


def test_bad_options_are_refused_by_name():
    with pytest.raises(ColumnError, match="no column"):
        two_by_two(people(), outcome="z", treated="t", after="a")
    with pytest.raises(DataError, match="is no table"):
        two_by_two([1, 2], outcome="z", treated="t", after="a")
    with pytest.raises(OptionError, match="way to decide"):
        difference_in_means(people(), outcome="y", treated="t", decided_by="me")
    with pytest.raises(OptionError, match="way with variances"):
        difference_in_means(people(), outcome="y", treated="t", decided_by="lot", variances="robust")
    with pytest.raises(OptionError, match="conf_level"):
        difference_in_means(people(), outcome="y", treated="t", decided_by="lot", conf_level=95)
    with pytest.raises(DesignError, match="each needs 2"):
        contrast_of_means(np.array([1.0, 5.0]), np.zeros(2), np.ones(2), weights=np.array([-1.0, 1.0]))
