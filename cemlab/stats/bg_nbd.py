"""The BG/NBD model: customers who buy at random and may stop for good after any purchase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from cemlab.errors import DesignError
from cemlab.stats.maximum_likelihood import Derivatives, FloatArray, maximise
from cemlab.stats.purchase_history import PurchaseHistory, tail_counts

_SUBSAMPLE = 20_000  # customers whose own fit is the start of the fit to everyone
# Rows at a time: the working arrays then stay in the processor's cache, and no product is so long
# (10,000) that OpenBLAS would spread it over threads, which wait for each other on a busy machine.
_BLOCK = 8_192


@dataclass(frozen=True, eq=False, kw_only=True)
class BGNBDFit:
    """A BG/NBD model of repeat buying with drop-out.

    While active a customer buys at random at her own rate, gamma distributed with shape `r` and rate
    `alpha`; after any purchase she stops for good with her own probability, beta distributed with
    parameters `a` and `b`.

    Parameters
    ----------
    r, alpha
        Shape, and rate in units of time.
    a, b
        Of the drop-out probability; its mean is ``a / (a + b)``.
    log_likelihood
        At the maximum.
    covariance
        Of (log r, log alpha, log a, log b), of shape (4, 4); nan where not converged.
    n
        How many customers it rests on, the sum of the weights.
    converged
        False where there is no interior maximum: a parameter runs to 0 or infinity, as `a` does
        where nobody seems to stop. Then neither parameters nor intervals may be shown.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    covariance: FloatArray
    n: float
    converged: bool

    def probability_alive(self, frequency: ArrayLike, *, recency: ArrayLike, age: ArrayLike) -> FloatArray:
        """Return how likely each customer is still active at the end of observation.

        Parameters
        ----------
        frequency, recency, age
            As in :func:`fit_bg_nbd`, each of shape (n,), in the time unit of the fit.

        Returns
        -------
        numpy.ndarray
            Of shape (n,); 1 without a repeat purchase, as the model lets nobody stop before one.

        Raises
        ------
        DataError
            If an entry cannot be; see :func:`fit_bg_nbd`.

        Examples
        --------
        >>> import numpy as np
        >>> fit = BGNBDFit(r=0.2426, alpha=4.4135, a=0.7929, b=2.4258, log_likelihood=0.0,
        ...                covariance=np.eye(4), n=1.0, converged=True)
        >>> fit.probability_alive([0, 2], recency=[0, 30.43], age=[38.86, 38.86]).round(4)
        array([1.    , 0.7266])
        """
        history = PurchaseHistory.checked(frequency, recency=recency, age=age)
        bought = history.frequency > 0
        alive = np.ones(bought.size)
        x, last, end = history.frequency[bought], history.recency[bought], history.age[bought]
        silence = (self.r + x) * np.log((self.alpha + end) / (self.alpha + last))
        alive[bought] = special.expit(-(np.log(self.a / (self.b + x - 1.0)) + silence))
        return alive


@dataclass(frozen=True, eq=False, kw_only=True)
class _Prepared:
    """Repeaters and single buyers apart, with the sums that do not depend on the parameters."""

    repeaters: PurchaseHistory
    once_age: FloatArray
    once_weight: FloatArray
    tails: FloatArray
    n: float


