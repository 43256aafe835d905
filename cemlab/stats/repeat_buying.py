"""The NBD model of repeat buying, and what it expects of the next period if nobody changes.

The other model of this family, in which customers may stop for good, is in
:mod:`cemlab.stats.bg_nbd`; its names can be had from here too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from cemlab.errors import DataError, DesignError
from cemlab.stats.bg_nbd import BGNBDFit, fit_bg_nbd
from cemlab.stats.maximum_likelihood import Derivatives, FloatArray, maximise
from cemlab.stats.purchase_history import checked_counts, checked_numbers, checked_weights, tail_counts

__all__ = ["BGNBDFit", "NBDFit", "fit_bg_nbd", "fit_nbd"]

# Below this r the zero-truncated NBD is the logarithmic series distribution to six digits.
_SMALLEST_R = 1e-6
_WHAT_TO_DO = (
    "look for a fixed rhythm or a cap in the data, such as one purchase a month by contract, "
    "or take longer or shorter periods"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class NBDFit:
    """A negative binomial model of purchase counts.

    A customer buys at random at her own steady rate; rates differ between customers as a gamma
    distribution with shape `r` and rate `alpha` (mean ``r / alpha`` purchases per unit of exposure).

    Parameters
    ----------
    r, alpha
        Shape, and rate in units of exposure.
    log_likelihood
        At the maximum, all constants included.
    covariance
        Of (log r, log alpha), of shape (2, 2).
    n
        How many customers it rests on, the sum of the weights.
    zero_truncated
        Whether only buyers were in the data.
    """

    r: float
    alpha: float
    log_likelihood: float
    covariance: FloatArray
    n: float
    zero_truncated: bool

    def expected_next_count(
        self, frequency: ArrayLike, *, exposure: ArrayLike, next_exposure: ArrayLike
    ) -> FloatArray:
        """Return the mean number of purchases of the next period, given those of this one.

        Parameters
        ----------
        frequency
            Purchases in this period, of shape (n,).
        exposure, next_exposure
            Length of this and of the next period, one number or shape (n,), in the unit of the fit.

        Returns
        -------
        numpy.ndarray
            ``(r + x) / (alpha + exposure) * next_exposure``, of shape (n,).

        Raises
        ------
        DataError
            If a count is none or an exposure is not positive.
        """
        shape, rate, ahead = self._posterior(frequency, exposure, next_exposure)
        return shape / rate * ahead

    def next_count_pmf(
        self, frequency: ArrayLike, *, exposure: ArrayLike, next_exposure: ArrayLike, up_to: int
    ) -> FloatArray:
        """Return how likely each number of purchases in the next period is if the rate stays.

        The conditional trend analysis of Goodhardt & Ehrenberg (1967): given x purchases in this
        period, those of the next are again negative binomial. It holds for buyers of any number,
        0 included, also where the model was fitted to buyers alone.

        Parameters
        ----------
        frequency
            Purchases in this period, of shape (n,).
        exposure, next_exposure
            Length of this and of the next period, one number or shape (n,), in the unit of the fit.
        up_to
            The last column counts this many purchases or more.

        Returns
        -------
        numpy.ndarray
            Probabilities of 0, 1, …, ``up_to - 1`` and of `up_to` or more, of shape (n, up_to + 1).

        Raises
        ------
        DataError
            If a count is none, an exposure is not positive or `up_to` is negative.

        Examples
        --------
        >>> import numpy as np
        >>> fit = NBDFit(r=1.0, alpha=1.0, log_likelihood=0.0, covariance=np.eye(2), n=1.0,
        ...              zero_truncated=False)
        >>> fit.next_count_pmf([0], exposure=1.0, next_exposure=1.0, up_to=1).round(4)
        array([[0.6667, 0.3333]])
        """
        if up_to < 0:
            raise DataError(f"up_to is {up_to}; give the number of purchases from which on all count as one")
        shape, rate, ahead = self._posterior(frequency, exposure, next_exposure)
        shape, bought = shape[:, None], (ahead / (rate + ahead))[:, None]
        j = np.arange(max(up_to - 1, 0))[None, :]
        # p(0) = (1 + ahead / rate)^-shape, and p(j + 1) = p(j) · bought · (shape + j) / (j + 1)
        log_none = -shape * np.log1p((ahead / rate)[:, None])
        growth = np.cumsum(np.log(bought) + np.log((shape + j) / (j + 1)), axis=1)
        exact = np.exp(np.concatenate([log_none, log_none + growth], axis=1))[:, :up_to]
        rest = special.betainc(up_to, shape, bought) if up_to else np.ones_like(shape)
        return np.concatenate([exact, rest], axis=1)

    def _posterior(
        self, frequency: ArrayLike, exposure: ArrayLike, next_exposure: ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return shape and rate of each customer's own purchase rate, and the time ahead."""
        counts = checked_counts(frequency)
        seen = checked_numbers(exposure, what="exposure", n=counts.size, above=0.0)
        ahead = checked_numbers(next_exposure, what="next_exposure", n=counts.size, above=0.0)
        return self.r + counts, self.alpha + seen, ahead


