"""Conditional trend analysis by the NBD-Dirichlet: what households with a known base year do in the next.

Given n purchases of a category, x of them of a brand, a household's rate of buying is gamma distributed
and its share of the brand beta distributed, one independently of the other; both stay as they are next year.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DataError

FloatArray = NDArray[np.float64]

_LEAST_NODES, _MOST_NODES = 64, 256


def fates_given_history(
    *,
    n: ArrayLike,
    x: ArrayLike,
    mean: ArrayLike,
    shape: ArrayLike,
    alpha: ArrayLike,
    rest: ArrayLike,
    threshold: float = 0.7,
    least_ahead: int = 1,
    length: float = 1.0,
) -> FloatArray:
    """Return the chances of the four fates for households whose base year is known.

    Parameters
    ----------
    n, x
        Purchases of the category (at least 1) and of the brand in the base year, shape (n_histories,).
    mean, shape
        Mean and shape of the gamma distribution of the rates, purchases per base year, shape (n_models,).
    alpha, rest
        Dirichlet parameter of the brand and the sum of all others', shape (n_models,). The models must be
        close to the first one, as those of a difference quotient are.
    threshold
        Share of the category purchases of a year from which a household is loyal.
    least_ahead
        Purchases of the category in the next year below which a household has left it.
    length
        Length of the next year in base years.

    Returns
    -------
    numpy.ndarray
        Chances of shape (n_models, n_histories, 4): stayed loyal, weakened, left for another brand, left
        the category; they add up to 1.

    Raises
    ------
    DataError
        If a history or a parameter cannot be.

    References
    ----------
    Goodhardt, G. J., Ehrenberg, A. S. C. & Chatfield, C. (1984). The Dirichlet: a comprehensive model of
    buying behaviour. Journal of the Royal Statistical Society A 147, 621–655.

    Examples
    --------
    >>> chances = fates_given_history(n=[3], x=[3], mean=0.8, shape=1, alpha=0.12, rest=1.08)
    >>> chances.shape, bool(np.isclose(chances.sum(), 1))
    ((1, 1, 4), True)
    """
    bought, of_brand = np.atleast_1d(np.asarray(n)), np.atleast_1d(np.asarray(x))
    given = [np.atleast_1d(np.asarray(part, dtype=np.float64)) for part in (mean, shape, alpha, rest)]
    _check(bought, of_brand, given)
    rate_mean, rate_shape, own, others = given
    share, other, weight = _nodes(
        float(own[0]), float(others[0]), int(np.clip(bought.max(), _LEAST_NODES, _MOST_NODES))
    )
    posterior = _posterior(bought, of_brand, share, other, weight)
    # the nodes are those of the first model; the others differ by a factor
    tilt = np.exp(
        np.outer(own - own[0], np.log(share)) + np.outer(others - others[0], np.log(other))
    )  # (n_models, n_nodes)
    levels, level = np.unique(bought, return_inverse=True)
    size, speed = rate_shape[:, None] + levels, length / (rate_shape / rate_mean + 1)
    chance = _purchase_chances(rate_shape, levels, speed, least_ahead)
    later = np.arange(chance.shape[2])
    few = chance[:, :, :least_ahead]
    stay = chance[:, :, least_ahead:] @ _loyal_chance(later[least_ahead:], share, threshold)
    never = np.exp(-size[:, :, None] * np.log1p(speed[:, None, None] * share))
    never -= few @ np.exp(np.outer(later[:least_ahead], np.log(other)))
    total = tilt @ posterior.T
    kept, gone = (
        np.einsum("bk,ck,bck->bc", tilt, posterior, part[:, level], optimize=True) / total
        for part in (stay, never)
    )
    nothing = few.sum(axis=2)[:, level]
    return np.stack([kept, 1 - kept - gone - nothing, gone, nothing], axis=-1)


def loyal_given_purchases(*, n: ArrayLike, alpha: float, rest: float, threshold: float = 0.7) -> FloatArray:
    """Return the chance to be loyal to a brand, given the purchases of the category in the same year.

    Parameters
    ----------
    n
        Purchases of the category, at least 1, any shape.
    alpha, rest
        Dirichlet parameter of the brand and the sum of all others'.
    threshold
        Share of the category purchases from which a household is loyal.

    Returns
    -------
    numpy.ndarray
        Chances of the shape of `n`: upper tails of beta-binomial distributions.

    Raises
    ------
    DataError
        If a number of purchases or a parameter cannot be.

    Examples
    --------
    >>> chance = loyal_given_purchases(n=[1, 2], alpha=0.3, rest=0.9)
    >>> [round(float(part), 4) for part in chance]
    [0.25, 0.1477]
    """
    bought = np.asarray(n)
    _check(np.atleast_1d(bought), np.ones(1), [np.asarray([alpha]), np.asarray([rest])])
    share, _, weight = _nodes(alpha, rest, int(np.clip(bought.max(), _LEAST_NODES, _MOST_NODES)))
    return _loyal_chance(bought, share, threshold) @ weight


def _check(n: NDArray[np.generic], x: NDArray[np.generic], given: list[FloatArray]) -> None:
    numbers, of_brand = n.astype(np.float64), x.astype(np.float64)
    if not ((numbers >= 1).all() and (of_brand >= 0).all() and (of_brand <= numbers).all()):
        raise DataError("a history needs at least one purchase, and 0 to all of them of the brand")
    if not all(np.isfinite(part).all() and (part > 0).all() for part in given):
        raise DataError("mean, shape, alpha and rest must be positive numbers")


@lru_cache(maxsize=128)
def _nodes(alpha: float, rest: float, number: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return shares, what is left of them, and weights that integrate over their beta distribution."""
    from scipy.special import roots_jacobi

    with np.errstate(invalid="ignore"):  # it divides nought by nought, and drops it, where the sum is 1
        node, weight = roots_jacobi(number, rest - 1, alpha - 1)
    # the outermost nodes of a very uneven distribution may round to the end itself
    share, other = (np.clip(part / 2, 1e-300, 1.0) for part in (1 + node, 1 - node))
    return share, other, weight / weight.sum()


