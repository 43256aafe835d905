"""The NBD model of repeat buying, and what it expects of the next period if nobody changes.

The other model of this family, in which customers may stop for good, is in :mod:`cemlab.stats.bg_nbd`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from cemlab.errors import DataError, DesignError
from cemlab.stats.maximum_likelihood import Derivatives, FloatArray, maximise
from cemlab.stats.nbd_likelihood import (
    CheckedCounts,
    checked_exposures,
    common_rate,
    log_likelihood,
    overdispersion,
)
from cemlab.stats.purchase_history import checked_counts, checked_numbers, checked_weights

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
        Shape, and rate in units of exposure. A zero-truncated fit may end at ``r = 0``, where the NBD
        becomes the logarithmic series distribution: how many did not buy cannot be told then, but what
        buyers do next can.
    log_likelihood
        At the maximum, all constants included.
    covariance
        Of (log r, log alpha), of shape (2, 2); no error of r where it is 0.
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

    def expected_counts(
        self, exposure: ArrayLike, *, weights: ArrayLike | None = None, up_to: int
    ) -> FloatArray:
        """Return how many customers the model expects with each number of purchases.

        Parameters
        ----------
        exposure
            Length of the period of each customer, of shape (n,), in the unit of the fit.
        weights
            How many customers a row stands for, of shape (n,); ones if not given.
        up_to
            The largest number of purchases asked for.

        Returns
        -------
        numpy.ndarray
            Expected customers with exactly 0, 1, …, `up_to` purchases, of shape (up_to + 1,); none with 0
            where the model was fitted to buyers alone.

        Examples
        --------
        >>> import numpy as np
        >>> fit = NBDFit(r=1.0, alpha=1.0, log_likelihood=0.0, covariance=np.eye(2), n=1.0,
        ...              zero_truncated=False)
        >>> fit.expected_counts([1.0], weights=[80], up_to=2).round(6)
        array([40., 20., 10.])
        """
        lengths = checked_numbers(exposure, what="exposure", n=np.size(exposure), above=0.0)
        weight = checked_weights(weights, n=lengths.size)
        length, place = np.unique(lengths, return_inverse=True)
        customers = np.bincount(place, weights=weight)
        x = np.arange(up_to + 1, dtype=np.float64)
        share = (length / (self.alpha + length))[:, None]
        with np.errstate(divide="ignore"):
            log_pmf = special.gammaln(self.r + x) - special.gammaln(x + 1.0) + x * np.log(share)
        if self.zero_truncated:
            # 1 / Γ(r) and 1 - p(0) both vanish with r; their ratio does not
            log_pmf[:, 0] = -np.inf
            some = -np.expm1(self.r * np.log1p(-share)) / self.r if self.r else -np.log1p(-share)
            log_pmf += self.r * np.log1p(-share) - special.gammaln(self.r + 1.0) - np.log(some)
        else:
            log_pmf += self.r * np.log1p(-share) - special.gammaln(self.r)
        return np.asarray(customers @ np.exp(log_pmf), dtype=np.float64)

    def _posterior(
        self, frequency: ArrayLike, exposure: ArrayLike, next_exposure: ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return shape and rate of each customer's own purchase rate, and the time ahead."""
        counts = checked_counts(frequency)
        if self.r == 0.0 and (counts == 0).any():
            raise DataError(
                "frequency has a 0, but this model was fitted to buyers alone and says nothing of others"
            )
        seen = checked_numbers(exposure, what="exposure", n=counts.size, above=0.0)
        ahead = checked_numbers(next_exposure, what="next_exposure", n=counts.size, above=0.0)
        return self.r + counts, self.alpha + seen, ahead


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
        If nobody buys; if nobody buys twice where zeros are cut off; or if the counts vary no more than
        chance at one common rate, so that there are no differences to fit.

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
    data = checked_exposures(frequency, exposure, weights, zero_truncated)
    mean = common_rate(data)
    if overdispersion(data, mean) <= 0.0:
        raise DesignError(
            "the counts vary no more than chance at one common rate would make them (underdispersed), so "
            f"there are no differences between customers for an NBD no-change null to fit; {_WHAT_TO_DO}"
        )
    best = maximise(lambda theta: log_likelihood(theta, data), np.array([0.0, np.log(mean)]))
    r, rate = np.exp(best.theta)
    if zero_truncated and (r < _SMALLEST_R or (not best.converged and best.theta[0] < 0.0)):
        return _logarithmic_series(data)
    if not best.converged and best.theta[0] < 0.0:
        raise DesignError(
            "the counts are too skew for an NBD (r runs to 0): nearly everyone buys nothing and a few buy "
            f"very much; {_WHAT_TO_DO}"
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


def _logarithmic_series(data: CheckedCounts) -> NBDFit:
    """Fit the limit of the zero-truncated NBD where r is 0 (Fisher 1943), a series in alpha alone."""

    def series(theta: FloatArray) -> Derivatives:
        # a count x ≥ 1 has s^x / (x L) with s = T / (alpha + T) and L = ln(1 + T / alpha)
        odds = data.exposure * np.exp(-theta[0])
        s, total = odds / (1.0 + odds), np.log1p(odds)
        value = data.weight @ (data.count * np.log(s) - np.log(data.count) - np.log(total))
        gradient = data.weight @ (s / total - data.count * (1.0 - s))
        bend = s * (s - (1.0 - s) * total) / total**2 - data.count * s * (1.0 - s)
        return float(value), np.array([gradient]), np.array([[data.weight @ bend]])

    best = maximise(series, np.array([np.log(np.average(data.exposure, weights=data.weight))]))
    if not best.converged:
        raise DesignError(f"the counts are too skew for any model of steady buying; {_WHAT_TO_DO}")
    covariance = np.zeros((2, 2))
    covariance[1, 1] = best.covariance[0, 0]
    return NBDFit(
        r=0.0,
        alpha=float(np.exp(best.theta[0])),
        log_likelihood=best.value,
        covariance=covariance,
        n=float(data.weight.sum()),
        zero_truncated=True,
    )
