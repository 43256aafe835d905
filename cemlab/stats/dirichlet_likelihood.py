"""The likelihood of brand choices under the Dirichlet model, with derivatives, on checked histograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from cemlab.errors import DataError, DesignError
from cemlab.stats.maximum_likelihood import Derivatives, FloatArray, Maximum, maximise
from cemlab.stats.purchase_history import checked_counts, checked_numbers, tail_counts

_FEWEST_HOUSEHOLDS = 30


@dataclass(frozen=True, eq=False, kw_only=True)
class Choices:
    """What the likelihood of the brand choices needs.

    ``tails[j, i]`` is how many households bought brand j more than i times, ``all_tails[i]`` the category.
    """

    tails: FloatArray
    all_tails: FloatArray
    constant: float

    @classmethod
    def of(cls, category: NDArray[np.int64], brands: NDArray[np.int64]) -> Choices:
        """Return the choices of one drawn panel: households with 0, 1, … purchases, and so of each brand."""
        every = np.concatenate([brands, category[None, :]])
        tails = np.cumsum(every[:, ::-1], axis=1)[:, ::-1][:, 1:].astype(np.float64)
        return cls(tails=tails[:-1], all_tails=tails[-1], constant=0.0)

    @property
    def shares(self) -> FloatArray:
        """Market shares by purchases."""
        return np.asarray(self.tails.sum(axis=1) / self.all_tails.sum(), dtype=np.float64)


def best_alphas(choices: Choices, start: FloatArray) -> Maximum:
    """Return where the likelihood is highest, in the logs of the alphas."""
    return maximise(lambda theta: choice_likelihood(theta, choices), start)


def checked_histogram(
    purchases: ArrayLike, households: ArrayLike, *, what: str
) -> tuple[FloatArray, FloatArray]:
    """Return numbers of purchases and the households that made so many, or say which entry is wrong."""
    counts = checked_counts(purchases, what=what)
    weights = checked_numbers(households, what=f"households of {what}")
    if weights.size != counts.size:
        raise DataError(f"{what} has {counts.size} entries and its households {weights.size}; give pairs")
    wrong = (weights < 0) | (weights != np.floor(weights))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"households of {what}[{row}] is {weights[row]:g}; it is a whole number from 0")
    return counts, weights


def checked_choices(
    counts: FloatArray, weights: FloatArray, brand_counts: Sequence[tuple[ArrayLike, ArrayLike]]
) -> Choices:
    """Return what the likelihood needs, or say what does not add up."""
    if len(brand_counts) < 2:
        raise DesignError(
            f"{len(brand_counts)} brand is no choice; give at least two, the last may be all others together"
        )
    buyers = int(weights[counts > 0].sum())
    if buyers < _FEWEST_HOUSEHOLDS:
        raise DesignError(
            f"{buyers} households bought the category; an NBD-Dirichlet null needs at least "
            f"{_FEWEST_HOUSEHOLDS}"
        )
    all_tails = tail_counts(counts, weights)
    tails = np.zeros((len(brand_counts), all_tails.size))
    constant = float(weights @ special.gammaln(counts + 1.0))
    for j, (bought, number) in enumerate(brand_counts):
        x, w = checked_histogram(bought, number, what=f"brand {j}")
        tail = tail_counts(x[w > 0], w[w > 0]) if w.any() else np.zeros(0)
        if tail.size == 0:
            raise DesignError(f"nobody bought brand {j}; leave it out or put it with the others")
        if tail.size > all_tails.size or (tail > all_tails[: tail.size]).any():
            raise DataError(f"more households bought brand {j} so often than bought the category; check both")
        tails[j, : tail.size] = tail
        constant -= float(w @ special.gammaln(x + 1.0))
    if tails.sum() != all_tails.sum():
        raise DataError(
            f"the brands add up to {tails.sum():,.0f} purchases, the category to {all_tails.sum():,.0f}; "
            "give all brands, the rest of the market as one more"
        )
    if tails[:, 0].sum() < all_tails[0]:
        raise DataError("fewer households bought a brand than bought the category; check the histograms")
    return Choices(tails=tails, all_tails=all_tails, constant=constant)


def refuse_limits(choices: Choices) -> None:
    """Refuse brand choices that are best described by S = 0 or an infinite S."""
    if choices.tails[:, 0].sum() == choices.all_tails[0]:
        raise DesignError(
            "every household bought one brand only (S runs to 0): nobody switches, so chance alone moves "
            "nobody and no null can be fitted; take a longer period"
        )
    # The slope of the log-likelihood in 1 / S at all households alike.
    i, k = np.arange(choices.all_tails.size), choices.shares
    slope = float((choices.tails @ i) @ (1.0 / k) - choices.all_tails @ i)
    if slope <= 1e-12 * float(choices.all_tails @ i):
        raise DesignError(
            "households differ in their brand choices no more than chance makes them (S runs to infinity): "
            "nobody is loyal to any brand, so there is no loyalty to lose"
        )


def choice_likelihood(theta: FloatArray, choices: Choices) -> Derivatives:
    """Return the Dirichlet-multinomial log-likelihood in the logs of the alphas, with its derivatives.

    A household with x_j of n purchases has ln n! − Σ ln x_j! + Σ_j Σ over i < x_j of ln(α_j + i) − Σ over
    i < n of ln(S + i); summed over households these are sums over the tails of the histograms.
    """
    alphas = np.exp(theta)
    i = np.arange(choices.all_tails.size, dtype=np.float64)
    own, total = alphas[:, None] + i, alphas.sum() + i
    value = np.sum(choices.tails * np.log(own)) - choices.all_tails @ np.log(total) + choices.constant
    first = (choices.tails / own).sum(axis=1) - (choices.all_tails / total).sum()
    gradient = alphas * first
    hessian = np.outer(alphas, alphas) * (choices.all_tails / total**2).sum()
    hessian[np.diag_indices(alphas.size)] += gradient - alphas**2 * (choices.tails / own**2).sum(axis=1)
    return float(value), gradient, hessian
