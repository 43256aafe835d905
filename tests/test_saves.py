"""Save offers by lot: uplift, rules and situational offers against planted effects, and every refusal."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from cemlab import saves
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.present import plots
from cemlab.saves.policies import BY_RISK, BY_UPLIFT, EVERYONE, NOBODY
from cemlab.saves.situational import BEST_SINGLE, BY_CUES
from cemlab.stats.holm import holm
from tests.simulation.drawn_saves import drawn_saves
from tests.simulation.save_regret import KEPT, measured
from tests.simulation.synthetic_saves import CELLS, CHANGE, COST, SIZE, counted, save_cells

NOTHING = {"call": np.zeros(6), "gift": np.zeros(6)}
MARGIN = 1000.0


@pytest.fixture(scope="module")
def learned():
    return saves.save_uplift(save_cells(np.random.default_rng(1), customers=20_000))


@pytest.fixture(scope="module")
def two_offers():
    cells = save_cells(np.random.default_rng(2), customers=30_000, offers=("call", "gift"))
    return {name: saves.save_uplift(cells, offer=name, treated_share=0.5) for name in ("call", "gift")}


def true_by_class(change):
    frame = CELLS.assign(size=SIZE, change=SIZE * change).groupby("risk")[["size", "change"]].sum()
    return frame["change"] / frame["size"]


# --- uplift ---


def test_the_change_of_a_class_by_hand():
    n = np.zeros((6, 2, 2), dtype=int)
    left, other = np.zeros_like(n), np.zeros_like(n)
    n[:] = 50
    left[0, 0] = [20, 5]
    other[0, 0] = [1, 2]
    found = saves.save_uplift(counted(n, left, other, ("none", "call"))).by_class.set_index("class")
    # 200 customers of the high class in each arm, of whom 20 and 5 left; who moved away did not
    assert found.loc["high", "estimate"] == pytest.approx(5 / 200 - 20 / 200)
    assert found.loc["high", ["n_with", "n_without", "n_other"]].tolist() == [200, 200, 3]
    # Newcombe's method 10, worked out from Wilson's two intervals
    z = norm.ppf(0.975)

    def wilson(p, m):
        half = z * np.sqrt(p * (1 - p) / m + z**2 / (4 * m**2))
        return (p + z**2 / (2 * m) - half) / (1 + z**2 / m), (p + z**2 / (2 * m) + half) / (1 + z**2 / m)

    (l1, u1), (l0, u0) = wilson(0.025, 200), wilson(0.1, 200)
    low = -0.075 - np.hypot(0.025 - l1, u0 - 0.1)
    high = -0.075 + np.hypot(u1 - 0.025, 0.1 - l0)
    assert found.loc["high", ["conf_low", "conf_high"]].tolist() == pytest.approx([low, high])


def test_planted_changes_are_recovered_with_their_intervals():
    true, held = true_by_class(CHANGE["call"]), []
    for seed in range(24):
        found = saves.save_uplift(save_cells(np.random.default_rng(seed), folds=2)).by_class.set_index(
            "class"
        )
        held += [found.loc[c, "conf_low"] <= true[c] <= found.loc[c, "conf_high"] for c in true.index]
    # 72 intervals of 95 %: three standard errors are 7.7 points
    assert 0.873 <= np.mean(held) <= 1.0


@pytest.mark.parametrize("learner", ["doubly robust", "two models", "x", "interactions"])
def test_every_learner_finds_who_is_kept(learner):
    cells = save_cells(np.random.default_rng(3), customers=60_000)
    found = saves.save_uplift(cells, learner=learner).by_cell()
    true = -CHANGE["call"][found.index]
    assert found[["risk", "plan"]].equals(CELLS)
    # standard errors of a cell are 1 to 2 points with 6,000 to 18,000 customers in it
    assert np.abs(found["estimate"] - true).max() < 0.05
    assert found["estimate"].corr(pd.Series(true)) > 0.9


def test_sleeping_dogs_are_found_and_nobody_else(learned):
    dogs = learned.sleeping_dogs.set_index("class")
    assert dogs["harmful"].to_dict() == {"high": False, "low": True, "middle": False}
    assert dogs["share"].sum() == pytest.approx(1.0)
    assert dogs.loc["low", "share"] == pytest.approx(0.5, abs=0.02)  # 1.4 points are four standard errors
    assert "Sleeping dogs: low" in learned.narrative()


def test_several_tests_are_allowed_for():
    # .01 * 3; then .03 * 2 and .04 * 1, which may not fall below
    assert holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])


def test_ranking_by_uplift_beats_risk_and_calibration_holds(learned):
    qini = learned.qini.set_index("rule")
    assert qini.loc["by uplift", "conf_low"] > 0
    assert qini.loc["by uplift", "estimate"] > qini.loc["by risk", "estimate"]
    bands = learned.calibration
    assert bands["n"].sum() == learned.evidence.n_used
    assert ((bands["conf_low"] <= bands["predicted"]) & (bands["predicted"] <= bands["conf_high"])).sum() >= 4
    assert bands["estimate"].iloc[-1] > bands["estimate"].iloc[0] + 0.05
    curve = learned.curve
    ends = curve[curve["share_offered"] == 1].set_index("rule")["estimate"]
    assert ends["by uplift"] == pytest.approx(ends["by risk"])  # whoever is ranked how: all are offered
    assert (curve[curve["share_offered"] == 0]["estimate"] == 0).all()


def test_nothing_is_found_where_nothing_was_planted():
    told = []
    for seed in range(24):
        found = saves.save_uplift(save_cells(np.random.default_rng(100 + seed), folds=3, change=NOTHING))
        rules = saves.save_policies(found, margin=MARGIN, cost=0.0, capacity=1500)
        value = rules.of("value").set_index("rule")
        told.append(
            (
                found.sleeping_dogs["harmful"].any(),
                found.qini["conf_low"][0] > 0,
                found.evidence.tests[0].p_value < 0.05,
                value.loc[BY_UPLIFT, "conf_low"] > 0,
                rules.of("difference").set_index("rule").loc[BY_RISK, "conf_low"] > 0,
                found.evidence.grade != "experiment",
            )
        )
    # of 24 tests at 5 % five or more find something by chance once in 150 times
    assert (np.sum(told, axis=0) <= 4).all()


def test_the_grade_falls_where_chance_did_not_deal():
    rng = np.random.default_rng(4)
    n = np.full((6, 4, 2), 100)
    n[4:, :, 1] = 300  # three in four of the middle class were offered
    left = rng.binomial(n, 0.1)
    found = saves.save_uplift(counted(n, left, np.zeros_like(n), ("none", "call")))
    assert found.evidence.grade == "adjusted"
    assert {"share offered", "same share in every class"} <= {check.name for check in found.evidence.failed}
    assert "changes the share" not in found.narrative()


def test_other_causes_that_differ_by_arm_are_noticed():
    n = np.full((6, 4, 2), 100)
    left, other = np.full_like(n, 5), np.full_like(n, 2)
    other[..., 1] = 8
    found = saves.save_uplift(counted(n, left, other, ("none", "call")))
    assert [check.name for check in found.evidence.failed] == ["other causes"]


def test_a_class_of_three_is_wide_and_said_to_be():
    cells = save_cells(np.random.default_rng(5))
    table = cells.table[cells.table["class"] != "high"]
    few = cells.table[cells.table["class"] == "high"].groupby("offer").head(1)
    few = few.assign(n=[1, 2], left=[0, 1], other=0)
    found = saves.save_uplift(dataclasses.replace(cells, table=pd.concat([table, few], ignore_index=True)))
    row = found.by_class.set_index("class").loc["high"]
    assert row["n_with"] + row["n_without"] == 3
    assert row["conf_high"] - row["conf_low"] > 0.8
    assert "customers in each class" in [check.name for check in found.evidence.failed]
    assert not found.sleeping_dogs.set_index("class").loc["high", "harmful"]


def test_one_arm_or_no_overlap_is_refused():
    cells = save_cells(np.random.default_rng(6))
    offered = cells.table["offer"] != "none"

    def only(rows):
        return dataclasses.replace(cells, table=cells.table[rows].reset_index(drop=True))

    with pytest.raises(DesignError, match="nobody got an offer"):
        saves.save_uplift(only(~offered))
    with pytest.raises(DesignError, match="nobody got no offer"):
        saves.save_uplift(only(offered))
    with pytest.raises(DesignError, match="no overlap in the class low"):
        saves.save_uplift(only(offered | (cells.table["class"] != "low")))
    with pytest.raises(DesignError, match="too few for 4 folds"):
        saves.save_uplift(only(cells.table["fold"] == 0))
    broken = cells.table.assign(left=cells.table["n"] + 1)
    with pytest.raises(DataError, match="more leavers than customers"):
        saves.save_uplift(dataclasses.replace(cells, table=broken))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"offer": "cal"}, "did you mean 'call'"),
        ({"learner": "forest"}, "no learner"),
        ({"bands": 1}, "2 to 20"),
        ({"treated_share": 1}, "share of the design"),
        ({"conf_level": 95}, "conf_level"),
    ],
)
def test_options_of_uplift_that_are_none(options, match):
    with pytest.raises(OptionError, match=match):
        saves.save_uplift(save_cells(np.random.default_rng(7), customers=800), **options)


# --- rules ---


def test_rules_by_uplift_beat_rules_by_risk_and_intervals_hold_the_truth(learned):
    rules = saves.save_policies(learned, margin=MARGIN, capacity=6000)
    value = rules.of("value").set_index("rule")
    gap = rules.of("difference").set_index("rule")
    # offers to everyone: minus the change times the margin, less the cost
    everyone = -float(SIZE @ CHANGE["call"]) * MARGIN - COST["call"]
    assert value.loc[EVERYONE, "conf_low"] <= everyone <= value.loc[EVERYONE, "conf_high"]
    # the middle class is .3 of all and worth 90 less 20 each
    assert value.loc[BY_UPLIFT, "conf_low"] <= 0.3 * 70 <= value.loc[BY_UPLIFT, "conf_high"]
    assert gap.loc[BY_RISK, "conf_low"] > 0
    assert value.loc[NOBODY, ["estimate", "conf_low", "conf_high"]].tolist() == [0, 0, 0]
    assert (value["share_offered"].drop(EVERYONE) <= 0.3 + 1e-9).all()
    assert value.loc[BY_UPLIFT, "total"] == pytest.approx(20_000 * value.loc[BY_UPLIFT, "estimate"])
    assert "by uplift earn more" in rules.narrative()


def test_a_rule_for_everyone_is_worth_the_difference_of_the_arms():
    # with predictions that are the same for all, the doubly robust value is that of the plain difference
    n = np.full((6, 2, 2), 100)
    left = np.zeros_like(n)
    left[..., 0], left[..., 1] = 20, 10
    found = saves.save_uplift(counted(n, left, np.zeros_like(n), ("none", "call")))
    value = saves.save_policies(found, margin=500.0, cost=7.0).of("value").set_index("rule")
    assert value.loc[EVERYONE, "estimate"] == pytest.approx(500 * 0.1 - 7)
    assert value.loc[BY_UPLIFT, "estimate"] == pytest.approx(500 * 0.1 - 7)


def test_intervals_of_rules_cover():
    held, everyone = [], -float(SIZE @ CHANGE["call"]) * MARGIN - COST["call"]
    for seed in range(60):
        found = saves.save_uplift(save_cells(np.random.default_rng(200 + seed), folds=3))
        rules = saves.save_policies(found, margin=MARGIN, capacity=1800)
        trial = found.trial
        worth = -CHANGE["call"] * MARGIN - COST["call"]
        # what the rules learned without each fold truly earn on customers like those of the trial
        gains = [float(SIZE @ (worth * part)) for part in _served(trial)]
        value = rules.of("value").set_index("rule")
        row, all_row = value.loc[BY_UPLIFT], value.loc[EVERYONE]
        held.append(
            (
                row["conf_low"] <= np.mean(gains) <= row["conf_high"],
                all_row["conf_low"] <= everyone <= all_row["conf_high"],
            )
        )
    # 60 intervals of 95 %: three standard errors are 8.4 points
    assert (np.mean(held, axis=0) >= 0.866).all()


def _served(trial):
    from cemlab.stats.arm_values import top_share

    gain = MARGIN * trial.kept - COST["call"]
    served = top_share(gain, trial.rows, 0.3, at_least=0.0)
    return served.T


def test_budget_capacity_and_customers_considered(learned):
    by_budget = saves.save_policies(learned, margin=MARGIN, cost=20.0, budget=20.0 * 2000)
    by_hands = saves.save_policies(learned, margin=MARGIN, cost=20.0, capacity=2000)
    assert by_budget.reach == by_hands.reach == pytest.approx(0.1)
    assert by_budget.table["estimate"].tolist() == pytest.approx(by_hands.table["estimate"].tolist())
    next_year = saves.save_policies(learned, margin=MARGIN, cost=20.0, capacity=200, considered=2000)
    assert next_year.reach == pytest.approx(0.1)
    assert next_year.of("value")["total"].tolist() == pytest.approx(
        (by_hands.of("value")["total"] / 10).tolist()
    )
    none = saves.save_policies(learned, margin=MARGIN, capacity=0)
    assert none.of("value").set_index("rule").loc[BY_UPLIFT, "estimate"] == 0
    served = by_hands.plan
    assert (served["share_offered"] * served["n"]).sum() == pytest.approx(2000)
    # the dearer an offer, the less anything earns
    dear = saves.save_policies(learned, margin=MARGIN, cost=80.0, capacity=2000)
    assert dear.of("value")["estimate"][4] < by_hands.of("value")["estimate"][4]


def test_margins_by_class_move_the_plan(learned):
    rich_low = saves.save_policies(learned, margin={"low": 1e-9, "middle": 1e-9, "high": 1e-9})
    assert (rich_low.plan["share_offered"] == 0).all()
    by_class = saves.save_policies(learned, margin={"low": 0, "middle": MARGIN, "high": 0})
    offered = by_class.plan.groupby("class")["share_offered"].max()
    assert offered.to_dict() == {"high": 0.0, "low": 0.0, "middle": 1.0}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"margin": -1}, "margin is -1"),
        ({"margin": {"low": 1}}, "margin lacks high and middle"),
        ({"margin": {"low": 1, "high": 1, "middle": 1, "x": 1}}, "names x further class"),
        ({"margin": 1, "cost": "25"}, "cost is '25'"),
        ({"margin": 1, "capacity": 0.5}, "capacity is 0.5"),
        ({"margin": 1, "capacity": True}, "capacity is True"),
        ({"margin": 1, "budget": float("nan")}, "budget is nan"),
        ({"margin": 1, "considered": 0}, "considered is 0"),
    ],
)
def test_options_of_rules_that_are_none(learned, options, match):
    with pytest.raises(OptionError, match=match):
        saves.save_policies(learned, **options)


# --- situational offers ---


def test_each_situation_gets_its_offer(two_offers):
    found = saves.situational_offers(two_offers, margin=MARGIN)
    plan = found.plan.set_index(["risk", "plan"])["offer"]
    # the gift keeps 16 points of high-risk Flex, worth 160 less 40; the call keeps the middle class
    assert plan[("high", "Flex")] == "gift"
    assert plan[("middle", "Flex")] == plan[("middle", "Plus")] == "call"
    assert plan[("low", "Flex")] == plan[("low", "Plus")] == "none"
    value = found.of("value").set_index("rule")
    true = 0.1 * 120 + 0.3 * 70
    assert value.loc[BY_CUES, "conf_low"] <= true <= value.loc[BY_CUES, "conf_high"]
    gaps = found.of("difference").set_index("rule")
    assert (gaps.loc[["nobody", "everyone: call", "everyone: gift", BEST_SINGLE], "conf_low"] > 0).all()


def test_capacity_by_offer_binds(two_offers):
    free = saves.situational_offers(two_offers, margin=MARGIN)
    tight = saves.situational_offers(two_offers, margin=MARGIN, capacity={"call": 3000})
    calls = tight.plan[tight.plan["offer"] == "call"]
    # whole customers: what is given out lies a few below or at the limit
    assert (calls["share_offered"] * calls["n"]).sum() <= 3000 + 1e-6
    assert free.of("value")["estimate"].iloc[-1] > tight.of("value")["estimate"].iloc[-1]


def test_one_offer_or_none(learned):
    found = saves.situational_offers(learned, margin=MARGIN, capacity={"call": 6000})
    rules = saves.save_policies(learned, margin=MARGIN, capacity=6000).of("value").set_index("rule")
    value = found.of("value").set_index("rule")
    assert BEST_SINGLE not in value.index
    assert value.loc[BY_CUES, "estimate"] == pytest.approx(rules.loc[BY_UPLIFT, "estimate"])
    assert value.loc["everyone: call", "estimate"] == pytest.approx(rules.loc[EVERYONE, "estimate"])


def test_situational_offers_refuse_what_cannot_be_compared(two_offers, learned):
    with pytest.raises(OptionError, match="lacks the offer gift"):
        saves.situational_offers(two_offers["call"], margin=1)
    with pytest.raises(OptionError, match="names no offer"):
        saves.situational_offers({}, margin=1)
    with pytest.raises(DesignError, match="different cells"):
        saves.situational_offers({"call": learned, "gift": two_offers["gift"]}, margin=1)
    with pytest.raises(OptionError, match="one offer twice"):
        saves.situational_offers({"a": learned, "b": learned}, margin=1)
    with pytest.raises(OptionError, match="the offers are call"):
        saves.situational_offers(learned, margin=1, costs={"gift": 1})
    with pytest.raises(OptionError, match="capacity names 'gift'"):
        saves.situational_offers(learned, margin=1, capacity={"gift": 1})
    with pytest.raises(OptionError, match=r"capacity is 1.5 for call"):
        saves.situational_offers(learned, margin=1, capacity={"call": 1.5})
    with pytest.raises(OptionError, match="there are several offers"):
        saves.save_uplift(two_offers["call"].cells)


# --- results, and Halden ---


def test_results_are_told_and_drawn(learned):
    rules = saves.save_policies(learned, margin=MARGIN, capacity=6000)
    situational = saves.situational_offers(learned, margin=MARGIN)
    for result in (learned, rules, situational):
        assert {"estimate", "conf_low", "conf_high"} <= set(result.table.columns)
        assert len(result.summary)
        assert result.narrative() in result.to_markdown().replace("\\", "")
    for chart in (
        learned.chart,
        learned.curve_chart,
        learned.calibration_chart,
        rules.chart,
        situational.chart,
    ):
        assert plots.png(chart).startswith(b"\x89PNG")


def test_uplift_beats_risk_on_the_simulated_companies():
    kept = pd.DataFrame(json.loads(KEPT.read_text(encoding="utf-8"))).T
    assert len(kept) == 50
    assert kept["uplift beats risk"].mean() >= 0.9
    assert kept["regret by uplift"].mean() < 0.1 < kept["regret by risk"].mean()
    # 150 intervals of 95 %: three standard errors are 5.4 points
    covered = kept[[c for c in kept if c.endswith("risk covered")]].to_numpy().mean()
    assert 0.896 <= covered <= 1.0
    # what is kept is what is found: one company again, from the start
    again = measured(drawn_saves(3))
    for name in ("by uplift", "by risk", "oracle", "estimated by uplift"):
        assert again[name] == pytest.approx(kept.loc["3", name], abs=1e-4)  # kept to six decimals
