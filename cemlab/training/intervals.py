"""Intervals and simultaneous bands of effects from each unit's influence on them."""

from __future__ import annotations

import numpy as np

from cemlab.errors import OptionError
from cemlab.stats.multiplier_bands import cluster_sums, errors, simultaneous_critical, variance_factors
from cemlab.training.roll_out import Floats, Ints, RollOut

#: Draws of the multiplier bootstrap unless told otherwise.
DRAWS = 999
_FEWEST_DRAWS = 99


def check_draws(draws: int) -> None:
    """Refuse a number of draws that is none, or too small for a quantile.

    Raises
    ------
    OptionError
        If it is not a whole number from 99 on.
    """
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < _FEWEST_DRAWS:
        raise OptionError(
            f"draws is {draws!r}; allowed: a whole number from {_FEWEST_DRAWS} on, e.g. {DRAWS}"
        )


def strata(rolled: RollOut) -> Ints:
    """Return the number of the group of each cluster: the earliest among its units."""
    earliest = np.full(int(rolled.cluster.max()) + 1, rolled.never)
    np.minimum.at(earliest, rolled.cluster, rolled.first)
    return np.unique(earliest, return_inverse=True)[1]


def cluster_weights(rolled: RollOut) -> Floats:
    """Return what each cluster counts for: the sum over its units."""
    total: Floats = np.bincount(rolled.cluster, weights=rolled.weights).astype(np.float64)
    return total


def interval_columns(
    estimate: Floats, influence: Floats, rolled: RollOut, *, conf_level: float, draws: int, seed: int
) -> dict[str, Floats]:
    """Return std_error, df, conf_low, conf_high, band_low and band_high of estimates."""
    sums = cluster_sums(influence, rolled.cluster)
    stratum, weight = strata(rolled), cluster_weights(rolled)
    found = errors(sums, stratum, weight=weight)
    critical = simultaneous_critical(
        sums, stratum, conf_level=conf_level, draws=draws, seed=seed, weight=weight
    )
    margin = found.margin(conf_level)
    # one factor for all: where a row's own degrees of freedom ask for more, that stands
    wide = np.maximum(critical * found.std_error, margin)
    return {
        "std_error": found.std_error,
        "df": found.df,
        "conf_low": estimate - margin,
        "conf_high": estimate + margin,
        "band_low": estimate - wide,
        "band_high": estimate + wide,
    }


def covariance_of(influence: Floats, rolled: RollOut) -> Floats:
    """Return the covariance of estimates, (c, c), whose diagonal are the squares of their standard errors."""
    sums, stratum = cluster_sums(influence, rolled.cluster), strata(rolled)
    scaled = sums * np.sqrt(variance_factors(stratum, cluster_weights(rolled)))[:, None]
    covariance: Floats = scaled.T @ scaled
    return covariance
