"""Product-of-coefficients mediation from second moments, and what a confounder of the mediator would do."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cemlab.stats.half_moments import Delta, HalfMoments

Floats = npt.NDArray[np.float64]


def paths(moments: HalfMoments) -> Delta:
    """Return the paths from a score to an outcome by way of k mediators, with one covariance.

    Parameters
    ----------
    moments
        Of the score, the k mediators and the outcome, in this order.

    Returns
    -------
    Delta
        Of shape (2 k + 2): score → each mediator (k); mediator → outcome, score and others equal (k);
        score → outcome, mediators equal (direct); score → outcome in all (total). The total is the direct
        path and the sum of the products of the others, exactly.

    References
    ----------
    Baron, R. M., & Kenny, D. A. (1986). The moderator–mediator variable distinction. Journal of Personality
    and Social Psychology 51, 1173–1182.

    Examples
    --------
    >>> total = np.array([[2.0, 2.0, 4.0], [2.0, 4.0, 7.0], [4.0, 7.0, 20.0]])
    >>> moments = HalfMoments(total=total, by_cluster=np.stack([total / 4] * 4), reliability=1.0)
    >>> paths(moments).estimate.round(6)
    array([1. , 1.5, 0.5, 2. ])
    """

    def reckon(s: npt.NDArray[Any]) -> npt.NDArray[Any]:
        slopes = s[0, 1:] / s[0, 0]
        both = np.linalg.solve(s[:-1, :-1], s[:-1, -1])
        return np.concatenate([slopes[:-1], both[1:], both[:1], slopes[-1:]])

    return moments.delta(reckon)


def confounded(moments: HalfMoments, rhos: npt.ArrayLike) -> Delta:
    """Return the indirect path if something unseen moved mediator and outcome together.

    Parameters
    ----------
    moments
        Of the score, one mediator and the outcome.
    rhos
        (r) correlation of the errors of mediator and outcome, each given the score (and the mediator), above
        -1 and below 1; 0 is what :func:`paths` takes for granted.

    Returns
    -------
    Delta
        Of shape (r + 2): the indirect path at each rho; the rho at which it is nought; the total path.

    References
    ----------
    Imai, K., Keele, L., & Yamamoto, T. (2010). Identification, inference and sensitivity analysis for causal
    mediation effects. Statistical Science 25, 51–71, theorem 4.
    """
    at = np.asarray(rhos, dtype=float)

    def reckon(s: npt.NDArray[Any]) -> npt.NDArray[Any]:
        to_mediator, total = s[0, 1] / s[0, 0], s[0, 2] / s[0, 0]
        left_mediator = s[1, 1] - s[0, 1] * to_mediator
        left_outcome = s[2, 2] - s[0, 2] * total
        nought = (s[1, 2] - s[0, 1] * total) / np.sqrt(left_mediator * left_outcome)
        scale = to_mediator * np.sqrt(left_outcome / left_mediator)
        indirect = scale * (nought - at * np.sqrt((1 - nought**2) / (1 - at**2)))
        return np.concatenate([indirect, [nought, total]])

    return moments.delta(reckon)
