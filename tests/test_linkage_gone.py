"""Who is gone and who is silent: weights, bounds, and what neither can see."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab.data.company import Company, CompanyInfo
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.linkage import lasting_units, linked_panel, non_response, survey_responses, survivor_bias
from cemlab.stats.selected import bounds_interval, lee_bounds, propensity, weighted_mean, worst_case


def units(rng, n=800, on="trait"):
    """Return units of which some are gone, by a recorded trait or by their own outcome; the truth is 1."""
    high, trait = rng.integers(0, 2, n), rng.integers(0, 3, n)
    outcome = 1.0 * high + 1.5 * trait + rng.standard_normal(n)
    drive = trait - 1 + 0.8 * high * (trait - 1) if on == "trait" else 0.6 * (outcome - 2)
    stays = rng.uniform(size=n) < 1 / (1 + np.exp(-(0.3 + drive)))
    frame = pd.DataFrame({"cx": high.astype(float), "trait": np.array(["a", "b", "c"])[trait]})
    return frame.assign(profit=np.where(stays, outcome, np.nan)), outcome


def test_weights_repair_what_traits_tell_and_bounds_hold_what_they_do_not():
    rng = np.random.default_rng(6)
    repetitions = 40
    held = {"alone": 0, "weighted": 0, "worst": 0, "alone by outcome": 0, "worst by outcome": 0}
    for _ in range(repetitions):
        frame, _ = units(rng)
        given = {"outcome": "profit", "score": "cx", "traits": ["trait"], "cut": 0.5, "low": -6, "high": 9}
        rows = survivor_bias(frame, **given).table
        for place, name in [(0, "alone"), (1, "weighted"), (3, "worst")]:
            held[name] += rows["conf_low"].iloc[place] <= 1 <= rows["conf_high"].iloc[place]
        frame, _ = units(rng, on="outcome")
        rows = survivor_bias(frame, **given).table
        held["alone by outcome"] += rows["conf_low"].iloc[0] <= 1 <= rows["conf_high"].iloc[0]
        held["worst by outcome"] += rows["conf_low"].iloc[3] <= 1 <= rows["conf_high"].iloc[3]
    # of 40 repetitions 0.95 has a standard error of 0.034; three of them
    assert held["weighted"] >= 0.85 * repetitions
    assert held["worst"] == held["worst by outcome"] == repetitions
    assert held["alone"] < 0.85 * repetitions
    assert held["alone by outcome"] < 0.85 * repetitions


def test_lee_bounds_hold_those_who_survive_either_way():
    rng = np.random.default_rng(9)
    repetitions, n, held = 200, 400, 0
    for _ in range(repetitions):
        frailty, noise = rng.standard_normal((2, n))
        treated = np.arange(n) < n // 2
        # all would survive if treated; untreated only the sturdier, who earn more
        survives = np.where(treated, frailty > -1.2, frailty > -0.4)
        outcome = 0.5 * treated + frailty + noise
        a, b = outcome[treated & survives], outcome[~treated & survives]
        found = lee_bounds(a, n_first=n // 2, second=b, n_second=n // 2)
        low, high = bounds_interval(found, conf_level=0.95)
        # the effect is 0.5 for everybody, so for those who survive either way too
        held += low <= 0.5 <= high
        assert found.low < found.high
    assert held >= 0.905 * repetitions  # 0.95 less three standard errors of 0.015
    # turned round, the same bounds with the other sign
    turned = lee_bounds(b, n_first=n // 2, second=a, n_second=n // 2)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_the_error_of_the_weighted_mean_is_its_spread():
    rng = np.random.default_rng(2)
    estimates, errors = [], []
    for _ in range(300):
        trait = rng.integers(0, 2, 300).astype(float)
        x = np.column_stack([np.ones(300), trait])
        y = 2 * trait + rng.standard_normal(300)
        known = rng.uniform(size=300) < np.where(trait > 0, 0.3, 0.8)
        mean, error = weighted_mean(y, known=known, traits=x)
        # with one trait of two classes, weighting is the mean of the class means by the classes' sizes
        zero, one = (y[known & (trait == c)].mean() for c in (0, 1))
        assert mean == pytest.approx(zero + (one - zero) * trait.mean(), abs=1e-8)
        estimates.append(mean)
        errors.append(error)
    assert np.mean(estimates) == pytest.approx(1.0, abs=0.02)  # three standard errors of 300 means
    # the spread of 300 estimates has an error of 4 percent; three of them
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.13)


def test_survivors_are_told_with_what_is_gone_and_refusals():
    rng = np.random.default_rng(1)
    frame, _ = units(rng)
    given = {"outcome": "profit", "score": "cx", "cut": 0.5}
    found = survivor_bias(frame, **given)
    assert found.table["way"].tolist() == ["survivors alone", "bounds: survivors either way"]
    assert found.groups["survived"].sum() == frame["profit"].notna().sum()
    assert "would survive either way" in found.narrative()
    assert found.chart.kind == "forest"
    assert "Weighted" in survivor_bias(frame, traits=["trait"], low=-9, high=9, **given).narrative()
    for change, error, match in [
        ({"score": "nps"}, ColumnError, "no column named 'nps'"),
        ({"outcome": "trait"}, DataError, "holds no numbers"),
        ({"low": 1}, OptionError, "name both ends"),
        ({"low": 0, "high": 0.1}, DesignError, "outside the stated range"),
        ({"cut": 99}, DesignError, "0 survivors with high cx"),
    ]:
        with pytest.raises(error, match=match):
            survivor_bias(frame, **(given | change))
    with pytest.raises(DesignError, match="nobody is gone"):
        survivor_bias(frame.dropna(), **given)
    with pytest.raises(DataError, match="missing in 1 rows"):
        survivor_bias(frame.assign(cx=frame["cx"].where(frame.index > 0)), **given)
    telling = frame.assign(open=frame["profit"].notna().astype(float))
    with pytest.raises(DesignError, match="tell for certain"):
        survivor_bias(telling, traits=["open"], **given)
    with pytest.raises(DesignError, match="depend on each other"):
        propensity([1, 0, 1], traits=np.ones((3, 2)))
    with pytest.raises(DesignError, match="need 5 known"):
        lee_bounds([1.0], n_first=2, second=[1.0], n_second=2)
    with pytest.raises(DesignError, match="outside"):
        worst_case([1.0], known=[1], low=2, high=1)


def test_a_closed_branch_is_one_without_a_row_in_the_last_month():
    rows = [
        (b, m, 10.0 * b + m, b / 10 + m / 100)
        for b in range(1, 7)
        for m in range(1, 9)
        if not (b == 2 and m > 5)
    ]
    linked = linked_panel(pd.DataFrame(rows, columns=["branch", "month", "profit", "cx"]), outcome="profit")
    found = lasting_units(linked, first=2, last=2)
    assert found.loc[found["outcome"].isna(), "unit"].tolist() == ["2"]
    assert found["outcome"].iloc[0] == pytest.approx(17.5)
    assert found["score"].iloc[1] == pytest.approx(0.215)
    with pytest.raises(OptionError, match="first=0"):
        lasting_units(linked, first=0)
    with pytest.raises(OptionError, match="gone_after is 0"):
        lasting_units(linked, first=2, last=2, gone_after=0)


def test_an_outcome_that_comes_late_makes_no_branch_gone():
    rows = pd.DataFrame([(b, m, 10.0 * b + m, b / 10 + m / 9) for b in range(6) for m in range(1, 9)])
    frame = rows.set_axis(["branch", "month", "profit", "cx"], axis=1)
    frame.loc[(frame["branch"] == 3) & (frame["month"] == 8), "profit"] = np.nan
    frame = frame[~((frame["branch"] == 2) & (frame["month"] > 5))]
    linked = linked_panel(frame, outcome="profit")
    found = lasting_units(linked, first=2, last=4)
    assert found.loc[found["outcome"].isna(), "unit"].tolist() == ["2"]
    assert found.attrs["late"] == ("3",)
    # months 5 to 7 of those that are known
    assert found["outcome"].iloc[3] == pytest.approx(36.0)
    strict = lasting_units(linked, first=2, last=4, gone_after=1)
    assert strict.loc[strict["outcome"].isna(), "unit"].tolist() == ["2", "3"]


@pytest.mark.parametrize("column", ["profit", "cx", "trait"])
def test_what_is_infinite_is_refused(column):
    frame, _ = units(np.random.default_rng(1))
    frame["trait"] = np.arange(len(frame)) / 100
    frame.loc[0, column] = -np.inf
    with pytest.raises(DataError, match=f"'{column}': infinite in 1 rows"):
        survivor_bias(frame, outcome="profit", score="cx", traits=["trait"])


def shop(**changes):
    surveys = pd.DataFrame(
        {
            "customer": ["a", "a", "b", "c", "c", "d"],
            "contact": ["1", None, "2", None, "3", None],
            "responded": [True, False, True, True, True, False],
            "csat": [4, None, 2, None, 5, None],
        }
    ).astype({"csat": "Int64"})
    customers = pd.DataFrame({"customer": ["a", "b", "c", "d"], "branch": ["x", "x", "y", "y"]})
    contacts = pd.DataFrame({"contact": ["1", "2", "3"], "channel": ["chat", "chat", "mail"]})
    tables = {"surveys": surveys, "customers": customers, "contacts": contacts} | changes
    return Company(
        info=CompanyInfo(name="Shop", source="Shop"),
        tables={name: ibis.memtable(table) for name, table in tables.items() if table is not None},
    )


def test_questionnaires_are_counted_by_what_is_recorded_of_all():
    found = survey_responses(shop(), by=["branch", "about"])
    # c came back once without the score: it is not among those answered
    assert found.values.tolist() == [
        ["x", "a contact", 2, 2, 6.0, 20.0], ["x", "the relationship", 1, 0, 0.0, 0.0],
        ["y", "a contact", 1, 1, 5.0, 25.0], ["y", "the relationship", 2, 0, 0.0, 0.0],
    ]  # fmt: skip
    assert (found.attrs["low"], found.attrs["high"], found.attrs["n_given"]) == (1, 5, 6)
    by_channel = survey_responses(shop(), by=["channel"])
    assert by_channel["channel"].isna().sum() == 1
    assert by_channel["sent"].sum() == 6
    assert survey_responses(shop(), by=[])["answered"].tolist() == [3]
    for company, options, error, match in [
        (shop(surveys=None), {}, DesignError, "no table 'surveys'"),
        (shop(), {"score": "stars"}, ColumnError, "no column named 'stars'"),
        (shop(), {"by": ["nps"]}, OptionError, "by='nps' is an answer"),
        (shop(), {"by": ["colour"]}, ColumnError, "no recorded trait named 'colour'"),
        (
            shop(customers=pd.DataFrame({"customer": ["a", "a"], "branch": ["x", "y"]})),
            {},
            DataError,
            "customer",
        ),
    ]:
        with pytest.raises(error, match=match):
            survey_responses(company, **options)


def answers(rng, n, chance):
    """Return counted cells of two channels, and the mean of all: scores 1 to 5, answered by a chance."""
    channel = rng.integers(0, 2, n)
    score = np.clip(np.rint(3 + 0.8 * channel + 1.1 * rng.standard_normal(n)), 1, 5)
    came = rng.uniform(size=n) < chance(score, channel)
    frame = pd.DataFrame({"channel": channel, "branch": rng.integers(0, 4, n), "came": came, "score": score})
    frame = frame.assign(total=score * came, squares=score**2 * came)
    groups = frame.groupby(["channel", "branch"])
    counted = groups.agg(
        sent=("came", "size"), answered=("came", "sum"), total=("total", "sum"), squares=("squares", "sum")
    )
    return counted.reset_index(), float(score.mean())


def test_weights_see_the_channel_and_never_anger_and_delight():
    rng = np.random.default_rng(8)
    held = np.zeros(4)
    extremes = np.array([0.6, 0.3, 0.15, 0.2, 0.6])
    shifts = []
    repetitions = 25
    for _ in range(repetitions):
        counted, truth = answers(rng, 4_000, lambda s, c: np.where(c > 0, 0.6, 0.2))
        rows = non_response(counted, low=1, high=5, group="branch").table
        held[:2] += (rows["conf_low"].iloc[:2] <= truth) & (truth <= rows["conf_high"].iloc[:2])
        counted, truth = answers(rng, 4_000, lambda s, c: extremes[s.astype(int) - 1])
        rows = non_response(counted, low=1, high=5, group="branch", apart=0.6).table
        held[2:] += (rows["bound_low"].iloc[2:] <= truth) & (truth <= rows["bound_high"].iloc[2:])
        shifts.append(rows["estimate"].iloc[1] - truth)
    assert held[0] == 0
    # of 25 repetitions 0.95 has a standard error of 0.044; three of them
    assert held[1] >= 0.82 * repetitions
    assert held[2] == held[3] == repetitions
    # where the ends answer most, weights by channel leave the mean off by far more than its error of 0.02
    assert np.mean(shifts) > 0.05


def test_small_cells_are_taken_together_and_impossible_counts_refused():
    counted, _ = answers(np.random.default_rng(1), 400, lambda s, c: np.where(c > 0, 0.6, 0.05))
    found = non_response(counted, low=1, high=5, traits=["channel", "branch"], group="branch")
    assert found.together == 4
    assert len(found.groups) == 4
    assert found.groups["moved"].abs().max() > 0
    assert found.groups_chart.kind == "scatter"
    most = found.groups["moved"].abs().max()
    assert f"moves the score of a group by {most:.2g} at most" in found.narrative()
    assert found.groups_chart.claim.endswith(f"by {most:.2g} at most")
    assert "a person of its own" in found.narrative()
    assert any("several" in told for told in found.evidence.assumptions)
    assert found.chart.kind == "forest"
    mean, told = found.table["estimate"].iloc[0], found.table.iloc[2]
    # the title says how far the mean may lie, as it stands beside the picture
    assert f"{mean:.2f} of those who answered, {told['conf_low']:.2f} to {told['conf_high']:.2f} of all" in (
        found.chart.claim
    )
    plain = non_response(counted, low=1, high=5, traits=[])
    assert plain.table["estimate"].iloc[0] == pytest.approx(plain.table["estimate"].iloc[1])
    with pytest.raises(DesignError, match="no group was named"):
        _ = plain.groups_chart
    for change, options, error, match in [
        ({}, {"low": None}, DesignError, "bounds need both ends"),
        ({}, {"low": 4}, DesignError, "outside the scale"),
        ({}, {"apart": 9}, OptionError, "apart is 9"),
        ({}, {"traits": ["colour"]}, ColumnError, "no trait named 'colour'"),
        ({"answered": counted["sent"], "total": 3.0 * counted["sent"]}, {}, DesignError, "nothing to weigh"),
    ]:
        with pytest.raises(error, match=match):
            non_response(counted.assign(**change), **({"low": 1, "high": 5} | options))
    with pytest.raises(ColumnError, match="squares"):
        non_response(counted.drop(columns="squares"), low=1, high=5)