def fit_bg_nbd(
    frequency: ArrayLike, *, recency: ArrayLike, age: ArrayLike, weights: ArrayLike | None = None
) -> BGNBDFit:
    """Fit the BG/NBD model: how often customers buy, and how soon they stop.

    Parameters
    ----------
    frequency
        Repeat purchases of each customer, the first not counted, of shape (n,).
    recency
        Time from her first to her last purchase, of shape (n,); 0 without a repeat purchase.
    age
        Time from her first purchase to the end of observation, in the same unit, of shape (n,).
    weights
        How many customers a row stands for, of shape (n,); ones if not given.

    Returns
    -------
    BGNBDFit
        The maximum likelihood estimate from all customers; see its `converged`.

    Raises
    ------
    DataError
        If a count is none, a time is missing or negative, recency exceeds age, or lengths differ.
    DesignError
        If nobody buys again.

    Notes
    -----
    Newton's method on the logarithms of the parameters with analytic gradient and Hessian. With more
    than 20,000 customers it starts at the fit to every k-th of them; the estimate uses everyone.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. & Lee, K. L. (2005). "Counting your customers" the easy way: an
    alternative to the Pareto/NBD model. Marketing Science 24, 275–284.

    Examples
    --------
    >>> fit = fit_bg_nbd([0, 0, 1, 3, 9], recency=[0, 0, 3, 20, 38], age=[39, 39, 39, 39, 39],
    ...                  weights=[300, 300, 120, 80, 40])
    >>> fit.converged, fit.n
    (True, 840.0)
    """
    history = PurchaseHistory.checked(frequency, recency=recency, age=age, weights=weights)
    if not history.frequency[history.weights > 0].any():
        raise DesignError(
            "nobody buys a second time, so neither rates nor drop-out can be fitted; take a longer period"
        )
    data = _prepared(history)
    best = maximise(lambda theta: _log_likelihood(theta, data), _start(history))
    r, alpha, a, b = (float(value) for value in np.exp(best.theta))
    return BGNBDFit(
        r=r,
        alpha=alpha,
        a=a,
        b=b,
        log_likelihood=best.value,
        covariance=best.covariance,
        n=data.n,
        converged=best.converged,
    )


def _prepared(history: PurchaseHistory) -> _Prepared:
    again = history.frequency > 0
    return _Prepared(
        repeaters=PurchaseHistory(
            frequency=history.frequency[again],
            recency=history.recency[again],
            age=history.age[again],
            weights=history.weights[again],
        ),
        once_age=history.age[~again],
        once_weight=history.weights[~again],
        tails=tail_counts(history.frequency, history.weights),
        n=float(history.weights.sum()),
    )


