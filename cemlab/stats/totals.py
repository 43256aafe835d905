"""Means and top shares with intervals, from exact sums and sums of squares instead of single amounts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal, localcontext

import numpy as np

from cemlab.errors import DataError
from cemlab.result import check_conf_level
from cemlab.stats.intervals import Interval

Exact = int | Decimal


def mean_from_sums(
    n: Sequence[int], totals: Sequence[Exact], squares: Sequence[Exact], *, conf_level: float = 0.95
) -> Interval:
    """Return means with Student's intervals, from sums.

    Parameters
    ----------
    n, totals, squares
        Of each group, its size, the sum of its amounts and of their squares; exact, for the variance is a
        small difference of large numbers.
    conf_level
        Level of the intervals, between 0 and 1.

    Returns
    -------
    Interval
        Of shape (groups,); the ends are nan where a group has one member, all is nan where it has none.

    Raises
    ------
    DataError
        If the sums of squares are smaller than the totals allow.

    Examples
    --------
    >>> mean = mean_from_sums([3], [Decimal(6)], [Decimal(14)])
    >>> [round(float(part[0]), 4) for part in mean]
    [2.0, -0.4841, 4.4841]
    """
    from scipy.special import stdtrit

    check_conf_level(conf_level)
    estimate, spread = np.full(len(n), np.nan), np.full(len(n), np.nan)
    for at, (size, total, square) in enumerate(zip(n, totals, squares, strict=True)):
        if not size:
            continue
        estimate[at] = float(total / Decimal(size))
        with localcontext() as context:
            context.prec = 80  # twice the digits that an engine holds
            left = Decimal(square) * size - Decimal(total) * Decimal(total)
        if left < 0:
            raise DataError(
                f"group {at}: the sum of squares {square} is too small for a total of {total} over {size}"
            )
        if size > 1:
            spread[at] = math.sqrt(left / (size - 1)) / size
    # Student's quantile of at least one degree of freedom; the ends of a single member are nan all the same
    reach = spread * stdtrit(np.maximum(np.asarray(n, dtype=float) - 1, 1), (1 + conf_level) / 2)
    return Interval(estimate, estimate - reach, estimate + reach)


def top_share(
    *,
    top: float,
    cut: float,
    n: int,
    total: float,
    squares: float,
    n_above: int,
    above: float,
    above_squares: float,
    conf_level: float = 0.95,
) -> Interval:
    """Return the share of a total that the best few hold: one minus a point of the Lorenz curve.

    Those who share the value at the cut are counted in part, as far as the best few reach into them.

    Parameters
    ----------
    top
        How many are the best, as a share of all, between 0 and 1.
    cut
        The value at the edge of the best few.
    n, total, squares
        Number, sum and sum of squares of all values.
    n_above, above, above_squares
        The same of the values strictly above the cut.
    conf_level
        Level of the interval, between 0 and 1.

    Returns
    -------
    Interval
        Three arrays of shape (); nan where the total is not positive. Above 1 where some values are negative.

    Notes
    -----
    The interval is normal, with the variance of the influence function; it is too narrow where few values
    make up most of what exceeds the cut: see :func:`effective_above`.

    References
    ----------
    Beach, C. M. & Davidson, R. (1983). Distribution-free statistical inference with Lorenz curves and
    income shares. Review of Economic Studies 50, 723–735.

    Examples
    --------
    >>> share = top_share(top=0.25, cut=2, n=4, total=8, squares=30, n_above=1, above=5, above_squares=25)
    >>> round(float(share.estimate), 4)
    0.625
    """
    from scipy.special import ndtri

    check_conf_level(conf_level)
    if not total > 0:
        return Interval(*(np.array(np.nan) for _ in range(3)))
    share = (above + (top * n - n_above) * cut) / total
    # mean over all of ((x - cut)+ + top * cut - share * x)^2, multiplied out
    beyond, beyond_squared = above - cut * n_above, above_squares - 2 * cut * above + cut**2 * n_above
    crossed = above_squares - cut * above
    spread = (
        beyond_squared
        + n * (top * cut) ** 2
        + share**2 * squares
        + 2 * top * cut * beyond
        - 2 * share * crossed
        - 2 * top * cut * share * total
    )
    reach = float(ndtri((1 + conf_level) / 2)) * math.sqrt(max(spread, 0.0)) / total
    return Interval(np.array(share), np.array(share - reach), np.array(share + reach))


def effective_above(*, cut: float, n_above: int, above: float, above_squares: float) -> float:
    """Return how many equal values would make the excess over a cut vary as much as it does.

    The interval of :func:`top_share` leans on their sum being near to normal: it covered as it should where
    this was 30 or more and a sixth of the values above the cut or more, in samples of exponential, gamma and
    log-normal values; in samples of a Pareto tail without a variance (1.5) it never did.

    Parameters
    ----------
    cut
        The value at the edge of the best few.
    n_above, above, above_squares
        Number, sum and sum of squares of the values strictly above the cut.

    Returns
    -------
    float
        Square of the summed excess over the sum of its squares, at most `n_above`; 0 where none is above.

    References
    ----------
    Kish, L. (1965). Survey Sampling. Wiley, chapter 11.

    Examples
    --------
    Excesses of 1, 1 and 4 are worth two equal ones:

    >>> effective_above(cut=1, n_above=3, above=9, above_squares=33)
    2.0
    """
    excess = above - cut * n_above
    squares = above_squares - 2 * cut * above + cut**2 * n_above
    return float(min(excess**2 / squares, n_above)) if n_above and squares > 0 else 0.0
