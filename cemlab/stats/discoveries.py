"""Which of many p-values to believe: the share of false alarms among those flagged, kept below a level.

A p-value of counts depends on the counts alone, so many customers share one: every function takes
p-values with weights, the numbers of customers they stand for, and gives what the single rows would give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DataError, OptionError, one_of

FloatArray = NDArray[np.float64]

#: Benjamini & Hochberg, Benjamini & Yekutieli, and BH at an estimated share of true nulls.
Method = Literal["bh", "by", "storey"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Support:
    """The p-values that each kind of test can take.

    Parameters
    ----------
    p_value
        Attainable p-values, ascending along the rows, of shape (n_kinds, n_values); a row that attains
        fewer repeats its last.
    weights
        How many tests there are of each kind, of shape (n_kinds,).
    """

    p_value: FloatArray
    weights: FloatArray

    def chance_of_at_most(self, cut: float) -> FloatArray:
        """Return how likely each kind of test is to fall to a p-value up to `cut` if its null holds.

        It is the largest attainable p-value up to the cut, hence never more than the cut itself.

        Parameters
        ----------
        cut
            The largest p-value that is flagged.

        Returns
        -------
        numpy.ndarray
            Of shape (n_kinds,); 0 where even the smallest attainable p-value is above the cut.

        Examples
        --------
        >>> import numpy as np
        >>> Support(p_value=np.array([[0.01, 0.3], [0.2, 0.6]]), weights=np.ones(2)).chance_of_at_most(0.25)
        array([0.01, 0.2 ])
        """
        below = np.where(self.p_value <= cut, self.p_value, 0.0)
        return np.asarray(below.max(axis=1), dtype=np.float64)


def adjusted_p_values(
    p_values: ArrayLike, *, weights: ArrayLike | None = None, method: Method = "bh"
) -> FloatArray:
    """Return the smallest false-discovery rate at which each test would be flagged (its q-value).

    Parameters
    ----------
    p_values
        From 0 to 1, of shape (n,); they may be conservative, as those of counts are.
    weights
        How many tests each stands for, whole, of shape (n,); ones if not given.
    method
        ``"bh"``: valid for independent (or positively dependent) tests (Benjamini & Hochberg 1995).
        ``"by"``: valid for any dependence, at a price of the logarithm of the number of tests
        (Benjamini & Yekutieli 2001). ``"storey"``: BH at the estimated share of true nulls, valid for
        independent tests (Storey, Taylor & Siegmund 2004, with their 1 added to the count).

    Returns
    -------
    numpy.ndarray
        Of shape (n,), from 0 to 1; equal p-values have equal q-values.

    Raises
    ------
    DataError
        If a p-value is none, or a weight is not a whole number of tests.
    OptionError
        If the method is not among the allowed ones.

    References
    ----------
    Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the Royal
    Statistical Society B 57, 289–300.
    Benjamini, Y. & Yekutieli, D. (2001). The control of the false discovery rate in multiple testing
    under dependency. Annals of Statistics 29, 1165–1188.
    Storey, J. D., Taylor, J. E. & Siegmund, D. (2004). Strong control, conservative point estimation and
    simultaneous conservative consistency of false discovery rates. JRSS B 66, 187–205.

    Examples
    --------
    >>> adjusted_p_values([0.01, 0.04, 0.5], weights=[2, 1, 1]).round(4)
    array([0.02  , 0.0533, 0.5   ])
    """
    if method not in get_args(Method):
        raise OptionError(one_of(method, get_args(Method), what="method of control"))
    p, weight = _checked(p_values, weights)
    m = weight.sum()
    factor = 1.0
    if method == "by":
        factor = float((1.0 / np.arange(1, int(m) + 1)).sum())
    elif method == "storey":
        factor = null_share(p, weights=weight)
    return _step_up(p, weight, factor * m * p)


def null_share(p_values: ArrayLike, *, weights: ArrayLike | None = None, above: float = 0.5) -> float:
    """Return an estimate of the share of tests whose null holds, rather too large than too small.

    Parameters
    ----------
    p_values, weights
        As in :func:`adjusted_p_values`.
    above
        True nulls are read off the p-values above this.

    Returns
    -------
    float
        ``(1 + number above) / (m (1 - above))``, at most 1.

    Raises
    ------
    DataError
        If a p-value is none, or a weight is not a whole number of tests.
    OptionError
        If `above` is not between 0 and 1.

    Examples
    --------
    >>> null_share([0.001, 0.01, 0.3, 0.6], weights=[40, 19, 20, 21])
    0.44
    """
    if not 0 < above < 1:
        raise OptionError(f"above is {above!r}; allowed: a number between 0 and 1, e.g. 0.5")
    p, weight = _checked(p_values, weights)
    return float(min(1.0, (1.0 + weight[p > above].sum()) / (weight.sum() * (1.0 - above))))


def discrete_adjusted_p_values(
    p_values: ArrayLike, *, weights: ArrayLike | None = None, support: Support, level: float
) -> FloatArray:
    """Return adjusted p-values at one level that know how conservative each discrete test is.

    The heterogeneous step-up procedure of Döhler, Durand & Roquain (2018): where BH counts a chance of p for
    every test to be flagged under its null, this counts the chance that its own counts allow.

    Parameters
    ----------
    p_values, weights
        As in :func:`adjusted_p_values`.
    support
        What p-values the tests can take; its weights must add up to those of the tests.
    level
        The false-discovery rate to keep to. The values returned belong to this level: those at most `level`
        are flagged; no other comparison may be made with them.

    Returns
    -------
    numpy.ndarray
        Of shape (n,), from 0 to 1.

    Raises
    ------
    DataError
        If a p-value is none, or the support is that of another number of tests.
    OptionError
        If the level is not between 0 and 1.

    References
    ----------
    Döhler, S., Durand, G. & Roquain, E. (2018). New FDR bounds for discrete and heterogeneous tests.
    Electronic Journal of Statistics 12, 1867–1900.

    Examples
    --------
    Ten tests that can hardly ever be small leave the false alarms to the other ten.

    >>> import numpy as np
    >>> support = Support(p_value=np.array([[0.03, 1.0], [0.9, 1.0]]), weights=np.array([10.0, 10.0]))
    >>> p = np.array([0.03, 1.0, 0.9])
    >>> adjusted_p_values(p, weights=[5, 5, 10]).round(4)
    array([0.12, 1.  , 1.  ])
    >>> discrete_adjusted_p_values(p, weights=[5, 5, 10], support=support, level=0.1).round(4)
    array([0.0619, 1.    , 1.    ])
    """
    if not 0 < level < 1:
        raise OptionError(f"level is {level!r}; allowed: a share between 0 and 1, e.g. 0.1")
    p, weight = _checked(p_values, weights)
    m = weight.sum()
    if support.weights.sum() != m:
        raise DataError(f"the support is that of {support.weights.sum():,g} tests, but there are {m:,g}")
    with np.errstate(divide="ignore"):
        values, total = _running_sum(support, support.p_value / (1.0 - support.p_value), support.weights / m)
    allowed = values[total <= level]
    if not allowed.size:
        return np.ones_like(p)
    top = float(allowed[-1])
    room = 1.0 - support.chance_of_at_most(top)
    values, total = _running_sum(support, support.p_value, support.weights / room)
    expected = total[np.searchsorted(values, np.minimum(p, top), side="right") - 1]
    return _step_up(p, weight, np.where(p <= top, expected, np.inf))


def _running_sum(support: Support, height: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the attainable p-values, and the weighted sum over kinds of their heights up to each.

    Every kind climbs to its next height at its next attainable p-value, so all climbs are sorted at once.
    """
    values = support.p_value.ravel()
    with np.errstate(invalid="ignore"):
        climbs = np.nan_to_num(np.diff(height, axis=1, prepend=0.0), nan=0.0, posinf=np.inf) * weight[:, None]
    order = np.argsort(values, kind="stable")
    ordered, total = values[order], np.cumsum(climbs.ravel()[order])
    last = np.append(ordered[1:] > ordered[:-1], True)
    return ordered[last], total[last]


