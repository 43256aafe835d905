"""The whole path of a quadratic function with a penalty on absolute values, exactly (Osborne et al. 2000)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]

# Two events this close together, in shares of the penalty, are one.
_SAME = 1e-11


@dataclass(frozen=True, eq=False, kw_only=True)
class LassoPath:
    """Minimisers for all penalties; linear between knots.

    Parameters
    ----------
    knots
        (m) penalties, falling, the last 0.
    solutions
        (m, k).
    """

    knots: Floats
    solutions: Floats

    def at(self, penalty: float) -> Floats:
        """Return the minimiser (k) for a penalty, all zero from the first knot on."""
        if penalty >= self.knots[0] or self.knots.size < 2:
            start: Floats = self.solutions[0]
            return start
        right = min(int(np.searchsorted(-self.knots, -penalty, side="right")), self.knots.size - 1)
        left = right - 1
        share = (self.knots[left] - penalty) / (self.knots[left] - self.knots[right])
        between: Floats = (1 - share) * self.solutions[left] + share * self.solutions[right]
        return between


def lasso_path(quadratic: Floats, linear: Floats) -> LassoPath:
    """Return the minimisers over u of u'Qu / 2 + c'u + penalty × sum of |u|, for every penalty from 0 on.

    Parameters
    ----------
    quadratic
        (k, k) Q, symmetric and positive definite.
    linear
        (k) c.

    Returns
    -------
    LassoPath
        From the penalty at which the first u leaves zero down to none, where u = −Q⁻¹c.

    Raises
    ------
    DesignError
        If the path does not end (a Q that is nearly singular).

    References
    ----------
    Osborne, M., Presnell, B. & Turlach, B. (2000). A new approach to variable selection in least squares
    problems. IMA Journal of Numerical Analysis 20, 389–403.

    Examples
    --------
    >>> path = lasso_path(np.eye(2), np.array([-3.0, 1.0]))
    >>> path.knots.tolist(), path.solutions[-1].tolist(), path.at(2.0).tolist()
    ([3.0, 1.0, 0.0], [3.0, -1.0], [1.0, 0.0])
    """
    k = linear.size
    solution, penalty = np.zeros(k), float(np.abs(linear).max(initial=0.0))
    knots, solutions = [penalty], [solution]
    active = np.zeros(k, dtype=bool)
    sign = np.zeros(k)
    if penalty > 0:
        start = int(np.argmax(np.abs(linear)))
        active[start], sign[start] = True, -np.sign(linear[start])
    left_now = -1
    for _ in range(50 * k + 10):
        if penalty <= 0:
            return LassoPath(knots=np.array(knots), solutions=np.array(solutions))
        inner = quadratic[np.ix_(active, active)]
        level, slope = np.zeros(k), np.zeros(k)
        level[active], slope[active] = np.linalg.solve(inner, np.stack([-linear, sign], axis=1)[active]).T
        joins = _joins(quadratic, linear, level, slope, active, penalty, left_now)
        leaves = _leaves(level, slope, active, sign, penalty)
        at = float(max(joins.max(initial=0.0), leaves.max(initial=0.0), 0.0))
        solution = level - at * slope
        left_now = -1
        if at > 0 and leaves.max(initial=0.0) >= at:
            left_now = int(np.argmax(leaves))
            solution[left_now] = 0.0
            active[left_now], sign[left_now] = False, 0.0
        elif at > 0:
            side, new = np.unravel_index(int(np.argmax(joins)), joins.shape)
            active[new], sign[new] = True, -1.0 if side == 0 else 1.0
        penalty = at
        knots.append(penalty)
        solutions.append(solution)
    raise DesignError("the path of weights does not end: the covariance of the leads is nearly singular")


def _joins(
    quadratic: Floats,
    linear: Floats,
    level: Floats,
    slope: Floats,
    active: npt.NDArray[np.bool_],
    penalty: float,
    left_now: int,
) -> Floats:
    """Return the penalties (2, k) at which the gradient of each zero u reaches plus or minus the penalty."""
    constant, change = linear + quadratic @ level, quadratic @ slope
    found = np.zeros((2, level.size))
    for side, towards in enumerate((1.0, -1.0)):
        # gradient = constant − penalty × change, to equal towards × penalty
        below = change + towards
        at = np.divide(constant, below, out=np.zeros_like(constant), where=np.abs(below) > _SAME)
        ok = ~active & (at > 0) & (at < penalty * (1 - _SAME))
        found[side, ok] = at[ok]
    if left_now >= 0:
        # what has just left lies on one of the two borders and moves inwards; only the other can be reached
        gradient = constant[left_now] - penalty * change[left_now]
        found[0 if gradient > 0 else 1, left_now] = 0.0
    return found


def _leaves(
    level: Floats, slope: Floats, active: npt.NDArray[np.bool_], sign: Floats, penalty: float
) -> Floats:
    """Return the penalties (k) at which each u that is not zero comes back to it."""
    at = np.divide(level, slope, out=np.zeros_like(level), where=active & (slope != 0))
    # one that has just joined is at zero now and moves away
    back = active & (at > 0) & (at < penalty * (1 - _SAME)) & (sign * slope < 0)
    return np.where(back, at, 0.0)
