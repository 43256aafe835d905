"""Draws of a value that was stated as lowest, most plausible and highest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def triangular(uniform: Floats, *, low: Floats, mode: Floats, high: Floats) -> Floats:
    """Return draws of triangular distributions from uniform ones, by the inverse distribution function.

    Parameters
    ----------
    uniform
        Numbers from 0 to 1, of shape (…, n).
    low, mode, high
        In this order, of shape (n); where all three are equal, so are the draws.

    Examples
    --------
    >>> triangular(np.array([0.0, 0.5, 1.0]), low=np.zeros(1), mode=np.ones(1), high=np.full(1, 2.0))
    array([0., 1., 2.])
    """
    width = high - low
    rising = np.sqrt(uniform * width * (mode - low))
    falling = np.sqrt((1 - uniform) * width * (high - mode))
    drawn: Floats = np.where(uniform * width <= mode - low, low + rising, high - falling)
    return drawn


def moments(low: float, mode: float, high: float) -> tuple[float, float]:
    """Return mean and standard deviation of a triangular distribution.

    Examples
    --------
    >>> moments(0, 0, 3)[0]
    1.0
    """
    mean = (low + mode + high) / 3
    # as a sum of squares of the gaps, so that equal ends give exactly nothing
    a, b = mode - low, high - mode
    return mean, float(np.sqrt((a * a + a * b + b * b) / 18))
