"""How unlikely a customer's quiet window is at her own steady rate, and who is flagged for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DataError, DesignError
from cemlab.stats.discoveries import Support, adjusted_p_values, discrete_adjusted_p_values
from cemlab.stats.nbd import NBDFit

FloatArray = NDArray[np.float64]

#: How false alarms are kept rare; see :func:`cemlab.loyalty.watch`.
Control = Literal["bh", "storey", "discrete", "by"]


def chance_of_so_few(n: ArrayLike, *, expected: ArrayLike, shape: ArrayLike = np.inf) -> FloatArray:
    """Answer how likely it is to buy so seldom, or more seldom still, at an unchanged rate.

    Parameters
    ----------
    n
        Purchases seen in a window that was chosen beforehand.
    expected
        Purchases expected in it at the customer's own rate.
    shape
        How well that rate is known: the gamma distribution's shape, r plus the purchases it was learned from.
        Infinite, where it is known, gives the Poisson distribution.

    Returns
    -------
    numpy.ndarray
        ``P(N <= n)``, one-sided and exact; of the shape that the arguments broadcast to.

    Raises
    ------
    DataError
        If a number is negative or missing, or the shape or the expectation is not positive.

    Notes
    -----
    The window must not begin with the customer's last purchase. A gap that is measured because it is open is
    longer than most: at a random moment the gap around it is twice as long as the average one.

    Examples
    --------
    A customer who buys once a month has been silent for two: no more than chance in one case of seven.

    >>> round(float(chance_of_so_few(0, expected=2.0)), 3)
    0.135
    >>> round(float(chance_of_so_few(0, expected=2.0, shape=6)), 3)   # her rate learned from six purchases
    0.178
    """
    from scipy import special

    count, mean, k = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (n, expected, shape)))
    if not ((count >= 0) & (mean > 0) & (k > 0) & np.isfinite(mean)).all():
        raise DataError("n must not be negative, expected and shape must be positive, and none be missing")
    known = np.isinf(k)
    held = np.where(known, 1.0, k)
    learned = special.betainc(held, count + 1.0, held / (held + mean))
    return np.asarray(np.where(known, special.gammaincc(count + 1.0, mean), learned), dtype=np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Steady:
    """What every customer would do in the window if her rate had stayed hers.

    Parameters
    ----------
    fit
        The NBD fitted to the base period.
    days
        Length of the window.
    first_counts
        1 where a customer's first purchase opened her exposure and tells nothing of her rate, else 0.
    market
        What the buying of those who still buy was multiplied by.
    market_error
        Standard error of its logarithm; 0 where it was given.
    stopped
        Estimated share of customers who bought nothing and were left out of it; 0 where it was given.
    """

    fit: NBDFit
    days: int
    first_counts: int
    market: float
    market_error: float = 0.0
    stopped: float = 0.0

    def rates(self, cells: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        """Return expected purchases in the window and the shape of the rate, one per row."""
        shape = self.fit.r + cells["n_base"].to_numpy(dtype=float) - self.first_counts
        ahead = self.days * self.market
        return shape / (self.fit.alpha + cells["exposure"].to_numpy(dtype=float)) * ahead, shape

    def p_values(self, cells: pd.DataFrame, *, n: ArrayLike | None = None) -> FloatArray:
        """Return the chance of so few purchases, or of at most `n`, one per row."""
        expected, shape = self.rates(cells)
        return chance_of_so_few(
            cells["n_window"].to_numpy() if n is None else n, expected=expected, shape=shape
        )

    def false_alarms(self, kinds: pd.DataFrame) -> tuple[float, float]:
        """Return how many of these customers chance alone would flag, and the error of its logarithm."""
        some = kinds["most"].to_numpy() >= 0
        if not some.any():
            return 0.0, 0.0
        bought = kinds["n_base"].to_numpy(dtype=float)[some] - self.first_counts
        seen, most = (kinds[name].to_numpy(dtype=float)[some] for name in ("exposure", "most"))
        weight = kinds["n_customers"].to_numpy(dtype=float)[some]
        step = 1e-4  # of a logarithm: far above rounding, far below the parameters' own errors
        # the rule as it is, and with r, alpha and the market's change a little higher and lower
        logs = np.zeros((7, 3))
        logs[[1, 3, 5], [0, 1, 2]], logs[[2, 4, 6], [0, 1, 2]] = step, -step
        r, alpha, market = (
            (value * np.exp(log))[:, None]
            for value, log in zip((self.fit.r, self.fit.alpha, self.market), logs.T, strict=True)
        )
        shape = r + bought
        expected = shape / (alpha + seen) * self.days * market
        alarms = chance_of_so_few(most, expected=expected, shape=shape) @ weight
        slope = np.log(alarms[[1, 3, 5]] / alarms[[2, 4, 6]]) / (2 * step)
        variance = slope[:2] @ self.fit.covariance @ slope[:2] + (slope[2] * self.market_error) ** 2
        return float(alarms[0]), float(np.sqrt(variance))


def steady_world(
    cells: pd.DataFrame, fit: NBDFit, *, days: int, market_change: float | None, first_counts: int
) -> Steady:
    """Return the null, with the market's change estimated from all who still buy where none is given.

    The estimate leaves out those who stopped: n is 0 with a share pi of customers, and otherwise
    negative binomial about the expectation times the market's change; the two are found in turns.

    Raises
    ------
    DesignError
        If nobody at all bought in the window.
    """
    world = Steady(fit=fit, days=days, market=market_change or 1.0, first_counts=first_counts)
    if market_change is not None:
        return world
    weight, bought = (cells[name].to_numpy(dtype=float) for name in ("n_customers", "n_window"))
    total = float(weight @ bought)
    if not total:
        raise DesignError(
            "nobody bought anything in the window, so the change of the market has no estimate; "
            "choose a window with purchases"
        )
    expected, shape = world.rates(cells)
    stopped = np.zeros_like(weight)
    market, before = total / float(weight @ expected), 0.0
    for _ in range(500):
        if abs(market - before) < 1e-9 * market:
            break
        share, before = float(weight @ stopped / weight.sum()) or 0.05, market
        silent = (1.0 - share) * (1.0 + market * expected / shape) ** -shape
        stopped = np.where(bought == 0, share / (share + silent), 0.0)
        market = total / float(weight @ ((1.0 - stopped) * expected))
    spread = float((weight * (1.0 - stopped)) @ (bought - market * expected) ** 2)
    return replace(
        world,
        market=market,
        market_error=float(np.sqrt(spread)) / total,
        stopped=float(weight @ stopped / weight.sum()),
    )


def judge(
    cells: pd.DataFrame, world: Steady, *, control: Control, fdr: float
) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Return the cells with their verdicts, the kinds of customers, and the largest p-value flagged.

    A kind has its most purchases that are flagged (-1: none is) and its chance of silence.
    """
    p = world.p_values(cells)
    weight = cells["n_customers"].to_numpy()
    kinds = pd.DataFrame(cells.groupby(["n_base", "exposure"])["n_customers"].sum()).reset_index()
    expected, shape = world.rates(kinds)
    # up to the mean: there the chance of so few is at least a half, and nothing beyond is ever flagged
    grid = np.arange(int(np.ceil(expected.max())) + 2)
    row, n = np.nonzero(grid <= expected[:, None] + 1.0)
    values = np.ones((expected.size, grid.size))
    values[row, n] = chance_of_so_few(n, expected=expected[row], shape=shape[row])
    support = Support(p_value=values, weights=kinds["n_customers"].to_numpy(dtype=float))
    if control == "discrete":
        q = discrete_adjusted_p_values(p, weights=weight, support=support, level=fdr)
    else:
        q = adjusted_p_values(p, weights=weight, method=control)
    cells = cells.assign(p_value=p, q_value=q, flagged=q <= fdr)
    cut = float(p[q <= fdr].max()) if (q <= fdr).any() else 0.0
    kinds = kinds.assign(most=(values <= cut).sum(axis=1) - 1, silent=values[:, 0])
    return cells, kinds, cut