def _start(history: PurchaseHistory) -> FloatArray:
    """Return where to begin: the fit to a subsample if there are many, or else plain guesses."""
    bought = history.weights @ history.frequency
    # Widely different customers (r = 0.5) who buy at the mean rate and stop with probability 1/4.
    guess: FloatArray = np.log(np.array([0.5, 0.5 * float(history.weights @ history.age / bought), 1.0, 3.0]))
    step = -(-history.frequency.size // _SUBSAMPLE)
    if step == 1:
        return guess
    part = history.every(step)
    if not part.frequency[part.weights > 0].any():
        return guess
    data = _prepared(part)
    best = maximise(lambda theta: _log_likelihood(theta, data), guess)
    return best.theta if best.converged else guess


def _log_likelihood(theta: FloatArray, data: _Prepared) -> Derivatives:
    """Return the log-likelihood in (log r, log alpha, log a, log b) with its derivatives.

    Per customer: ln Γ(r+x) - ln Γ(r) + r ln α + ln B(a, b+x) - ln B(a, b) - (r+x) ln(α+T)
    + [x > 0] ln(1 + exp z), where z = ln a - ln(b+x-1) + (r+x) ln((α+T)/(α+t_x)); the logistic
    function of z is the probability that she has stopped.
    """
    value, gradient, hessian = _count_terms(theta, data)
    parts = [_once_terms(theta, data, rows) for rows in _blocks(data.once_age.size)]
    parts += [_repeater_terms(theta, data.repeaters, rows) for rows in _blocks(data.repeaters.frequency.size)]
    for more, slopes, curves in parts:
        value += more
        gradient += slopes
        hessian += curves
    return value, gradient, hessian


def _count_terms(theta: FloatArray, data: _Prepared) -> Derivatives:
    """Gamma and beta functions, and r ln α: they depend on the counts alone."""
    r, alpha, a, b = np.exp(theta)
    j = np.arange(data.tails.size, dtype=np.float64)
    rj, bj, cj = r + j, b + j, a + b + j
    log_alpha = data.n * np.log(alpha)
    value = data.tails @ np.log(rj * bj / cj) + r * log_alpha
    gradient = np.array(
        [
            data.tails @ (r / rj) + r * log_alpha,
            r * data.n,
            -data.tails @ (a / cj),
            data.tails @ (b / bj - b / cj),
        ]
    )
    hessian = np.zeros((4, 4))
    hessian[0, 0] = data.tails @ (r * j / rj**2) + r * log_alpha
    hessian[0, 1] = hessian[1, 0] = hessian[1, 1] = r * data.n
    hessian[1, 1] -= r * data.n  # r ln α is linear in ln α
    hessian[2, 2] = -data.tails @ (a * (b + j) / cj**2)
    hessian[2, 3] = hessian[3, 2] = data.tails @ (a * b / cj**2)
    hessian[3, 3] = data.tails @ (b * j / bj**2 - b * (a + j) / cj**2)
    return float(value), gradient, hessian


def _blocks(size: int) -> list[slice]:
    return [slice(at, at + _BLOCK) for at in range(0, size, _BLOCK)]


def _once_terms(theta: FloatArray, data: _Prepared, rows: slice) -> Derivatives:
    """Return -r ln(α+T) of some of those who did not buy again."""
    r, alpha = np.exp(theta[:2])
    end, weight = alpha + data.once_age[rows], data.once_weight[rows]
    ratio = alpha / end
    value = -r * float(weight @ np.log(end))
    slope = -r * float(weight @ ratio)
    gradient = np.array([value, slope, 0.0, 0.0])
    hessian = np.zeros((4, 4))
    hessian[0, 0] = value
    hessian[0, 1] = hessian[1, 0] = slope
    hessian[1, 1] = slope + r * float(weight @ ratio**2)
    return value, gradient, hessian


def _repeater_terms(theta: FloatArray, repeaters: PurchaseHistory, rows: slice) -> Derivatives:
    """Return -(r+x) ln(α+T) + ln(1 + exp z) of some of those who bought again."""
    r, alpha, a, b = np.exp(theta)
    x, w = repeaters.frequency[rows], repeaters.weights[rows]
    end, last = alpha + repeaters.age[rows], alpha + repeaters.recency[rows]
    shape, offered = r + x, (b - 1.0) + x
    log_end = np.log(end)
    silence = log_end - np.log(last)
    z = np.log(a / offered) + shape * silence
    small = np.exp(-np.abs(z))
    stopped = np.where(z > 0.0, 1.0, small) / (1.0 + small)
    value = w @ (np.maximum(z, 0.0) + np.log(1.0 + small) - shape * log_end)

    # First derivatives of z in the logarithms of r, α, a, b.
    z_by = np.empty((4, x.size))
    end_ratio, last_ratio = alpha / end, alpha / last
    np.multiply(r, silence, out=z_by[0])
    np.multiply(shape, end_ratio - last_ratio, out=z_by[1])
    z_by[2] = 1.0
    np.divide(-b, offered, out=z_by[3])
    gone = w * stopped
    gradient = np.array([slope @ gone for slope in z_by])
    hessian = (z_by * (gone * (1.0 - stopped))) @ z_by.T
    # Second derivatives of z, weighted by the chance of having stopped.
    z_alpha = r * (gone @ (end_ratio - last_ratio))
    hessian[0, 0] += gradient[0]
    hessian[1, 1] += gradient[1] - (gone * shape) @ (end_ratio**2 - last_ratio**2)
    hessian[3, 3] += gradient[3] + gone @ z_by[3] ** 2

    # And those of -(r+x) ln(α+T).
    by_r, by_alpha = -r * (w @ log_end), -(w * shape) @ end_ratio
    cross = z_alpha - r * (w @ end_ratio)
    gradient[:2] += by_r, by_alpha
    hessian[0, 0] += by_r
    hessian[0, 1] += cross
    hessian[1, 0] += cross
    hessian[1, 1] += by_alpha + (w * shape) @ end_ratio**2
    return float(value), gradient, hessian
