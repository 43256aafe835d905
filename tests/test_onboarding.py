"""Onboarding by lot: planted ratios by period, time gained, a lot that is none; falling hazards."""

import numpy as np
import pandas as pd
import pytest

from cemlab import simulate, survival
from cemlab.errors import DataError, DesignError, OptionError

PERIODS = [0, 1, 2, 3, 6, 12, 18, 24]


def newcomers(seed, n=6000, ratio=0.5, share=0.5, frailty=0.0):
    """Return new customers; onboarding multiplies the pace towards a rival in the first 3 months."""
    rng = np.random.default_rng(seed)
    arm = rng.random(n) < share
    own = rng.gamma(1 / frailty, frailty, n) if frailty else np.ones(n)
    early = rng.exponential(1 / (0.03 * own * np.where(arm, ratio, 1.0)))
    later = 3 + rng.exponential(1 / (0.03 * own))
    rival, moved = np.where(early < 3, early, later), rng.exponential(1 / 0.01, n)
    ends, watched = np.minimum(rival, moved), rng.uniform(24, 40, n)
    why = np.where(ends > watched, "none", np.where(rival < moved, "rival", "moved"))
    return pd.DataFrame(
        {
            "months": np.minimum(ends, watched),
            "why": why,
            "arm": arm,
            "region": rng.choice(["north", "south"], n),
        }
    )


def effect(frame, **options):
    wanted = {
        "treated": "arm",
        "duration": "months",
        "event": "why",
        "causes": ["rival"],
        "periods": PERIODS,
        "bands": [3],
        "horizon": 24,
        "balance": ["region"],
        "share": 0.5,
    }
    return survival.onboarding_effect(frame, **(wanted | options))


def test_finds_the_planted_ratio_and_where_it_ends():
    found = effect(newcomers(1, n=30_000))
    assert found.table["period"].tolist() == ["0 to 3", "3 to 24"]
    for row, truth in zip(found.table.to_dict("records"), (0.5, 1.0), strict=True):
        # four standard errors at a fixed seed
        assert abs(row["coefficient"] - np.log(truth)) < 4 * row["std_error"]
    assert found.evidence.grade == "experiment"
    assert found.evidence.failed == ()
    # the lot speaks for the first band alone; afterwards those who stayed are compared
    cause, rest = found.narrative().split(" Among those who stayed, ")
    first, later = (f"{row:.2f}" for row in found.table["estimate"])
    assert cause.startswith("Onboarding multiplies the pace of leaving by: from 0 to 3 months ×" + first)
    assert "3 to 24" not in cause
    assert f"3 to 24 months ×{later}" in rest
    whole = effect(newcomers(1), bands=[]).narrative()
    assert "Among those who stayed" not in whole
    assert found.chart.grade == "experiment"
    assert f"{found.table['estimate'][0]:.2f} times the pace" in found.chart.claim


def test_time_gained_is_the_difference_of_the_areas():
    # nobody is censored before the horizon, so that the restricted mean is the mean of min(time, horizon)
    frame = newcomers(2)
    gained = effect(frame).gained.set_index("arm")
    short = frame["months"].clip(upper=24)
    mine = short[frame["arm"]].mean(), short[~frame["arm"]].mean()
    assert gained.loc["onboarded", "estimate"] == pytest.approx(mine[0], rel=1e-9)
    assert gained.loc["held back", "estimate"] == pytest.approx(mine[1], rel=1e-9)
    assert gained.loc["difference", "estimate"] == pytest.approx(mine[0] - mine[1], rel=1e-6)


def test_after_the_onboarding_frailty_lifts_the_ratio_of_the_survivors():
    # the planted ratio is 1 after 3 months for every customer; among survivors it is above 1
    found = effect(newcomers(3, n=60_000, ratio=0.2, frailty=3.0))
    later = found.table.iloc[1]
    assert later["conf_low"] > 1
    assert found.frailty.loc[0, "conf_low"] > 0
    assert found.frailty.loc[0, "conf_low"] < 3.0 < found.frailty.loc[0, "conf_high"]
    assert "no longer alike by lot" in found.narrative()


