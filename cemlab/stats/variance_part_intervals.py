"""Intervals for the shares of crossed random effects in a variance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cemlab.stats.crossed_effects import CrossedFit, deviance_and_slope
from cemlab.stats.intervals import Interval

Floats = npt.NDArray[np.float64]

# How near the root of the deviance comes to its aim, which is about 2.
_CLOSE = 2e-3
# Gain of deviance that is not worth another step.
_ENOUGH = 1e-3
# Share below which an end is 0, and above which it is 1; its log odds.
_LEAST = 1e-7
_FARTHEST = 16.0
_STEPS = 30
_STEP = 1e-4


def share_intervals(fit: CrossedFit, *, conf_level: float = 0.95) -> Interval:
    """Return the share of each factor and, last, of the rest, with intervals of profile likelihood.

    Parameters
    ----------
    fit
        Of :func:`cemlab.stats.crossed_effects.crossed_effects`.
    conf_level
        Of each interval.

    Returns
    -------
    Interval
        Three arrays of shape (K + 1). An end is 0 where leaving the factor out is not refuted.

    Notes
    -----
    A share lies within the interval unless the restricted likelihood, highest over the other ratios with the
    share held there, falls by more than half the quantile of chi-squared on one degree of freedom. The
    share of the rest is treated in the same way, through the sum of the ratios.
    """
    from scipy.special import chdtri

    drop = float(chdtri(1, 1 - conf_level))
    shares = fit.shares
    low = [_end(_PartProfile(fit, k), drop, side=-1) for k in range(len(shares))]
    high = [_end(_PartProfile(fit, k), drop, side=1) for k in range(len(shares))]
    return Interval(shares, np.array(low), np.array(high))


class _Profile:
    """The deviance over one share, least over free numbers.

    Steps are Newton's, with exact slopes and the curvature at the estimate, which changes little on the way.
    """

    def __init__(self, fit: CrossedFit, share: float, free: Floats) -> None:
        self.fit, self.free = fit, free
        best = float(np.clip(share, _LEAST, 1 - _LEAST))
        self.middle = float(np.log(best / (1 - best)))
        base = self.slope(best, self.free)[1]
        moves = _STEP * np.eye(self.free.size)
        hessian = np.array([(self.slope(best, self.free + move)[1] - base) / _STEP for move in moves])
        self.inverse = np.zeros((0, 0))
        if self.free.size:
            curvature, axes = np.linalg.eigh((hessian + hessian.T) / 2)
            self.inverse = (axes / np.maximum(np.abs(curvature), 0.1)) @ axes.T

    def fallen(self, logit: float) -> float:
        """Return by how much the deviance is above its least, with the share held at these log odds."""
        share = float(1 / (1 + np.exp(-logit)))
        value, slope = self.slope(share, self.free)
        for _ in range(_STEPS):
            step = -self.inverse @ slope
            if not step.size or -float(slope @ step) < _ENOUGH:
                break
            step *= min(1.0, 2.0 / float(np.abs(step).max()))
            trial = np.clip(self.free + step, -16.0, 16.0)
            new, new_slope = self.slope(share, trial)
            for _ in range(8):
                if new <= value + _ENOUGH:
                    break
                trial = (trial + self.free) / 2
                new, new_slope = self.slope(share, trial)
            self.free, value, slope = trial, new, new_slope
        return value - self.fit.deviance

    def slope(self, share: float, free: Floats) -> tuple[float, Floats]:
        """Return deviance and its slope in the free numbers."""
        raise NotImplementedError


class _PartProfile(_Profile):
    """The share of part k; the others' parts are a softmax of free numbers, the last of them at nought."""

    def __init__(self, fit: CrossedFit, k: int) -> None:
        self.k = k
        others = np.maximum(np.delete(np.append(fit.ratio, 1.0), k), 1e-6)
        super().__init__(fit, float(fit.shares[k]), np.log(others[:-1] / others[-1]))

    def slope(self, share: float, free: Floats) -> tuple[float, Floats]:
        """Return deviance and its slope in the free numbers."""
        parts = np.append(np.exp(free), 1.0)
        parts = parts / parts.sum()
        shares = np.insert((1 - share) * parts, self.k, share)
        value, along = deviance_and_slope(self.fit.sums, shares[:-1] / shares[-1])
        # log ratio j is log share j less log share of the rest
        own = np.delete(np.append(along, -along.sum()), self.k)
        return value, (own - parts * own.sum())[:-1]


class _PairProfile(_Profile):
    """The first factor's share in the first two; free are the logs of both together and of other ratios."""

    def __init__(self, fit: CrossedFit) -> None:
        both = float(fit.ratio[:2].sum())
        others = np.maximum(np.append(both, fit.ratio[2:]), 1e-6)
        super().__init__(fit, float(fit.ratio[0]) / both, np.log(others))

    def slope(self, share: float, free: Floats) -> tuple[float, Floats]:
        """Return deviance and its slope in the free numbers."""
        both = np.exp(free[0])
        ratio = np.concatenate([[both * share, both * (1 - share)], np.exp(free[1:])])
        value, along = deviance_and_slope(self.fit.sums, ratio)
        return value, np.append(along[:2].sum(), along[2:])


def _end(profile: _Profile, drop: float, *, side: int) -> float:
    """Return the share at which the profile has fallen by `drop`, below or above."""
    middle = profile.middle
    limit = side * _FARTHEST
    if side < 0 and middle <= -_FARTHEST + 1:
        return 0.0

    def short(logit: float) -> float:
        return float(np.sqrt(max(profile.fallen(logit), 0.0)) - np.sqrt(drop))

    # the root of the deviance is nearly straight in the log odds, so that secants are quick
    near, near_short, logit = middle, -float(np.sqrt(drop)), middle + side * 0.3
    for _ in range(_STEPS):
        logit = min(logit, limit) if side > 0 else max(logit, limit)
        far_short = short(logit)
        if abs(far_short) < _CLOSE:
            break
        if logit == limit and far_short < 0:
            return 0.0 if side < 0 else 1.0
        slope = (far_short - near_short) / (logit - near)
        steady = slope * side > 0
        step = -far_short / slope if steady else side * 1.0
        near, near_short = logit, far_short
        moved = logit + float(np.clip(step, -4.0, 4.0))
        # never back over the estimate
        logit = moved if side * (moved - middle) > 0 else (logit + middle) / 2
    return float(1 / (1 + np.exp(-logit)))


def ratio_interval(fit: CrossedFit, *, conf_level: float = 0.95) -> Interval:
    """Return the share of the first factor in the first and the second together, with its interval.

    Parameters
    ----------
    fit
        Of two factors or more.
    conf_level
        Of the interval.

    Returns
    -------
    Interval
        nan where both variances are 0.

    Notes
    -----
    Profile likelihood, as for :func:`share_intervals`, with the share in the pair held; an end is 0 or 1
    where leaving the first, or the second, out is not refuted.
    """
    from scipy.special import chdtri

    first, second = fit.ratio[:2]
    if first + second == 0:
        return Interval(*(np.array(np.nan) for _ in range(3)))
    drop = float(chdtri(1, 1 - conf_level))
    ends = [np.asarray(_end(_PairProfile(fit), drop, side=side)) for side in (-1, 1)]
    return Interval(np.array(first / (first + second)), *ends)
