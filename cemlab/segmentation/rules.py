"""Rules that say who gets which strategy: learned fold by fold, and valued on the fold left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.campaign_cells import Population
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.markup import join_words
from cemlab.segmentation.learning import Learned
from cemlab.segmentation.prices import Prices
from cemlab.segmentation.uplift import Uplift
from cemlab.stats.off_policy import RuleValues, balancing_ratio, row_weights, rule_errors, rule_values

Floats = NDArray[np.float64]

#: The names of the rules that are always valued; a rule "everybody: …" stands for each strategy.
NOBODY, RANDOM, SEGMENT, INDIVIDUAL = "nobody", "at random", "one a segment", "one a customer"


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


def segments_of(uplift: Uplift, cells: pd.DataFrame, segments: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of the segment of each cell, those of the campaigns first."""
    if not segments:
        raise OptionError("segments names no feature; give one or more, e.g. segments=('purchases',)")
    for name in segments:
        if name not in uplift.design.levels:
            raise OptionError(one_of(name, uplift.design.levels, what="feature for segments"))
    both = pd.concat([uplift.index, cells], ignore_index=True)
    return np.asarray(both.groupby(list(segments), sort=True).ngroup(), dtype=np.int64)


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
    places: NDArray[np.int64],
    prices: Prices,
    ratios: Mapping[str, Floats],
) -> dict[str, Floats]:
    """Return whom each rule treats with what, of shape (strategies, cells here and there, folds)."""
    learned = [uplift.learned[name] for name in prices.names]
    both = pd.concat([uplift.index, cells], ignore_index=True)
    individual = []
    for one in learned:
        z = one.design.full(both)
        individual.append(np.stack([fit.effect(z) for fit in one.effect_without], axis=1))
    segment = [
        _segment_average(one, places, one.training.total, ratios[name])
        for name, one in zip(prices.names, learned, strict=True)
    ]
    whole = np.zeros((len(learned), *individual[0].shape))
    rules = {NOBODY: whole}
    for s, name in enumerate(prices.names):
        rules[f"everybody: {name}"] = whole + (np.arange(len(learned)) == s)[:, None, None]
    rules[RANDOM] = whole + 1 / (len(learned) + 1)
    rules[SEGMENT] = _best(segment, prices)
    rules[INDIVIDUAL] = _best(individual, prices)
    return rules


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
    places: NDArray[np.int64],
    treats: Floats,
    prices: Prices,
    ratios: Mapping[str, Floats],
    contrast: Floats,
) -> Floats:
    """Return what having learned the segment and the individual rule adds to the variance of contrasts.

    Parameters
    ----------
    uplift, prices, ratios
        As for :func:`values_of`.
    places
        From :func:`segments_of`.
    treats
        All rules, of shape (rules, strategies, cells here and there, folds); the two learned ones last.
    contrast
        Weights of the rules in each contrast, of shape (contrasts, rules).

    Returns
    -------
    array
        Of shape (contrasts), never negative: draws could by chance say that learning takes variance away.
    """
    size = len(uplift.index)
    here = places[:size]
    base, again = [], []
    for name in prices.names:
        one = uplift.learned[name]
        segment = _segment_average(one, here, one.training.total, ratios[name]).mean(axis=1)
        others = one.noise.sum(axis=1, keepdims=True) - one.noise
        at = np.stack([segment, one.effect.effect(one.design.full(uplift.index))])[:, :, None]
        base.append(np.broadcast_to(at, (*at.shape[:2], one.n.shape[1])))
        moved = np.stack([_segment_average(one, here, others, ratios[name]), one.noise_without])
        again.append(at[..., None] + moved)
    held, redone = _best(base, prices), _best(again, prices)
    fixed = treats[:-2, :, :size]  # the rules that were not learned come first
    errors = np.zeros((2, len(treats), redone.shape[-1]))
    for s, name in enumerate(prices.names):
        one = uplift.learned[name]
        weights = row_weights(one.n, ratios[name], margin=float(prices.margin[s]))
        worth = one.noise * weights[..., None]
        errors[:, :-2] += rule_errors(worth, fixed[:, s])
        errors[0, -2:] += rule_errors(worth, held[s])
        errors[1, -2:] += rule_errors(worth, redone[s])
    spread: Floats = (contrast @ errors).var(axis=-1)
    added: Floats = np.maximum(spread[1] - spread[0], 0)
    return added
