"""What a household that bought this much does next if nobody changes: its fates, given its history.

In the NBD-Dirichlet model a household's rate of buying is drawn from a gamma distribution and its share of a
brand from a beta distribution. Purchases that were seen sharpen both, and what is to be expected of
the next period follows for each pair (category purchases, those of the brand).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from cemlab.errors import DataError, OptionError
from cemlab.stats.dirichlet import checked_positive

FloatArray = NDArray[np.float64]
_Ints = NDArray[np.int64]

# The tail of the next period's purchases that is left out, and given back to what is left.
_TAIL = 1e-12
_MOST_PURCHASES = 4_000


def fates_given_history(
    n_base: ArrayLike,
    x_base: ArrayLike,
    *,
    mean: float,
    shape: float,
    alpha: float,
    rest: float,
    threshold: float = 0.7,
    base_length: float = 1.0,
    length: float = 1.0,
) -> FloatArray:
    """Return how likely each fate is for each history, if nobody's buying habits change.

    Parameters
    ----------
    n_base, x_base
        Category purchases in the base period and those of the brand among them, each of shape (n,).
    mean, shape
        Category purchases per household in a unit period (M), and gamma shape of the rates (K).
    alpha, rest
        Dirichlet parameter of the brand (S times its share), and of all others together (S minus alpha).
    threshold
        Share of its category purchases from which a household is loyal, above 0 and at most 1.
    base_length, length
        Length of the base and of the next period, in unit periods.

    Returns
    -------
    numpy.ndarray
        Chances of the fates in :data:`cemlab.stats.dirichlet_fates.FATES`, of shape (n, 4); each row sums to
        one.

    Raises
    ------
    DataError
        If a history cannot be.
    OptionError
        If a parameter, the threshold or a length is out of range.

    Notes
    -----
    Given n, the rate is gamma distributed with shape K + n; given x of n, the brand's share is beta
    distributed with alpha + x and rest + n − x. Those of :func:`cemlab.stats.dirichlet_fates.fate_shares` are
    the averages of these over the histories of the loyal.

    References
    ----------
    Goodhardt, G. J., Ehrenberg, A. S. C. & Chatfield, C. (1984). The Dirichlet: a comprehensive model of
    buying behaviour. Journal of the Royal Statistical Society A 147, 621–655.

    Examples
    --------
    Who bought a small brand once, and nothing else in a light category, is silent next year with a
    chance of (2.25 / 3.25)² = 47.9 %:

    >>> fates_given_history([1], [1], mean=0.8, shape=1.0, alpha=0.12, rest=1.08).round(3).tolist()
    [[0.223, 0.091, 0.207, 0.479]]
    """
    n, x = np.asarray(n_base, dtype=np.float64), np.asarray(x_base, dtype=np.float64)
    if n.shape != x.shape or n.ndim != 1 or not ((x >= 0) & (x <= n) & (n % 1 == 0) & (x % 1 == 0)).all():
        raise DataError(
            "n_base and x_base must be whole numbers with 0 <= x_base <= n_base, of one shape (n,)"
        )
    if not 0.0 < threshold <= 1.0:
        raise OptionError(f"threshold is {threshold!r}; it is a share above 0 and at most 1")
    given = {"mean": mean, "shape": shape, "alpha": alpha, "rest": rest}
    for name, value in {**given, "base_length": base_length, "length": length}.items():
        checked_positive(value, what=name)
    if not n.size:
        return np.empty((0, 4))
    histories, place = np.unique(np.column_stack([n, x]).astype(np.int64), axis=0, return_inverse=True)
    seen, ours = histories.T
    # the chance that a purchase of either period falls into the base period, or is of the time before
    kept = (shape / mean + base_length) / (shape / mean + base_length + length)
    bought = _next_purchases(shape + seen, kept)
    fates = _fates(bought, alpha + ours[:, None], rest + (seen - ours)[:, None], threshold)
    return fates[place.ravel()]


def _fates(bought: FloatArray, a: FloatArray, b: FloatArray, threshold: float) -> FloatArray:
    """Return the fates (n, 4) from the chances of each number of purchases and the beta's parameters."""
    lg = special.gammaln
    count = np.arange(bought.shape[1])
    # seven in ten are 70 %, whatever binary fractions make of 0.7
    least = np.maximum(np.ceil(threshold * count - 1e-9), 1.0)
    scale = lg(a + b) - lg(a) - lg(b) - lg(a + b + count)
    loyal = np.zeros_like(bought)
    for others in range(int((count - least).max()) + 1):
        some = count - others >= least
        at, ours = count[some], (count - others)[some]
        ways = lg(at + 1.0) - lg(others + 1.0) - lg(ours + 1.0)
        loyal[:, some] += np.exp(ways + scale[:, some] + lg(a + ours) + lg(b + others))
    silent = bought[:, 0]
    stayed = (bought * loyal).sum(axis=1)
    elsewhere = (bought * np.exp(scale + lg(a) + lg(b + count))).sum(axis=1) - silent
    weakened = np.maximum(1.0 - silent - stayed - elsewhere, 0.0)
    fates = np.column_stack([stayed, weakened, elsewhere, silent])
    return np.asarray(fates / fates.sum(axis=1, keepdims=True), dtype=np.float64)


def _next_purchases(shape: FloatArray, kept: float) -> FloatArray:
    """Return the chance of each number of category purchases in the next period (n, N + 1)."""
    count = np.arange(_enough(float(shape.max()), kept) + 1)
    log = special.gammaln(shape[:, None] + count) - special.gammaln(shape)[:, None]
    log += shape[:, None] * np.log(kept) + count * np.log1p(-kept) - special.gammaln(count + 1.0)
    chance = np.exp(log)
    return np.asarray(chance / chance.sum(axis=1, keepdims=True), dtype=np.float64)


def _enough(shape: float, kept: float) -> int:
    """Return a number of purchases that is exceeded with a chance below the tail that is left out."""
    mean = shape * (1 - kept) / kept
    spread = np.sqrt(mean / kept)
    high = int(mean + 8 * spread + 20)
    while special.betainc(high + 1.0, shape, 1 - kept) > _TAIL:
        high += int(2 * spread) + 10
    if high > _MOST_PURCHASES:
        raise OptionError(
            f"some households may buy more than {_MOST_PURCHASES:,} times in the next period; take a shorter one"
        )
    return high