@dataclass(frozen=True, eq=False, kw_only=True)
class _Counts:
    """Counts with exposures and weights, and the sums that do not depend on the parameters."""

    count: FloatArray
    exposure: FloatArray
    weight: FloatArray
    tails: FloatArray
    constant: float  # sum of x ln T - ln x!
    truncated: bool


def fit_nbd(
    frequency: ArrayLike,
    *,
    exposure: ArrayLike,
    weights: ArrayLike | None = None,
    zero_truncated: bool = False,
) -> NBDFit:
    """Fit the NBD model: how much customers differ in how often they buy.

    Parameters
    ----------
    frequency
        Purchases of each customer, of shape (n,).
    exposure
        Length of the period in which they were counted, one number or shape (n,), in any unit.
    weights
        How many customers a row stands for, of shape (n,); ones if not given.
    zero_truncated
        True where a customer is in the data only because she bought, so that no count is 0.

    Returns
    -------
    NBDFit
        The maximum likelihood estimate.

    Raises
    ------
    DataError
        If a count is none, an exposure is not positive, lengths differ, or a count is 0 although
        zeros are said to be cut off.
    DesignError
        If nobody buys; if nobody buys twice where zeros are cut off; if the counts vary no more than
        chance at one common rate, so that there are no differences to fit; or if zero-truncated
        counts are so skew that the share of non-buyers cannot be told.

    Notes
    -----
    Assumes steady rates: no trend, season or drop-out within the period. Counts are Poisson given
    the rate, rates gamma distributed (Ehrenberg 1959).

    References
    ----------
    Goodhardt, G. J. & Ehrenberg, A. S. C. (1967). Conditional trend analysis: a breakdown by initial
    purchasing level. Journal of Marketing Research 4, 155–161.

    Examples
    --------
    >>> fit = fit_nbd([0, 1, 2, 5, 12], exposure=1.0, weights=[50, 20, 15, 10, 5])
    >>> round(fit.r / fit.alpha, 6)   # the mean is met exactly
    1.6
    """
    data = _checked(frequency, exposure, weights, zero_truncated)
    mean = _common_rate(data)
    if _overdispersion(data, mean) <= 0.0:
        raise DesignError(
            "the counts vary no more than chance at one common rate would make them (underdispersed), so "
            f"there are no differences between customers for an NBD no-change null to fit; {_WHAT_TO_DO}"
        )
    best = maximise(lambda theta: _log_likelihood(theta, data), np.array([0.0, np.log(mean)]))
    r, rate = np.exp(best.theta)
    if r < _SMALLEST_R or (not best.converged and best.theta[0] < 0.0):
        raise DesignError(
            "the zero-truncated counts are too skew for an NBD (r runs to 0), so the share of non-buyers "
            "cannot be told; count everyone who could have bought, non-buyers included"
        )
    if not best.converged:
        raise DesignError(
            "the differences between customers cannot be told from chance at one common rate (r runs to "
            f"infinity), so an NBD no-change null cannot be fitted; {_WHAT_TO_DO}"
        )
    turn = np.array([[1.0, 0.0], [1.0, -1.0]])  # from (log r, log rate) to (log r, log alpha)
    return NBDFit(
        r=float(r),
        alpha=float(r / rate),
        log_likelihood=best.value,
        covariance=turn @ best.covariance @ turn.T,
        n=float(data.weight.sum()),
        zero_truncated=zero_truncated,
    )


