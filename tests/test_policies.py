"""Values of rules: by hand, unbiased with a wrong outcome model, intervals that cover, and the oracle."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from cemlab.errors import DataError, DesignError, OptionError
from cemlab.segmentation import policy_values, strategies, uplift
from cemlab.segmentation.allocation import allocate
from cemlab.segmentation.learning import learn
from cemlab.segmentation.planned import PLAN, Limits, plan_of, planned
from cemlab.segmentation.prices import check_prices
from cemlab.segmentation.rules import (
    INDIVIDUAL,
    NOBODY,
    RANDOM,
    learned_rules,
    population_shares,
    ratios_of,
)
from cemlab.segmentation.segmentations import SEGMENT, places_of
from cemlab.stats.off_policy import row_weights, rule_errors, rule_values
from cemlab.stats.regret import regret
from tests.simulation.synthetic_cells import (
    CELLS,
    CHANGE,
    COSTS,
    KINDS,
    MARGINS,
    TODAY,
    cells,
    counted,
    counts,
    population,
    value,
)

PRICES = {"margins": MARGINS, "costs": COSTS}
SHARE = TODAY / TODAY.sum()


@pytest.fixture(scope="module")
def drawn():
    return cells(np.random.default_rng(1))


@pytest.fixture(scope="module")
def learned(drawn):
    return uplift(drawn)


@pytest.fixture(scope="module")
def found(learned):
    return policy_values(learned, population(), **PRICES, segments=["type"])


def estimates(result, quantity="value"):
    return result.of(quantity).set_index("rule")["estimate"]


# The arrays


def test_a_rule_by_hand():
    # two cells, one fold of two rows' worth each; the rule treats the second cell only
    n = np.array([[[10.0, 10.0]], [[20.0, 20.0]]])
    yes = np.array([[[1.0, 3.0]], [[4.0, 10.0]]])
    predicted = np.array([[[0.2, 0.3]], [[0.1, 0.4]]])
    there = predicted
    treats = np.array([[[0.0], [1.0]]])
    ratio = np.array([1.6, 0.7])
    found = rule_values(
        n,
        yes,
        predicted,
        share=0.5,
        ratio=ratio,
        treats=treats,
        margin=10.0,
        cost=1.0,
        population=np.array([0.25, 0.75]),
        predicted_there=there,
        treats_there=treats,
    )
    foreseen = 0.75 * (10 * (0.4 - 0.1) - 1)
    error = (10 - 20 * 0.4) / 0.5 - (4 - 20 * 0.1) / 0.5
    assert found.value == pytest.approx([foreseen + 10 * 0.7 * error / 60])
    squares = (10 * 0.6**2 + 10 * 0.4**2 + 4 * 0.9**2 + 16 * 0.1**2) / 0.5**2
    assert found.covariance == pytest.approx(np.array([[(10 * 0.7 / 60) ** 2 * squares]]))


def test_a_rule_that_treats_all_of_a_saturated_cell_earns_the_plain_difference():
    n, yes = np.array([[[40.0, 60.0]]]), np.array([[[10.0, 24.0]]])
    treats = np.ones((1, 1, 1))
    for predicted in ([0.25, 0.4], [0.0, 0.9], [0.7, 0.1]):
        found = rule_values(
            n,
            yes,
            np.array([[predicted]]),
            share=0.6,
            ratio=np.ones(1),
            treats=treats,
            margin=20.0,
            cost=2.0,
            population=np.ones(1),
            predicted_there=np.array([[predicted]]),
            treats_there=treats,
        )
        assert found.value == pytest.approx([20 * (0.4 - 0.25) - 2])


def test_a_fold_without_rows_is_refused():
    with pytest.raises(DesignError, match="use fewer folds"):
        row_weights(np.zeros((3, 2, 2)), np.ones(3), margin=1.0)


def test_draws_of_errors_are_what_they_are_and_alike_where_the_rule_is_not_in_doubt():
    rng = np.random.default_rng(1)
    worth = rng.standard_normal((4, 3, 50))
    treats = rng.integers(0, 2, (2, 4, 3)).astype(float)
    held = rule_errors(worth, treats)
    assert held[1, 7] == pytest.approx((treats[1] * worth[:, :, 7]).sum())
    again = rule_errors(worth, np.repeat(treats[..., None], 50, axis=-1))
    assert again == pytest.approx(held)


def test_regret_by_hand():
    worth = [[4.0, 1.0], [-2.0, 2.0], [-1.0, -3.0]]
    best = regret(worth, [[1, 0], [0, 1], [0, 0]])
    assert best == (2.0, 2.0, 0.0)
    half = regret(worth, [[0.5, 0.5], [0, 0], [1, 0]], weights=[2, 1, 1])
    assert half.oracle == pytest.approx((2 * 4 + 2) / 4)
    assert half.earned == pytest.approx((2 * 2.5 - 1) / 4)
    assert half.share == pytest.approx(1 - 4 / 10)
    assert np.isnan(regret([[-1.0]], [[0.0]]).share)


@pytest.mark.parametrize(
    ("worth", "treated", "weights"),
    [
        ([[1.0]], [[1.0, 0.0]], None),
        ([1.0], [1.0], None),
        ([[np.nan]], [[1.0]], None),
        ([[1.0, 2.0]], [[0.7, 0.7]], None),
        ([[1.0]], [[-0.1]], None),
        ([[1.0]], [[1.0]], [0.0]),
        ([[1.0]], [[1.0]], [1.0, 2.0]),
    ],
)
def test_regret_of_what_is_no_rule_is_refused(worth, treated, weights):
    with pytest.raises(DataError):
        regret(worth, treated, weights=weights)


# Policy values


def test_simple_rules_are_what_they_are(found, learned):
    worth = estimates(found)
    assert list(worth.index) == [NOBODY, "everybody: call", "everybody: mail", RANDOM, SEGMENT, INDIVIDUAL]
    assert worth[NOBODY] == 0
    assert worth[RANDOM] == pytest.approx((worth["everybody: call"] + worth["everybody: mail"]) / 3)
    rows = found.of("value").set_index("rule")
    assert rows.loc[NOBODY, ["conf_low", "conf_high"]].tolist() == [0, 0]
    assert rows["share_treated"].loc[[NOBODY, "everybody: call", RANDOM]].tolist() == pytest.approx(
        [0, 1, 2 / 3]
    )
    gap = estimates(found, "difference")
    assert INDIVIDUAL not in gap.index
    for rule, more in gap.items():
        assert more == pytest.approx(worth[INDIVIDUAL] - worth[rule])


def test_everybody_earns_the_average_change_where_the_population_is_the_participants(drawn, learned):
    mail = drawn.table[drawn.table["kind"] == "mail"]
    n = CELLS.merge(mail.groupby(list(CELLS.columns), as_index=False)["n"].sum())["n"].to_numpy()
    worth = estimates(policy_values(learned, population(n), **PRICES, segments=["type"]))
    row = learned.average.set_index("strategy").loc["mail"]
    # adjusted for the chance imbalance of the arms and folds: a tenth of a standard error of 0.5 or so
    assert worth["everybody: mail"] == pytest.approx(50 * row["estimate"] - 1, abs=0.15)


def test_values_are_unbiased_and_intervals_cover():
    """The outcome models know main effects of the log odds alone, and are wrong in every cell."""
    rng = np.random.default_rng(31)
    truth = value()
    pattern = uplift(cells(rng, folds=2))
    design, index = pattern.design, pattern.index
    pd.testing.assert_frame_equal(index, CELLS)
    covered, errors = [], []
    for _ in range(200):
        drawn = zip(KINDS, *counts(rng, participants=2400, folds=2), strict=True)
        learned_anew = {
            kind: learn(n.astype(float), yes.astype(float), index=index, design=design, rng=rng)
            for kind, n, yes in drawn
        }
        learned = dataclasses.replace(pattern, learned=learned_anew)
        result = policy_values(learned, population(), **PRICES, segments=["type"])
        true = true_values(learned, truth)
        rows = result.of("value").set_index("rule").drop(index=NOBODY)
        target = rows.index.map(true).to_numpy()
        gaps = result.of("difference").set_index("rule").drop(index=NOBODY)
        gap_target = true[INDIVIDUAL] - gaps.index.map(true).to_numpy()
        low = np.concatenate([rows["conf_low"], gaps["conf_low"]])
        high = np.concatenate([rows["conf_high"], gaps["conf_high"]])
        wanted = np.concatenate([target, gap_target])
        covered.append((low <= wanted) & (wanted <= high))
        errors.append(np.concatenate([rows["estimate"], gaps["estimate"]]) - wanted)
    share, error = np.mean(covered, axis=0), np.array(errors)
    # 200 draws of 0.95 have a standard error of 0.015
    assert (share > 0.95 - 3 * 0.0154).all(), share
    # four standard errors, over nine quantities
    assert (np.abs(error.mean(axis=0)) < 4 * error.std(axis=0) / np.sqrt(200)).all()


def true_values(learned, truth):
    """Return the true value of every rule as it was learned, the mean over the folds."""
    at, share = population_shares(population(), list(CELLS.columns))
    prices = check_prices(learned, MARGINS, COSTS)
    ratios = ratios_of(learned, at, share, prices)
    rules = learned_rules(learned, at, places_of(learned, at, {SEGMENT: ("type",)}), prices, ratios)
    here = len(learned.index)
    folds = learned.learned["call"].n.shape[1]
    return {
        name: float(np.einsum("y,syf,ys->", share, treats[:, here:], truth) / folds)
        for name, treats in rules.items()
    }


def test_with_many_customers_the_rules_come_to_the_best_there_are():
    result = policy_values(
        uplift(cells(np.random.default_rng(5), participants=4_000_000)),
        population(),
        **PRICES,
        segments=["type"],
    )
    best = SHARE @ np.maximum(value().max(axis=1), 0)
    by_type = CELLS.assign(share=SHARE)
    segment = 0.0
    for _, rows in by_type.groupby("type"):
        segment += max(0.0, *(rows["share"].to_numpy() @ value()[rows.index]))
    worth = estimates(result)
    # 4 million participants: the standard error of a value is 0.02
    assert worth[INDIVIDUAL] == pytest.approx(best, abs=0.08)
    assert worth[SEGMENT] == pytest.approx(segment, abs=0.08)
    assert worth["everybody: call"] == pytest.approx(SHARE @ value()[:, 0], abs=0.08)
    assert best > segment + 0.3
    assert "The individual rule earns more." in result.narrative()


def test_segments_of_all_features_are_cells(learned):
    fine = policy_values(learned, population(), **PRICES, segments=["type", "objective"])
    coarse = policy_values(learned, population(), **PRICES, segments=["type"])
    assert fine.segments == ("type", "objective")
    assert estimates(fine)[INDIVIDUAL] == estimates(coarse)[INDIVIDUAL]
    assert estimates(fine)[SEGMENT] != estimates(coarse)[SEGMENT]


def test_prices_decide(learned):
    dear = policy_values(
        learned, population(), margins=MARGINS, costs={"call": 99.0, "mail": 99.0}, segments=["type"]
    )
    assert estimates(dear)[[SEGMENT, INDIVIDUAL]].tolist() == [0, 0]
    assert "cannot be told" in dear.narrative()
    # twice the money everywhere is twice the value
    twice = policy_values(
        learned,
        population(),
        margins={name: 2 * m for name, m in MARGINS.items()},
        costs={name: 2 * c for name, c in COSTS.items()},
        segments=["type"],
    )
    once = policy_values(learned, population(), **PRICES, segments=["type"])
    assert twice.table["estimate"].to_numpy() == pytest.approx(2 * once.table["estimate"].to_numpy())
    assert twice.table["conf_low"].to_numpy() == pytest.approx(2 * once.table["conf_low"].to_numpy())


def test_the_order_of_rows_does_not_matter(drawn, found):
    mixed = dataclasses.replace(drawn, table=drawn.table.sample(frac=1, random_state=3))
    today = population()
    turned = dataclasses.replace(today, table=today.table[::-1].reset_index(drop=True))
    again = policy_values(uplift(mixed), turned, **PRICES, segments=["type"])
    columns = ["estimate", "conf_low", "conf_high"]
    assert again.table[columns].to_numpy() == pytest.approx(found.table[columns].to_numpy())


def test_a_population_unlike_the_participants_is_told(learned):
    odd = np.array([0, 0, 0, 1, 0, 4000])
    result = policy_values(learned, population(odd), **PRICES, segments=["type"])
    assert [check.name for check in result.evidence.failed] == ["like the population"]
    assert "like the population" in result.narrative()


def test_a_value_never_seen_is_valued_as_the_average(learned):
    today = population()
    strange = pd.concat(
        [today.table, pd.DataFrame({"type": ["c"], "objective": ["x"], "n_customers": [300]})],
        ignore_index=True,
    )
    result = policy_values(
        learned, dataclasses.replace(today, table=strange, n_given=2300), **PRICES, segments=["type"]
    )
    assert np.isfinite(result.table[["estimate", "conf_low", "conf_high"]].to_numpy()).all()
    (told,) = [check for check in result.evidence.failed if check.name == "seen before"]
    assert "300 of 2,300 customers have a value that was not" in told.detail
    assert "seen before" in result.narrative()


def test_without_a_word_each_feature_is_a_segmentation(learned):
    ladder = policy_values(learned, population(), **PRICES)
    assert list(ladder.segmentations) == [f"{SEGMENT}: type", f"{SEGMENT}: objective"]
    one = policy_values(learned, population(), **PRICES, segments=["objective"])
    columns = ["estimate", "conf_low", "conf_high"]
    for quantity in ("value", "difference"):
        mine = ladder.of(quantity).set_index("rule").loc[f"{SEGMENT}: objective", columns]
        assert mine.tolist() == pytest.approx(
            one.of(quantity).set_index("rule").loc[SEGMENT, columns].tolist()
        )
    worth = estimates(ladder)
    best = max(ladder.segmentations, key=lambda rule: worth[rule])
    assert ladder.segments == ladder.segmentations[best]
    assert f"{best} {worth[best]:.2f}" in ladder.chart.claim
    assert ladder.chart.x_label == "Value per customer [currency of the margins]"
    paid = policy_values(learned, population(), **PRICES, currency="EUR").chart
    assert paid.x_label == "Value per customer [EUR]"
    assert " EUR per customer" in paid.claim
    for name in ("type", "objective"):
        assert f"one a segment ({name})" in ladder.narrative()


def test_segmentations_may_be_several_and_combined(learned):
    ladder = policy_values(learned, population(), **PRICES, segments=[["type"], ["type", "objective"]])
    assert list(ladder.segmentations) == [f"{SEGMENT}: type", f"{SEGMENT}: type × objective"]
    both = policy_values(learned, population(), **PRICES, segments=["type", "objective"])
    assert estimates(ladder)[f"{SEGMENT}: type × objective"] == pytest.approx(estimates(both)[SEGMENT])


def test_a_plan_that_nothing_limits_is_the_individual_rule(learned):
    wide = policy_values(learned, population(), **PRICES, budget=1e6)
    rows = wide.of("value").set_index("rule")[["estimate", "conf_low", "conf_high", "share_treated"]]
    assert rows.loc[PLAN].tolist() == pytest.approx(rows.loc[INDIVIDUAL].tolist())
    assert PLAN not in estimates(policy_values(learned, population(), **PRICES))


def test_a_plan_spends_no_more_than_there_is(learned):
    prices = check_prices(learned, **PRICES)
    treats = planned(learned, CELLS, TODAY, prices, Limits(500.0, np.array([np.inf, np.inf])))
    spent = np.einsum("s,syf,y->f", prices.cost, treats[:, len(learned.index) :], TODAY)
    assert (spent <= 500).all()
    assert (spent > 500 - prices.cost.max()).all()
    few = policy_values(learned, population(), **PRICES, capacity={"call": 0, "mail": 100})
    # a whole number of customers: each fold's plan has 100 of 2,000 unless fewer are worth a letter
    assert few.of("value").set_index("rule").loc[PLAN, "share_treated"] == pytest.approx(0.05)
    assert "The plan, within budget, earns" in few.narrative()
    none = policy_values(learned, population(), **PRICES, budget=0)
    assert none.of("value").set_index("rule").loc[PLAN, ["estimate", "conf_low", "conf_high"]].tolist() == [
        0,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("budget", "capacity", "near"),
    [
        (None, [np.inf, np.inf], 1e-9),
        (700.0, [np.inf, np.inf], 1e-9),
        (15.0, [np.inf, np.inf], 1e-9),
        # prices of several limits are found one by one, and what is then too much is cut evenly
        (700.0, [150.0, 400.0], 0.02),
        (None, [150.0, 400.0], 0.02),
    ],
)
def test_a_plan_of_drawn_effects_is_the_linear_programmes(learned, budget, capacity, near):
    prices, limits = check_prices(learned, **PRICES), Limits(budget, np.array(capacity))
    drawn = np.random.default_rng(3).normal(0.05, 0.05, (2, 6, 2, 4))
    treats = plan_of(list(drawn), TODAY.astype(float), prices, limits)
    assert treats.min() >= 0
    assert treats.sum(axis=0).max() <= 1 + 1e-9
    for fold, draw in np.ndindex(2, 4):
        worth = drawn[:, :, fold, draw].T * prices.margin - prices.cost
        given = treats[:, :, fold, draw].T * TODAY[:, None]
        bound = allocate(worth, prices.cost, TODAY, budget=budget, capacity=np.array(capacity)).bound
        assert (given.sum(axis=0) <= np.array(capacity) + 1e-6).all()
        assert budget is None or (given @ prices.cost).sum() <= budget + 1e-6
        assert (given * worth).sum() == pytest.approx(bound, rel=near)


def test_a_small_plan_is_valued_within_narrow_bounds(learned):
    """Twenty of 2,000 customers bring little, whoever they are, and lose no more than they cost."""
    row = policy_values(learned, population(), **PRICES, budget=20.0).of("value").set_index("rule").loc[PLAN]
    # 20 letters at a worth of 50 for every response are 1,000 at most, to 2,000 customers
    assert row["conf_high"] - row["conf_low"] < 2 * 0.5
    whole = policy_values(learned, population(), **PRICES).of("value").set_index("rule").loc[INDIVIDUAL]
    assert row["conf_high"] - row["conf_low"] < (whole["conf_high"] - whole["conf_low"]) / 10


@pytest.mark.parametrize("change", [CHANGE, np.zeros_like(CHANGE)])
def test_the_value_of_a_plan_is_covered_even_where_nothing_is_worth_doing(change):
    rng = np.random.default_rng(17)
    cheap = {"margins": MARGINS, "costs": COSTS if change.any() else {"call": 0.2, "mail": 0.2}}
    money = 1000.0 if change.any() else 200.0
    margin, cost = (np.array(list(cheap[name].values())) for name in ("margins", "costs"))
    worth = (change * margin[:, None] - cost[:, None]).T
    covered = []
    for _ in range(20):
        learned = uplift(cells(rng, participants=2400, folds=5, change=change))
        row = policy_values(learned, population(), **cheap, segments=["type"], budget=money)
        row = row.of("value").set_index("rule").loc[PLAN]
        plan = strategies(learned, population(), **cheap, budget=money, draws=100).plan.assigned
        true = float((plan * worth).sum()) / TODAY.sum()  # of the plan as it would be carried out
        covered.append(row["conf_low"] <= true <= row["conf_high"])
    # 20 draws of 0.95 have a standard error of 0.049; a sum of best estimates with its own interval has 0.2
    assert np.mean(covered) > 0.95 - 3 * 0.049


def test_what_is_shown(found):
    assert found.evidence.grade == "experiment"
    assert "off-policy for the 2,000 customers" in found.evidence.design
    chart = found.chart
    assert chart.kind == "forest"
    assert chart.frame["estimate"].is_monotonic_increasing
    assert list(found.summary["rule"])[-1] == INDIVIDUAL
    assert found.summary["difference"].iloc[-1] == "–"


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"segments": []}, OptionError, "names no feature"),
        ({"segments": "type"}, OptionError, "segments holds 'type' where a list is meant"),
        ({"segments": [["type"], "objective"]}, OptionError, "'objective' where a list is meant"),
        ({"segments": [["type"], ["type"]]}, OptionError, "each segmentation once"),
        ({"segments": [[]]}, OptionError, "names no feature"),
        ({"segments": 3}, OptionError, "where a list is meant"),
        ({"budget": "100"}, OptionError, "budget is '100'; give an amount"),
        ({"budget": -1}, OptionError, "budget is -1"),
        ({"capacity": {"mail": 0.3}}, OptionError, "capacity is 0.3 for mail"),
        ({"segments": ["tipe"]}, OptionError, "did you mean 'type'"),
        ({"margins": {"call": 1.0}}, OptionError, "mail has only one of them"),
        ({"margins": {"call": 1.0, "mial": 2.0}}, OptionError, "did you mean 'mail'"),
        ({"margins": {"call": 1.0, "mail": float("nan")}}, OptionError, "the margin of mail is nan"),
        ({"costs": {"call": 1.0, "mail": -2.0}}, OptionError, "the cost of mail is -2.0"),
    ],
)
def test_what_has_no_value_is_refused(learned, changed, error, said):
    with pytest.raises(error, match=said):
        policy_values(learned, population(), **(PRICES | {"segments": ["type"]} | changed))


def test_populations_that_cannot_be_are_refused(learned):
    today = population()
    with pytest.raises(DesignError, match="was not counted by objective"):
        policy_values(
            learned, dataclasses.replace(today, table=today.table.drop(columns="objective")), **PRICES
        )
    with pytest.raises(DesignError, match="holds no customer"):
        policy_values(learned, population(np.zeros(6, dtype=int)), **PRICES, segments=["type"])


def test_strategies_without_an_estimate_have_no_value(drawn):
    result = uplift(drawn, strategies=["call", "visit"])
    prices = {"margins": {"call": 40.0, "visit": 9.0}, "costs": {"call": 2.0, "visit": 1.0}}
    rules = policy_values(result, population(), **prices, segments=["type"]).of("value")["rule"]
    assert "everybody: visit" not in set(rules)
    with pytest.raises(DesignError, match="none of the strategies with a price is estimable"):
        policy_values(result, population(), margins={"visit": 9.0}, costs={"visit": 1.0}, segments=["type"])


def test_one_strategy_is_enough():
    n = np.full((2, 6, 3, 2), 40.0)
    yes = np.full((2, 6, 3, 2), 4.0)
    yes[..., 1] = 10.0
    result = policy_values(
        uplift(counted(n, yes)),
        population(),
        margins={"mail": 50.0},
        costs={"mail": 1.0},
        segments=["type"],
    )
    worth = estimates(result)
    assert worth[["everybody: mail", SEGMENT, INDIVIDUAL]].tolist() == pytest.approx([50 * 0.15 - 1] * 3)
    assert worth[RANDOM] == pytest.approx((50 * 0.15 - 1) / 2)
