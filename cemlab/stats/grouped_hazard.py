"""Discrete-time proportional hazards from counts: the complementary log-log model of grouped durations.

In period j a spell with covariates x ends with chance 1 - exp(-exp(a_j + x b)), which is what proportional
hazards in continuous time look like when only the period is known (Prentice & Gloeckler 1978). The counts by
pattern of covariates and period are sufficient, and the baseline's part of the information is diagonal, so a
fit costs milliseconds however many person-periods there were. Throughout, ``x`` is the number of patterns,
``j`` of periods, ``k`` of coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DesignError
from cemlab.stats.maximum_likelihood import Derivatives, maximise

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupedHazardFit:
    """A fitted model of period hazards.

    Parameters
    ----------
    baseline
        a_j: logarithm of the hazard that a period adds up to where all covariates are 0, shape (j,).
    coefficient
        Logarithms of the hazard ratios, shape (k,).
    covariance
        Of (baseline, coefficient), shape (j + k, j + k); inverse of the observed information.
    log_likelihood
        At the maximum, without the binomial coefficients: that of the person-periods themselves.
    """

    baseline: Floats
    coefficient: Floats
    covariance: Floats
    log_likelihood: float

    def cumulative(self, design: Floats) -> tuple[Floats, Floats]:
        """Return the hazard added up to the end of each period, and its derivatives.

        Parameters
        ----------
        design
            Covariates of each pattern in each period, shape (x, j, k).

        Returns
        -------
        tuple of arrays
            Cumulative hazard (x, j), and its derivatives by (baseline, coefficient) of shape (x, j, j + k).
        """
        hazard = np.exp(self.baseline + design @ self.coefficient)
        x, j = hazard.shape
        parts = np.zeros((x, j, j + self.coefficient.size))
        parts[:, np.arange(j), np.arange(j)] = hazard
        parts[:, :, j:] = hazard[:, :, None] * design
        return np.cumsum(hazard, axis=1), np.cumsum(parts, axis=1)


def fit_grouped_hazard(
    events: Ints, *, stayed: Floats, design: Floats, bands: Sequence[int] | None = None
) -> GroupedHazardFit:
    """Fit the complementary log-log model of period hazards by maximum likelihood.

    Parameters
    ----------
    events
        How many left in each period, shape (x, j).
    stayed
        Exposure without event, in periods, of the same shape: a spell observed for a part of the period
        counts as that part.
    design
        Covariates of each pattern, shape (x, k), the same in all periods; or (n_bands, x, k) where they
        differ by band of periods.
    bands
        The band of each period, from 0, shape (j,); needed where `design` has three axes.

    Returns
    -------
    GroupedHazardFit
        The maximum, its covariance, and the log-likelihood.

    Raises
    ------
    DesignError
        If there is no maximum: a period, or a combination of covariates, has no event or nothing else.

    References
    ----------
    Prentice, R. L. & Gloeckler, L. A. (1978). Regression analysis of grouped survival data with application
    to breast cancer data. Biometrics 34, 57–67.

    Examples
    --------
    Two periods, one covariate; the hazard of the second pattern is twice that of the first:

    >>> stayed = np.array([[900.0, 800.0], [810.0, 640.0]])
    >>> events = np.array([[100, 100], [190, 170]])
    >>> fit = fit_grouped_hazard(events, stayed=stayed, design=np.array([[0.0], [1.0]]))
    >>> np.exp(fit.coefficient).round(2)
    array([2.])
    """
    layers = design[None] if design.ndim == 2 else design
    where = np.zeros(events.shape[1], dtype=np.int64) if bands is None else np.asarray(bands, dtype=np.int64)
    counts = _Counts(events=events.astype(np.float64), stayed=stayed, layers=layers, bands=where)
    pooled = counts.events.sum(axis=0) / (counts.events + stayed).sum(axis=0)
    start = np.log(-np.log1p(-np.clip(pooled, 1e-9, 1 - 1e-9)))
    best = maximise(counts.derivatives, np.concatenate([start, np.zeros(layers.shape[2])]))
    if not best.converged:
        raise DesignError(
            "the likelihood has no maximum: a combination of covariates and periods has no departures, or "
            "nothing else; merge levels or periods"
        )
    # once more from the last point, so that the information is that at the maximum, to rounding
    theta = best.theta
    for _ in range(2):
        value, gradient, hessian = counts.derivatives(theta)
        theta = theta - np.linalg.solve(hessian, gradient)
    value, _, hessian = counts.derivatives(theta)
    j = events.shape[1]
    return GroupedHazardFit(
        baseline=theta[:j],
        coefficient=theta[j:],
        covariance=np.asarray(np.linalg.inv(-hessian), dtype=np.float64),
        log_likelihood=value,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Counts:
    events: Floats
    stayed: Floats
    layers: Floats
    bands: Ints

    def derivatives(self, theta: Floats) -> Derivatives:
        """Return the log-likelihood, its gradient and its Hessian; the baseline's block is diagonal."""
        j = self.events.shape[1]
        baseline, coefficient = theta[:j], theta[j:]
        shift = (self.layers @ coefficient)[self.bands].T
        value, slope, curve = cloglog_terms(self.events, self.stayed, baseline + shift)
        k = coefficient.size
        hessian = np.zeros((j + k, j + k))
        np.fill_diagonal(hessian[:j, :j], curve.sum(axis=0))
        gradient = np.concatenate([slope.sum(axis=0), np.zeros(k)])
        for band, layer in enumerate(self.layers):
            here = np.flatnonzero(self.bands == band)
            gradient[j:] += layer.T @ slope[:, here].sum(axis=1)
            cross = curve[:, here].T @ layer
            hessian[here, j:] = cross
            hessian[j:, here] = cross.T
            hessian[j:, j:] += (layer * curve[:, here].sum(axis=1)[:, None]).T @ layer
        return value, gradient, hessian


def cloglog_terms(events: Floats, stayed: Floats, eta: Floats) -> tuple[float, Floats, Floats]:
    """Return the log-likelihood and its first two derivatives by the linear predictor, cell by cell.

    Parameters
    ----------
    events, stayed
        Events and exposure without event, of one shape.
    eta
        Linear predictor of the same shape: the logarithm of the hazard that the period adds up to.

    Returns
    -------
    tuple
        The sum of the log-likelihood, and two arrays of the shape of `eta`.
    """
    hazard = np.exp(eta)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        log_left = np.log(-np.expm1(-hazard))
        # d log(1 - exp(-h)) / d eta = h / (exp(h) - 1), which tends to 1 for small hazards
        ratio = np.where(hazard > 0, hazard / np.expm1(hazard), 1.0)
    value = float(np.where(events > 0, events * log_left, 0.0).sum() - (stayed * hazard).sum())
    slope = events * ratio - stayed * hazard
    curve = events * ratio * (1 - hazard - ratio) - stayed * hazard
    return value, slope, curve
