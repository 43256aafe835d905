"""Remaining margin: by hand, errors held to the bootstrap, extrapolation marked, misuse refused."""

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab import survival
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.stats.remaining_value import remaining_time


def base(seed=1, n=4000, hazard=0.05):
    """Return spells of joiners spread over 30 months, with a margin a month; the hazard is constant."""
    rng = np.random.default_rng(seed)
    watched, lived = rng.integers(1, 31, n), rng.geometric(1 - np.exp(-hazard), n)
    frame = pd.DataFrame({"months": np.minimum(lived, watched), "left": lived <= watched})
    frame["margin"] = rng.gamma(4, 5, n).round(2)
    frame["plan"] = rng.choice(["basic", "pro"], n)
    return frame


def valued(frame, **options):
    wanted = {
        "duration": "months",
        "event": "left",
        "margin": "margin",
        "horizon": 12,
        "discount": 0.08,
        "extrapolate": "steady",
    }
    return survival.remaining_margin(frame, **(wanted | options))


def test_by_hand():
    # 20 of 100 leave in the first month, 8 of 80 in the second; 10 customers of one month are there today
    frame = pd.DataFrame(
        {
            "months": [1] * 20 + [2] * 8 + [1] * 0 + [2] * 72,
            "left": [True] * 28 + [False] * 72,
            "margin": [0.0] * 28 + [10.0] * 72,
        }
    )
    today = pd.DataFrame({"months": [0] * 10, "left": [False] * 10, "margin": [10.0] * 10})
    frame = pd.concat([frame, today], ignore_index=True)
    found = valued(frame, horizon=2, discount=0.0, extrapolate="stop")
    rows = found.by_tenure.set_index("tenure")
    # half a month for those who leave in it: .9 + .8 * .95
    assert rows.loc[0, "estimate"] == pytest.approx(10 * (0.9 + 0.76))
    assert not rows.loc[0, "extrapolated"]
    # a tenure of two months was never left behind: nothing is counted
    assert rows.loc[2, "estimate"] == 0
    assert rows.loc[2, "extrapolated"]
    assert found.table.loc[0, "total"] == pytest.approx(10 * 10 * 1.66)
    discounted = valued(frame, horizon=2, discount=0.21, extrapolate="stop", year=1.0).by_tenure
    assert discounted["estimate"][0] == pytest.approx(10 * (0.9 / 1.1 + 0.76 / 1.1**3))


def test_a_constant_hazard_gives_its_annuity():
    found = valued(base(n=40_000), discount=0.0, horizon=6, extrapolate="steady")
    stay = np.exp(-0.05 * np.arange(7))
    truth = float(((stay[:-1] + stay[1:]) / 2).sum())
    row = found.table.iloc[0]
    assert row["periods"] == pytest.approx(
        truth, abs=4 * (row["conf_high"] - row["conf_low"]) / 3.92 / row["margin"]
    )


def test_slopes_are_derivatives():
    events, stayed = np.array([20, 8, 5, 4]), np.array([80.0, 72.0, 60.0, 50.0])
    wanted = {"tenures": np.array([0, 2, 3]), "horizon": 4, "factor": 0.97, "beyond": "steady", "pooled": 2}
    found = remaining_time(events, stayed=stayed, **wanted)
    n, step = events + stayed, 1e-6
    for k in range(4):
        moved = events + step * n * (np.arange(4) == k)
        other = remaining_time(moved, stayed=n - moved, **wanted)
        # a difference quotient is right to the step
        np.testing.assert_allclose((other.value - found.value) / step, found.slope[:, k], atol=1e-4)


def test_standard_errors_are_those_of_the_bootstrap():
    frame = base(3, n=1500)
    found = valued(frame, horizon=8).counts.segments["all customers"]
    wanted = {"tenures": np.array([0, 5, 20]), "horizon": 8, "factor": 0.99, "beyond": "steady"}
    time = remaining_time(found.events, stayed=found.stayed, **wanted)
    rng = np.random.default_rng(4)
    n = np.rint(found.events + found.stayed).astype(int)
    chance = found.events / (found.events + found.stayed)
    drawn = []
    for _ in range(600):
        events = rng.binomial(n, chance)
        drawn.append(remaining_time(events, stayed=(n - events).astype(float), **wanted).value)
    # 600 draws tell a standard error to 3 %; the delta method is linear
    np.testing.assert_allclose(time.std_error, np.std(drawn, axis=0), rtol=0.12)


def test_intervals_cover_the_true_value():
    stay = np.exp(-0.05 * np.arange(7))
    truth = 20 * float(((stay[:-1] + stay[1:]) / 2).sum())
    inside = 0
    for seed in range(12):
        row = valued(base(300 + seed, n=1500), discount=0.0, horizon=6).table.iloc[0]
        inside += row["conf_low"] <= truth <= row["conf_high"]
    # of 12 intervals with 95 % all but two cover with a chance of .98
    assert inside >= 10


