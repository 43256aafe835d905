"""Rules that say who gets which strategy: learned fold by fold, and valued on the fold left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.campaign_cells import Population
from cemlab.errors import DesignError
from cemlab.markup import join_words
from cemlab.segmentation.learning import Learned
from cemlab.segmentation.prices import Prices
from cemlab.segmentation.uplift import Uplift
from cemlab.stats.off_policy import RuleValues, balancing_ratio, row_weights, rule_errors, rule_values

Floats = NDArray[np.float64]

#: Rules that are always valued; further there are "everybody: …" and "one a segment: …".
NOBODY, RANDOM, INDIVIDUAL = "nobody", "at random", "one a customer"


def population_shares(population: Population, features: list[str]) -> tuple[pd.DataFrame, Floats]:
    """Return the cells of a population and the share of its customers in each.

    Raises
    ------
    DesignError
        If it was not counted by the features, or holds no customer.
    """
    missing = [name for name in features if name not in population.table.columns]
    if missing:
        raise DesignError(
            f"the population was not counted by {join_words(missing)}; use population_cells(cells, …)"
        )
    n = population.table["n_customers"].to_numpy(dtype=float)
    if n.sum() <= 0:
        raise DesignError("the population holds no customer, so no rule can be valued for it")
    return population.table[features], n / n.sum()


def ratios_of(uplift: Uplift, cells: pd.DataFrame, share: Floats, prices: Prices) -> dict[str, Floats]:
    """Return the weights that make the participants of each strategy like the population."""
    found = {}
    for name in prices.names:
        one = uplift.learned[name]
        target = share @ one.design.full(cells)
        found[name] = balancing_ratio(one.design.full(uplift.index), one.n.sum(axis=(1, 2)), target=target)
    return found


def learned_rules(
    uplift: Uplift,
    cells: pd.DataFrame,
    places: Mapping[str, NDArray[np.int64]],
    prices: Prices,
    ratios: Mapping[str, Floats],
) -> dict[str, Floats]:
    """Return whom each rule treats with what, of shape (strategies, cells here and there, folds).

    Rules that were not learned come first, then one for each segmentation in `places`, then the individual
    one.
    """
    learned = [uplift.learned[name] for name in prices.names]
    individual = effects_without(uplift, cells, prices)
    whole = np.zeros((len(learned), *individual[0].shape))
    rules = {NOBODY: whole}
    for s, name in enumerate(prices.names):
        rules[f"everybody: {name}"] = whole + (np.arange(len(learned)) == s)[:, None, None]
    rules[RANDOM] = whole + 1 / (len(learned) + 1)
    for rule, at in places.items():
        segment = [
            _segment_average(one, at, one.training.total, ratios[name])
            for name, one in zip(prices.names, learned, strict=True)
        ]
        rules[rule] = best(segment, prices)
    rules[INDIVIDUAL] = best(individual, prices)
    return rules


def effects_without(uplift: Uplift, cells: pd.DataFrame, prices: Prices) -> list[Floats]:
    """Return effects learned without each fold, for each strategy of shape (cells here and there, folds)."""
    both = pd.concat([uplift.index, cells], ignore_index=True)
    found = []
    for name in prices.names:
        z = uplift.learned[name].design.full(both)
        found.append(np.stack([fit.effect(z) for fit in uplift.learned[name].effect_without], axis=1))
    return found


def _segment_average(one: Learned, places: NDArray[np.int64], total: Floats, ratio: Floats) -> Floats:
    """Average scores (x, f, …), weighted like the population, over segments; without rows, over all."""
    cells = len(total)
    by_segment = np.zeros((int(places.max()) + 1, cells))
    by_segment[places[:cells], np.arange(cells)] = ratio
    further = [1] * (total.ndim - 2)
    rows = (by_segment @ one.training_n).reshape(len(by_segment), -1, *further)
    overall = np.tensordot(ratio, total, axes=1) / (ratio @ one.training_n).reshape(-1, *further)
    summed = np.tensordot(by_segment, total, axes=1)
    average: Floats = np.where(rows > 0, summed / np.where(rows > 0, rows, 1), overall)[places]
    return average


def best(effects: Sequence[Floats], prices: Prices, toll: Sequence[Floats] | None = None) -> Floats:
    """Return 1 for the strategy that earns most, where it earns anything, of shape (strategies, …).

    A toll is taken off what each strategy earns: the price of the money and hands it takes.
    """
    gains = [m * effect - c for m, effect, c in zip(prices.margin, effects, prices.cost, strict=True)]
    if toll is not None:
        gains = [gain - taken for gain, taken in zip(gains, toll, strict=True)]
    # as a running maximum: on many draws it takes a third of the time of a search along an axis
    most, choice = np.zeros(gains[0].shape), np.full(gains[0].shape, -1, dtype=np.int8)
    for s, gain in enumerate(gains):
        better = gain > most
        np.copyto(most, gain, where=better)
        choice[better] = s
    return np.stack([choice == s for s in range(len(gains))]).astype(float)


def values_of(
    uplift: Uplift,
    cells: pd.DataFrame,
    share: Floats,
    treats: Floats,
    prices: Prices,
    ratios: Mapping[str, Floats],
) -> RuleValues:
    """Add up the strategies' parts; they rest on campaigns of their own, so covariances add up, too."""
    size = len(uplift.index)
    value, covariance = np.zeros(len(treats)), np.zeros((len(treats), len(treats)))
    for s, name in enumerate(prices.names):
        one = uplift.learned[name]
        part = rule_values(
            one.n,
            one.responses,
            one.predicted(uplift.index),
            share=one.share,
            ratio=ratios[name],
            treats=treats[:, s, :size],
            margin=float(prices.margin[s]),
            cost=float(prices.cost[s]),
            population=share,
            predicted_there=one.predicted(cells),
            treats_there=treats[:, s, size:],
        )
        value, covariance = value + part.value, covariance + part.covariance
    return RuleValues(value, covariance)


