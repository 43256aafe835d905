"""What it is worth to know more before deciding: all, one thing, or a sample of it.

Throughout, ``n`` is the number of draws, ``k`` of decisions; values are of shape (n, k), one column a
decision, so that "fund or not" has the columns net present value and nought.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError, OptionError

Floats = npt.NDArray[np.float64]

# Knots of the curve of a conditional mean; more follow noise, fewer miss a bend.
_KNOTS = 6
# Points to the standard error of a sample at which its outcomes are looked at, and how far out.
_POINTS, _REACH = 32, 7.0
# A grid of more points would not be moved by a slider in time; up to there the step is fine enough.
_MOST = 1 << 15


class Worth(NamedTuple):
    """The value of some information and its Monte Carlo standard error, in the unit of the values."""

    value: float
    std_error: float


class Sample(NamedTuple):
    """The value of a sample, its Monte Carlo standard error, and how likely it is to turn the decision."""

    value: float
    std_error: float
    p_change: float


def normal_loss(mean: float, sd: float) -> float:
    r"""Return E max(X, 0) − max(E X, 0) for a normal X: the value of perfect information on its sign.

    .. math:: \sigma \{\varphi(u) - u \Phi(-u)\}, \quad u = |\mu| / \sigma

    Parameters
    ----------
    mean, sd
        Of X; sd 0 or more.

    References
    ----------
    Raiffa, H. & Schlaifer, R. (1961). Applied statistical decision theory. Harvard, chapter 5.

    Examples
    --------
    >>> round(normal_loss(0.0, 1.0), 6)  # 1 / sqrt(2 pi)
    0.398942
    """
    from scipy.special import ndtr

    if sd == 0:
        return 0.0
    u = abs(mean) / sd
    return float(sd * (np.exp(-u * u / 2) / np.sqrt(2 * np.pi) - u * ndtr(-u)))


def sample_reduction(prior_sd: float, std_error: float) -> float:
    """Return the standard deviation, seen from before, of the mean after a sample (normal prior and sample).

    Examples
    --------
    >>> sample_reduction(3.0, 4.0)
    1.8
    """
    if std_error == np.inf:
        return 0.0
    spread = np.hypot(prior_sd, std_error)
    return float(prior_sd**2 / spread) if spread else 0.0


def perfect_information(values: Floats) -> Worth:
    """Return what knowing everything beforehand is worth.

    Examples
    --------
    Two states, equally likely: 60 or −40 if done, nought if not. Decided now: 10; knowing: 30.

    >>> perfect_information(np.array([[60.0, 0.0], [-40.0, 0.0]])).value
    20.0
    """
    values = _checked(values)
    gain = values.max(axis=1) - values[:, int(values.mean(axis=0).argmax())]
    return _worth(gain)


def conditional_means(values: Floats, parameter: Floats) -> Floats:
    """Return the mean of the values given a parameter, at each draw of it, of shape (n, k).

    Least squares on a natural cubic spline with knots at quantiles; where the parameter takes up to as many
    values as there are knots, the mean of each, exactly.

    Parameters
    ----------
    values
        Of shape (n, k).
    parameter
        Draws of what would be known, of shape (n).
    """
    values = _checked(values)
    parameter = np.asarray(parameter, dtype=float)
    if parameter.shape != values.shape[:1] or not np.isfinite(parameter).all():
        raise DataError(f"parameter has shape {parameter.shape}; allowed: {len(values)} finite numbers")
    distinct, place = np.unique(parameter, return_inverse=True)
    if len(distinct) <= _KNOTS + 1:
        n = np.bincount(place)
        means = np.column_stack([np.bincount(place, column) / n for column in values.T])
        given: Floats = means[place]
        return given
    basis = spline_basis(parameter)
    gram = basis.T @ basis
    fitted: Floats = basis @ np.linalg.lstsq(gram, basis.T @ values, rcond=None)[0]
    return fitted


def spline_basis(x: Floats, *, knots: int = _KNOTS) -> Floats:
    """Return a natural cubic spline basis with an intercept, of shape (n, knots); straight beyond the ends.

    Parameters
    ----------
    x
        Of shape (n), of more than `knots` different values.
    knots
        3 or more, at equally spaced quantiles from 2 % to 98 %.

    References
    ----------
    Hastie, T., Tibshirani, R. & Friedman, J. (2009). The elements of statistical learning, 5.2.1.
    """
    at = np.unique(np.quantile(x, np.linspace(0.02, 0.98, knots)))
    scale = np.ptp(x) or 1.0
    z, at = (x - x.mean()) / scale, (at - x.mean()) / scale
    ones = np.ones_like(z)
    if len(at) < 3:
        return np.column_stack([ones, z])
    above = np.clip(z[:, None] - at, 0, None)
    cubes = above * above * above
    last = (cubes[:, :-1] - cubes[:, -1:]) / (at[-1] - at[:-1])
    return np.column_stack([ones, z, last[:, :-1] - last[:, -1:]])


def partial_information(values: Floats, parameter: Floats) -> Worth:
    """Return what knowing one parameter beforehand is worth.

    The standard error is that of following, draw by draw, the decision that the curve of conditional means
    advises.

    Parameters
    ----------
    values, parameter
        As in :func:`conditional_means`.

    References
    ----------
    Strong, M., Oakley, J. E. & Brennan, A. (2014). Estimating multiparameter partial expected value of
    perfect information from a probabilistic sensitivity analysis sample. Medical Decision Making 34, 311–326.
    """
    return worth_of_advice(values, conditional_means(values, parameter))


def worth_of_advice(values: Floats, given: Floats) -> Worth:
    """Return what it is worth to decide by conditional means instead of by the mean.

    Parameters
    ----------
    values
        Of shape (n, k).
    given
        From :func:`conditional_means`, of the same shape.
    """
    now = int(values.mean(axis=0).argmax())
    advised = given.argmax(axis=1)
    gain = values[np.arange(len(values)), advised] - values[:, now]
    return Worth(float((given.max(axis=1) - given[:, now]).mean()), _worth(gain).std_error)


def sample_information(values: Floats, parameter: Floats, *, std_error: float) -> Sample:
    r"""Return what an unbiased normal estimate of one parameter is worth beforehand.

    With g(θ) the conditional mean of the values, it is

    .. math:: \int \max_k \frac1n \sum_i g_k(\theta_i)\, \varphi_s(x - \theta_i)\, dx - \max_k \bar g_k,

    so that the prior may have any shape; for a normal one with linear values it is the preposterior of
    Raiffa & Schlaifer. It falls as the standard error grows, and never passes the value of knowing θ.

    Parameters
    ----------
    values, parameter
        As in :func:`conditional_means`.
    std_error
        Of the estimate that the sample would give, in the unit of the parameter; 0 or more.

    Raises
    ------
    OptionError
        If the standard error is none.
    """
    if not (std_error >= 0 and np.isfinite(std_error)):
        raise OptionError(f"std_error is {std_error!r}; allowed: a number from 0 on, in the parameter's unit")
    given = conditional_means(values, parameter)
    known = worth_of_advice(values, given)
    spread = float(np.ptp(parameter))
    now = int(given.mean(axis=0).argmax())
    if std_error == 0 or spread == 0 or known.value <= 0:
        return Sample(*known, float((given.argmax(axis=1) != now).mean()))
    step = max(std_error / _POINTS, (spread + 2 * _REACH * std_error) / _MOST)
    start = float(parameter.min()) - _REACH * std_error
    size = int(np.ceil((spread + 2 * _REACH * std_error) / step)) + 2
    # the last column is the share of the draws themselves
    mass = _gathered(np.column_stack([given, np.ones(len(given))]), (parameter - start) / step, size)
    ring = np.minimum(np.arange(size), size - np.arange(size)) * step
    bell = np.exp(-0.5 * (ring / std_error) ** 2)
    bell /= bell.sum()
    smooth = np.fft.irfft(np.fft.rfft(mass, axis=0) * np.fft.rfft(bell)[:, None], n=size, axis=0)
    value = float(smooth[:, :-1].max(axis=1).sum() - given[:, now].mean())
    value = min(max(value, 0.0), known.value)  # rounding, and where the grid is coarser than the sample
    chosen = smooth[:, :-1].argmax(axis=1)
    turned = float(smooth[chosen != now, -1].sum())
    # what each draw gains on average over the samples that it may give, by the decisions they lead to
    ways = (chosen[:, None] == np.arange(values.shape[1])).astype(float)
    likely = np.fft.irfft(np.fft.rfft(ways, axis=0) * np.fft.rfft(bell)[:, None], n=size, axis=0)
    own = likely[np.rint((parameter - start) / step).astype(np.int64)]
    gain = (own * values).sum(axis=1) - values[:, now]
    return Sample(value, _worth(gain).std_error, min(max(turned, 0.0), 1.0))


def _gathered(given: Floats, place: Floats, size: int) -> Floats:
    """Return the share of each grid point in the means, each draw divided between its two neighbours."""
    left = np.floor(place).astype(np.int64)
    part = place - left
    return np.column_stack(
        [
            (np.bincount(left, (1 - part) * g, size) + np.bincount(left + 1, part * g, size)) / len(given)
            for g in given.T
        ]
    )


def _worth(gain: Floats) -> Worth:
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else 0.0
    return Worth(float(gain.mean()), error)


def _checked(values: Floats) -> Floats:
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or len(values) < 2 or values.shape[1] < 2 or not np.isfinite(values).all():
        raise DataError(
            f"values have shape {values.shape}; allowed: finite numbers, draws by decisions, 2 or more"
        )
    return values