def _step_up(p: FloatArray, weight: FloatArray, expected: FloatArray) -> FloatArray:
    """Divide the false alarms expected up to each p-value by the tests up to it, smallest from above."""
    order = np.argsort(p, kind="stable")
    # all tests of one p-value are flagged together, so each is ranked with the last of them
    last = np.searchsorted(p[order], p[order], side="right") - 1
    rank = np.cumsum(weight[order])[last]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(rank > 0, expected[order] / rank, np.inf)
    q = np.empty_like(p)
    q[order] = np.minimum.accumulate(ratio[::-1])[::-1]
    return np.minimum(q, 1.0)


def _checked(p_values: ArrayLike, weights: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    try:
        p = np.asarray(p_values, dtype=np.float64)
        weight = np.ones_like(p) if weights is None else np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"p_values and weights must hold numbers: {error}") from error
    if p.ndim != 1 or p.size == 0 or p.shape != weight.shape:
        raise DataError(
            f"p_values and weights have shapes {p.shape} and {weight.shape}; "
            "give one weight per p-value, and at least one"
        )
    if not ((p >= 0) & (p <= 1)).all():
        row = int(np.argmin((p >= 0) & (p <= 1)))
        raise DataError(f"p_values[{row}] is {p[row]}; a p-value lies from 0 to 1")
    whole = np.isfinite(weight) & (weight >= 0) & (weight == np.floor(weight))
    if not whole.all() or not weight.any():
        raise DataError("weights must be whole numbers of tests, at least one of them above 0")
    return p, weight
