"""Errors of one coefficient that hold with few or uneven clusters: CR2, and the restricted wild bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError
from cemlab.stats.inverted_tests import NullDraws

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# eigenvalues so near one belong to what a cluster alone tells; their inverse root is left out
_ALONE = 1e-10


@dataclass(frozen=True, kw_only=True)
class BellMcCaffrey:
    """A coefficient's standard error with few clusters, and the degrees of freedom to go with it."""

    std_error: float
    df: float


def bell_mccaffrey(
    outcome: npt.ArrayLike, *, column: npt.ArrayLike, others: npt.ArrayLike, cluster: npt.ArrayLike
) -> BellMcCaffrey:
    """Return the bias-reduced error CR2 of the slope on one column, with Satterthwaite's degrees of freedom.

    Parameters
    ----------
    outcome
        (m).
    column
        (m) whose slope is asked for.
    others
        (m, k) all other columns, of full rank; levels nested in clusters may have been taken out of all.
    cluster
        (m) numbers from 0.

    Raises
    ------
    DesignError
        If there are fewer than two clusters.

    Notes
    -----
    The working model is of independent errors of one size, which is what makes the correction exact there;
    the estimate does not rest on it. Levels that are nested in clusters may be taken out before; others may
    not. All is done in the k + 1 columns, so that clusters may be large.

    References
    ----------
    Bell, R. M., & McCaffrey, D. F. (2002). Bias reduction in standard errors for linear regression with
    multi-stage samples. Survey Methodology 28, 169–181.
    Pustejovsky, J. E., & Tipton, E. (2018). Small-sample methods for cluster-robust variance estimation and
    hypothesis testing in fixed effects models. Journal of Business & Economic Statistics 36, 672–683.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.standard_normal(60)
    >>> found = bell_mccaffrey(x + rng.standard_normal(60), column=x, others=np.ones((60, 1)),
    ...                        cluster=np.repeat(np.arange(6), 10))
    >>> 2 < found.df < 5
    True
    """
    y, x, z, code = _arrays(outcome, column, others, cluster)
    q = np.linalg.qr(np.column_stack([z, x]))[0]
    residual = y - q @ (q.T @ y)
    left = x - q[:, :-1] @ (q[:, :-1].T @ x)
    spread = float(left @ left)
    groups = int(code.max()) + 1
    order = np.argsort(code, kind="stable")
    edges = np.searchsorted(code[order], np.arange(groups + 1))
    own, through, scores = np.empty(groups), np.empty((groups, q.shape[1])), np.empty(groups)
    for g in range(groups):
        here = order[edges[g] : edges[g + 1]]
        u = _inverse_root(q[here], left[here] / spread)
        own[g], through[g], scores[g] = u @ u, q[here].T @ u, u @ residual[here]
    products = np.diag(own) - through @ through.T
    return BellMcCaffrey(
        std_error=float(np.sqrt(scores @ scores)),
        df=float(np.trace(products) ** 2 / np.square(products).sum()),
    )


def wild_slope_draws(
    outcome: npt.ArrayLike,
    *,
    column: npt.ArrayLike,
    others: npt.ArrayLike,
    cluster: npt.ArrayLike,
    factors: Floats,
    enumerated: bool,
) -> NullDraws:
    """Return studentised slopes from residuals under the null with the signs of whole clusters turned.

    Parameters
    ----------
    outcome, column, others, cluster
        As in :func:`bell_mccaffrey`.
    factors, enumerated
        (draws, clusters), from :func:`cemlab.stats.wild_bootstrap.sign_draws`.

    Notes
    -----
    Residuals under the null that the slope is tau are those of the outcome less tau times the column, beside
    all other columns; each draw is fitted anew, and its clustered error too (WCR).

    References
    ----------
    Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2008). Bootstrap-based improvements for inference with
    clustered errors. Review of Economics and Statistics 90, 414–427.

    Examples
    --------
    >>> from cemlab.stats.wild_bootstrap import sign_draws
    >>> rng = np.random.default_rng(1)
    >>> x = rng.standard_normal(80)
    >>> factors, all_ways = sign_draws(8, signs="rademacher", draws=499, rng=rng)
    >>> drawn = wild_slope_draws(x + rng.standard_normal(80), column=x, others=np.ones((80, 1)),
    ...                          cluster=np.repeat(np.arange(8), 10), factors=factors, enumerated=all_ways)
    >>> drawn.p_value() <= 0.05 < drawn.p_value(1.0)
    True
    """
    y, x, z, code = _arrays(outcome, column, others, cluster)
    q = np.linalg.qr(z)[0] if z.shape[1] else z
    left, rest = (v - q @ (q.T @ v) for v in (x, y))
    spread = float(left @ left)
    groups = int(code.max()) + 1

    def by_cluster(values: Floats) -> Floats:
        flat = values.reshape(len(values), -1)
        return np.column_stack([np.bincount(code, weights=v, minlength=groups) for v in flat.T])

    own = by_cluster(left * left)[:, 0]
    seen = by_cluster(q * left[:, None]) if z.shape[1] else np.zeros((groups, 0))
    numerators, scores = [], []
    # all is linear in the slope under the null: once for the outcome, once for the column itself
    for values in (rest, left):
        r = by_cluster(left * values)[:, 0]
        back = by_cluster(q * values[:, None]) if z.shape[1] else np.zeros((groups, 0))
        slope = factors @ r / spread
        numerators.append(slope)
        scores.append(factors * r - (factors @ back) @ seen.T - slope[:, None] * own)
    a, c = scores
    square = np.array([np.square(a).sum(axis=1), -2 * (a * c).sum(axis=1), np.square(c).sum(axis=1)])
    return NullDraws(
        shift=numerators[0], slope=numerators[1], square=square / spread**2, enumerated=enumerated
    )


def _arrays(
    outcome: npt.ArrayLike, column: npt.ArrayLike, others: npt.ArrayLike, cluster: npt.ArrayLike
) -> tuple[Floats, Floats, Floats, Ints]:
    y, x, z = (np.asarray(v, dtype=float) for v in (outcome, column, others))
    code = np.unique(np.asarray(cluster), return_inverse=True)[1].astype(np.int64)
    if z.ndim != 2 or not len(y) == len(x) == len(z) == len(code):
        raise DesignError(
            f"{len(y)} outcomes, {len(x)} values, {len(z)} rows, {len(code)} clusters: not alike"
        )
    if len(code) == 0 or code.max() < 1:
        raise DesignError("all rows are in one cluster; errors by cluster need two or more")
    return y, x, z, code


def _inverse_root(rows: Floats, values: Floats) -> Floats:
    """Return (I − Q Q')^(−1/2) times values, Q the cluster's rows, by the eigenvectors of the small Q'Q."""
    share, vectors = np.linalg.eigh(rows.T @ rows)
    share = np.clip(share, 0.0, 1.0)
    kept = share > _ALONE
    share, vectors = share[kept], vectors[:, kept]
    with np.errstate(divide="ignore"):
        root = np.where(share < 1 - _ALONE, 1 / np.sqrt(1 - share), 0.0)
    along = rows @ vectors
    return np.asarray(values + along @ ((root - 1) / share * (along.T @ values)))
