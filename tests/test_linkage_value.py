"""Points of experience, lifetime value and referrals in money."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.data.company import Company, CompanyInfo
from cemlab.data.tenure_counts import tenure_counts
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.evidence import Check
from cemlab.linkage import (
    customers_lately,
    elasticities,
    lifetime,
    linked_panel,
    priced_points,
    rate_a_month,
    referral_value,
    value_of_a_point,
)
from cemlab.linkage.lifetime import Lifetime
from cemlab.stats.lifetime_value import (
    discounted_periods,
    expected_renewals,
    shifted_beta_survival,
    with_retention,
)
from cemlab.stats.shifted_beta_geometric import SBGFit, fit_sbg_at_risk


def life(alpha=2.0, beta=98.0, error=0.0, months=120):
    """Return a lifetime as if fitted, with logs that err by `error`."""
    fit = SBGFit(alpha=alpha, beta=beta, log_likelihood=0.0, covariance=np.eye(2) * error**2, n=100.0)
    check = Check(name="fit", null="it fits", passed=True, detail="")
    return Lifetime(fit=fit, observed=fit.survival(months)[1:], n_used=100, n_given=100, check=check)


def test_two_points_of_retention_lengthen_a_lifetime_by_ten_per_cent_and_not_seventeen():
    # 0.72 / 0.28 against 0.70 / 0.30
    assert expected_renewals(0.72) / expected_renewals(0.70) - 1 == pytest.approx(0.10204, abs=1e-5)
    for wrong in (1.0, -0.1, math.nan):
        with pytest.raises(DataError, match="retention is"):
            expected_renewals(wrong)


def test_one_rate_for_all_gives_the_closed_forms():
    stay, v = 0.98, 1.1 ** (-1 / 12)
    survival = stay ** np.arange(2001)[None, :]
    # Σ stay^t (1 + stay) / 2 v^(t + 1/2), the tail beyond 2,000 months is nothing
    closed = (1 + stay) / 2 * math.sqrt(v) / (1 - stay * v)
    assert discounted_periods(survival, discount=0.1)[0] == pytest.approx(closed, rel=1e-12)
    moved = with_retention(survival, times=1.01)
    np.testing.assert_allclose(moved[0, :50], (stay * 1.01 ** (1 / 12)) ** np.arange(50), rtol=1e-12)
    # nobody can stay more surely than surely
    assert with_retention(survival[:, :30], times=2.0).max() == 1.0
    assert (with_retention(np.array([[1.0, 0.0, 0.0]]), times=1.5)[0] == [1, 0, 0]).all()


def by_hand(alpha, beta, months, times=1.0, discount=0.1):
    """Walk through the months one by one."""
    here, total = 1.0, 0.0
    for t in range(months):
        after = here * (beta + t) / (alpha + beta + t) * times ** (1 / 12)
        total += (here + after) / 2 / (1 + discount) ** ((t + 0.5) / 12)
        here = after
    return total


def test_elasticities_are_those_of_a_walk_through_the_months():
    found = elasticities(life(), margin=10.0, discount=0.1, horizon=60, acquisition_cost=(40, 50, 60))
    gross = 10 * by_hand(2, 98, 60)
    net = gross - 50
    want = {
        "retention": 10 * by_hand(2, 98, 60, times=1.01) - gross,
        "margin": gross / 100,
        "discount rate": 10 * by_hand(2, 98, 60, discount=0.101) - gross,
        "acquisition cost": -0.5,
    }
    table = found.table.set_index("part")
    assert found.value["estimate"] == pytest.approx(net, rel=1e-12)
    for part, money in want.items():
        # a difference of two sums near 400 keeps eleven digits
        assert table.loc[part, "money"] == pytest.approx(money, rel=1e-9)
        assert table.loc[part, "estimate"] == pytest.approx(100 * money / net, rel=1e-9)
    # a change of another size is told per per cent
    twice = elasticities(life(), margin=10.0, discount=0.1, horizon=60, change=2.0).table.set_index("part")
    assert twice.loc["margin", "estimate"] == pytest.approx(1.0, rel=1e-9)
    assert twice.loc["margin", "money"] == pytest.approx(gross / 50, rel=1e-9)


def test_intervals_hold_the_errors_that_were_given():
    exact = elasticities(life(), margin=10.0, discount=0.1, currency="EUR")
    worth = f"{exact.value['estimate']:.4g}"
    assert f"is worth {worth} ({worth} to {worth}) EUR in 120 months" in exact.narrative()
    assert exact.value["conf_low"] == pytest.approx(exact.value["conf_high"], rel=1e-12)
    unsure = elasticities(life(), margin=10.0, margin_error=1.0, discount=0.1, draws=20_000)
    reach = (unsure.value["conf_high"] - unsure.value["conf_low"]) / 2
    # ±1.96 of a tenth; quantiles of 20,000 draws
    assert reach / unsure.value["estimate"] == pytest.approx(0.196, rel=0.04)
    fitted = elasticities(life(error=0.1), margin=10.0, discount=0.1).table.iloc[0]
    assert fitted["conf_low"] < fitted["estimate"] < fitted["conf_high"]
    costly = elasticities(life(), margin=10.0, discount=0.1, acquisition_cost=(0, 100, 500))
    assert "stated, not measured" in costly.evidence.assumptions[2]
    far = elasticities(life(months=24), margin=10.0, discount=0.1, horizon=60)
    assert "EXTRAPOLATED: 36 of 60 months" in far.evidence.assumptions[-1]
    assert "1 % of it is not a point" in far.narrative()
    assert far.chart.claim.startswith("Lifetime value answers most to retention")
    assert len(costly.summary) == 4


def test_terms_out_of_range_are_refused():
    for wrong, word in (
        ({"margin": 0.0}, "margin is"),
        ({"margin_error": -1.0}, "margin_error"),
        ({"discount": 1.0}, "discount"),
        ({"horizon": 0}, "horizon"),
        ({"change": 0.0}, "change"),
        ({"draws": 10}, "draws"),
        ({"acquisition_cost": (3, 2, 1)}, "acquisition_cost"),
        ({"acquisition_cost": 5.0}, "acquisition_cost"),
    ):
        with pytest.raises(OptionError, match=word):
            elasticities(life(), **{"margin": 10.0, "discount": 0.1, **wrong})
    with pytest.raises(DesignError, match="no value to move"):
        elasticities(life(), margin=1.0, discount=0.1, acquisition_cost=(900, 900, 900))


def test_late_entry_leaves_the_planted_model_as_it_is_and_ignoring_it_does_not():
    rng = np.random.default_rng(11)
    inside, naive = 0, []
    for _ in range(60):
        chance = rng.beta(2.0, 40.0, 4000)
        lasted = rng.geometric(chance)  # the period in which they leave, from 1
        begun = rng.integers(0, 40, 4000)
        seen = lasted > begun
        lasted, begun = lasted[seen], begun[seen]
        end = np.minimum(lasted, begun + 24)
        age = np.arange(60)
        left = np.bincount(lasted[lasted <= begun + 24] - 1, minlength=400)[:60].astype(float)
        stayed = ((begun[:, None] <= age) & (age < end[:, None])).sum(axis=0) - left
        fit = fit_sbg_at_risk(left, stayed=stayed, n=len(lasted))
        slope = np.array([1.0, -1.0])  # log odds of leaving at first: log alpha less log beta
        error = np.sqrt(slope @ fit.covariance @ slope)
        inside += abs(slope @ np.log([fit.alpha, fit.beta]) - slope @ np.log([2.0, 40.0])) < 1.96 * error
        naive.append((lasted > 24).mean())
    # fewer than 51 of 60 at 95 % come once in a thousand
    assert inside >= 51
    truth = shifted_beta_survival([2.0], [40.0], 24)[0, 24]
    assert np.mean(naive) > truth + 0.05


def test_a_cohort_without_late_entry_gives_the_published_parameters():
    spells = pd.DataFrame(
        {
            "customer": [str(i) for i in range(1000)],
            "duration": np.repeat([1, 2, 3, 4, 4], [369, 163, 86, 56, 326]),
            "cause": np.repeat(["price", "none"], [674, 326]),
        }
    )
    company = Company(info=CompanyInfo(name="S", source="S"), tables={"subscriptions": ibis.memtable(spells)})
    found = lifetime(tenure_counts(company))
    # Fader & Hardie (2007), three digits
    assert found.fit.alpha == pytest.approx(0.764, abs=5e-4)
    assert found.fit.beta == pytest.approx(1.296, abs=5e-4)
    np.testing.assert_allclose(found.observed, [0.631, 0.468, 0.382, 0.326], rtol=1e-12)
    assert found.check.passed
    assert found.months == 4
    with pytest.raises(DesignError, match="without a gap"):
        lifetime(tenure_counts(company, months=1))
    with pytest.raises(DataError, match="give both for each"):
        fit_sbg_at_risk([1, 2], stayed=[3], n=3)
    with pytest.raises(DataError, match="negative"):
        fit_sbg_at_risk([1, 2], stayed=[3, -1], n=3)


def test_tenure_by_dates_heeds_when_watching_began():
    begin = date(2020, 1, 1)
    spells = pd.DataFrame(
        {
            "customer": ["a", "b"],
            "entry": [begin] * 2,
            "exit": [begin + timedelta(100), None],
            "cause": ["price", "none"],
        }
    )
    people = pd.DataFrame({"customer": ["a", "b"], "observed_from": [begin, begin + timedelta(61)]})
    info = CompanyInfo(name="S", source="S", as_of=begin + timedelta(122))
    tables = {"subscriptions": ibis.memtable(spells), "customers": ibis.memtable(people)}
    counted = tenure_counts(Company(info=info, tables=tables))
    assert counted.at_risk.tolist() == [[1, 1, 2, 2]]
    assert counted.events.tolist() == [[0, 0, 0, 1]]
    young = {"subscriptions": ibis.memtable(spells.assign(entry=begin + timedelta(99)))}
    with pytest.raises(DesignError, match="no spell lasts a month"):
        tenure_counts(Company(info=info, tables=young))


def test_a_rate_is_the_ratio_of_sums_with_branches_apart():
    rows = pd.DataFrame({"branch": list("aabb"), "customers": [10.0, 10, 20, 0], "margin": [30.0, 30, 20, 0]})
    mean, error = rate_a_month(rows)
    assert mean == 2.0
    # both branches are 20 off their due 40: two squares of 20 / 40, times 2 / (2 - 1)
    assert error == pytest.approx(1.0, rel=1e-12)
    with pytest.raises(ColumnError, match="referred"):
        rate_a_month(rows, of="referred")
    with pytest.raises(DesignError, match="two are needed"):
        rate_a_month(rows[:2])


RUNG = SimpleNamespace(estimate=30.0, conf_low=20.0, conf_high=45.0, grade="association")
PEOPLE = pd.DataFrame({"branch": ["a", "b", "c"], "customers": [100, 50, 0]})


@settings(max_examples=30, deadline=None)
@given(st.floats(-5, 5), st.floats(0.5, 60), st.floats(0.01, 1))
def test_branches_add_up_and_the_interval_stays_around_the_estimate(points, months, margin):
    found = priced_points(RUNG, customers=PEOPLE, points=points, months=months, margin=margin)
    parts = found.table.iloc[:-1]
    for name in ("estimate", "conf_low", "conf_high"):
        assert parts[name].sum() == pytest.approx(found.total[name], rel=1e-12, abs=1e-9)
    assert found.total["estimate"] == pytest.approx(30 * 150 * points * months * margin, rel=1e-12)
    assert found.total["conf_low"] <= found.total["estimate"] <= found.total["conf_high"]


def test_an_association_is_never_called_an_effect():
    found = priced_points(RUNG, customers=PEOPLE, points=0.5, currency="EUR")
    words = found.narrative() + found.chart.claim + found.title
    assert "effect" not in words
    assert "ROI" not in words
    assert "go with 27,000 (18,000 to 40,000) EUR" in found.narrative()
    assert found.evidence.grade == "association"
    for grade, told in (
        ("experiment", "months bring"),
        ("quasi-experiment", "if the design"),
        ("adjusted", "equal"),
    ):
        rung = SimpleNamespace(**{**vars(RUNG), "grade": grade})
        assert told in priced_points(rung, customers=PEOPLE).narrative()
    open_ = SimpleNamespace(estimate=1.0, conf_low=-math.inf, conf_high=math.inf, grade="association")
    wide = priced_points(open_, customers=PEOPLE)
    assert wide.total["conf_high"] == math.inf
    assert wide.table["conf_high"].iloc[2] == 0.0  # nobody is nobody
    assert "not settled" in wide.chart.claim
    assert wide.summary["branch"].tolist() == ["a", "b", "c", "all"]


def test_what_cannot_be_priced_is_refused():
    for wrong, word in (({"points": 1e3}, "points"), ({"months": 0}, "months"), ({"margin": 1.5}, "margin")):
        with pytest.raises(OptionError, match=word):
            priced_points(RUNG, customers=PEOPLE, **wrong)
    with pytest.raises(ColumnError, match="customers"):
        priced_points(RUNG, customers=PEOPLE[["branch"]])
    with pytest.raises(DataError, match="stands twice"):
        priced_points(RUNG, customers=pd.concat([PEOPLE, PEOPLE]))
    with pytest.raises(DataError, match="counts from 0 on"):
        priced_points(RUNG, customers=PEOPLE.assign(customers=-1))
    with pytest.raises(DesignError, match="within its interval"):
        priced_points(SimpleNamespace(**{**vars(RUNG), "conf_low": 31.0}), customers=PEOPLE)
    with pytest.raises(OptionError, match="months"):
        customers_lately(PEOPLE.assign(month=1), months=0)
    with pytest.raises(ColumnError, match="month"):
        customers_lately(PEOPLE)


def test_money_of_a_week_or_of_a_shop_is_not_multiplied_by_customers_and_months():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(np.argwhere(np.ones((12, 20))), columns=["shop", "n"])
    rows["week"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * rows["n"], unit="D")
    rows["cx"], rows["profit"] = rng.normal(size=(2, 240))
    people = pd.DataFrame({"shop": [0], "customers": [100]})

    def priced(said, time="week"):
        panel = linked_panel(rows, outcome="profit", unit="shop", time=time, outcome_unit=said)
        return priced_points(value_of_a_point(panel).end, customers=people, unit="shop")

    for said, time, word in (
        ("EUR a shop and week", "week", "of a week"),
        ("EUR a customer and week", "week", "of a week"),
        ("EUR a shop and month", "week", "of a shop"),
        ("", "week", "of rows of a week"),
        ("EUR a customer a year", "n", "of a year"),
    ):
        with pytest.raises(DesignError, match=word):
            priced(said, time)
    assert priced("EUR a customer and month").evidence.checks[-1].passed is True
    open_ = priced("EUR", "n").evidence.checks[-1]
    assert (open_.name, open_.passed) == ("unit of the slope", None)
    # twelve months of weeks are more than twelve rows: from February on, 15 of 20 weeks in 4 months
    rows["customers"] = np.where(rows["n"] < 5, 999.0, 10.0)
    found = customers_lately(rows, months=4, unit="shop", time="week")
    assert found["customers"].tolist() == [10.0] * 12
    assert customers_lately(rows, months=5, unit="shop", time="week")["customers"].iloc[0] > 200
    with pytest.raises(DataError, match="numbers of a week are no months"):
        customers_lately(rows.assign(week=rows["n"]), unit="shop", time="week")


def test_points_beyond_what_a_score_ever_moved_by_are_said_to_be():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(np.argwhere(np.ones((12, 20))), columns=["shop", "month"])
    rows["cx"], rows["profit"] = rng.uniform(0, 1, 240), rng.normal(size=240)
    # shops differ by more than any of them moves, but for one that moves by 2.5 points
    rows["cx"] += 10.0 * rows["shop"]
    rows.loc[[3, 7], "cx"] = [4.0, 6.5]
    rows.loc[rows["shop"].eq(0) & ~rows.index.isin([3, 7]), "cx"] = 5.0
    ladder = value_of_a_point(linked_panel(rows, outcome="profit", unit="shop", time="month"))
    people = pd.DataFrame({"shop": [0], "customers": [100]})
    for name in ("pooled", "within units and periods"):
        # values of frames are NumPy's, and 2.5 less a rounding error is 2.5
        for points, passed in (
            (2.5, True),
            (-2.5, True),
            (2.5 * (1 + 1e-12), True),
            (2.6, False),
            (np.float64(2.6), False),
            (-30.0, False),
        ):
            found = priced_points(ladder.rung(name), customers=people, unit="shop", points=points)
            seen = next(c for c in found.evidence.checks if c.name == "points that were seen")
            assert seen.passed is passed
            assert "2.5 points at most" in seen.detail
            for told in (found.narrative(), found.chart.note):
                assert ("EXTRAPOLATED" in told) is not passed
    unknown = replace(ladder.rung("pooled"), score_span=float("nan"))
    check = priced_points(unknown, customers=people, unit="shop", points=2.0).evidence.checks
    assert {c.name: c.passed for c in check}["points that were seen"] is None


def test_closed_branches_are_not_priced_ahead():
    rows = pd.DataFrame(
        [
            ("a", 1, 10.0), ("a", 2, 12.0), ("b", 1, 90.0), ("c", 1, 50.0), ("c", 2, 0.0), ("d", 2, 4.0),
            ("e", 1, 8.0), ("e", 2, np.nan),
        ],
        columns=["branch", "month", "customers"],
    )  # fmt: skip
    people = customers_lately(rows)
    # b has no row in the last month, c nobody; of d there is one month, of e one count
    assert people.to_dict("list") == {"branch": ["a", "d", "e"], "customers": [11.0, 4.0, 8.0]}
    found = priced_points(RUNG, customers=people)
    assert found.total["estimate"] == pytest.approx(30.0 * 12 * 23)
    assert found.evidence.failed[0].name == "branches still there"
    assert "b and c" in found.evidence.failed[0].detail
    many = pd.DataFrame({"branch": list("abcdefgh"), "month": [1] * 7 + [2], "customers": 1.0})
    assert "and 2 more" in priced_points(RUNG, customers=customers_lately(many)).evidence.checks[0].detail
    assert (
        priced_points(RUNG, customers=customers_lately(rows[rows["branch"] == "a"])).evidence.checks[0].passed
    )


def test_referral_is_a_geometric_series_of_lifetimes():
    worth = elasticities(life(), margin=10.0, discount=0.1)
    months = by_hand(2, 98, 120)
    q = 0.004 * 0.5 * months
    found = referral_value(worth, rate=0.004, share=(0.5, 0.5, 0.5), ratio=(1.2, 1.2, 1.2))
    table = found.table.set_index("part")
    walked = sum(1.2 * 10 * months * q**k for k in range(1, 200))
    for name, money in {
        "recruited by her": 1.2 * 10 * months * q,
        "referral in all": walked,
        "own margin": 10 * months,
    }.items():
        assert table.loc[name, "estimate"] == pytest.approx(money, rel=1e-9)
        # nothing was unsure
        assert table.loc[name, "conf_low"] == pytest.approx(table.loc[name, "conf_high"], rel=1e-9)
    assert found.recruits["estimate"] == pytest.approx(q, rel=1e-9)
    # in heads nothing is discounted
    curve = life().fit.survival(120)
    heads = 0.002 * float((curve[:-1] + curve[1:]).sum() / 2)
    assert found.recruits_in_all["estimate"] == pytest.approx(heads, rel=1e-9)
    assert f"recruits {heads:.3f} customers" in found.narrative()
    assert f"counts for {q:.3f} today" in found.narrative()
    paid = referral_value(worth, rate=0.004, share=(0.5, 0.5, 0.5), currency="EUR")
    assert ") EUR with all whom they recruit" in paid.narrative()
    assert paid.chart.x_label == "EUR a new customer"
    assert "stated and not measured" in found.narrative()
    assert found.chart.claim.startswith("Those whom a customer recruits add")
    assert len(found.summary) == 4


def test_a_chain_without_end_is_refused_and_a_possible_one_has_no_upper_end():
    worth = elasticities(life(), margin=10.0, discount=0.1)
    with pytest.raises(DesignError, match="chain without end"):
        referral_value(worth, rate=0.1, share=(0.5, 0.9, 1.0))
    rate = 0.9 / float(worth.periods[0])
    wide = referral_value(worth, rate=rate, rate_error=rate / 5, share=(1.0, 1.0, 1.0))
    assert wide.table.loc[2, "conf_high"] == math.inf
    assert wide.table.loc[2, "conf_low"] > 0
    assert [check.passed for check in wide.evidence.checks] == [True, False]
    for wrong in (
        {"rate": -1.0},
        {"rate_error": -1.0},
        {"share": (0.5, 0.4, 0.9)},
        {"share": (0, 0.5, 1.1)},
        {"ratio": 2},
    ):
        with pytest.raises(OptionError):
            referral_value(worth, **{"rate": 0.001, "share": (0.2, 0.3, 0.4), **wrong})
