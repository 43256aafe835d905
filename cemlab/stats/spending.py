"""The Gamma-Gamma model of spending: how much a purchase is worth, customer by customer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from cemlab.errors import DataError, DesignError
from cemlab.stats.maximum_likelihood import Derivatives, FloatArray, maximise
from cemlab.stats.purchase_history import checked_counts, checked_numbers, checked_weights


@dataclass(frozen=True, eq=False, kw_only=True)
class GammaGammaFit:
    """A Gamma-Gamma model of the value of a purchase.

    The values of one customer's purchases are gamma distributed with shape `p` and her own rate;
    rates are gamma distributed with shape `q` and rate `v`.

    Parameters
    ----------
    p, q
        Shape of the values of one customer, and of the differences between customers.
    v
        Rate of the latter, in money; called gamma in the paper.
    log_likelihood
        At the maximum.
    covariance
        Of (log p, log q, log v), of shape (3, 3).
    n
        How many customers it rests on, the sum of the weights.
    """

    p: float
    q: float
    v: float
    log_likelihood: float
    covariance: FloatArray
    n: float

    @property
    def mean_value(self) -> float:
        """Mean value of a purchase over all customers; infinite where `q` is 1 or less."""
        return self.p * self.v / (self.q - 1.0) if self.q > 1.0 else float("inf")

    def expected_value(self, frequency: ArrayLike, *, mean_value: ArrayLike) -> FloatArray:
        """Return the expected value of a customer's purchases, given those seen.

        A mean of what she spent and what customers spend, so that few purchases count little.

        Parameters
        ----------
        frequency
            Purchases seen, of shape (n,); 0 is allowed.
        mean_value
            Their mean value, of shape (n,); must be above 0, and is ignored where frequency is 0.

        Returns
        -------
        numpy.ndarray
            ``p (v + x m) / (p x + q - 1)``, of shape (n,), in money.

        Raises
        ------
        DataError
            If a count is none, a value is not positive, or lengths differ.
        DesignError
            If it is infinite for a customer, as for one without purchases where `q` is 1 or less.

        Examples
        --------
        >>> import numpy as np
        >>> fit = GammaGammaFit(p=2.0, q=3.0, v=10.0, log_likelihood=0.0, covariance=np.eye(3), n=1.0)
        >>> fit.expected_value([0, 4], mean_value=[1.0, 30.0])
        array([10., 26.])
        """
        x = checked_counts(frequency)
        value = checked_numbers(mean_value, what="mean_value", n=x.size, above=0.0)
        weight = self.p * x + self.q - 1.0
        if (weight <= 0.0).any():
            raise DesignError(
                f"with q = {self.q:.3g} customers differ so much that the mean value of one with few "
                "purchases is infinite; leave out those without purchases, or report medians"
            )
        return self.p * (self.v + x * value) / weight


def fit_gamma_gamma(
    frequency: ArrayLike, *, mean_value: ArrayLike, weights: ArrayLike | None = None
) -> GammaGammaFit:
    """Fit the Gamma-Gamma model: how much customers differ in what they spend a time.

    Parameters
    ----------
    frequency
        Number of purchases that `mean_value` is the mean of, 1 or more, of shape (n,).
    mean_value
        Mean value of these purchases, above 0, of shape (n,), in money.
    weights
        How many customers a row stands for, of shape (n,); ones if not given.

    Returns
    -------
    GammaGammaFit
        The maximum likelihood estimate.

    Raises
    ------
    DataError
        If a count is 0 or none, a value is not positive or missing, or lengths differ.
    DesignError
        If the values do not let the spread within and between customers be told apart.

    Notes
    -----
    Assumes that what a customer spends a time does not depend on how often she buys; look at their
    correlation first.

    References
    ----------
    Fader, P. S. & Hardie, B. G. S. (2013). The Gamma-Gamma model of monetary value.

    Examples
    --------
    >>> fit = fit_gamma_gamma([1, 2, 5, 3, 2, 7], mean_value=[12, 30, 18, 55, 22, 35])
    >>> bool(20 < fit.mean_value < 40)
    True
    """
    x = checked_counts(frequency)
    value = checked_numbers(mean_value, what="mean_value", n=x.size, above=0.0)
    w = checked_weights(weights, n=x.size)
    if (x == 0).any():
        row = int(np.argmax(x == 0))
        raise DataError(f"frequency[{row}] is 0, so it has no mean value; leave out who bought nothing")
    scale = float(w @ value / w.sum())
    # With p = q = 4 the mean is 4/3 v; the likelihood is fitted in units of the mean value.
    unit = value / scale
    best = maximise(lambda theta: _log_likelihood(theta, x, unit, w), np.log([4.0, 4.0, 0.75]))
    if not best.converged:
        raise DesignError(
            "the spread of values within and between customers cannot be told apart (a parameter runs to 0 "
            "or infinity); more customers with two or more purchases of differing value are needed"
        )
    p, q, v = np.exp(best.theta)
    return GammaGammaFit(
        p=float(p),
        q=float(q),
        v=float(v * scale),
        # A density of money is one per unit of money.
        log_likelihood=best.value - float(w.sum()) * float(np.log(scale)),
        covariance=best.covariance,
        n=float(w.sum()),
    )


def _log_likelihood(theta: FloatArray, x: FloatArray, value: FloatArray, w: FloatArray) -> Derivatives:
    """Return the log-likelihood in (log p, log q, log v) with its derivatives.

    With total s = x · mean: ln Γ(px+q) - ln Γ(px) - ln Γ(q) + q ln v + px ln s - ln mean
    - (px+q) ln(v+s).
    """
    p, q, v = np.exp(theta)
    total = x * value
    shape, log_total, log_sum, rest = p * x, np.log(total), np.log(v + total), 1.0 / (v + total)
    terms = special.gammaln(shape + q) - special.gammaln(shape) - special.gammaln(q) + q * theta[2]
    log_likelihood = w @ (terms + shape * log_total - np.log(value) - (shape + q) * log_sum)
    both = special.digamma(shape + q)
    by_p = x * (both - special.digamma(shape) + log_total - log_sum)
    by_q = both - special.digamma(q) + theta[2] - log_sum
    by_v = q / v - (shape + q) * rest
    curved = special.polygamma(1, shape + q)
    own = np.array([p, q, v])
    gradient = own * np.array([w @ by_p, w @ by_q, w @ by_v])
    pp = w @ (x**2 * (curved - special.polygamma(1, shape)))
    pq = w @ (x * curved)
    pv = -w @ (x * rest)
    qq = w @ (curved - special.polygamma(1, q))
    qv = w @ (1.0 / v - rest)
    vv = w @ ((shape + q) * rest**2 - q / v**2)
    natural = np.array([[pp, pq, pv], [pq, qq, qv], [pv, qv, vv]])
    return float(log_likelihood), gradient, natural * np.outer(own, own) + np.diag(gradient)
