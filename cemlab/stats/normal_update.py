"""A normal prior and a normal estimate: what is known after both, and whether they contradict each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Update(NamedTuple):
    """Mean and standard deviation after both, and the share of the prior in the mean."""

    mean: float
    sd: float
    prior_share: float


def update(mean: float, sd: float, *, estimate: float, std_error: float) -> Update:
    """Return the normal posterior of a normal prior and a normal estimate.

    Parameters
    ----------
    mean, sd
        Of the prior; an sd of infinity is no prior.
    estimate, std_error
        Of the data, std_error above 0.

    Examples
    --------
    >>> update(0.0, 1.0, estimate=2.0, std_error=1.0)
    Update(mean=1.0, sd=0.7071067811865476, prior_share=0.5)
    """
    share = std_error**2 / (sd**2 + std_error**2)
    return Update(share * mean + (1 - share) * estimate, float(std_error * np.sqrt(1 - share)), share)


def conflict(mean: float, sd: float, *, estimate: float, std_error: float) -> float:
    """Return the two-sided p-value of the estimate under what the prior predicts.

    Examples
    --------
    >>> round(conflict(0.0, 0.6, estimate=1.96, std_error=0.8), 3)
    0.05

    References
    ----------
    Box, G. E. P. (1980). Sampling and Bayes' inference in scientific modelling and robustness. Journal of the
    Royal Statistical Society A 143, 383–430.
    """
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(estimate - mean) / np.hypot(sd, std_error)))


def widened(mean: float, sd: float, *, estimate: float, std_error: float, level: float) -> float:
    """Return the least standard deviation, not under `sd`, at which the estimate is no surprise at a level.

    Examples
    --------
    >>> round(widened(0.0, 0.1, estimate=1.96, std_error=0.6, level=0.05), 3)
    0.8
    """
    from scipy.special import ndtri

    needed = ((estimate - mean) / ndtri(level / 2)) ** 2 - std_error**2
    return float(max(sd, np.sqrt(max(needed, 0.0))))
