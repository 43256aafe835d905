"""Variances of crossed random effects by restricted maximum likelihood, from counts and sums alone.

Rows are outcomes y; the first factor (employees, say) may have very many levels, for its block of the
mixed-model equations is diagonal and is eliminated; the levels of the other factors and the fixed columns,
`r` together, are held as a dense block. Factors may be nested or crossed in any way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError, DesignError
from cemlab.stats.maximum_likelihood import Derivatives, maximise

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Log ratio to the residual variance below which a variance is nought: far less than one row could show.
_NOUGHT = -12.0
_START = -2.0  # of every log ratio
_STEP = 1e-4  # of log ratios, over which the slope's own slope is taken
# Levels of all factors but the first; a dense block of so many takes seconds.
_MOST_LEVELS = 3000


@dataclass(frozen=True, eq=False, kw_only=True)
class CrossedSums:
    """All that the likelihood needs to know of the rows.

    Parameters
    ----------
    count, total
        Rows and Σ y of each level of the first factor, of shape (q).
    cross
        Rows of each level of the first factor in each other column, of shape (q, r).
    gram
        Cross-products of the other columns, of shape (r, r).
    moment
        Σ of each other column times y, of shape (r).
    square
        Σ y².
    sizes
        Levels of each further random factor, whose columns come first; what is left are fixed columns.
    """

    count: Floats
    total: Floats
    cross: Floats
    gram: Floats
    moment: Floats
    square: float
    sizes: tuple[int, ...]

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.count.sum())

    @property
    def fixed(self) -> int:
        """Fixed columns."""
        return len(self.moment) - sum(self.sizes)

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels of every random factor."""
        return (len(self.count), *self.sizes)


@dataclass(frozen=True, eq=False, kw_only=True)
class CrossedFit:
    """Variances and predicted effects of a crossed model.

    Parameters
    ----------
    sums
        What was fitted.
    ratio
        Variance of each factor over that of the rest, of shape (K); 0 at the boundary.
    rest
        Variance of the rest.
    covariance
        Of the logarithms of the ratios, of shape (K, K); nan for a ratio of 0.
    pull
        Slope of the log of the rest's variance in the log of each ratio, of shape (K).
    coefficient, coefficient_covariance
        Fixed effects (p) and their covariance (p, p).
    effects, error_variance
        Best linear unbiased predictions of the first factor (q) and the variances of their errors.
    further
        Predictions of the further factors, one array each.
    deviance
        Twice the negative restricted log-likelihood, less a constant.
    """

    sums: CrossedSums
    ratio: Floats
    rest: float
    covariance: Floats
    pull: Floats
    coefficient: Floats
    coefficient_covariance: Floats
    effects: Floats
    error_variance: Floats
    further: tuple[Floats, ...]
    deviance: float

    @property
    def variances(self) -> Floats:
        """Of each factor and, last, of the rest, of shape (K + 1)."""
        return np.append(self.ratio, 1.0) * self.rest

    @property
    def shares(self) -> Floats:
        """Of each factor and, last, of the rest in their sum, of shape (K + 1)."""
        variances = self.variances
        shares: Floats = variances / variances.sum()
        return shares


def crossed_sums(
    outcome: npt.ArrayLike, *, levels: npt.ArrayLike, design: npt.ArrayLike | None = None
) -> CrossedSums:
    """Count rows into what :func:`crossed_effects` needs.

    Parameters
    ----------
    outcome
        Of shape (n).
    levels
        Numbers of levels from 0 on, of shape (n, K): a column a factor, the one with most levels first.
    design
        Fixed columns of shape (n, p), the constant among them; the constant alone if not given.

    Examples
    --------
    >>> sums = crossed_sums([1.0, 2.0, 4.0], levels=[[0, 0], [0, 1], [1, 1]])
    >>> sums.count.tolist(), sums.total.tolist(), sums.levels, sums.n
    ([2.0, 1.0], [3.0, 4.0], (2, 2), 3)
    """
    y: Floats = np.asarray(outcome, dtype=np.float64)
    codes = np.asarray(levels, dtype=np.int64)
    fixed = np.ones((len(y), 1)) if design is None else np.asarray(design, dtype=np.float64)
    if y.ndim != 1 or codes.shape[:1] != y.shape or codes.ndim != 2 or fixed.shape[:1] != y.shape:
        raise DataError(
            f"outcome {y.shape}, levels {codes.shape} and design {fixed.shape} do not match; allowed: n rows "
            "of each"
        )
    if not np.isfinite(y).all():
        raise DataError("outcome: a value is missing or infinite; leave such rows out")
    columns = [(codes[:, [k]] == np.arange(codes[:, k].max() + 1)) for k in range(1, codes.shape[1])]
    others = np.column_stack([*columns, fixed]).astype(np.float64)
    size = int(codes[:, 0].max()) + 1
    cross = np.zeros((size, others.shape[1]))
    np.add.at(cross, codes[:, 0], others)
    return CrossedSums(
        count=np.bincount(codes[:, 0], minlength=size).astype(np.float64),
        total=np.bincount(codes[:, 0], y, size).astype(np.float64), cross=cross, gram=others.T @ others,
        moment=others.T @ y, square=float(y @ y), sizes=tuple(c.shape[1] for c in columns),
    )  # fmt: skip


