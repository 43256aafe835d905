"""The Pareto/NBD model: customers who buy at random and may stop for good at any moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cemlab.errors import DesignError
from cemlab.stats.maximum_likelihood import Derivatives, FloatArray, maximise
from cemlab.stats.purchase_history import PurchaseHistory, tail_counts

# The integral over the unseen moment of stopping is a sum over this many points per customer. The
# integrand is analytic in the variable used; 48 points leave a relative error below 1e-11 for
# parameters from 0.01 to 100 and counts up to thousands; tests compare with other integrations.
_POINTS, _SHARES = np.polynomial.legendre.leggauss(48)
_NEGLIGIBLE = 40.0  # exp(-40) of the integrand's largest value is left out
_SUBSAMPLE = 5_000  # customers whose own fit is the start of the fit to everyone
_BLOCK = 4_096  # rows at a time, each with its points


@dataclass(frozen=True, eq=False, kw_only=True)
class ParetoNBDFit:
    """A Pareto/NBD model of repeat buying with drop-out.

    While active a customer buys at random at her own rate, gamma distributed with shape `r` and rate
    `alpha`; at any moment she may stop for good, at her own rate, gamma distributed with shape `s`
    and rate `beta`.

    Parameters
    ----------
    r, alpha
        Shape and rate of the purchase rates; `alpha` in units of time.
    s, beta
        Shape and rate of the drop-out rates; `beta` in units of time.
    log_likelihood
        At the maximum.
    covariance
        Of (log r, log alpha, log s, log beta), of shape (4, 4); nan where not converged.
    n
        How many customers it rests on, the sum of the weights.
    converged
        False where there is no interior maximum: a parameter runs to 0 or infinity. Then neither
        parameters nor intervals may be shown.
    """

    r: float
    alpha: float
    s: float
    beta: float
    log_likelihood: float
    covariance: FloatArray
    n: float
    converged: bool

    def probability_alive(self, frequency: ArrayLike, *, recency: ArrayLike, age: ArrayLike) -> FloatArray:
        """Return how likely each customer is still active at the end of observation.

        Parameters
        ----------
        frequency, recency, age
            As in :func:`fit_pareto_nbd`, each of shape (n,), in the time unit of the fit.

        Returns
        -------
        numpy.ndarray
            Of shape (n,).

        Raises
        ------
        DataError
            If an entry cannot be; see :func:`fit_pareto_nbd`.

        Examples
        --------
        >>> import numpy as np
        >>> fit = ParetoNBDFit(r=0.5533, alpha=10.578, s=0.6062, beta=11.668, log_likelihood=0.0,
        ...                    covariance=np.eye(4), n=1.0, converged=True)
        >>> fit.probability_alive([0, 0], recency=[0, 0], age=[1e-9, 1e12]).round(2)   # new; silent for ever
        array([1., 0.])
        """
        history = PurchaseHistory.checked(frequency, recency=recency, age=age)
        theta = np.log([self.r, self.alpha, self.s, self.beta])
        alive = np.empty(history.frequency.size)
        for at in range(0, alive.size, _BLOCK):
            rows = slice(at, at + _BLOCK)
            chance, _, _ = _moments(theta, history, rows)
            alive[rows] = chance[:, -1]
        return alive


def fit_pareto_nbd(
    frequency: ArrayLike, *, recency: ArrayLike, age: ArrayLike, weights: ArrayLike | None = None
) -> ParetoNBDFit:
    """Fit the Pareto/NBD model: how often customers buy, and how soon they stop.

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
    ParetoNBDFit
        The maximum likelihood estimate from all customers; see its `converged`.

    Raises
    ------
    DataError
        If a count is none, a time is missing or negative, recency exceeds age, or lengths differ.
    DesignError
        If nobody buys again.

    Notes
    -----
    The moment of stopping is integrated out numerically, so that gradient and Hessian are exact means
    over it and no hypergeometric function, nor its derivative in a parameter, is needed.

    References
    ----------
    Schmittlein, D. C., Morrison, D. G. & Colombo, R. (1987). Counting your customers: who are they
    and what will they do next? Management Science 33, 1–24.
    """
    history = PurchaseHistory.checked(frequency, recency=recency, age=age, weights=weights)
    if not history.frequency[history.weights > 0].any():
        raise DesignError(
            "nobody buys a second time, so neither rates nor drop-out can be fitted; take a longer period"
        )
    best = maximise(_objective(history), _start(history))
    r, alpha, s, beta = (float(value) for value in np.exp(best.theta))
    return ParetoNBDFit(
        r=r,
        alpha=alpha,
        s=s,
        beta=beta,
        log_likelihood=best.value,
        covariance=best.covariance,
        n=float(history.weights.sum()),
        converged=best.converged,
    )


def _start(history: PurchaseHistory) -> FloatArray:
    """Return where to begin: the fit to a subsample if there are many, or else plain guesses."""
    bought, seen = history.weights @ history.frequency, history.weights @ history.age
    mean_age = seen / history.weights.sum()
    # Customers differ widely in both rates, and half of them stop within the mean age.
    guess = np.log([1.0, seen / bought, 1.0, mean_age])
    step = -(-history.frequency.size // _SUBSAMPLE)
    part = history.every(step)
    if step == 1 or not part.frequency[part.weights > 0].any():
        return guess
    best = maximise(_objective(part), guess)
    return best.theta if best.converged else guess


def _objective(history: PurchaseHistory) -> _Objective:
    return _Objective(
        history=history,
        tails=tail_counts(history.frequency, history.weights),
        n=float(history.weights.sum()),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Objective:
    """The log-likelihood in (log r, log alpha, log s, log beta) with its derivatives."""

    history: PurchaseHistory
    tails: FloatArray
    n: float

    def __call__(self, theta: FloatArray) -> Derivatives:
        r, s = np.exp(theta[[0, 2]])
        j = np.arange(self.tails.size, dtype=np.float64)
        log_alpha, log_beta = r * self.n * theta[1], s * self.n * theta[3]
        value = float(self.tails @ np.log(r + j)) + log_alpha + log_beta
        gradient = np.array(
            [self.tails @ (r / (r + j)) + log_alpha, r * self.n, log_beta, s * self.n], dtype=np.float64
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = self.tails @ (r * j / (r + j) ** 2) + log_alpha
        hessian[0, 1] = hessian[1, 0] = r * self.n
        hessian[2, 2] = log_beta
        hessian[2, 3] = hessian[3, 2] = s * self.n
        for at in range(0, self.history.frequency.size, _BLOCK):
            more, slopes, curves = _mixture_terms(theta, self.history, slice(at, at + _BLOCK))
            value += more
            gradient += slopes
            hessian += curves
        return value, gradient, hessian


def _stopping_times(
    theta: FloatArray, history: PurchaseHistory, rows: slice
) -> tuple[FloatArray, FloatArray]:
    """Return points between last purchase and end, and the logarithms of their widths, (n, points).

    The variable is ln(y + m) with m the smaller of alpha and beta: the integrand's singularities then
    lie at a distance of pi or more from the real line, however long the interval. Where the count or
    `s` is large, the interval ends where the integrand is nothing any more.
    """
    r, alpha, s, beta = np.exp(theta)
    smaller = min(alpha, beta)
    last, end, x = history.recency[rows], history.age[rows], history.frequency[rows]
    # In this variable the integrand falls at least as (alpha + y)^-(r + x - 1), and at least as
    # (beta + y)^-s but for a factor of (beta + t_x) / (alpha + t_x). exp(600) is far beyond any end.
    by_buying = _NEGLIGIBLE / np.maximum(r + x - 1.0, 1e-3)
    by_stopping = (_NEGLIGIBLE + np.log(np.maximum((beta + last) / (alpha + last), 1.0))) / s
    reach = np.minimum(
        (alpha + last) * np.exp(np.minimum(by_buying, 600.0)) - alpha,
        (beta + last) * np.exp(np.minimum(by_stopping, 600.0)) - beta,
    )
    low = np.log(smaller + last)
    half = 0.5 * (np.log(smaller + np.minimum(end, np.maximum(reach, last))) - low)
    points = low[:, None] + half[:, None] * (1.0 + _POINTS)
    with np.errstate(divide="ignore"):  # who bought on the last day has an interval of width 0
        log_width = np.log(half)[:, None] + np.log(_SHARES) + points
    return np.exp(points) - smaller, log_width


def _moments(
    theta: FloatArray, history: PurchaseHistory, rows: slice
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the chance of each moment of stopping, the moments, and the log-likelihood.

    The chances and the moments have shape (n, points + 1); the last column is "not stopped yet", at
    the end of observation. The log-likelihood, of shape (n,), leaves out the terms of
    ``Γ(r+x) α^r β^s / Γ(r)``; what is left is
    ``(α+T)^-(r+x) (β+T)^-s + s ∫ (α+y)^-(r+x) (β+y)^-(s+1) dy`` over t_x < y < T.
    """
    r, alpha, s, beta = np.exp(theta)
    times, log_width = _stopping_times(theta, history, rows)
    shape, end = r + history.frequency[rows][:, None], history.age[rows][:, None]
    log_stop = theta[2] + log_width - shape * np.log(alpha + times) - (s + 1.0) * np.log(beta + times)
    log_stay = -shape * np.log(alpha + end) - s * np.log(beta + end)
    logs = np.concatenate([log_stop, log_stay], axis=1)
    top = logs.max(axis=1, keepdims=True)
    chance = np.exp(logs - top)
    total = chance.sum(axis=1, keepdims=True)
    return chance / total, np.concatenate([times, end], axis=1), (top + np.log(total))[:, 0]


