"""A slope by instruments, within units and periods: two stages, and what holds if they are weak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError
from cemlab.stats.joint_tests import joint_f
from cemlab.stats.within_slopes import Grid, WithinSlopes, by_cluster, slopes_from, within_slopes

Floats = npt.NDArray[np.float64]

# Directions in which the Anderson–Rubin statistic is looked at, where there are several instruments.
_DIRECTIONS = 4_001
# Halvings of the step in which the statistic crosses its critical value.
_HALVINGS = 60


@dataclass(frozen=True, eq=False, kw_only=True)
class Instrumented:
    """A slope of an outcome on a score that instruments move.

    Parameters
    ----------
    slope
        By two-stage least squares; one coefficient.
    first, reduced
        Slopes of the score and of the outcome on the instruments (q), controls beside them left out.
    shared
        (q, q) products of the instruments, less what controls, units and periods say.
    """

    slope: WithinSlopes
    first: WithinSlopes
    reduced: WithinSlopes
    shared: Floats

    @property
    def effective_f(self) -> float:
        """Effective F of the first stage (Montiel Olea & Pflueger 2013); of one instrument, clustered F."""
        pi = self.first.coefficient
        return float(pi @ self.shared @ pi / np.trace(self.first.covariance @ self.shared))

    def anderson_rubin(self, slope: npt.ArrayLike) -> Floats:
        """Return the clustered Anderson–Rubin statistic of each slope (s), as Hotelling's F."""
        q, g = len(self.first.coefficient), len(self.first.influence)
        b = np.atleast_1d(np.asarray(slope, dtype=float))
        left = self.reduced.coefficient - b[:, None] * self.first.coefficient
        moved = self.reduced.influence - b[:, None, None] * self.first.influence
        spread = np.einsum("sgi,sgj->sij", moved, moved) * (g / (g - 1))
        solved = np.linalg.solve(spread, left[:, :, None])[:, :, 0]
        return joint_f((left * solved).sum(axis=1), tested=q, clusters=g)

    def rejects(self, slope: float) -> float:
        """Return the p-value of the Anderson–Rubin test of one slope."""
        from scipy.special import fdtrc

        q, g = len(self.first.coefficient), len(self.first.influence)
        return float(fdtrc(q, g - q, float(self.anderson_rubin(slope)[0])))

    def anderson_rubin_set(self, conf_level: float) -> tuple[tuple[float, float], ...]:
        """Return the slopes that the Anderson–Rubin test does not reject, as intervals in order.

        One interval where the instruments are strong; two that reach to infinity, or the whole line, where
        they are weak; none where several instruments contradict each other. Compared with F on q and
        clusters − q degrees of freedom.
        """
        from scipy.special import fdtri

        q, g = len(self.first.coefficient), len(self.first.influence)
        critical = float(fdtri(q, g - q, conf_level))
        return self._of_one(critical) if q == 1 else self._of_several(critical)

    def _of_one(self, critical: float) -> tuple[tuple[float, float], ...]:
        """Solve (d − b p)² = c (v_d − 2 b v_dp + b² v_p), a square equation in b."""
        g = len(self.first.influence)
        d, p = float(self.reduced.coefficient[0]), float(self.first.coefficient[0])
        moved = np.column_stack([self.reduced.influence[:, 0], self.first.influence[:, 0]])
        v = moved.T @ moved * (g / (g - 1)) * critical
        square, half, rest = p * p - v[1, 1], -(d * p - v[0, 1]), d * d - v[0, 0]
        apart = half * half - square * rest
        if square > 0:
            # never below nought but for rounding: the estimate itself is not rejected
            root = float(np.sqrt(max(apart, 0.0)))
            return (((-half - root) / square, (-half + root) / square),)
        if apart <= 0 or square == 0:
            return ((-np.inf, np.inf),)
        root = float(np.sqrt(apart))
        ends = sorted(((-half - root) / square, (-half + root) / square))
        return ((-np.inf, ends[0]), (ends[1], np.inf))

    def _of_several(self, critical: float) -> tuple[tuple[float, float], ...]:
        """Look at slopes in all directions and narrow down each crossing of the critical value."""
        size = float(np.sqrt(self.slope.covariance[0, 0]))
        centre = float(self.slope.coefficient[0])

        def over(angle: Floats) -> Floats:
            return np.asarray(self.anderson_rubin(centre + size * np.tan(angle)) - critical)

        edge = np.pi / 2 * (1 - 1e-9)
        angles = np.linspace(-edge, edge, _DIRECTIONS)
        rejected = over(angles) > 0
        turns = np.flatnonzero(rejected[1:] != rejected[:-1])
        low, high = angles[turns], angles[turns + 1]
        begins = rejected[turns]
        for _ in range(_HALVINGS if len(turns) else 0):
            middle = (low + high) / 2
            same = (over(middle) > 0) == begins
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        ends = [float(value) for value in centre + size * np.tan((low + high) / 2)]
        if not rejected[0]:
            ends = [-np.inf, *ends]
        if not rejected[-1]:
            ends = [*ends, np.inf]
        return tuple(zip(ends[::2], ends[1::2], strict=True))