def test_a_lot_that_is_none_loses_the_grade_of_an_experiment():
    frame = newcomers(4)
    frame["arm"] = frame["arm"] & ((frame["region"] == "north") | (frame.index % 2 == 0))
    found = effect(frame, share=None)
    assert [check.name for check in found.evidence.failed] == ["balance of the lot"]
    assert found.evidence.grade == "association"
    assert "goes with" in found.narrative()
    wrong = effect(newcomers(5, share=0.4))
    assert [check.name for check in wrong.evidence.failed] == ["size of the arms"]
    assert effect(newcomers(5), by_lot=False).evidence.grade == "association"


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({"arm": True}, {}, DesignError, "all 500 customers are in one arm"),
        ({"arm": 2}, {}, OptionError, "true or false"),
        ({"arm": "yes"}, {}, OptionError, "true or false"),
        ({}, {"share": 1.5}, OptionError, "share is 1.5"),
        ({}, {"share": "50%"}, OptionError, "share is '50%'"),
        ({}, {"bands": 3}, OptionError, "bands are 3; give inner cut points in a list"),
        ({}, {"bands": "3"}, OptionError, "bands are '3'"),
        ({}, {"horizon": "6"}, OptionError, "horizon is '6'; give a length of time"),
        ({}, {"periods": "0123"}, OptionError, "give 2 to 401 ascending cut points"),
        ({}, {"periods": [1, 2, 3]}, OptionError, "begin at 0"),
        ({}, {"horizon": 400}, DesignError, "known up to"),
        ({}, {"causes": ["rivals"]}, DataError, "did you mean 'rival'"),
        ({"region": [f"r{i}" for i in range(500)]}, {}, OptionError, "500 values; put numbers into bands"),
    ],
)
def test_misuse_is_refused_by_name(change, options, error, message):
    with pytest.raises(error, match=message):
        effect(newcomers(6, n=500).assign(**change), **options)


def test_halden_knows_who_was_onboarded():
    spells = survival.onboarding_spells(simulate.company(customers=2000))
    frame = spells.to_pandas()
    assert frame["customer"].is_unique
    # the lot of one half, four standard errors of some 1,000 customers
    assert frame["treated"].mean() == pytest.approx(0.5, abs=0.064)
    assert (frame["observed_after"] == 0).all()


# survivors of 1,000 after each renewal (Fader & Hardie 2007)
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]


@pytest.mark.parametrize(
    ("survivors", "alpha", "beta"), [(REGULAR, 0.7041, 1.1820), (HIGH_END, 0.6681, 3.8061)]
)
def test_two_readings_of_published_cohorts(survivors, alpha, beta):
    found = survival.falling_hazard((-np.diff(survivors)).tolist(), survivors=survivors[-1])
    # published to four digits
    assert (round(found.fit.alpha, 4), round(found.fit.beta, 4)) == (alpha, beta)
    here = found.of("still there")
    differ, settle = (here[here["reading"] == name] for name in ("customers differ", "everybody settles in"))
    # the two readings are one curve
    assert differ["estimate"].tolist() == settle["estimate"].tolist()
    saved = found.of("saved still there").set_index(["reading", "time"])["estimate"]
    # by hand: a leaver at the first renewal has alpha one higher; a survivor's chance is that of the second
    assert saved["customers differ", 1] == pytest.approx(beta / (alpha + beta + 1), abs=1e-4)
    assert saved["everybody settles in", 1] == pytest.approx((beta + 1) / (alpha + beta + 1), abs=1e-4)
    assert "cannot tell them apart" in found.narrative()
    undecided = [check.name for check in found.evidence.checks if check.passed is None]
    assert undecided == ["identification"]
    assert found.chart.grade == "descriptive"


def test_a_simulated_cohort_that_differs_and_one_that_settles_give_the_same_fit():
    rng = np.random.default_rng(9)
    n, alpha, beta = 60_000, 0.8, 2.0
    own = rng.beta(alpha, beta, n)
    first = rng.geometric(own)
    settles = np.ones(n, dtype=int)
    there = np.ones(n, dtype=bool)
    for t in range(8):
        there &= rng.random(n) >= alpha / (alpha + beta + t)
        settles += there
    fits = []
    for ends in (first, settles):
        lost = [int((ends == t).sum()) for t in range(1, 8)]
        fits.append(survival.falling_hazard(lost, survivors=int((ends > 7).sum())))
    for fit in fits:
        # five standard errors on the logarithmic scale
        error = np.sqrt(np.diag(fit.fit.covariance))
        assert abs(np.log(fit.fit.alpha / alpha)) < 5 * error[0]
        assert abs(np.log(fit.fit.beta / beta)) < 5 * error[1]
    # what the saved do differs by the reading; the truth of the first cohort is in the first reading
    about_to_leave = own[first == 1]
    truth = float(((1 - about_to_leave) ** 4).mean())
    saved = fits[0].of("saved still there").set_index(["reading", "time"])
    assert saved.loc[("customers differ", 4), "conf_low"] - 0.01 < truth
    assert truth < saved.loc[("customers differ", 4), "conf_high"] + 0.01
    assert truth < saved.loc[("everybody settles in", 4), "conf_low"]


def test_horizons_of_a_cohort_are_checked():
    with pytest.raises(OptionError, match="whole number of renewals"):
        survival.falling_hazard([369, 163, 86, 56], survivors=326, horizon=0)