def test_what_lies_beyond_the_data_is_marked_everywhere():
    frame = base()
    with pytest.raises(DesignError, match="beyond the tenures observed"):
        valued(frame, extrapolate=None)
    told = valued(frame)
    assert told.table["extrapolated"].all()
    assert "EXTRAPOLATED" in told.narrative()
    assert "extrapolated" in told.chart.frame["segment"][0]
    assert told.evidence.checks[0].passed is None
    bound = valued(frame, extrapolate="stop")
    assert "lower bound" in bound.narrative()
    assert "lower bound" in bound.chart.frame["segment"][0]
    assert bound.table["estimate"][0] < told.table["estimate"][0]
    young = frame[(frame["months"] <= 10) | frame["left"]]
    inside = valued(young, horizon=5, extrapolate=None)
    assert not inside.table["extrapolated"].any()
    assert inside.evidence.checks[0].passed
    assert "extrapolated" not in inside.chart.frame["segment"][0]


def test_a_move_is_the_same_as_asking_anew():
    frame = base()
    moved = valued(frame, group="plan").moved(horizon=6, discount=0.2)
    pd.testing.assert_frame_equal(moved.table, valued(frame, group="plan", horizon=6, discount=0.2).table)
    dear = moved.moved(discount=0.5)
    assert (dear.table["estimate"] < moved.table["estimate"]).all()
    assert (valued(frame, horizon=13).table["estimate"] > valued(frame, horizon=12).table["estimate"]).all()


@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1e6, 1e14])
def test_the_unit_of_money_changes_nothing_but_the_unit(unit):
    frame = base(n=1000)
    plain, told = valued(frame), valued(frame.assign(margin=frame["margin"] * unit))
    for name in ("estimate", "conf_low", "conf_high", "total"):
        # a floating number has some 16 digits, and the variance is a difference of two sums
        np.testing.assert_allclose(told.table[name] / unit, plain.table[name], rtol=1e-9)


def test_margins_are_added_up_whatever_their_type():
    frame = base(n=1000).assign(margin=lambda f: f["margin"].round())
    plain = valued(frame).table
    whole = valued(frame.assign(margin=frame["margin"].astype(int))).table
    pd.testing.assert_frame_equal(whole, plain)
    table = ibis.memtable(frame)
    exact = valued(table.mutate(margin=table["margin"].cast("decimal(12, 2)"))).table
    pd.testing.assert_frame_equal(exact, plain)
    assert (valued(frame.assign(margin=0.0)).table["estimate"] == 0).all()


def test_the_most_is_claimed_where_intervals_settle_it():
    frame = base()
    near = valued(frame, group="plan")
    assert near.table["conf_high"].min() > near.table["conf_low"].max()
    assert near.chart.claim == "Which segment's customers bring the most margin in 12 months is not settled"
    dear = frame.assign(margin=frame["margin"] * np.where(frame["plan"] == "pro", 3, 1))
    assert "pro" in valued(dear, group="plan").chart.claim
    assert valued(dear, group="plan").chart.claim.endswith("the most of all segments")
    assert "segments" not in valued(frame).chart.claim


def test_that_margin_may_go_with_leaving_is_said():
    assert any("those of high margin" in said for said in valued(base()).evidence.assumptions)


def test_segments_add_up_to_their_customers():
    found = valued(base(), group="plan")
    assert found.table["n"].sum() == (~base()["left"]).sum()
    assert found.evidence.grade == "association"
    np.testing.assert_allclose(found.table["total"], found.table["estimate"] * found.table["n"])
    assert "basic" in found.narrative()
    assert found.summary["segment"].tolist() == ["basic", "pro"]


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({}, {"horizon": 0}, OptionError, "whole number of periods"),
        ({}, {"horizon": 2.5}, OptionError, "whole number of periods"),
        ({}, {"discount": -0.1}, OptionError, "annual rate"),
        ({}, {"discount": "8%"}, OptionError, "discount is '8%'; give an annual rate"),
        ({}, {"period": "month"}, OptionError, "period is 'month'"),
        ({}, {"horizon": "6"}, OptionError, "whole number of periods"),
        ({"margin": 1e21}, {}, DataError, "cannot be added up exactly; state money in a unit"),
        ({"margin": 1e-13}, {}, DataError, "cannot be added up exactly"),
        ({}, {"extrapolate": "stedy"}, OptionError, "did you mean 'steady'"),
        ({}, {"period": 0}, OptionError, "lengths above 0"),
        ({}, {"period": 100}, OptionError, "that makes 0 periods"),
        ({}, {"margin": "margins"}, ColumnError, "did you mean 'margin'"),
        ({"margin": "a"}, {}, DataError, "a margin must be a number"),
        ({"margin": np.nan}, {}, DataError, "margin per period, 0 for none"),
        ({"left": True}, {}, DesignError, "nobody is a customer any more"),
        ({"left": False}, {}, DesignError, "nobody left in 30 periods"),
    ],
)
def test_misuse_is_refused_by_name(change, options, error, message):
    with pytest.raises(error, match=message):
        valued(base(n=400).assign(**change), **options)


def test_a_tenure_nobody_was_watched_at_is_refused():
    frame = base(n=400).assign(after=5)
    with pytest.raises(DesignError, match="nobody was observed in the first period"):
        valued(frame[frame["months"] > 5], entry="after")