def instrumented(
    outcome: Floats,
    *,
    score: Floats,
    instruments: Floats,
    controls: Floats,
    grid: Grid,
    names: Sequence[str],
) -> Instrumented:
    """Return the slope of an outcome on a score by instruments, units and periods with levels of their own.

    Parameters
    ----------
    outcome, score
        (m).
    instruments
        (m, q).
    controls
        (m, c).
    grid
        Where the rows stand.
    names
        (q + c) of instruments and controls.

    Raises
    ------
    DesignError
        If instruments and controls depend on each other within units and periods, or there are more
        instruments than clusters could tell apart.

    References
    ----------
    Anderson, T. W., & Rubin, H. (1949). Estimation of the parameters of a single equation in a complete
    system of stochastic equations. Annals of Mathematical Statistics 20, 46–63.
    Montiel Olea, J. L., & Pflueger, C. (2013). A robust test for weak instruments. Journal of Business &
    Economic Statistics 31, 358–369.

    Examples
    --------
    >>> unit, period = np.divmod(np.arange(40), 4)
    >>> grid = Grid(unit=unit, period=period, cluster=unit, weights=np.ones(40))
    >>> z = np.sin(np.arange(40.0) ** 2)
    >>> found = instrumented(3 * z + unit, score=z - period, instruments=z[:, None],
    ...                      controls=np.empty((40, 0)), grid=grid, names=["z"])
    >>> found.slope.coefficient.round(9).tolist()
    [3.0]
    """
    q = instruments.shape[1]
    g = int(grid.cluster.max()) + 1
    if q >= g:
        raise DesignError(f"{q} instruments and {g} clusters; take fewer instruments than clusters")
    design = np.column_stack([instruments, controls])
    first = _of(within_slopes(score, design=design, grid=grid, names=names, told=q), q)
    reduced = _of(within_slopes(outcome, design=design, grid=grid, names=names, told=q), q)
    within = grid.within(np.column_stack([outcome, score, instruments, controls]))
    left = _beside(within[:, : 2 + q], within[:, 2 + q :], grid.weights)
    y, x, z = left[:, 0], left[:, 1], left[:, 2:]
    weighted = z * grid.weights[:, None]
    shared = weighted.T @ z
    foretold = weighted @ first.coefficient
    slope = np.array([float(foretold @ y) / float(foretold @ x)])
    scores = (foretold * (y - x * slope[0]))[:, None]
    told = slopes_from(slope, scores, by_cluster((foretold * x)[:, None, None], grid), grid)
    # controls were taken out before: they use up rows too
    periods = int(grid.period.max()) + 1
    used = np.sqrt((len(y) - 1 - periods) / (len(y) - 1 - controls.shape[1] - periods))
    told = replace(told, influence=told.influence * used, plain=told.plain * used)
    return Instrumented(slope=told, first=first, reduced=reduced, shared=shared)


def _of(fit: WithinSlopes, q: int) -> WithinSlopes:
    """Return the first q coefficients."""
    return WithinSlopes(
        coefficient=fit.coefficient[:q], influence=fit.influence[:, :q], plain=fit.plain[:, :q]
    )


def _beside(values: Floats, controls: Floats, weights: Floats) -> Floats:
    """Return values less what controls, all within, say of them."""
    if not controls.shape[1]:
        return values
    root = np.sqrt(weights)[:, None]
    fitted = np.linalg.lstsq(controls * root, values * root, rcond=None)[0]
    return np.asarray(values - controls @ fitted)
