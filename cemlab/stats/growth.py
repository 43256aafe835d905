"""Curves of growth, fitted to counts of new customers: even, exponential, logistic and Bass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from cemlab.errors import DataError, DesignError, OptionError, one_of

FloatArray = NDArray[np.float64]
Curve = Literal["even", "exponential", "logistic", "bass"]

#: The parameters of each curve, in the order of `theta`; all but the midpoint are fitted as logarithms.
PARAMETERS: dict[str, tuple[str, ...]] = {
    "even": ("level",),
    "exponential": ("level", "growth"),
    "logistic": ("ceiling", "growth", "midpoint"),
    "bass": ("ceiling", "innovation", "imitation"),
}
_LEAST_PERIODS = 8
_FARTHEST = 1e4  # a ceiling of so many times what has come so far is no ceiling that the data know of


@dataclass(frozen=True, eq=False, kw_only=True)
class GrowthFit:
    """One curve fitted to new customers by period.

    Parameters
    ----------
    curve
        ``"even"``: as many in each period. ``"exponential"``: a constant rate of growth (or decline).
        ``"logistic"``: towards a ceiling, symmetric. ``"bass"``: innovators and imitators (Bass 1969),
        launched at the start of the first period.
    theta
        The parameters as fitted, of shape (k,): logarithms, but for the growth of the exponential and the
        midpoint of the logistic.
    covariance
        Of `theta` at dispersion 1, of shape (k, k); nan where not identified.
    log_likelihood
        Poisson, all constants included.
    pearson
        Sum of squared residuals over the expected counts.
    n_periods
        How many periods it was fitted to.
    converged
        False where a parameter ran to 0 or infinity, such as the ceiling of a curve that only rises.
    """

    curve: Curve
    theta: FloatArray
    covariance: FloatArray
    log_likelihood: float
    pearson: float
    n_periods: int
    converged: bool

    @property
    def inflection(self) -> float:
        """Periods from the start to the peak of new customers; nan where the curve has none."""
        return inflection(self.curve, self.theta)

    def expected(self, first: int, last: int, *, theta: FloatArray | None = None) -> FloatArray:
        """Return the expected new customers of the periods `first` to `last`, counted from 1."""
        edges = np.arange(first - 1, last + 1, dtype=np.float64)
        return _increments(self.curve, self.theta if theta is None else theta, edges)

    def slopes(self, function: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """Return the derivatives of a function of `theta`, of shape (…, k)."""
        return _derivatives(function, self.theta)


def fit_growth(
    new: ArrayLike, *, curve: Curve, launched: bool = False, start: FloatArray | None = None
) -> GrowthFit:
    """Fit a curve of growth to counts of new customers by maximum likelihood.

    Parameters
    ----------
    new
        New customers in each period, of shape (n_periods,), in order and without gaps.
    curve
        See :class:`GrowthFit`.
    launched
        Whether nobody had come before the first period. The logistic curve must explain that; without it,
        logistic and Bass are one and the same curve of new customers, with other names for its parameters.
    start
        Where to begin instead of a search, as `theta`, e.g. at the fit to one period less.

    Returns
    -------
    GrowthFit
        The maximum likelihood estimate; counts are taken as Poisson about the curve's increments.

    Raises
    ------
    OptionError
        If there is no such curve.
    DataError
        If a count is none.
    DesignError
        If there are fewer than eight periods, or nobody came.

    References
    ----------
    Bass, F. M. (1969). A new product growth for model consumer durables. Management Science 15, 215–227.

    Examples
    --------
    >>> fit = fit_growth([10, 12, 9, 11, 8, 10, 12, 8], curve="even")
    >>> round(float(np.exp(fit.theta[0])), 6)
    10.0
    """
    if curve not in get_args(Curve):
        raise OptionError(one_of(curve, get_args(Curve), what="curve"))
    n, edges = _with_the_time_before(checked_new(new), curve, launched)
    best, value, converged = None, -np.inf, False
    for begin in [start] if start is not None else _starts(n, edges, curve):
        theta, reached, settled = _scoring(n, edges, curve, begin)
        if reached > value + 1e-9 or best is None:
            best, value, converged = theta, reached, settled
    assert best is not None  # there is always a start
    mean = _increments(curve, best, edges)
    slopes = _derivatives(lambda t: _increments(curve, t, edges), best)
    information = slopes.T @ (slopes / mean[:, None])
    converged = converged and _known(information) and not _far(curve, best, n)
    covariance = np.full(information.shape, np.nan)
    if converged:
        covariance[:] = np.linalg.inv(information)
    return GrowthFit(
        curve=curve,
        theta=best,
        covariance=covariance,
        log_likelihood=value - float(special.gammaln(n + 1.0).sum()),
        pearson=float(((n - mean) ** 2 / mean).sum()),
        n_periods=int(edges[-1]),
        converged=converged,
    )


def inflection(curve: Curve, theta: FloatArray) -> float:
    """Return the period with most new customers, counted from the start; nan where a curve has none.

    Parameters
    ----------
    curve
        See :class:`GrowthFit`.
    theta
        Its parameters as fitted.

    Examples
    --------
    >>> import numpy as np
    >>> round(inflection("bass", np.log([1000.0, 0.01, 0.3])), 2)   # ln(0.3 / 0.01) / 0.31
    10.97
    """
    if curve == "logistic":
        return float(theta[2])
    if curve == "bass":
        p, q = np.exp(theta[1:])
        return float(np.log(q / p) / (p + q))
    return float("nan")


def autocorrelation(residual: ArrayLike, lag: int) -> float:
    """Return the autocorrelation of residuals about nought at a lag; nought where they are all nought.

    Parameters
    ----------
    residual
        In order, of shape (n,).
    lag
        From 1 to n - 1.

    Examples
    --------
    >>> autocorrelation([1, -1, 1, -1], 1)
    -0.75
    """
    e = np.asarray(residual, dtype=np.float64)
    square = float(e @ e)
    return float(e[lag:] @ e[:-lag]) / square if square else 0.0


def checked_new(new: ArrayLike) -> FloatArray:
    """Return new customers by period as floats, or refuse what no growth can be read from.

    Raises
    ------
    DataError
        If a count is negative, fractional or missing.
    DesignError
        If there are fewer than eight periods, or nobody came.
    """
    try:
        n = np.asarray(new, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"new customers must be numbers: {error}") from error
    if n.ndim != 1:
        raise DataError(f"new customers have {n.ndim} dimensions; give one number per period")
    wrong = ~(np.isfinite(n) & (n >= 0) & (n == np.floor(n)))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"period {row + 1} has {n[row]:g} new customers; give whole numbers from 0")
    if n.size < _LEAST_PERIODS:
        raise DesignError(
            f"{n.size} periods cannot tell one curve of growth from another; give {_LEAST_PERIODS} or more"
        )
    if not n.any():
        raise DesignError("no new customer came in any period, so there is no growth to describe")
    return n


def _with_the_time_before(n: FloatArray, curve: str, launched: bool) -> tuple[FloatArray, FloatArray]:
    """Return counts and edges of the periods; a launched logistic had all time before to bring nobody."""
    edges = np.arange(n.size + 1, dtype=np.float64)
    if launched and curve == "logistic":
        return np.concatenate([[0.0], n]), np.concatenate([[-np.inf], edges])
    return n, edges


def _increments(curve: str, theta: FloatArray, edges: FloatArray) -> FloatArray:
    """Return the expected count between each edge and the next; never quite 0."""
    with np.errstate(all="ignore"):
        if curve == "even":
            mean = np.exp(theta[0]) * np.diff(edges)
        elif curve == "exponential":
            # the level is that of the first period
            mean = np.exp(theta[0] + theta[1] * edges[:-1])
        elif curve == "logistic":
            mean = np.exp(theta[0]) * _rise(np.exp(theta[1]) * (edges - theta[2]))
        else:
            # from its launch on, Bass's curve is the part of a logistic one that is still to come
            ceiling, p, q = np.exp(theta)
            mean = ceiling * (1.0 + p / q) * _rise((p + q) * edges - (theta[2] - theta[1]))
    return np.asarray(np.maximum(np.nan_to_num(mean, posinf=1e300), 1e-300), dtype=np.float64)


def _rise(z: FloatArray) -> FloatArray:
    """Return the steps of the logistic function, without cancellation on either side of its middle."""
    a, b = z[:-1], z[1:]
    return np.asarray(special.expit(b) * special.expit(-a) * -np.expm1(a - b), dtype=np.float64)


def _log_likelihood(n: FloatArray, mean: FloatArray) -> float:
    return float(special.xlogy(n, mean).sum() - mean.sum())


def _derivatives(function: Callable[[FloatArray], FloatArray], theta: FloatArray) -> FloatArray:
    """Return central differences; parameters are logarithms or of the order of the periods."""
    columns = []
    for i in range(theta.size):
        step = np.zeros_like(theta)
        step[i] = 1e-5 * max(1.0, abs(theta[i]))
        columns.append((function(theta + step) - function(theta - step)) / (2 * step[i]))
    return np.stack(columns, axis=-1)


def _scoring(
    n: FloatArray, edges: FloatArray, curve: str, start: FloatArray
) -> tuple[FloatArray, float, bool]:
    """Climb by Fisher's scoring, damped as Levenberg did; return point, height, and whether it is a top."""
    theta, damping = start.copy(), 1e-3
    mean = _increments(curve, theta, edges)
    value = _log_likelihood(n, mean)
    for _ in range(200):
        slopes = _derivatives(lambda t: _increments(curve, t, edges), theta)
        gradient = slopes.T @ (n / mean - 1.0)
        information = slopes.T @ (slopes / mean[:, None])
        scale = np.diag(np.maximum(np.diag(information), 1e-12))
        gained = False
        while damping < 1e12:
            step = np.linalg.solve(information + damping * scale, gradient)
            trial = theta + np.clip(step, -2.0 * n.size, 2.0 * n.size)
            tried = _increments(curve, trial, edges)
            reached = _log_likelihood(n, tried)
            if np.isfinite(reached) and reached >= value:
                gained = True
                break
            damping *= 10
        if not gained:
            return theta, value, bool(np.abs(gradient @ step) < 1e-6)
        rise = float(gradient @ step)
        theta, mean, value, damping = trial, tried, reached, max(damping / 10, 1e-9)
        if rise < 1e-10:
            return theta, value, True
    return theta, value, False


