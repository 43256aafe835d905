"""What tests of trends before treatment would have found (Roth 2022)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def slope_found(std_error: float, *, critical: float, power: float) -> float:
    """Return the slope that a two-sided test of it finds with a given probability.

    Parameters
    ----------
    std_error
        Of the estimated slope.
    critical
        What the absolute standardised slope is compared with.
    power
        The probability, above the test's own false alarms.

    Returns
    -------
    float
        The slope; infinite where the test never rejects.

    Examples
    --------
    >>> round(slope_found(0.01, critical=1.96, power=0.5), 4)
    0.0196
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    def found(standardised: float) -> float:
        return float(ndtr(standardised - critical) + ndtr(-standardised - critical)) - power

    if not np.isfinite(critical):
        return float("inf")
    # a standardised slope of this much is found with certainty
    return std_error * float(brentq(found, 0.0, critical + 10.0))


def slope_found_jointly(
    distance: Floats, covariance: Floats, *, critical: float, units: int, power: float
) -> float:
    """Return the slope that the joint test of leads finds with a given probability.

    Parameters
    ----------
    distance
        (k) periods from the base to each lead, as negative numbers.
    covariance
        (k, k) of the leads.
    critical
        What the Wald statistic is compared with.
    units
        Independent units behind the covariance, less one for each group.
    power
        The probability, above the test's own false alarms.

    Returns
    -------
    float
        The slope a period; infinite where units are too few to tell.

    Notes
    -----
    The Wald statistic is taken as Hotelling's, whose F has k and units − k + 1 degrees of freedom.

    Examples
    --------
    >>> one = slope_found_jointly(np.array([-1.0]), np.array([[0.01]]), critical=3.84, units=10**6, power=0.5)
    >>> round(one, 3)
    0.196
    """
    from scipy.optimize import brentq
    from scipy.special import ncfdtr

    k = distance.size
    rest = units - k + 1
    if rest < 1 or not np.isfinite(critical):
        return float("inf")
    # the inverse of an estimated covariance is too large by units / (units − k − 1) on average
    told = float(distance @ np.linalg.solve(covariance, distance)) * max(rest - 2, 1) / units
    compared = critical * rest / (units * k)

    def found(noncentral: float) -> float:
        return 1.0 - float(ncfdtr(k, rest, noncentral, compared)) - power

    high = 1.0
    while found(high) < 0:
        high *= 2
        if high > 1e8:  # such a distance no test misses: the quantile is beyond reach
            return float("inf")
    return float(np.sqrt(brentq(found, 0.0, high) / told))