def _checked(
    frequency: ArrayLike, exposure: ArrayLike, weights: ArrayLike | None, truncated: bool
) -> _Counts:
    """Check the input; where all exposures are the same, keep one row per distinct count."""
    count = checked_counts(frequency)
    length = checked_numbers(exposure, what="exposure", n=count.size, above=0.0)
    weight = checked_weights(weights, n=count.size)
    present = weight > 0
    if truncated and (count[present] == 0).any():
        row = int(np.argmax((count == 0) & present))
        raise DataError(
            f"frequency[{row}] is 0, but zero_truncated says that non-buyers are not in the data; leave the "
            "zeros out, or set zero_truncated=False if they are all there"
        )
    largest = float(count[present].max())
    if largest == 0 or (truncated and largest == 1):
        times = "twice" if truncated else "at all"
        raise DesignError(f"nobody buys {times}, so no purchase rates can be fitted; take a longer period")
    if np.ptp(length) == 0:
        held = np.bincount(count.astype(np.int64), weights=weight)
        count = np.asarray(np.flatnonzero(held), dtype=np.float64)
        weight = np.asarray(held[held > 0], dtype=np.float64)
        length = np.full(count.size, length[0])
    return _Counts(
        count=count,
        exposure=length,
        weight=weight,
        tails=tail_counts(count, weight),
        constant=float(weight @ (count * np.log(length) - special.gammaln(count + 1.0))),
        truncated=truncated,
    )


def _common_rate(data: _Counts) -> float:
    """Return the rate of a Poisson model with one rate for all."""
    bought, seen = float(data.weight @ data.count), float(data.weight @ data.exposure)
    if not data.truncated:
        return bought / seen

    def poisson(theta: FloatArray) -> Derivatives:
        mean = data.exposure * np.exp(theta[0])
        surplus, slope = _surplus(mean)
        value = bought * theta[0] - data.weight @ (mean + np.log(-np.expm1(-mean)))
        gradient = bought - data.weight @ (mean * (1.0 + surplus))
        hessian = -data.weight @ (mean * (1.0 + surplus) + mean**2 * slope)
        return float(value), np.array([gradient]), np.array([[hessian]])

    return float(np.exp(maximise(poisson, np.array([np.log(bought / seen)])).theta[0]))


def _surplus(q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives of ln(1 - exp(-q)): the first, 1 / (exp(q) - 1), and the second."""
    # exp(-700) is nothing beside 1, and exp(700) still is a number.
    first = 1.0 / np.expm1(np.minimum(q, 700.0))
    return first, -first * (1.0 + first)


def _overdispersion(data: _Counts, rate: float) -> float:
    """Return the slope of the log-likelihood in 1 / r where r is infinite.

    The NBD has a higher likelihood than the Poisson with a finite r exactly where it is positive.
    """
    mean = rate * data.exposure
    excess = (data.count - mean) ** 2 - data.count
    if data.truncated:
        excess = excess + mean**2 * _surplus(mean)[0]
    slope = 0.5 * float(data.weight @ excess)
    # Counts that are exactly as variable as Poisson must not pass by a rounding error.
    rounding = 1e-12 * float(data.weight @ (data.count**2 + mean**2))
    return slope if slope > rounding else 0.0


def _log_likelihood(theta: FloatArray, data: _Counts) -> Derivatives:
    """Return the log-likelihood in (log r, log rate), rate = r / alpha, with its derivatives.

    With mean m = rate · T and L = ln(1 + m / r), a count x has
    ``sum over j < x of ln(1 + j / r) + x ln m - (r + x) L - ln x!``. Written so, nothing cancels as
    r grows, and the limit is the Poisson model.
    """
    r, rate = np.exp(theta)
    w, x = data.weight, data.count
    j = np.arange(data.tails.size, dtype=np.float64)
    mean = rate * data.exposure
    step = np.log1p(mean / r)
    s = mean / (r + mean)
    # q = r L is minus the logarithm of the chance to buy nothing
    q, q_r, q_m = r * step, r * (step - s), r * s
    q_rr, q_rm, q_mm = r * (step - s - s**2), r * s**2, r * s * (1.0 - s)
    first, second = np.ones_like(q), np.zeros_like(q)
    truncation = 0.0
    if data.truncated:
        more, second = _surplus(q)
        first = first + more
        truncation = float(w @ np.log(-np.expm1(-q)))
    value = data.tails @ np.log1p(j / r) - w @ (q + x * step) + (w @ x) * theta[1] + data.constant
    spread = w * x * s * (1.0 - s)
    gradient = [
        -data.tails @ (j / (r + j)) - w @ (first * q_r - x * s),
        w @ x - w @ (first * q_m + x * s),
    ]
    h_rr = data.tails @ (j * r / (r + j) ** 2) - w @ (first * q_rr + second * q_r**2) - spread.sum()
    h_rm = -w @ (first * q_rm + second * q_r * q_m) + spread.sum()
    h_mm = -w @ (first * q_mm + second * q_m**2) - spread.sum()
    return float(value) - truncation, np.array(gradient), np.array([[h_rr, h_rm], [h_rm, h_mm]])
