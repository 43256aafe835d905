"""Differences between means, and differences of differences, from counts, means and variances of cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError, OptionError, one_of
from cemlab.result import check_conf_level

Floats = npt.NDArray[np.float64]

#: ``"unequal"`` variances take each cell's own (Welch 1947, Satterthwaite 1946); ``"equal"`` pools them, as
#: ordinary least squares on the cells does.
Variances = Literal["unequal", "equal"]


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A weighted sum of means of cells, with its interval.

    Parameters
    ----------
    estimate, std_error, df, p_value, conf_low, conf_high
        The sum, its standard error, the degrees of freedom of Student's distribution behind the interval, and
        the p-value of "it is nothing".
    """

    estimate: float
    std_error: float
    df: float
    p_value: float
    conf_low: float
    conf_high: float


def contrast_of_means(
    n: Floats,
    mean: Floats,
    variance: Floats,
    *,
    weights: Floats,
    variances: Variances = "unequal",
    conf_level: float = 0.95,
) -> Contrast:
    """Return a weighted sum of the means of independent cells.

    Parameters
    ----------
    n, mean, variance
        (c) how many are in each cell, their mean, and their variance (with n − 1 below).
    weights
        (c) of each mean, e.g. 1 and −1.
    variances
        How the standard error is made.
    conf_level
        Level of the interval.

    Raises
    ------
    OptionError
        If `variances` or the level is not allowed.
    DesignError
        If a cell has fewer than two members, or nothing varies.

    Examples
    --------
    >>> two = contrast_of_means(np.array([3.0, 3.0]), np.array([2.0, 5.0]), np.array([1.0, 1.0]),
    ...                         weights=np.array([-1.0, 1.0]))
    >>> two.estimate, round(two.std_error, 4), two.df
    (3.0, 0.8165, 4.0)
    """
    from scipy import stats

    if variances not in get_args(Variances):
        raise OptionError(one_of(variances, get_args(Variances), what="way with variances"))
    check_conf_level(conf_level)
    if (n < 2).any():
        raise DesignError(
            f"a cell has {int(n.min())} member{'s' if n.min() != 1 else ''}; each needs 2 for an interval"
        )
    if variances == "equal":
        pooled = ((n - 1) * variance).sum() / (n - 1).sum()
        parts, df = weights**2 * pooled / n, float((n - 1).sum())
    else:
        parts = weights**2 * variance / n
        df = float(parts.sum() ** 2 / (parts**2 / (n - 1)).sum()) if parts.any() else 0.0
    if not parts.sum() > 0:
        raise DesignError(
            "the outcome is the same for everybody in each cell; nothing can be estimated from it"
        )
    estimate, error = float(weights @ mean), float(np.sqrt(parts.sum()))
    reach = float(stats.t.ppf(0.5 + conf_level / 2, df)) * error
    return Contrast(
        estimate=estimate,
        std_error=error,
        df=df,
        p_value=float(2 * stats.t.sf(abs(estimate / error), df)),
        conf_low=estimate - reach,
        conf_high=estimate + reach,
    )