def _mixture_terms(theta: FloatArray, history: PurchaseHistory, rows: slice) -> Derivatives:
    """Return the logarithm of the mixture over moments of stopping, with its derivatives.

    The gradient of the log of a sum is the mean, and its Hessian the mean plus the covariance, of
    those of the logs of the summands, each weighted by its share of the sum.
    """
    r, alpha, s, beta = np.exp(theta)
    chance, times, log_mixture = _moments(theta, history, rows)
    w = history.weights[rows]
    shape = r + history.frequency[rows][:, None]
    stopped = np.ones(times.shape[1])
    stopped[-1] = 0.0
    ratio_a, ratio_b = alpha / (alpha + times), beta / (beta + times)
    slopes = np.stack(
        [
            -r * np.log(alpha + times),
            -shape * ratio_a,
            stopped - s * np.log(beta + times),
            -(s + stopped) * ratio_b,
        ],
        axis=2,
    )
    weighted = slopes * (w[:, None] * chance)[:, :, None]
    mean = np.einsum("nk,nkj->nj", chance, slopes)
    gradient = weighted.sum(axis=(0, 1))
    hessian = weighted.reshape(-1, 4).T @ slopes.reshape(-1, 4) - (mean * w[:, None]).T @ mean
    share = w[:, None] * chance
    hessian[0, 0] += gradient[0]
    hessian[0, 1] += -r * (share * ratio_a).sum()
    hessian[1, 0] = hessian[0, 1]
    hessian[1, 1] += gradient[1] + (share * shape * ratio_a**2).sum()
    hessian[2, 2] += gradient[2] - (share * stopped).sum()
    hessian[2, 3] += -s * (share * ratio_b).sum()
    hessian[3, 2] = hessian[2, 3]
    hessian[3, 3] += gradient[3] + (share * (s + stopped) * ratio_b**2).sum()
    return float(w @ log_mixture), gradient, hessian