def crossed_effects(sums: CrossedSums) -> CrossedFit:
    """Return the variances of crossed random effects that maximise the restricted likelihood.

    Parameters
    ----------
    sums
        Counts and sums, e.g. of :func:`crossed_sums`.

    Returns
    -------
    CrossedFit
        A variance that the likelihood would rather have below nought is 0.

    Raises
    ------
    DesignError
        If the outcome does not vary, fixed columns depend on each other, a factor has one level or as many
        as there are rows, two factors are the same, or the further factors have more than 3,000 levels.

    Notes
    -----
    Newton's method on the logs of ratios to the residual variance, which is profiled out (Bates et al. 2015;
    mixed-model equations: Henderson 1975). Slopes are exact, their slopes central differences.

    References
    ----------
    Bates, D. et al. (2015). Fitting linear mixed-effects models using lme4. Journal of Statistical Software
    67(1). Henderson, C. R. (1975). Best linear unbiased estimation and prediction under a selection model.
    Biometrics 31, 423–447.

    Examples
    --------
    Balanced, one factor: mean squares 4 between, 1 within, two rows a level, so (4 - 1) / 2 = 1.5.

    >>> rows = np.array([[0.0, 2**0.5], [2.0, 2 + 2**0.5], [4.0, 4 + 2**0.5]])
    >>> fit = crossed_effects(crossed_sums(rows.ravel(), levels=np.repeat(np.arange(3), 2)[:, None]))
    >>> fit.variances.round(6).tolist()
    [3.5, 1.0]
    """
    _refuse(sums)
    free = np.arange(len(sums.levels))
    while free.size:
        top = maximise(_function(sums, free), np.full(free.size, _START))
        low = top.theta < _NOUGHT
        if top.converged and not low.any():
            return _fitted(sums, free, top.theta)
        if not low.any():
            # a flat run towards nought stops on its way: the least of them is the one that runs
            low = top.theta == top.theta.min()
        free = free[~low]
    return _fitted(sums, free, np.empty(0))


def deviance_and_slope(sums: CrossedSums, ratio: Floats) -> tuple[float, Floats]:
    """Return twice the negative restricted log-likelihood and its slope in the logs of ratios, (K)."""
    here = _Equations(sums, np.arange(len(ratio)), np.log(ratio))
    return -2 * here.log_likelihood, -2 * here.slope


class _Equations:
    """The mixed-model equations at given log ratios, solved."""

    def __init__(self, sums: CrossedSums, free: Ints, theta: Floats) -> None:
        ratio = np.exp(theta)
        first = bool(free.size) and free[0] == 0
        ends = np.cumsum((0, *sums.sizes))
        self.slices = [np.arange(ends[k - 1], ends[k]) for k in free[int(first) :]]
        kept = np.concatenate([*self.slices, np.arange(ends[-1], len(sums.moment))])
        penalty = np.zeros(len(sums.moment))
        for own, value in zip(self.slices, ratio[int(first) :], strict=True):
            penalty[own] = 1 / value
        self.kept, self.ratio, self.first = kept, ratio, first
        schur, moment, square = (
            sums.gram[np.ix_(kept, kept)] + np.diag(penalty[kept]),
            sums.moment[kept],
            sums.square,
        )
        log_det = 0.0
        if first:
            self.weight = 1 / (sums.count + 1 / ratio[0])
            self.cross = sums.cross[:, kept]
            scaled = self.cross * self.weight[:, None]
            schur = schur - self.cross.T @ scaled
            moment = moment - scaled.T @ sums.total
            square = square - float(sums.total @ (self.weight * sums.total))
            log_det = -float(np.log(self.weight).sum()) + len(sums.count) * theta[0]
            self.scaled = scaled
        root = np.linalg.cholesky(schur)
        self.inverse = np.linalg.inv(schur)
        self.solution = self.inverse @ moment
        self.square = square - float(moment @ self.solution)
        self.df = sums.n - sums.fixed
        log_det += 2 * float(np.log(np.diag(root)).sum())
        log_det += sum(
            len(own) * np.log(value) for own, value in zip(self.slices, ratio[int(first) :], strict=True)
        )
        self.log_likelihood = -0.5 * (self.df * float(np.log(self.square / self.df)) + log_det)
        self._solve_first(sums)

    def _solve_first(self, sums: CrossedSums) -> None:
        self.effects, self.error = np.zeros(len(sums.count)), np.zeros(len(sums.count))
        if self.first:
            self.effects = self.weight * sums.total - self.scaled @ self.solution
            self.error = self.weight + np.einsum("ij,ij->i", self.scaled @ self.inverse, self.scaled)

    @property
    def parts(self) -> list[tuple[Floats, Floats]]:
        """Predictions and variances of their errors (over the rest's variance), by factor in the model."""
        parts = [(self.effects, self.error)] if self.first else []
        place, diagonal = 0, np.diag(self.inverse)
        for own in self.slices:
            here = slice(place, place + len(own))
            parts.append((self.solution[here], diagonal[here]))
            place += len(own)
        return parts

    @property
    def pull(self) -> Floats:
        """Slope of the log of the rest's variance in the log ratios, by factor in the model."""
        return np.array(
            [-(u @ u) / (g * self.square) for (u, _), g in zip(self.parts, self.ratio, strict=True)]
        )

    @property
    def slope(self) -> Floats:
        """Slope of the log-likelihood in the log ratios."""
        traces = [len(u) - error.sum() / g for (u, error), g in zip(self.parts, self.ratio, strict=True)]
        return -0.5 * (np.array(traces) + self.df * self.pull)


