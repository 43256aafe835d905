"""Fitting the NBD-Dirichlet model to a panel by maximum likelihood, with the error of its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DesignError, OptionError
from cemlab.stats.dirichlet import Dirichlet
from cemlab.stats.dirichlet_likelihood import (
    Choices,
    best_alphas,
    checked_choices,
    checked_histogram,
    refuse_limits,
)
from cemlab.stats.dirichlet_panels import draw_panels
from cemlab.stats.maximum_likelihood import FloatArray, maximise
from cemlab.stats.nbd import NBDFit, fit_nbd
from cemlab.stats.nbd_likelihood import checked_exposures, log_likelihood
from cemlab.stats.seeds import generator

# Draws beyond these are as good as at the limit: rates without or with all differences, and likewise shares.
_SHAPES = (1e-6, 1e6)
_SMALLEST_ALPHA = 1e-6
_LARGEST_SWITCHING = 1e4


@dataclass(frozen=True, eq=False, kw_only=True)
class DirichletDraws:
    """Parameters of markets that could be behind the same panel.

    Parameters
    ----------
    mean, shape
        M and K of each draw, of shape (draws,).
    alphas
        Dirichlet parameters of each draw, of shape (draws, brands).
    """

    mean: FloatArray
    shape: FloatArray
    alphas: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class DirichletFit:
    """An NBD-Dirichlet model fitted to a panel.

    Parameters
    ----------
    model
        The market; its unit of time is the period of the panel.
    covariance
        Of (log M, log K, log alpha of each brand), of shape (2 + brands, 2 + brands); M and K are
        independent of the alphas.
    log_likelihood
        At the maximum, all constants included.
    n
        How many households it rests on.
    converged
        Whether it is an interior maximum; the covariance is nan where it is not.
    zero_truncated
        Whether only category buyers were in the data.
    """

    model: Dirichlet
    covariance: FloatArray
    log_likelihood: float
    n: int
    converged: bool
    zero_truncated: bool

    def draws(self, number: int, *, seed: int) -> DirichletDraws:
        """Draw parameters from their asymptotic distribution, normal on the log scale.

        Parameters
        ----------
        number
            How many draws.
        seed
            Of the random numbers.

        Returns
        -------
        DirichletDraws
            The draws; those beyond what can be told from a limit are set to it (K a millionth or a
            million, S ten thousand).

        Raises
        ------
        OptionError
            If `number` is not a whole number from 1.
        DesignError
            If the fit has not converged, so that nothing is known of its error.
        """
        count = _checked_number(number, what="number")
        if not self.converged:
            raise DesignError("the fit has not converged, so there is no error to draw from; use bootstrap()")
        rng = generator(seed)
        model = self.model
        centre = np.log(np.concatenate([[model.mean, model.shape], model.alphas]))
        logs = rng.multivariate_normal(centre, self.covariance, size=count, method="eigh")
        return _within_limits(logs[:, 0], logs[:, 1], logs[:, 2:])


def fit_dirichlet(
    *,
    purchases: ArrayLike,
    households: ArrayLike,
    brand_counts: Sequence[tuple[ArrayLike, ArrayLike]],
    zero_truncated: bool = True,
) -> DirichletFit:
    """Fit the NBD-Dirichlet model: how much households differ in how often they buy, and what.

    Parameters
    ----------
    purchases, households
        Histogram of the category: purchases in the period, and how many households made so many, both of
        shape (groups,).
    brand_counts
        For each brand of the category its histogram, a pair of vectors as above. All brands must be
        there, the last may hold the rest of the market; who did not buy the brand may be left out.
    zero_truncated
        True where a household is in the panel only because it bought the category.

    Returns
    -------
    DirichletFit
        The maximum likelihood estimate. Its shares are those of the model; those of the purchases may differ
        a little, as heavy buyers count no more than light ones.

    Raises
    ------
    DataError
        If a count is none, lengths differ, or the brands do not add up to the category.
    DesignError
        If there are fewer than two brands or thirty households, nobody bought a brand, or the
        differences between households cannot be told from none or from complete ones.

    Notes
    -----
    Given how often a household buys, its choices are Dirichlet-multinomial, so the likelihood is a product of
    the NBD's, in M and K, and of one in the alphas that needs no more than the histogram of each brand.
    The time does not depend on the number of households. Assumes steady rates and shares within the period,
    and rates independent of shares.

    References
    ----------
    Goodhardt, G. J., Ehrenberg, A. S. C. & Chatfield, C. (1984). The Dirichlet: a comprehensive model of
    buying behaviour. Journal of the Royal Statistical Society A 147, 621–655.

    Examples
    --------
    >>> fit = fit_dirichlet(purchases=[1, 2, 3, 5], households=[60, 25, 10, 5],
    ...                     brand_counts=[([1, 2, 3], [40, 17, 4]), ([1, 2, 5], [35, 12, 4])])
    >>> fit.model.shares.round(3), round(fit.model.switching, 2)
    (array([0.546, 0.454]), 0.94)
    """
    counts, weights = checked_histogram(purchases, households, what="purchases")
    choices = checked_choices(counts, weights, brand_counts)
    category = fit_nbd(counts, exposure=1.0, weights=weights, zero_truncated=zero_truncated)
    if category.r == 0.0:
        raise DesignError(
            "the differences between households are so large that how many do not buy cannot be told (K runs "
            "to 0); count those who did not buy too and set zero_truncated=False, or take a longer period"
        )
    refuse_limits(choices)
    best = best_alphas(choices, np.log(choices.shares))
    alphas = np.exp(best.theta)
    switching = float(alphas.sum())
    return DirichletFit(
        model=Dirichlet(
            mean=category.r / category.alpha,
            shape=category.r,
            switching=switching,
            shares=alphas / switching,
        ),
        covariance=_joint_covariance(category, best.covariance),
        log_likelihood=category.log_likelihood + best.value,
        n=int(weights.sum()),
        converged=best.converged,
        zero_truncated=zero_truncated,
    )


def bootstrap(fit: DirichletFit, *, replications: int, seed: int) -> DirichletDraws:
    """Draw panels of the same size from a fitted market and fit each: the parametric bootstrap.

    Parameters
    ----------
    fit
        The fitted market.
    replications
        How many panels.
    seed
        Of the random numbers.

    Returns
    -------
    DirichletDraws
        The estimates of all panels. Where a panel's lies at a limit, the draw is set to it (K a millionth or
        a million, S ten thousand, an alpha a millionth) and not left out, so that intervals are as wide
        as they must be.

    Raises
    ------
    OptionError
        If `replications` is not a whole number from 1.
    DesignError
        If a panel of this size may show nobody who buys twice, so that it tells nothing.

    Notes
    -----
    It is the true bootstrap at every size: the time depends on the largest number of purchases and on
    the replications, not on the number of households.
    """
    model = fit.model
    panels = draw_panels(
        mean=model.mean,
        shape=model.shape,
        alphas=model.alphas,
        households=fit.n,
        panels=_checked_number(replications, what="replications"),
        zero_truncated=fit.zero_truncated,
        seed=seed,
    )
    logs = np.empty((panels.category.shape[0], 2 + model.shares.size))
    for row, (category, brands) in enumerate(zip(panels.category, panels.brands, strict=True)):
        best = best_alphas(Choices.of(category, brands), np.log(model.alphas))
        logs[row] = np.concatenate([_refitted_rates(category, fit), best.theta])
    return _within_limits(logs[:, 0], logs[:, 1], logs[:, 2:])


def _refitted_rates(category: NDArray[np.int64], fit: DirichletFit) -> FloatArray:
    """Return log M and log K of one drawn panel, also where they run to a limit."""
    held = np.flatnonzero(category)
    counts = checked_exposures(held, 1.0, category[held], fit.zero_truncated)
    start = np.log([fit.model.shape, fit.model.mean])
    return maximise(lambda theta: log_likelihood(theta, counts), start).theta[::-1]


def _within_limits(log_mean: FloatArray, log_shape: FloatArray, log_alphas: FloatArray) -> DirichletDraws:
    """Return draws, with those that ran to a limit set to it."""
    alphas = np.exp(np.clip(log_alphas, np.log(_SMALLEST_ALPHA), 30.0))
    total = alphas.sum(axis=1, keepdims=True)
    shape = np.exp(np.clip(log_shape, *np.log(_SHAPES)))
    return DirichletDraws(
        # where K ran to 0 only M / K is known, the odds of one more purchase
        mean=np.exp(log_mean - np.minimum(log_shape - np.log(shape), 0.0)),
        shape=shape,
        alphas=np.maximum(alphas * np.minimum(_LARGEST_SWITCHING / total, 1.0), _SMALLEST_ALPHA),
    )


def _checked_number(number: int, *, what: str) -> int:
    """Return a whole number from 1."""
    if number != int(number) or number < 1:
        raise OptionError(f"{what} is {number!r}; it is a whole number from 1")
    return int(number)


def _joint_covariance(category: NBDFit, brands: FloatArray) -> FloatArray:
    """Return the covariance of (log M, log K, log alphas)."""
    turn = np.array([[1.0, -1.0], [1.0, 0.0]])  # from (log r, log alpha) of the NBD
    covariance = np.zeros((2 + brands.shape[0],) * 2)
    covariance[:2, :2] = turn @ category.covariance @ turn.T
    covariance[2:, 2:] = brands
    return covariance
