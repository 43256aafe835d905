"""Leads and one effect after treatment, with their joint covariance: what bounds on trends work on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError, DesignError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class TrendTarget:
    """The leads and one effect, a weighted sum of lags, with their joint covariance.

    Parameters
    ----------
    leads
        (k) estimates before treatment in order of time, the last one period before the base.
    effect
        The weighted sum of lags.
    covariance
        (k + 1, k + 1) of the leads and the effect.
    distance
        (t) periods from the base to each lag, 1 or more.
    weights
        (t) of the lags in the effect.
    clusters
        How many independent units the covariance was estimated from; None if it is known.
    """

    leads: Floats
    effect: float
    covariance: Floats
    distance: Floats
    weights: Floats
    clusters: int | None


def trend_target(
    leads: npt.ArrayLike,
    lags: npt.ArrayLike,
    *,
    covariance: npt.ArrayLike,
    distance: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: int | None = None,
) -> TrendTarget:
    """Return leads and the weighted sum of lags, checked.

    Parameters
    ----------
    leads
        (k) estimates before treatment in order of time; periods follow each other up to the base.
    lags
        (t) estimates after it.
    covariance
        (k + t, k + t) of leads and lags.
    distance
        (t) periods from the base to each lag; 1, 2, … if not given.
    weights
        (t) of the lags; equal and adding up to 1 if not given.
    clusters
        How many independent units the covariance was estimated from; None if it is known.

    Raises
    ------
    DataError, DesignError
        For shapes that do not fit, what is not finite, no lead, no lag, or a covariance that is none or
        singular.
    """
    before, after = np.atleast_1d(np.asarray(leads, float)), np.atleast_1d(np.asarray(lags, float))
    k, t = before.size, after.size
    matrix = np.asarray(covariance, float)
    far = np.arange(1.0, t + 1) if distance is None else np.asarray(distance, float)
    share = np.full(t, 1 / max(t, 1)) if weights is None else np.asarray(weights, float)
    if k == 0:
        raise DesignError(
            "one period before treatment only: it is what all is relative to, and no lead is left to bound a "
            "violation of parallel trends by; take a longer panel"
        )
    if t == 0:
        raise DesignError("no lag: there is no effect after treatment to bound")
    if matrix.shape != (k + t, k + t) or far.shape != (t,) or share.shape != (t,):
        raise DataError(
            f"{k} leads and {t} lags need a covariance of shape ({k + t}, {k + t}), distance and weights of "
            f"shape ({t},); given {matrix.shape}, {far.shape}, {share.shape}"
        )
    for name, values in (("leads", before), ("lags", after), ("covariance", matrix), ("weights", share)):
        if not np.isfinite(values).all():
            raise DataError(f"{name} hold what is no finite number; leave such event times out")
    if not (far >= 1).all() or (far != np.rint(far)).any():
        raise DataError("distance holds what is no whole number of periods from the base, 1 or more")
    pick = np.zeros((k + 1, k + t))
    pick[:k, :k] = np.eye(k)
    pick[k, k:] = share
    reduced = pick @ matrix @ pick.T
    _check_covariance(matrix, reduced)
    if clusters is not None and clusters - k < 3:
        raise DesignError(
            f"{k} leads from {clusters} units: their covariance is too poor to lean on; take at most "
            f"{max(clusters - 3, 0)} leads"
        )
    return TrendTarget(
        leads=before,
        effect=float(share @ after),
        covariance=reduced,
        distance=far,
        weights=share,
        clusters=clusters,
    )


def bias_of_bends(target: TrendTarget) -> float:
    """Return by how much trends that bend by one a period from the base on move the effect at most.

    Examples
    --------
    >>> bias_of_bends(trend_target([0.0], [0.0, 0.0], covariance=np.eye(3)))  # by 1 and by 3, on average 2
    2.0
    """
    steps = np.arange(target.distance.max())
    return float(np.abs(target.weights @ np.maximum(target.distance[:, None] - steps, 0)).sum())


def _check_covariance(matrix: Floats, reduced: Floats) -> None:
    scale = np.sqrt(np.maximum(np.diag(reduced), 0))
    tolerance = 1e-8 * np.abs(matrix).max()
    if not np.allclose(matrix, matrix.T, atol=tolerance, rtol=0):
        raise DataError("covariance is not symmetric; give the covariance of leads and lags in this order")
    if not (scale > 0).all():
        raise DataError("covariance is singular: a lead or the effect has no variance; leave that lead out")
    smallest = np.linalg.eigvalsh(reduced / np.outer(scale, scale))[0]
    # the smallest direction of a correlation matrix that rounding alone can make
    if smallest < 1e-10:
        raise DataError(
            "covariance is singular: some leads follow from others or from the effect; take fewer leads than "
            "there are units"
        )
