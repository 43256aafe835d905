"""The shifted-beta-geometric model of contract renewals: why retention rates rise with age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cemlab.errors import DataError, DesignError
from cemlab.stats.maximum_likelihood import Derivatives, FloatArray, maximise
from cemlab.stats.purchase_history import checked_numbers


@dataclass(frozen=True, eq=False, kw_only=True)
class SBGFit:
    """A shifted-beta-geometric model of a cohort.

    At every renewal a customer leaves with her own constant probability, beta distributed with
    parameters `alpha` and `beta`. Retention of the cohort rises all the same: the likely leavers go
    first.

    Parameters
    ----------
    alpha, beta
        Of the probability to leave; its mean is ``alpha / (alpha + beta)``.
    log_likelihood
        At the maximum.
    covariance
        Of (log alpha, log beta), of shape (2, 2).
    n
        Size of the cohort.
    """

    alpha: float
    beta: float
    log_likelihood: float
    covariance: FloatArray
    n: float

    def survival(self, periods: int) -> FloatArray:
        """Return the share of the cohort still there after 0, 1, …, `periods` renewals.

        Parameters
        ----------
        periods
            How many renewals ahead, counted from the start of the cohort.

        Returns
        -------
        numpy.ndarray
            Of shape (periods + 1,), beginning with 1.

        Raises
        ------
        DataError
            If `periods` is negative.

        Examples
        --------
        >>> fit = SBGFit(alpha=1.0, beta=1.0, log_likelihood=0.0, covariance=np.eye(2), n=1.0)
        >>> fit.survival(3).round(4)
        array([1.    , 0.5   , 0.3333, 0.25  ])
        """
        if periods < 0:
            raise DataError(f"periods is {periods}; give the number of renewals, 0 or more")
        age = np.arange(periods, dtype=np.float64)
        stay = (self.beta + age) / (self.alpha + self.beta + age)
        return np.concatenate([[1.0], np.cumprod(stay)])


def fit_sbg(lost: ArrayLike, *, survivors: float) -> SBGFit:
    """Fit the shifted-beta-geometric model: how much customers differ in their chance to leave.

    Parameters
    ----------
    lost
        How many customers of one cohort left at the first, second, … renewal, of shape (periods,).
    survivors
        How many were left after the last of them.

    Returns
    -------
    SBGFit
        The maximum likelihood estimate.

    Raises
    ------
    DataError
        If a number is negative or missing.
    DesignError
        If there are fewer than two renewals, nobody left, nobody was left to leave at the second, or
        retention does not rise with age as it must where customers differ.

    Notes
    -----
    Assumes one cohort, renewal at fixed dates, and that nobody's own probability changes; rising
    retention is put down to differences alone.

    References
    ----------
    Fader, P. S. & Hardie, B. G. S. (2007). How to project customer retention. Journal of Interactive
    Marketing 21, 76–90.

    Examples
    --------
    >>> fit = fit_sbg([369, 163, 86, 56], survivors=326)
    >>> round(fit.alpha, 3), round(fit.beta, 3)
    (0.764, 1.296)
    """
    gone = checked_numbers(lost, what="lost")
    rest = float(checked_numbers([survivors], what="survivors")[0])
    if (gone < 0).any() or rest < 0:
        raise DataError("lost and survivors count customers; none of them may be negative")
    stayed = rest + np.concatenate([np.cumsum(gone[::-1])[::-1][1:], [0.0]])
    return fit_sbg_at_risk(gone, stayed=stayed, n=float(gone.sum() + rest))


def fit_sbg_at_risk(lost: ArrayLike, *, stayed: ArrayLike, n: float) -> SBGFit:
    """Fit the shifted-beta-geometric model to who was at risk at each age: late entry does no harm.

    Who came under observation at an age is compared from there on only, and so is who is still there: given
    that a customer reached age j, she leaves with chance alpha / (alpha + beta + j).

    Parameters
    ----------
    lost
        How many left in the first, second, … period of tenure, of shape (periods,).
    stayed
        How many were watched through each and stayed; parts of a period count as parts.
    n
        Customers watched.

    Raises
    ------
    DataError, DesignError
        As :func:`fit_sbg`.

    Examples
    --------
    >>> fit = fit_sbg_at_risk([369, 163, 86, 56], stayed=[631, 468, 382, 326], n=1000)
    >>> round(fit.alpha, 3), round(fit.beta, 3)
    (0.764, 1.296)
    """
    gone, stayed = checked_numbers(lost, what="lost"), checked_numbers(stayed, what="stayed")
    if gone.shape != stayed.shape:
        raise DataError(f"lost covers {gone.size} periods and stayed {stayed.size}; give both for each")
    if (gone < 0).any() or (stayed < 0).any():
        raise DataError("lost and stayed count customers; none of them may be negative")
    _check_design(gone, stayed)
    best = maximise(lambda theta: _log_likelihood(theta, gone, stayed), np.zeros(2))
    if not best.converged:
        raise DesignError(
            "the losses fit no differences between customers (alpha and beta run to 0 or infinity); show the "
            "observed retention instead"
        )
    alpha, beta = np.exp(best.theta)
    return SBGFit(
        alpha=float(alpha),
        beta=float(beta),
        log_likelihood=best.value,
        covariance=best.covariance,
        n=n,
    )


def _check_design(gone: FloatArray, stayed: FloatArray) -> None:
    """Refuse data without an interior maximum, by name."""
    if gone.size < 2:
        raise DesignError(
            f"lost covers {gone.size} renewal(s); two or more are needed to see retention change"
        )
    if gone.sum() == 0:
        raise DesignError(
            "nobody left, so no probability to leave can be fitted; follow the cohort for longer"
        )
    if stayed[0] == 0:
        raise DesignError("everybody left at the first renewal, so there is nothing to see at the second")
    # Slope of the log-likelihood in 1 / (alpha + beta) at 0, where all customers are alike.
    age = np.arange(gone.size, dtype=np.float64)
    odds = gone.sum() / stayed.sum()
    slope = float(age @ (stayed * odds - gone))
    if slope <= 1e-12 * float(age @ (stayed * odds + gone)):  # exactly alike, but for rounding
        raise DesignError(
            "retention does not rise with age, as it does where customers differ, so alpha and beta run to "
            "infinity; use one constant probability to leave, or look for what makes older customers leave"
        )


def _log_likelihood(theta: FloatArray, gone: FloatArray, stayed: FloatArray) -> Derivatives:
    """Return the log-likelihood in (log alpha, log beta) with its derivatives.

    At the renewal after j others a customer leaves with probability alpha / (alpha + beta + j).
    """
    alpha, beta = np.exp(theta)
    age = np.arange(gone.size, dtype=np.float64)
    risk, both, keep = gone + stayed, alpha + beta + age, beta + age
    value = gone.sum() * theta[0] + stayed @ np.log(keep) - risk @ np.log(both)
    gradient = [gone.sum() - risk @ (alpha / both), stayed @ (beta / keep) - risk @ (beta / both)]
    aa = -risk @ (alpha * keep / both**2)
    ab = risk @ (alpha * beta / both**2)
    bb = stayed @ (beta * age / keep**2) - risk @ (beta * (alpha + age) / both**2)
    return float(value), np.array(gradient), np.array([[aa, ab], [ab, bb]])
