"""Gamma frailty in grouped durations: hazards that fall because the likely leavers go first.

Each customer's hazard is the model's times a factor of her own, gamma distributed with mean 1 and variance v
at duration 0. Those with covariates x who reach period j leave in it with chance 1 - exp(-g), where g is the
increase of log(1 + v H) / v and H the cumulative hazard of a customer with factor 1 (Meyer 1990). ``x`` is
the number of patterns, ``j`` of periods, ``k`` of coefficients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cemlab.stats.grouped_hazard import Floats, GroupedHazardFit, Ints, cloglog_terms, fit_grouped_hazard
from cemlab.stats.maximum_likelihood import Derivatives, Maximum, maximise

# variances of the frailty that are searched; beyond, nearly nobody ever leaves but a few at once
_LEAST, _MOST = 1e-4, 20.0
_BISECTIONS = 24


@dataclass(frozen=True, eq=False, kw_only=True)
class FrailtyFit:
    """A model of period hazards with gamma frailty.

    Parameters
    ----------
    variance, conf_low, conf_high
        Variance of the frailty with its interval by profile likelihood; 0 where the likelihood is highest
        without frailty, and infinity for an upper end beyond 20.
    coefficient, std_error
        Logarithms of the hazard ratios given the frailty, shape (k,).
    baseline
        Logarithm of the hazard of each period of a customer with factor 1, shape (j,).
    log_likelihood
        At the maximum.
    statistic, p_value
        Likelihood ratio against no frailty, and its p-value (half a chi-squared on 1 df: the variance cannot
        be negative).
    """

    variance: float
    conf_low: float
    conf_high: float
    coefficient: Floats
    std_error: Floats
    baseline: Floats
    log_likelihood: float
    statistic: float
    p_value: float


def fit_frailty(
    events: Ints,
    *,
    stayed: Floats,
    design: Floats,
    bands: Sequence[int] | None = None,
    conf_level: float = 0.95,
) -> FrailtyFit:
    """Fit period hazards with gamma frailty by maximum likelihood.

    Parameters
    ----------
    events, stayed, design, bands
        As in :func:`cemlab.stats.grouped_hazard.fit_grouped_hazard`; periods begin at duration 0.
    conf_level
        Of the interval of the variance.

    Returns
    -------
    FrailtyFit
        The variance with its interval, and the hazard ratios given the frailty.

    Raises
    ------
    DesignError
        If the model without frailty has no maximum.

    Notes
    -----
    With a free baseline the variance is identified by the covariates alone: by how their ratios shrink with
    time, as they do where customers differ. One curve without covariates says nothing about it.

    References
    ----------
    Meyer, B. D. (1990). Unemployment insurance and unemployment spells. Econometrica 58, 757–782.
    """
    plain = fit_grouped_hazard(events, stayed=stayed, design=design, bands=bands)
    layers = design[None] if design.ndim == 2 else design
    where = np.zeros(events.shape[1], dtype=np.int64) if bands is None else np.asarray(bands, dtype=np.int64)
    model = _Frail(events=events.astype(np.float64), stayed=stayed, spread=np.moveaxis(layers[where], 0, 1))
    start = np.concatenate([plain.baseline, plain.coefficient])
    best = _best(model, plain, start)
    if best is None:
        theta, variance, top = start, 0.0, plain.log_likelihood
        covariance = plain.covariance
    else:
        theta, variance, top = best.theta[:-1], float(np.exp(best.theta[-1])), best.value
        covariance = best.covariance[:-1, :-1]
    j = events.shape[1]
    statistic = max(0.0, 2 * (top - plain.log_likelihood))
    low, high = _profile(model, theta, variance, top, plain.log_likelihood, conf_level)
    return FrailtyFit(
        variance=variance,
        conf_low=low,
        conf_high=high,
        coefficient=theta[j:],
        std_error=np.sqrt(np.diag(covariance))[j:],
        baseline=theta[:j],
        log_likelihood=top,
        statistic=statistic,
        p_value=_half_chi_squared(statistic),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Frail:
    events: Floats
    stayed: Floats
    spread: NDArray[np.float64]  # (x, j, k)

    def free(self, theta: Floats) -> Derivatives:
        """Return value, gradient and expected information; the logarithm of the variance comes last."""
        return self._derivatives(theta[:-1], float(np.exp(theta[-1])), free=True)

    def held(self, theta: Floats, variance: float) -> Derivatives:
        """Return the same for a variance that is given."""
        return self._derivatives(theta, variance, free=False)

    def _derivatives(self, theta: Floats, variance: float, *, free: bool) -> Derivatives:
        j = self.events.shape[1]
        fit = GroupedHazardFit(
            baseline=theta[:j], coefficient=theta[j:], covariance=np.empty((0, 0)), log_likelihood=0.0
        )
        total, parts = fit.cumulative(self.spread)
        inside = 1 + variance * total
        marginal = np.log(inside) / variance
        slopes = parts / inside[:, :, None]
        if free:
            slopes = np.concatenate([slopes, (total / inside - marginal)[:, :, None]], axis=2)
        hazard = np.diff(marginal, axis=1, prepend=0.0)
        relative = np.diff(slopes, axis=1, prepend=0.0) / hazard[:, :, None]
        value, slope, _ = cloglog_terms(self.events, self.stayed, np.log(hazard))
        information = (self.events + self.stayed) * hazard**2 / np.expm1(hazard)
        gradient = np.einsum("xj,xjp->p", slope, relative)
        flat = relative.reshape(-1, relative.shape[2])
        return value, gradient, -(flat.T * np.maximum(information, 0).ravel()) @ flat


def _best(model: _Frail, plain: GroupedHazardFit, start: Floats) -> Maximum | None:
    """Return the maximum with frailty, or None where the likelihood is highest without."""
    found = [maximise(model.free, np.append(start, np.log(v))) for v in (0.3, 2.0)]
    inside = [
        best
        for best in found
        if best.converged and best.value > plain.log_likelihood + 1e-6 and np.exp(best.theta[-1]) > _LEAST
    ]
    return max(inside, key=lambda best: best.value) if inside else None


def _profile(
    model: _Frail, theta: Floats, variance: float, top: float, without: float, conf_level: float
) -> tuple[float, float]:
    """Return the variances at which the likelihood has fallen by what the level allows."""
    from scipy.special import ndtri

    floor = top - 0.5 * float(ndtri((1 + conf_level) / 2)) ** 2

    def above(v: float) -> bool:
        best = maximise(lambda point: model.held(point, v), theta)
        return best.value > floor

    low = 0.0
    if without < floor:
        low = _border(above, inside=variance, outside=_LEAST)
    high = _border(above, inside=max(variance, _LEAST), outside=_MOST)
    return low, high


def _border(above: Callable[[float], bool], *, inside: float, outside: float) -> float:
    """Return where the likelihood crosses the floor; infinity if not up to the last."""
    if outside > inside and above(outside):
        return float("inf")
    for _ in range(_BISECTIONS):
        middle = float(np.sqrt(inside * outside))
        inside, outside = (middle, outside) if above(middle) else (inside, middle)
    return float(np.sqrt(inside * outside))


def _half_chi_squared(statistic: float) -> float:
    from scipy.special import chdtrc

    return 0.5 * float(chdtrc(1, statistic)) if statistic > 0 else 1.0