def _posterior(
    n: NDArray[np.generic], x: NDArray[np.generic], share: FloatArray, other: FloatArray, weight: FloatArray
) -> FloatArray:
    """Return weights of the nodes after what each household bought, (n_histories, n_nodes), to scale."""
    of_brand, numbers = x.astype(np.float64), n.astype(np.float64)
    likelihood = np.outer(of_brand, np.log(share)) + np.outer(numbers - of_brand, np.log(other))
    scaled: FloatArray = weight * np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    return scaled


def _purchase_chances(
    shape: FloatArray, levels: NDArray[np.generic], speed: FloatArray, least: int
) -> FloatArray:
    """Return the chances of 0, 1, … purchases in the next year, (n_models, n_levels, numbers)."""
    from scipy.special import gammaln

    before = levels.astype(np.int64)
    most = (shape + before[-1]) * speed
    # ten standard deviations and a bit: what lies beyond is smaller than rounding
    top = int(np.ceil((most + 10 * np.sqrt(most * (1 + speed))).max() + 30)) + least
    later = np.arange(top + 1)
    # every argument is the shape and a whole number
    gamma = gammaln(shape[:, None] + np.arange(before[-1] + top + 1))
    size = (shape[:, None] + before)[:, :, None]
    log_chance = gamma[:, before[:, None] + later] - gamma[:, before][:, :, None]
    log_chance -= size * np.log1p(speed)[:, None, None]
    log_chance += later * np.log(speed / (1 + speed))[:, None, None] - gammaln(later + 1)
    return np.asarray(np.exp(log_chance))


def _loyal_chance(n: NDArray[np.generic], share: FloatArray, threshold: float) -> FloatArray:
    """Return the chance that enough of n purchases are of the brand, shape of n and the nodes."""
    from scipy.special import bdtrc

    # seven in ten are 70 %, whatever binary fractions make of 0.7
    enough = np.ceil(threshold * n.astype(np.float64) - 1e-9)
    return np.asarray(bdtrc(enough[..., None] - 1, n.astype(np.int64)[..., None], share))