def _function(sums: CrossedSums, free: Ints) -> Callable[[Floats], Derivatives]:
    def function(theta: Floats) -> Derivatives:
        here = _Equations(sums, free, theta)
        return here.log_likelihood, here.slope, _hessian(sums, free, theta)

    return function


def _hessian(sums: CrossedSums, free: Ints, theta: Floats) -> Floats:
    hessian = np.empty((theta.size, theta.size))
    for place, move in enumerate(_STEP * np.eye(theta.size)):
        ahead, behind = (_Equations(sums, free, theta + sign * move).slope for sign in (1, -1))
        hessian[place] = (ahead - behind) / (2 * _STEP)
    return (hessian + hessian.T) / 2


def _fitted(sums: CrossedSums, free: Ints, theta: Floats) -> CrossedFit:
    here = _Equations(sums, free, theta)
    count = len(sums.levels)
    rest = here.square / here.df
    ratio, pull, covariance = np.zeros(count), np.zeros(count), np.full((count, count), np.nan)
    effects = [np.zeros(size) for size in sums.levels]
    ratio[free], pull[free] = here.ratio, here.pull
    if free.size:
        covariance[np.ix_(free, free)] = np.linalg.inv(-_hessian(sums, free, theta))
    for k, (predicted, _) in zip(free, here.parts, strict=True):
        effects[k] = predicted
    fixed = slice(len(here.kept) - sums.fixed, None)
    return CrossedFit(
        sums=sums, ratio=ratio, rest=rest, covariance=covariance, pull=pull,
        coefficient=here.solution[fixed], coefficient_covariance=rest * here.inverse[fixed, fixed],
        effects=effects[0], error_variance=rest * here.error, further=tuple(effects[1:]),
        deviance=-2 * here.log_likelihood,
    )  # fmt: skip


def _refuse(sums: CrossedSums) -> None:
    if sum(sums.sizes) > _MOST_LEVELS:
        raise DesignError(
            f"{sum(sums.sizes):,} levels of further factors; up to {_MOST_LEVELS:,} are allowed: put the "
            "factor with most levels first, or leave one out"
        )
    fixed = slice(sum(sums.sizes), None)
    gram = sums.gram[fixed, fixed]
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    if np.linalg.matrix_rank(gram / np.outer(scale, scale), hermitian=True) < len(gram):
        raise DesignError("fixed columns depend on each other; leave one out")
    if sums.n <= len(sums.count) + sums.fixed:
        raise DesignError(
            f"{sums.n:,} rows for {len(sums.count):,} levels: with one row each, level and rest are one"
        )
    if min(sums.levels) < 2:
        raise DesignError("a factor has one level: it does not vary, so its variance cannot be told")
    _refuse_copies(sums)
    within = sums.square - float(sums.moment[fixed] @ np.linalg.solve(gram, sums.moment[fixed]))
    if not within > 1e-12 * max(sums.square, 1e-300):
        raise DesignError("the outcome is the same in all rows, the fixed columns apart: nothing varies")


def _refuse_copies(sums: CrossedSums) -> None:
    """Refuse a further factor whose every level holds one level of the first, and the other way round."""
    for low, high in pairwise(np.cumsum((0, *sums.sizes))):
        met = sums.cross[:, low:high] > 0
        if (met.sum(axis=0) <= 1).all() and (met.sum(axis=1) <= 1).all():
            raise DesignError(
                "each level of the first factor stands with one level of a further one and the other way "
                "round: the two cannot be told apart"
            )
