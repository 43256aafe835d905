"""How far an effect after treatment is held by what trends did before it (Rambachan & Roth 2023).

A difference after treatment is the effect plus what trends would have differed by anyhow, delta. Two bounds
on delta: it bends by at most M a period (smoothness), or it moves in a period by at most a multiple of its
largest move before treatment (relative magnitudes). At the period all estimates are relative to it is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import OptionError
from cemlab.result import check_conf_level
from cemlab.stats.lasso_path import lasso_path
from cemlab.stats.trend_target import TrendTarget, bias_of_bends

Floats = npt.NDArray[np.float64]

# Beyond this bias, in standard errors, the other tail of a folded normal holds nothing a double can show.
_ONE_TAIL = 6.0


@dataclass(frozen=True, eq=False, kw_only=True)
class TrendBounds:
    """Intervals of an effect for several bounds on how trends would have differed; all of shape (m,).

    Parameters
    ----------
    bound
        The bounds.
    estimate
        Middle of the interval.
    conf_low, conf_high
        The robust interval.
    set_low, set_high
        What the effect could be if the estimates had no error; nan where the leads themselves break the
        bound.
    """

    bound: Floats
    estimate: Floats
    conf_low: Floats
    conf_high: Floats
    set_low: Floats
    set_high: Floats


def smooth_trend_bounds(
    target: TrendTarget, *, bounds: Sequence[float], conf_level: float = 0.95
) -> TrendBounds:
    """Return the shortest fixed-length intervals if the difference of trends bends by at most M a period.

    The interval is centred on the effect less a trend carried forward from the leads; which leads count how
    much is chosen so that half its length, with the worst bias that the bound allows, is shortest. At M = 0
    the centre is the generalised-least-squares effect beside a linear difference of trends, and the interval
    the usual one.

    Parameters
    ----------
    target
        From :func:`trend_target`.
    bounds
        The largest changes of slope a period, M, 0 or more [unit of the estimates a period, squared].
    conf_level
        Level of the intervals.

    Returns
    -------
    TrendBounds
        One entry a bound. Estimates are taken as normal; where `clusters` is given, errors are widened by
        what it costs to choose among leads by a covariance that is itself estimated, and Student's quantile
        is used (exact at M = 0 for normal units that share one covariance).

    References
    ----------
    Rambachan, A. & Roth, J. (2023). A more credible approach to parallel trends. Review of Economic Studies
    90, 2555–2591. Armstrong, T. & Kolesár, M. (2018). Optimal inference in a class of regression models.
    Econometrica 86, 655–683.

    Examples
    --------
    >>> from cemlab.stats.trend_target import trend_target
    >>> target = trend_target([-2.0, -1.0], [2.0], covariance=1e-12 * np.eye(3))
    >>> found = smooth_trend_bounds(target, bounds=[0, 0.5])  # a line through the leads goes on to 1
    >>> found.conf_low.round(3).tolist(), found.conf_high.round(3).tolist()
    ([1.0, 0.5], [1.0, 1.5])
    """
    grid = _grid(bounds, conf_level)
    k = target.leads.size
    reach = float(target.weights @ target.distance)
    later = bias_of_bends(target)
    fixed, free = _lead_weights(k, reach)
    cov_leads, cov_both = target.covariance[:k, :k], target.covariance[:k, k]
    path = lasso_path(free.T @ cov_leads @ free, free.T @ (cov_leads @ fixed + cov_both))
    caution = _caution(target.clusters, k - 1, conf_level)
    middle, half = np.empty(grid.size), np.empty(grid.size)
    for i, bound in enumerate(grid):

        def length(point: float, bound: float = float(bound)) -> float:
            u = path.at(point)
            own = np.append(fixed + free @ u, 1.0)
            error = caution * float(np.sqrt(own @ target.covariance @ own))
            return error * folded_quantile(bound * (later + np.abs(u).sum()) / error, conf_level)

        best = _lowest(length, path.knots)
        own = fixed + free @ path.at(best)
        middle[i], half[i] = target.effect + own @ target.leads, length(best)
    low, high = _smooth_set(target, grid, reach, later)
    return TrendBounds(
        bound=grid,
        estimate=middle,
        conf_low=middle - half,
        conf_high=middle + half,
        set_low=low,
        set_high=high,
    )


def relative_trend_bounds(
    target: TrendTarget, *, bounds: Sequence[float], conf_level: float = 0.95
) -> TrendBounds:
    """Return intervals if trends part after treatment by at most a multiple of what they did before it.

    The ends of what is possible are the largest and the smallest of some sums of the estimates: the effect
    plus or minus the multiple times each of the leads' moves. The interval goes from the lowest one-sided
    limit of these sums to the highest. It covers whatever lies between the true ends with at least the level,
    since the sum that is truly the largest is among them, and is somewhat longer than need be (where moves
    before treatment are small beside their errors).

    Parameters
    ----------
    target
        From :func:`trend_target`.
    bounds
        Multiples, 0 or more, of the largest move from one period to the next before treatment.
    conf_level
        Level of the intervals.

    Returns
    -------
    TrendBounds
        One entry a bound; at 0 the usual interval. Ends move apart as the bound grows.

    References
    ----------
    Rambachan, A. & Roth, J. (2023), section 2.4.1; its hybrid test is not used here.

    Examples
    --------
    >>> from cemlab.stats.trend_target import trend_target
    >>> target = trend_target([-1.0, 0.5], [2.0], covariance=1e-12 * np.eye(3))
    >>> found = relative_trend_bounds(target, bounds=[0, 1])  # the largest move before was 1.5
    >>> found.conf_low.round(3).tolist(), found.conf_high.round(3).tolist()
    ([2.0, 0.5], [2.0, 3.5])
    """
    from scipy.special import ndtri

    grid = _grid(bounds, conf_level)
    k = target.leads.size
    moves = np.diff(np.vstack([np.eye(k), np.zeros(k)]), axis=0)
    steps = np.arange(1, target.distance.max() + 1)
    carried = float(np.abs(target.weights @ (target.distance[:, None] >= steps)).sum())
    moved = moves @ target.leads
    error_move = np.sum((moves @ target.covariance[:k, :k]) * moves, axis=1)
    both, own = moves @ target.covariance[:k, k], target.covariance[k, k]
    z = float(ndtri((1 + conf_level) / 2)) * _caution(target.clusters, 0, conf_level)
    signed = carried * np.outer(grid, [1.0, -1.0])[:, :, None]
    sums = target.effect + signed * moved
    errors = z * np.sqrt(np.maximum(own + 2 * signed * both + signed**2 * error_move, 0))
    low, high = (sums - errors).min(axis=(1, 2)), (sums + errors).max(axis=(1, 2))
    return TrendBounds(
        bound=grid,
        estimate=(low + high) / 2,
        conf_low=low,
        conf_high=high,
        set_low=sums.min(axis=(1, 2)),
        set_high=sums.max(axis=(1, 2)),
    )


def folded_quantile(bias: float, conf_level: float) -> float:
    """Return what the absolute value of a normal variable of this mean and SD 1 stays below.

    Examples
    --------
    >>> round(folded_quantile(0.0, 0.95), 4), round(folded_quantile(10.0, 0.95), 4)
    (1.96, 11.6449)
    """
    from scipy.special import chndtrix, ndtri

    if bias > _ONE_TAIL:
        return float(bias + ndtri(conf_level))
    return float(np.sqrt(chndtrix(conf_level, 1.0, bias**2)))


def _lead_weights(k: int, reach: float) -> tuple[Floats, Floats]:
    """Return fixed (k) and free (k, k − 1): weights of the leads are fixed + free @ u, and u sums up bends.

    Whatever u is, a linear difference of trends is taken out: the weights times the distances add up to
    `reach`. Each u multiplies the bend at one inner lead in the bias.
    """
    # second differences of (reach, u_1 … u_{k−1}, 0, 0), from the lead nearest to the base on
    second = np.zeros((k, k + 2))
    for row in range(k):
        second[row, row : row + 3] = (1.0, -2.0, 1.0)
    nearest_last = second[::-1]
    return reach * nearest_last[:, 0], nearest_last[:, 1:k]


def _smooth_set(target: TrendTarget, grid: Floats, reach: float, later: float) -> tuple[Floats, Floats]:
    """Return what the effect could be were the leads exact; nan where they bend more than the bound."""
    path = np.append(target.leads, 0.0)
    bend = float(np.abs(np.diff(path, 2)).max(initial=0.0))
    middle = target.effect + reach * path[-2]  # the last move before the base goes on
    # a bend that equals the bound but for rounding does not break it
    inside = grid >= bend * (1 - 1e-9)
    return np.where(inside, middle - grid * later, np.nan), np.where(inside, middle + grid * later, np.nan)


def _lowest(length: Callable[[float], float], knots: Floats) -> float:
    """Return where on the path, a convex road, the length is shortest."""
    from scipy.optimize import minimize_scalar

    values = [length(knot) for knot in knots]
    at = int(np.argmin(values))
    left, right = knots[min(at + 1, knots.size - 1)], knots[max(at - 1, 0)]
    if left == right:
        return float(knots[at])
    # flat at its lowest, so that a millionth of the stretch costs nothing that a double shows
    found = minimize_scalar(
        length, bounds=(left, right), method="bounded", options={"xatol": 1e-6 * (right - left)}
    )
    return float(found.x) if found.fun < values[at] else float(knots[at])


def _caution(clusters: int | None, free: int, conf_level: float) -> float:
    """Return the factor on standard errors where so many free weights rest on an estimated covariance."""
    from scipy.special import ndtri, stdtrit

    if clusters is None:
        return 1.0
    df = clusters - 1 - free
    # the residual variance of a regression on so many leads, and what estimating its coefficients adds
    chosen = (clusters - 1) / df * (1 + free / (df - 1))
    share = (1 + conf_level) / 2
    return float(np.sqrt(chosen) * stdtrit(df, share) / ndtri(share))


def _grid(bounds: Sequence[float], conf_level: float) -> Floats:
    check_conf_level(conf_level)
    try:
        grid = np.atleast_1d(np.asarray(bounds, dtype=float))
    except (TypeError, ValueError):
        raise OptionError(f"bounds are {bounds!r}; give numbers from 0 on, e.g. [0, 0.5, 1]") from None
    if grid.ndim != 1 or not grid.size or not (np.isfinite(grid).all() and (grid >= 0).all()):
        raise OptionError(f"bounds are {bounds!r}; give numbers from 0 on, e.g. [0, 0.5, 1]")
    return grid