def _starts(n: FloatArray, edges: FloatArray, curve: str) -> list[FloatArray]:
    """Return where to begin: the best of a grid of shapes, each at the level that the data give it."""
    periods, total = int(edges[-1]), n.sum()
    if curve == "even":
        return [np.array([np.log(total / periods)])]
    if curve == "exponential":
        return [np.array([np.log(total / periods), 0.0])]
    if curve == "logistic":
        shapes = [
            (np.log(k), middle)
            for k in np.geomspace(0.5, 40, 12) / periods
            for middle in np.linspace(-0.5, 1.5, 13) * periods
        ]
    else:
        shapes = [
            (np.log(speed / (1 + ratio)), np.log(speed * ratio / (1 + ratio)))
            for speed in np.geomspace(0.5, 40, 12) / periods
            for ratio in np.geomspace(0.1, 1e4, 12)
        ]
    ranked = []
    for shape in shapes:
        mean = _increments(curve, np.array([0.0, *shape]), edges)
        level = np.log(total) - np.log(mean.sum())
        if np.isfinite(level) and level < 600:
            ranked.append((_log_likelihood(n, mean * np.exp(level)), level, shape))
    ranked.sort(key=lambda found: -found[0])
    # the three best, as a likelihood of this kind can have more than one top
    return [np.array([level, *shape]) for _, level, shape in ranked[:3]]


def _known(information: FloatArray) -> bool:
    """Tell whether the data know every parameter: no direction in which nothing changes."""
    spread = np.sqrt(np.diag(information))
    if not (np.isfinite(spread).all() and (spread > 0).all()):
        return False
    return bool(np.linalg.eigvalsh(information / np.outer(spread, spread))[0] > 1e-10)


def _far(curve: str, theta: FloatArray, n: FloatArray) -> bool:
    """Tell whether a parameter ran away."""
    if PARAMETERS[curve][0] != "ceiling":
        return False
    return bool(np.exp(theta[0]) > _FARTHEST * n.sum() or np.abs(theta[1:]).max() > 1e3 * n.size)
