"""A slope on a score that carries error, its reliability being stated: errors in variables by moments."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError, OptionError
from cemlab.stats.within_slopes import Grid, WithinSlopes, by_cluster, slopes_from, within_slopes

Floats = npt.NDArray[np.float64]

# Of the score's variance within, what must be left once the error is out: from less, no slope can be told.
_LEFT = 0.1


def reliability_corrected(
    outcome: Floats, *, score: Floats, controls: Floats, reliability: float, grid: Grid, names: Sequence[str]
) -> tuple[WithinSlopes, float]:
    """Return slopes within units and periods with the score's error taken out, and its reliability there.

    The error's variance is (1 − reliability) × the variance of the score over all rows; that much, times what
    units and periods leave of it, is taken out of the score's sum of squares. What is left of a score within
    units and periods is far less reliable than the score: the error stays, much of the rest does not.

    Parameters
    ----------
    outcome, score
        (m).
    controls
        (m, c) columns without error.
    reliability
        Share of the score's variance over all rows that is no error.
    grid
        Where the rows stand.
    names
        (1 + c).

    Returns
    -------
    tuple[WithinSlopes, float]
        Of the score and the controls; and the share of the score's variance within units and periods, beside
        the controls, that is no error.

    Raises
    ------
    OptionError
        If `reliability` is no share.
    DesignError
        If as much error leaves next to nothing of the score within units and periods.

    Notes
    -----
    Errors are taken to have one variance and to be independent of everything and between rows. The
    reliability is taken as known: the interval does not hold what is not known about it.

    References
    ----------
    Fuller, W. A. (1987). Measurement error models. Wiley.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> unit, period = np.divmod(np.arange(4_000), 40)
    >>> grid = Grid(unit=unit, period=period, cluster=unit, weights=np.ones(4_000))
    >>> truth = rng.normal(size=4_000)
    >>> noisy = truth + rng.normal(scale=0.5, size=4_000)
    >>> found, within = reliability_corrected(2 * truth, score=noisy, controls=np.empty((4_000, 0)),
    ...                                       reliability=0.8, grid=grid, names=["score"])
    >>> round(float(found.coefficient[0]), 1), round(within, 1)
    (2.0, 0.8)
    """
    if isinstance(reliability, bool) or not isinstance(reliability, Real) or not 0 < reliability <= 1:
        raise OptionError(f"reliability is {reliability!r}; allowed: a share above 0 and up to 1, e.g. 0.9")
    design = np.column_stack([score, controls])
    within_slopes(
        outcome, design=design, grid=grid, names=names, told=1
    )  # refuses what depends on each other
    w = grid.weights
    both = grid.within(np.column_stack([outcome, design]))
    y, x = both[:, 0], both[:, 1:]
    squares = (score - w @ score / w.sum()) ** 2
    share = (1 - float(reliability)) * float(w @ grid.own_share()) / float(w.sum())
    error = share * float(w @ squares)
    weighted = x * w[:, None]
    products = by_cluster(weighted[:, :, None] * x[:, None, :], grid)
    normal = products.sum(axis=0)
    beside = 1 / float(np.linalg.inv(normal)[0, 0])  # the score's sum of squares beside the controls
    left = 1 - error / beside
    if not left > _LEFT:
        raise DesignError(
            f"a reliability of {reliability:g} leaves {max(left, 0.0):.0%} of what varies of {names[0]} "
            "within units and periods; check the reliability, or take a score from more answers"
        )
    products[:, 0, 0] -= share * by_cluster(w * squares, grid)
    coefficient = np.linalg.solve(products.sum(axis=0), weighted.T @ y)
    scores = weighted * (y - x @ coefficient)[:, None]
    # the variance of the score, of which the error is a share, is estimated too
    scores[:, 0] += coefficient[0] * share * w * squares
    return slopes_from(coefficient, scores, products, grid, told=1), left
