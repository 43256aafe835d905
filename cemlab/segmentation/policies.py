"""What a rule is worth: nobody, everybody, at random, one strategy a segment, one a customer.

A rule is valued by campaigns that already ran. Each run dealt one strategy by lot against nothing, so that
the campaigns of strategy s tell what s changes and nothing about the others. With d_s(x) the share of the
customers with features x to whom a rule gives s, w(x) their share of the population, m_s the worth of a
response and c_s the cost, a rule earns per customer

    V = sum over s and x of  w(x) d_s(x) {m_s tau_s(x) - c_s},

tau_s(x) being what s changes in the share that responds. Each summand is estimated from the participants of
s alone, made like the population by weights, doubly robust, on customers who had no part in learning the
rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.chart import Chart
from cemlab.data.campaign_cells import Population
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words, number, percent
from cemlab.result import Result
from cemlab.segmentation.learning import Learned
from cemlab.segmentation.prices import Prices, check_prices
from cemlab.segmentation.uplift import Uplift
from cemlab.stats.off_policy import RuleValues, balancing_ratio, learning_errors, row_weights, rule_values

Floats = NDArray[np.float64]

#: The names of the rules that are always valued; a rule "everybody: …" stands for each strategy.
NOBODY, RANDOM, SEGMENT, INDIVIDUAL = "nobody", "at random", "one a segment", "one a customer"

# Share of the participants' number that must be left in effect once they are weighted like the population.
_LEAST_EFFECTIVE = 0.5


@dataclass(frozen=True, eq=False, kw_only=True)
class PolicyValues(Result):
    """What each rule earns per customer.

    Parameters
    ----------
    table
        One row a rule (quantity ``"value"``), and the difference of "one a customer" to each other rule
        (quantity ``"difference"``, rule: the other one): rule, quantity, estimate, conf_low, conf_high
        (currency of the margins per customer of the population, cost taken off), share_treated, n
        (participations that it rests on).
    segments
        The features whose values are the segments of the segment rule.
    n_customers
        Customers of the population.
    """

    segments: tuple[str, ...]
    n_customers: int

    title: ClassVar[str] = "What a rule is worth"
    labels: ClassVar[dict[str, str]] = {
        "rule": "Rule",
        "value": "Value per customer",
        "share_treated": "Treated",
        "difference": "One a customer earns more by",
    }

    def of(self, quantity: str) -> pd.DataFrame:
        """Return the rows of one quantity, ``"value"`` or ``"difference"``."""
        rows = self.table[self.table["quantity"] == quantity]
        return rows.drop(columns="quantity").reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a rule: its value, whom it treats, and what the individual rule earns more."""
        values = self.of("value").to_dict("records")
        gaps = {row["rule"]: _money(row) for row in self.of("difference").to_dict("records")}
        return pd.DataFrame(
            {
                "rule": [row["rule"] for row in values],
                "value": [_money(row) for row in values],
                "share_treated": [percent(row["share_treated"], digits=0) for row in values],
                "difference": [gaps.get(row["rule"], "–") for row in values],
            }
        )

    def narrative(self) -> str:
        """Tell what the individual rule earns, and whether it is more than the segment rule."""
        value = {row["rule"]: row for row in self.of("value").to_dict("records")}
        gap = next(r for r in self.of("difference").to_dict("records") if r["rule"] == SEGMENT)
        if gap["conf_low"] > 0:
            verdict = "The individual rule earns more."
        elif gap["conf_high"] < 0:
            verdict = "The segment rule earns more."
        else:
            verdict = "Which of the two earns more cannot be told from these campaigns."
        text = (
            f"One strategy a customer earns {_money(value[INDIVIDUAL])} per customer, one a segment "
            f"({join_words(self.segments)}) {_money(value[SEGMENT])}; the difference is {_money(gap)}. "
            f"{verdict}"
        )
        if self.evidence.failed:
            text += f" Checks that failed: {join_words(check.name for check in self.evidence.failed)}."
        return text

    @property
    def chart(self) -> Chart:
        """Forest of the values: the policy ladder, the poorest rule first."""
        frame = self.of("value").sort_values("estimate", kind="stable").reset_index(drop=True)
        value = {row["rule"]: row for row in frame.to_dict("records")}
        return Chart(
            kind="forest",
            frame=frame,
            x="estimate",
            y="rule",
            low="conf_low",
            high="conf_high",
            x_label="Value per customer [currency of the margins]",
            y_label="Rule",
            claim=(
                f"One strategy a customer earns {number(value[INDIVIDUAL]['estimate'])} per customer, "
                f"one a segment {number(value[SEGMENT]['estimate'])}"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def _money(row: Mapping[Any, Any]) -> str:
    return f"{number(row['estimate'])} ({number(row['conf_low'])} to {number(row['conf_high'])})"


def policy_values(
    uplift: Uplift,
    population: Population,
    *,
    margins: Mapping[str, float],
    costs: Mapping[str, float],
    segments: Sequence[str] = ("purchases",),
) -> PolicyValues:
    """Answer what each rule would earn, and whether a rule for each customer beats one for each segment.

    Parameters
    ----------
    uplift
        From :func:`cemlab.segmentation.uplift`; nothing is fitted again.
    population
        From :func:`cemlab.data.campaign_cells.population_cells`: for whom the rules are valued.
    margins, costs
        Strategy → what a response is worth, and what it costs to treat a customer.
    segments
        Features whose values, combined, are the segments. The segment rule gives each segment the strategy
        that did best in it on average, learned on the same folds as the individual rule.

    Returns
    -------
    PolicyValues
        Its table has rule, quantity, estimate, conf_low, conf_high, share_treated, n. The rules: nobody,
        everybody each strategy, at random (one of the strategies or nothing, all equally likely), one a
        segment, one a customer.

    Raises
    ------
    OptionError
        If a segment is no feature, or prices are not what they must be.
    DesignError
        If no strategy is estimable or the population is empty.

    Notes
    -----
    Who is valued: the population as it is, without sampling error. Participants are made like it by entropy
    balancing on the main effects of the features. A rule is learned without the fold it is valued on; the
    value is that of learning with so many customers, averaged over the folds. Where a rule is in doubt the
    folds' errors hang together; the intervals hold this, by draws. Assumed: a response today is like then
    given the features; campaigns do not interact; a customer's responses in different runs are independent
    given the features; a rule treats once.

    References
    ----------
    Dudík, M., Erhan, D., Langford, J. & Li, L. (2014). Doubly robust policy evaluation and optimization.
    Statistical Science 29, 485–511.
    Athey, S. & Wager, S. (2021). Policy learning with observational data. Econometrica 89, 133–161.
    """
    from scipy.special import ndtri

    prices = check_prices(uplift, margins, costs)
    features = list(uplift.design.levels)
    cells, share = _population(population, features)
    places = _segments(uplift, cells, segments)
    rules = _rules(uplift, cells, places, prices)
    names = list(rules)
    treats = np.array([rules[name] for name in names])  # (rules, strategies, cells here and there, folds)
    found, ratios = _valued(uplift, cells, share, treats, prices)
    taught = np.ix_(
        [names.index(SEGMENT), names.index(INDIVIDUAL)], [names.index(SEGMENT), names.index(INDIVIDUAL)]
    )
    found.covariance[taught] += _learning_adds(uplift, places, prices, ratios)
    contrast = np.eye(len(names))[names.index(INDIVIDUAL)] - np.eye(len(names))
    reach = float(ndtri((1 + uplift.conf_level) / 2))
    treated = np.einsum("y,rsyf->r", share, treats[:, :, len(uplift.index) :]) / treats.shape[3]
    n = int(sum(uplift.learned[name].n.sum() for name in prices.names))
    value_error = np.sqrt(np.maximum(np.diag(found.covariance), 0))
    value = _frame(names, "value", found.value, value_error, reach)
    gap_error = np.sqrt(np.maximum(np.diag(contrast @ found.covariance @ contrast.T), 0))
    gap = _frame(names, "difference", contrast @ found.value, gap_error, reach)
    table = pd.concat(
        [value.assign(share_treated=treated), gap[gap["rule"] != INDIVIDUAL]], ignore_index=True
    )
    return PolicyValues(
        table=table.assign(n=n),
        evidence=_evidence(uplift, population, ratios, n),
        conf_level=uplift.conf_level,
        segments=tuple(segments),
        n_customers=population.n_customers,
    )


def _population(population: Population, features: list[str]) -> tuple[pd.DataFrame, Floats]:
    missing = [name for name in features if name not in population.table.columns]
    if missing:
        raise DesignError(
            f"the population was not counted by {join_words(missing)}; use population_cells(cells, …)"
        )
    n = population.table["n_customers"].to_numpy(dtype=float)
    if n.sum() <= 0:
        raise DesignError("the population holds no customer, so no rule can be valued for it")
    return population.table[features], n / n.sum()


def _segments(uplift: Uplift, cells: pd.DataFrame, segments: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of the segment of each cell, those of the campaigns first."""
    if not segments:
        raise OptionError("segments names no feature; give one or more, e.g. segments=('purchases',)")
    for name in segments:
        if name not in uplift.design.levels:
            raise OptionError(one_of(name, uplift.design.levels, what="feature for segments"))
    both = pd.concat([uplift.index, cells], ignore_index=True)
    return np.asarray(both.groupby(list(segments), sort=True).ngroup(), dtype=np.int64)


def _rules(
    uplift: Uplift, cells: pd.DataFrame, places: NDArray[np.int64], prices: Prices
) -> dict[str, Floats]:
    """Return whom each rule treats with what, of shape (strategies, cells here and there, folds)."""
    learned = [uplift.learned[name] for name in prices.names]
    z = np.vstack([uplift.design.full(uplift.index), uplift.design.full(cells)])
    individual = [np.stack([fit.effect(z) for fit in one.effect_without], axis=1) for one in learned]
    segment = [_segment_average(one, places, one.training.total) for one in learned]
    whole = np.zeros((len(learned), *individual[0].shape))
    rules = {NOBODY: whole}
    for s, name in enumerate(prices.names):
        rules[f"everybody: {name}"] = whole + (np.arange(len(learned)) == s)[:, None, None]
    rules[RANDOM] = whole + 1 / (len(learned) + 1)
    rules[SEGMENT] = _best(segment, prices)
    rules[INDIVIDUAL] = _best(individual, prices)
    return rules


def _segment_average(one: Learned, places: NDArray[np.int64], total: Floats) -> Floats:
    """Average scores, of shape (x, f, …), over the segments of cells; without participants, over all."""
    here = places[: len(total)]
    by_segment = np.zeros((int(places.max()) + 1, len(total)))
    by_segment[here, np.arange(len(total))] = 1
    rows = (by_segment @ one.training_n).reshape(len(by_segment), -1, *[1] * (total.ndim - 2))
    all_rows = one.training_n.sum(axis=0).reshape(-1, *[1] * (total.ndim - 2))
    overall = total.sum(axis=0) / all_rows
    summed = np.tensordot(by_segment, total, axes=1)
    average: Floats = np.where(rows > 0, summed / np.where(rows > 0, rows, 1), overall)[places]
    return average


def _best(effects: Sequence[Floats], prices: Prices) -> Floats:
    """Return 1 for the strategy that earns most, where it earns anything, of shape (strategies, …)."""
    gains = [m * effect - c for m, effect, c in zip(prices.margin, effects, prices.cost, strict=True)]
    # as a running maximum: on many draws it takes a third of the time of a search along an axis
    most, best = np.zeros(gains[0].shape), np.full(gains[0].shape, -1, dtype=np.int8)
    for s, gain in enumerate(gains):
        better = gain > most
        np.copyto(most, gain, where=better)
        best[better] = s
    return np.stack([best == s for s in range(len(gains))]).astype(float)


def _valued(
    uplift: Uplift, cells: pd.DataFrame, share: Floats, treats: Floats, prices: Prices
) -> tuple[RuleValues, dict[str, Floats]]:
    """Add up the strategies' parts; they rest on campaigns of their own, so covariances add up, too."""
    main_here, main_there = uplift.design.main(uplift.index), uplift.design.main(cells)
    size = len(uplift.index)
    value, covariance = np.zeros(len(treats)), np.zeros((len(treats), len(treats)))
    ratios = {}
    for s, name in enumerate(prices.names):
        one = uplift.learned[name]
        ratios[name] = balancing_ratio(main_here, one.n.sum(axis=(1, 2)), target=share @ main_there)
        part = rule_values(
            one.n,
            one.responses,
            one.predicted(main_here),
            share=one.share,
            ratio=ratios[name],
            treats=treats[:, s, :size],
            margin=float(prices.margin[s]),
            cost=float(prices.cost[s]),
            population=share,
            predicted_there=one.predicted(main_there),
            treats_there=treats[:, s, size:],
        )
        value, covariance = value + part.value, covariance + part.covariance
    return RuleValues(value, covariance), ratios


def _learning_adds(
    uplift: Uplift, places: NDArray[np.int64], prices: Prices, ratios: dict[str, Floats]
) -> Floats:
    """Return what having learned the segment and the individual rule adds to their covariance: (2, 2)."""
    learned = [uplift.learned[name] for name in prices.names]
    here = places[: len(uplift.index)]
    full = uplift.design.full(uplift.index)
    base, again = [], []
    for one in learned:
        segment = _segment_average(one, here, one.training.total).mean(axis=1)
        others = one.noise.sum(axis=1, keepdims=True) - one.noise
        at = np.stack([segment, one.effect.effect(full)])[:, :, None]
        base.append(np.broadcast_to(at, (*at.shape[:2], one.n.shape[1])))
        moved = np.stack([_segment_average(one, here, others), one.noise_without])
        again.append(at[..., None] + moved)
    held, redone = _best(base, prices), _best(again, prices)
    parts = [
        learning_errors(
            one.noise,
            row_weights(one.n, ratios[name], margin=float(prices.margin[s])),
            held[s],
            redone[s],
        )
        for s, (name, one) in enumerate(zip(prices.names, learned, strict=True))
    ]
    errors = [sum(part[i] for part in parts) for i in (0, 1)]
    added: Floats = np.cov(errors[1]) - np.cov(errors[0])
    return added


def _frame(names: list[str], quantity: str, estimate: Floats, error: Floats, reach: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rule": names,
            "quantity": quantity,
            "estimate": estimate,
            "conf_low": estimate - reach * error,
            "conf_high": estimate + reach * error,
        }
    )


def _evidence(uplift: Uplift, population: Population, ratios: dict[str, Floats], n: int) -> Evidence:
    sizes = {name: uplift.learned[name].n.sum(axis=(1, 2)) for name in ratios}
    effective = {name: float(size.sum() / (size @ ratios[name] ** 2)) for name, size in sizes.items()}
    worst = min(effective, key=lambda name: effective[name])
    return Evidence(
        grade=uplift.evidence.grade,
        design=(
            f"{uplift.evidence.design} Rules valued off-policy for the {population.n_customers:,} customers "
            f"active with consent on {population.as_of}, each on customers it was not learned from."
        ),
        unit="participations",
        n_used=n,
        n_given=max(uplift.evidence.n_given, n),
        source=uplift.evidence.source,
        assumptions=(
            *uplift.evidence.assumptions,
            "Given the features, customers respond today as customers did when the campaigns ran.",
            "One strategy does not change what another would do.",
            "Margins and costs are as stated.",
        ),
        checks=(
            *uplift.evidence.checks,
            Check(
                name="like the population",
                null="participants can be weighted like the population without resting on a few of them",
                passed=effective[worst] >= _LEAST_EFFECTIVE,
                detail=f"Weighted, the participants of {worst} count as "
                f"{percent(effective[worst], digits=0)} of their number; those of no other strategy as less.",
                remedy="Run a campaign among the customers of today.",
            ),
        ),
    )
