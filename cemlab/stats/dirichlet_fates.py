"""What becomes of loyal households if nobody's loyalty changes: the null of loyalty defection.

A household that bought seven of ten times one brand need not be that loyal at heart. How many of
the loyal fall below the line in the next period by chance alone follows from the NBD-Dirichlet model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from cemlab.errors import OptionError
from cemlab.stats.dirichlet import checked_positive

FloatArray = NDArray[np.float64]

#: What can become of a loyal household, in the order of the last axis of :func:`fate_shares`.
FATES = ("stayed loyal", "weakened", "left for another brand", "left the category")

# The spacing of the nodes, in units of the narrowest feature the integrand can have.
_FINE_RATE = 0.15
_FINE_SHARE = 1.5
_TAIL = 1e-16  # of a household's rate or share beyond the outermost nodes
_HEAVIEST = 1e-13  # of households with rates beyond the highest node
_LARGEST_SHAPE = 1e6
_LARGEST_ALPHA = 1e4
_LARGEST_LEAST = 1_000
_MOST_PURCHASES = 4_000
_SMALLEST_SHARE = 1e-12  # of households that can be loyal at all


@dataclass(frozen=True, eq=False, kw_only=True)
class _Draws:
    """Parameters of markets, each of shape (draws,)."""

    mean: FloatArray
    shape: FloatArray
    alpha: FloatArray
    rest: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class _Rule:
    """Who is loyal, and how long the next period is."""

    threshold: float
    least: int
    least_ahead: int
    length: float

    def needed(self, n: FloatArray) -> FloatArray:
        """Return how many of n purchases make a household loyal."""
        # seven of ten are 70 %, although 0.7 · 10 is not 7 in binary
        return np.maximum(np.ceil(self.threshold * n - 1e-9), 1.0)


def fate_shares(
    *,
    mean: ArrayLike,
    shape: ArrayLike,
    alpha: ArrayLike,
    rest: ArrayLike,
    threshold: float = 0.7,
    least: int = 1,
    least_ahead: int = 1,
    length: float = 1.0,
) -> FloatArray:
    """Return what becomes of a brand's loyal households if nobody's loyalty changes.

    A household is loyal if it bought the category at least `least` times in the base period and the brand's
    share of these purchases is at least `threshold`. In the next period it stayed loyal by the same
    threshold, weakened (bought the brand, below the threshold), left for another brand (bought the category,
    not the brand) or left the category (bought nothing, or less than `least_ahead` times).

    Parameters
    ----------
    mean, shape
        Category purchases per household in the base period (M), and gamma shape of the rates (K).
    alpha, rest
        Dirichlet parameter of the brand (S times its share), and of all others together (S minus alpha).
        The four broadcast against each other, so that draws and brands are handled at once.
    threshold
        Share of category purchases from which a household is loyal, above 0 and at most 1.
    least
        Category purchases in the base period below which nobody counts as loyal.
    least_ahead
        Category purchases in the next period below which a household counts as having left the category.
    length
        Length of the next period in units of the base period.

    Returns
    -------
    numpy.ndarray
        Shares of the loyal with each of the fates in :data:`FATES`, of shape (…, 4); they add up to 1.

    Raises
    ------
    OptionError
        If a parameter is out of range, or next to no household can be loyal by the rule.

    Notes
    -----
    Assumes the NBD-Dirichlet model: steady rates and shares, independent of each other. The integral over
    both is taken by the trapezoidal rule at nodes that all draws share; it is exact to about 1e-9.

    References
    ----------
    Goodhardt, G. J., Ehrenberg, A. S. C. & Chatfield, C. (1984). The Dirichlet: a comprehensive model of
    buying behaviour. Journal of the Royal Statistical Society A 147, 621–655.

    Examples
    --------
    A light category, in which nothing has changed. Of the loyal households that buy the category again,
    48 % stay loyal to a small brand and 32 % do not buy it at all.

    >>> fates = fate_shares(mean=0.8, shape=1.0, alpha=0.12, rest=1.08)
    >>> fates.round(2)
    array([0.28, 0.11, 0.19, 0.42])
    >>> (fates[[0, 2]] / (1.0 - fates[3])).round(2)
    array([0.48, 0.32])
    """
    rule = _checked_rule(threshold, least, least_ahead, length)
    draws, form = _checked_draws(mean, shape, alpha, rest)
    masses = _masses(draws, rule)
    loyal = masses.sum(axis=1)
    if (loyal < _SMALLEST_SHARE * draws.alpha / (draws.alpha + draws.rest)).any():
        raise OptionError(
            f"next to no household can be loyal with least={least} and threshold={threshold:g} in a category "
            f"bought {draws.mean.min():g} times a period; lower them"
        )
    return np.asarray((masses / loyal[:, None]).reshape((*form, len(FATES))), dtype=np.float64)


def loyal_share(
    *,
    mean: ArrayLike,
    shape: ArrayLike,
    alpha: ArrayLike,
    rest: ArrayLike,
    threshold: float = 0.7,
    least: int = 1,
) -> FloatArray:
    """Return the share of all households that are loyal to a brand in the base period.

    Parameters
    ----------
    mean, shape, alpha, rest, threshold, least
        As in :func:`fate_shares`.

    Returns
    -------
    numpy.ndarray
        Share of households, non-buyers included, of the shape the parameters broadcast to.

    Raises
    ------
    OptionError
        If a parameter is out of range.

    Examples
    --------
    >>> round(float(loyal_share(mean=0.8, shape=1.0, alpha=0.12, rest=1.08)), 3)
    0.034
    """
    draws, form = _checked_draws(mean, shape, alpha, rest)
    loyal = _masses(draws, _checked_rule(threshold, least, 1, 1.0)).sum(axis=1)
    return np.asarray(loyal.reshape(form), dtype=np.float64)


def _checked_rule(threshold: float, least: int, least_ahead: int, length: float) -> _Rule:
    """Return the rule, or say what is wrong with it."""
    if not 0.0 < threshold <= 1.0:
        raise OptionError(f"threshold is {threshold!r}; it is a share above 0 and at most 1")
    for name, number in (("least", least), ("least_ahead", least_ahead)):
        if not 1 <= number <= _LARGEST_LEAST or number != int(number):
            raise OptionError(
                f"{name} is {number!r}; it is a whole number of purchases from 1 to {_LARGEST_LEAST:,}"
            )
    return _Rule(
        threshold=float(threshold),
        least=int(least),
        least_ahead=int(least_ahead),
        length=checked_positive(length, what="length"),
    )


def _checked_draws(
    mean: ArrayLike, shape: ArrayLike, alpha: ArrayLike, rest: ArrayLike
) -> tuple[_Draws, tuple[int, ...]]:
    """Return the parameters as vectors, and the shape they broadcast to."""
    given = {"mean": mean, "shape": shape, "alpha": alpha, "rest": rest}
    arrays = [np.asarray(value, dtype=np.float64) for value in given.values()]
    most = {"shape": _LARGEST_SHAPE, "alpha": _LARGEST_ALPHA, "rest": _LARGEST_ALPHA}
    for name, array in zip(given, arrays, strict=True):
        end = most.get(name, np.inf)
        wrong = ~((array > 0.0) & (array <= end) & np.isfinite(array))
        if wrong.any():
            bound = f" and at most {end:,.0f}" if np.isfinite(end) else ""
            raise OptionError(f"{name} is {array[wrong].flat[0]:g}; it is a number above 0{bound}")
    try:
        together = np.broadcast_arrays(*arrays)
    except ValueError as error:
        raise OptionError("mean, shape, alpha and rest have shapes that do not fit each other") from error
    flat = {name: array.ravel() for name, array in zip(given, together, strict=True)}
    return _Draws(**flat), together[0].shape


def _masses(draws: _Draws, rule: _Rule) -> FloatArray:
    """Return the share of all households that are loyal and have each fate, of shape (draws, 4)."""
    masses = np.empty((draws.mean.size, len(FATES)))
    for rows in _alike(draws.shape):
        part = _Draws(
            mean=draws.mean[rows], shape=draws.shape[rows], alpha=draws.alpha[rows], rest=draws.rest[rows]
        )
        masses[rows] = _masses_of(part, rule)
    return np.maximum(masses, 0.0)


def _alike(shape: FloatArray) -> Iterator[NDArray[np.intp]]:
    """Yield the draws that can share their nodes: the larger K, the closer the nodes must be."""
    level = np.maximum(np.floor(np.log2(shape) / 3.0), 0.0)
    for one in np.unique(level):
        yield np.flatnonzero(level == one)


def _masses_of(draws: _Draws, rule: _Rule) -> FloatArray:
    """Sum over the nodes of rates and of shares."""
    rate, rate_weight = _rate_nodes(draws, rule)
    largest = float(rate.max()) * max(rule.length, 1.0)
    most = int(largest + 9.0 * np.sqrt(largest) + 20.0) + max(rule.least, rule.least_ahead)
    if most > _MOST_PURCHASES:
        raise OptionError(
            f"some households buy more than {_MOST_PURCHASES:,} times a period with these parameters; take a "
            "shorter period"
        )
    log_p, log_q, share_weight = _share_nodes(draws, most)
    n = np.arange(1.0, most + 1.0)
    reached = _reached(n, rule.needed(n), log_p, log_q)
    loyal = _poisson(n[rule.least - 1 :], rate) @ reached[rule.least - 1 :]
    ahead = rule.length * rate
    later = _poisson(n[rule.least_ahead - 1 :], ahead) @ reached[rule.least_ahead - 1 :]
    few = np.arange(float(rule.least_ahead))
    # buys nothing of the brand, but at least so much of the category
    without = np.exp(-np.outer(ahead, np.exp(log_p))) - _poisson(few, ahead) @ np.exp(np.outer(few, log_q))
    stayed, left, gone = loyal * later, loyal * without, loyal * special.pdtr(few[-1], ahead)[:, None]
    sums = [
        np.einsum("dk,dk->d", rate_weight @ fate, share_weight)
        for fate in (stayed, loyal - stayed - left - gone, left, gone)
    ]
    return np.stack(sums, axis=1)


def _poisson(n: FloatArray, rate: FloatArray) -> FloatArray:
    """Return how likely n purchases are at each rate, of shape (rates, n)."""
    log_chance = np.outer(np.log(rate), n) - rate[:, None] - special.gammaln(n + 1.0)
    return np.asarray(np.exp(log_chance), dtype=np.float64)


def _reached(n: FloatArray, needed: FloatArray, log_p: FloatArray, log_q: FloatArray) -> FloatArray:
    """Return how likely at least c(n) of n = 1, 2, … purchases are the brand's, of shape (n, shares).

    From n to n + 1, P(X ≥ c) grows by p P(X = c − 1) where c stays, and falls by q P(X = c) where c
    rises by one, as it does at most.
    """
    c = needed[:-1]
    rises = needed[1:] > c
    chosen = np.where(rises, c, c - 1.0)
    log_ways = special.gammaln(n[:-1] + 1.0) - special.gammaln(chosen + 1.0)
    log_ways -= special.gammaln(n[:-1] - chosen + 1.0)
    change = np.exp(log_ways[:, None] + c[:, None] * log_p + (n[:-1] + 1.0 - c)[:, None] * log_q)
    change[rises] *= -1.0
    return np.cumsum(np.concatenate([np.exp(log_p)[None, :], change]), axis=0)


def _rate_nodes(draws: _Draws, rule: _Rule) -> tuple[FloatArray, FloatArray]:
    """Return nodes for the purchase rate, and each draw's weights at them, of shape (draws, nodes).

    With rate = scale · exp(t − exp(−t)) the integrand falls off fast on both sides, whatever K is.
    """
    mean, shape = draws.mean, draws.shape
    scale = float(np.exp(np.log(mean).mean()))
    # Who buys once has at least this rate, and who is loyal by the rule at most that one.
    once = mean / (shape + mean)
    low = np.log(special.gammaincinv(shape + 1.0, _TAIL) * once / scale).min()
    highest = np.maximum(
        special.gammainccinv(shape, _HEAVIEST * np.minimum(shape, 1.0)) * mean / shape,
        special.gammainccinv(shape + rule.least, _HEAVIEST) * once,
    )
    ends = [_unwound(float(v)) for v in (low, np.log(highest / scale).max())]
    step = _FINE_RATE / np.sqrt(max(float(shape.max()), 1.0)) / max(highest.max() / 200.0, 1.0) ** 0.25
    t = np.arange(ends[0], ends[1] + step, step)
    v = t - np.exp(-t)
    slower = (shape * scale / mean)[:, None]
    log_density = shape[:, None] * (v + np.log(slower)) - slower * np.exp(v) - special.gammaln(shape)[:, None]
    return scale * np.exp(v), np.exp(log_density) * (1.0 + np.exp(-t)) * step


def _unwound(v: float) -> float:
    """Return the t with t − exp(−t) = v."""
    if v < -500.0:  # where exp(−v) is too large, t is −ln(−v) to three digits, and no more is needed
        return -float(np.log(-v))
    return v + float(special.lambertw(np.exp(-v)).real)


def _share_nodes(draws: _Draws, most: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log p and log(1 − p) at nodes for the brand's share, and each draw's weights at them.

    The nodes are even in t with ln(p / (1 − p)) = 4 sinh t: dense where both outcomes are likely, and far
    enough out for shares so skew that half the households never or always buy the brand.
    """
    both = np.minimum(draws.alpha, draws.rest).max()
    step = _FINE_SHARE / 4.0 / np.sqrt(max(most, 4.0 * both, 30.0))
    # who bought the brand once has at least this p, and who bought nothing else at least that 1 - p
    low = _log_beta_end(1.0 + draws.alpha, draws.rest).min()
    high = -_log_beta_end(draws.rest, draws.alpha + most).min()
    t = np.arange(np.arcsinh(low / 4.0), np.arcsinh(high / 4.0) + step, step)
    u = 4.0 * np.sinh(t)
    log_p, log_q = -np.logaddexp(0.0, -u), -np.logaddexp(0.0, u)
    log_density = draws.alpha[:, None] * log_p + draws.rest[:, None] * log_q
    log_density -= special.betaln(draws.alpha, draws.rest)[:, None]
    return log_p, log_q, np.exp(log_density) * (4.0 * np.cosh(t)) * step


def _log_beta_end(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the logarithm of a number below which next to nothing of a beta distribution lies."""
    # the chance to be below x is at most x^a / (a B(a, b)) where b ≥ 1, and close to it for small x
    log_end = (np.log(_TAIL) + np.log(a) + special.betaln(a, b)) / a
    return np.asarray(np.minimum(log_end, -1.0), dtype=np.float64)