def learning_adds(
    uplift: Uplift,
    places: Mapping[str, NDArray[np.int64]],
    treats: Floats,
    prices: Prices,
    ratios: Mapping[str, Floats],
    contrast: Floats,
    *,
    plan: Callable[[Sequence[Floats]], Floats] | None = None,
) -> Floats:
    """Return what having learned the rules adds to the variance of contrasts of their values.

    Parameters
    ----------
    uplift, prices, ratios
        As for :func:`values_of`.
    places
        As for :func:`learned_rules`.
    treats
        All rules, of shape (rules, strategies, cells here and there, folds), in the order of
        :func:`learned_rules`; the plan last, if there is one.
    contrast
        Weights of the rules in each contrast, of shape (contrasts, rules).
    plan
        Makes a plan of the effects of each strategy, of shape (x, …); None without a plan.

    Returns
    -------
    array
        Of shape (contrasts), never negative: draws could by chance say that learning takes variance away.
    """
    size = len(uplift.index)
    count = len(places) + (1 if plan is None else 2)
    here = [at[:size] for at in places.values()]
    base, again = [], []
    for name in prices.names:
        at, moved = _redrawn(uplift.learned[name], uplift.index, here, ratios[name], count)
        base.append(np.broadcast_to(at[:, :, None], (*at.shape, uplift.learned[name].n.shape[1])))
        again.append(at[:, :, None, None] + moved)
    held, redone = best(base, prices), best(again, prices)
    if plan is not None:
        held[:, -1], redone[:, -1] = plan([at[-1] for at in base]), plan([at[-1] for at in again])
    fixed = treats[:-count, :, :size]  # the rules that were not learned come first
    errors = np.zeros((2, len(treats), redone.shape[-1]))
    for s, name in enumerate(prices.names):
        one = uplift.learned[name]
        weights = row_weights(one.n, ratios[name], margin=float(prices.margin[s]))
        worth = one.noise * weights[..., None]
        errors[:, :-count] += rule_errors(worth, fixed[:, s])
        errors[0, -count:] += rule_errors(worth, held[s])
        errors[1, -count:] += rule_errors(worth, redone[s])
    spread: Floats = (contrast @ errors).var(axis=-1)
    added: Floats = np.maximum(spread[1] - spread[0], 0)
    return added


def _redrawn(
    one: Learned, index: pd.DataFrame, here: list[NDArray[np.int64]], ratio: Floats, count: int
) -> tuple[Floats, Floats]:
    """Return effects as each rule has them (rules, x), and how draws move them (rules, x, f, draws)."""
    others = one.noise.sum(axis=1, keepdims=True) - one.noise
    segment = [_segment_average(one, at, one.training.total, ratio).mean(axis=1) for at in here]
    further = count - len(here)  # the individual rule and the plan know the same effects
    effects = [*segment, *[one.effect.effect(one.design.full(index))] * further]
    moved = [_segment_average(one, at, others, ratio) for at in here]
    return np.stack(effects), np.stack([*moved, *[one.noise_without] * further])
