"""Two variables that follow each other over time in many units: cross-lags within units, corrected.

A panel's units have levels of their own, and taking them out by the units' means pulls every memory
downwards (Nickell 1981): the mean holds shocks that are yet to come. How far is known exactly, given the
memory, so the moments are corrected and solved again (Bun & Carree 2005; Breitung, Kripfganz & Hayakawa
2022); nothing need be at rest when the data begin. A variable that is measured with error is told by two
halves whose errors are independent: products of one half with the other hold no error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]

#: How levels of units and the pull of short panels are treated.
LagMethod = Literal["adjusted moments", "half-panel jackknife", "within", "no unit levels"]

_FEWEST_UNITS = 5  # from fewer, leaving one out tells nothing of the spread
_ROUNDS = 500
_NEAR = 1e-10
_ROUNDING = 1e-12  # share of the largest value below which what varies is rounding
_STILL = (
    "a variable does not vary within units and periods, or what two measures of it share is no more than "
    "chance; nothing that is carried over can be told"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class CrossLags:
    """What two variables carry over to themselves and to each other.

    Parameters
    ----------
    lags
        (2, 2): entry i, j is what a unit of variable j last period adds to variable i now, the other kept.
    same_period
        What a unit of the first variable adds to the second in the same period, last period's kept.
    shocks
        (2, 2) covariance of what is new in each period.
    spread
        (2) standard deviations within units and periods, errors of measurement apart.
    reliability
        Share of the second variable's variance within units and periods that is no error; 1 without halves.
    left_out
        (n, 7) the four lags by rows, `same_period` and both spreads with each unit left out.
    root
        Size of the largest root of `lags`: below 1 where shocks die out.
    """

    lags: Floats
    same_period: float
    shocks: Floats
    spread: Floats
    reliability: float
    left_out: Floats
    root: float

    @property
    def estimates(self) -> Floats:
        """(7) in the order of `left_out`."""
        return np.concatenate([self.lags.ravel(), [self.same_period], self.spread])


def cross_lags(
    first: npt.ArrayLike,
    *,
    second: npt.ArrayLike,
    halves: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    method: LagMethod = "adjusted moments",
) -> CrossLags:
    """Estimate what two variables carry over, within units and periods.

    Parameters
    ----------
    first, second
        (n, t), nothing missing. Within a period the first comes first: it may move the second at once, and
        the second moves the first from the next period on.
    halves
        Two measures (n, t) of the second with independent errors; without them it counts as free of error.
    method
        ``"adjusted moments"``; ``"half-panel jackknife"`` (twice the estimate less the mean of those of both
        halves of the periods; where the halves share a step, the weights of which the pull of so many steps
        drops out); ``"within"`` takes the pull of short panels as it comes, and ``"no unit levels"`` takes
        out periods only, as traditional cross-lagged models do.

    Raises
    ------
    DesignError
        If there are fewer than five units or three periods (six for the jackknife), a value is missing, a
        variable does not vary within units, the halves share next to nothing, or the corrected moments have
        no solution: the panel is too short for how slowly its shocks die out.

    References
    ----------
    Nickell, S. (1981). Biases in dynamic models with fixed effects. Econometrica 49, 1417–1426.
    Bun, M. J. G., & Carree, M. A. (2005). Bias-corrected estimation in dynamic panel data models. Journal of
    Business & Economic Statistics 23, 200–210.
    Dhaene, G., & Jochmans, K. (2015). Split-panel jackknife estimation of fixed-effect models. Review of
    Economic Studies 82, 991–1030.
    Breitung, J., Kripfganz, S., & Hayakawa, K. (2022). Bias-corrected method of moments estimators for
    dynamic panel data models. Econometrics and Statistics 24, 116–132.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, y = np.zeros((2, 400, 9)), rng.standard_normal(400)
    >>> for t in range(1, 9):
    ...     x[0, :, t] = 0.4 * x[0, :, t - 1] + 0.2 * x[1, :, t - 1] + rng.standard_normal(400)
    ...     x[1, :, t] = 0.5 * x[1, :, t - 1] + 0.3 * x[0, :, t] + rng.standard_normal(400)
    >>> found = cross_lags(x[0] + y[:, None], second=x[1])
    >>> bool(abs(found.lags[0] - [0.4, 0.2]).max() < 0.05), round(found.same_period, 1)
    (True, 0.3)
    """
    z, scale = _in_spreads(_checked(first, second, halves))
    whole, left_out, spread = _estimate(z, method)
    if method == "half-panel jackknife":
        t = z.shape[2]
        parts = [_estimate(z[:, :, : (t + 2) // 2], "within"), _estimate(z[:, :, (t - 1) // 2 :], "within")]
        # the pull is as one over the steps: t − 1 of the whole, t // 2 of each part
        weight = (t - 1) / (t - 1 - t // 2)
        whole = weight * whole - (weight - 1) * (parts[0][0] + parts[1][0]) / 2
        left_out = weight * left_out - (weight - 1) * (parts[0][1] + parts[1][1]) / 2
        whole[8:], left_out[:, 8:] = spread[0], spread[1]
    root = float(np.abs(np.linalg.eigvals(whole[:4].reshape(2, 2))).max())
    a, b = scale
    back = np.array([1, a / b, b / a, 1, b / a, a * a, a * b, b * b, a, b])
    whole, left_out = whole * back, left_out * back
    lags = whole[:4].reshape(2, 2)
    return CrossLags(
        lags=lags,
        same_period=float(whole[4]),
        shocks=np.array([[whole[5], whole[6]], [whole[6], whole[7]]]),
        spread=whole[8:10],
        reliability=_reliability(z),
        left_out=left_out[:, [0, 1, 2, 3, 4, 8, 9]],
        root=root,
    )


def _checked(
    first: npt.ArrayLike, second: npt.ArrayLike, halves: tuple[npt.ArrayLike, npt.ArrayLike] | None
) -> Floats:
    """Return the first variable and two measures of the second, (3, n, t), or say what is wrong."""
    both = halves or (second, second)
    parts = [np.asarray(values, dtype=float) for values in (first, *both)]
    if any(part.shape != parts[0].shape or part.ndim != 2 for part in parts):
        raise DesignError(f"shapes {', '.join(str(part.shape) for part in parts)} do not fit: all are (n, t)")
    z = np.stack(parts)
    if z.shape[1] < _FEWEST_UNITS or z.shape[2] < 3:
        raise DesignError(
            f"{z.shape[1]} units over {z.shape[2]} periods; what is carried over within units needs at least "
            f"{_FEWEST_UNITS} units over 3 periods"
        )
    if not np.isfinite(z).all():
        raise DesignError("a value is missing in a period; leave out the units or the periods with gaps")
    return z


def _in_spreads(z: Floats) -> tuple[Floats, tuple[float, float]]:
    """Return both variables in standard deviations within units and periods, so no limit hangs on units."""
    centred = z - z.mean(axis=(1, 2), keepdims=True)
    within = _demeaned(z, True)
    now = [float(np.sqrt(np.mean(part**2))) for part in (within[0], (within[1] + within[2]) / 2)]
    largest = [float(np.abs(part).max()) for part in (z[0], (z[1] + z[2]) / 2)]
    if any(not sd > _ROUNDING * most for sd, most in zip(now, largest, strict=True)):
        raise DesignError(_STILL)
    return centred / np.array([now[0], now[1], now[1]])[:, None, None], (now[0], now[1])


def _estimate(z: Floats, method: LagMethod) -> tuple[Floats, Floats, Floats]:
    """Return lags, same period, shocks and spreads (10) of all units, with each left out (n, 10), spreads."""
    if method == "half-panel jackknife":
        if z.shape[2] < 6:
            raise DesignError(f"{z.shape[2]} periods; the half-panel jackknife needs at least 6")
        method = "within"
    n, t = z.shape[1], z.shape[2] - 1
    levels = method != "no unit levels"
    now, before, all_of = (_demeaned(part, levels) for part in (z[:, :, 1:], z[:, :, :-1], z))
    pairs = [_moments(p, q) for p, q in ((now, now), (now, before), (before, before), (all_of, all_of))]
    # leaving a unit out moves the means of the periods too: that is what the factor does
    sums = [np.concatenate([m.sum(0)[None], m.sum(0) - m * (n / (n - 1))]) for m in pairs]
    units = np.concatenate([[n - 1], np.full(n, n - 2)]).astype(float)
    _refuse_still(sums[2])
    lags, shocks = _solved(sums, units, t, method)
    spread = np.sqrt(np.maximum(np.diagonal(sums[3], axis1=1, axis2=2), 0) / (units * t)[:, None])
    columns = [
        lags.reshape(-1, 4),
        (shocks[:, 0, 1] / shocks[:, 0, 0])[:, None],
        shocks[:, [0, 0, 1], [0, 1, 1]],
        spread,
    ]
    found = np.concatenate(columns, axis=1)
    return found[0], found[1:], np.asarray(spread)


def _demeaned(z: Floats, levels: bool) -> Floats:
    """Return values less the means of periods, and of units if these have levels."""
    z = z - z.mean(axis=1, keepdims=True)
    return z - z.mean(axis=2, keepdims=True) if levels else z


def _moments(p: Floats, q: Floats) -> Floats:
    """Return the products of two sets of variables by unit (n, 2, 2), free of errors of measurement."""
    e, a, b = np.einsum("int,jnt->ijn", p, q)
    rows = [[e[0], (e[1] + e[2]) / 2], [(a[0] + b[0]) / 2, (a[2] + b[1]) / 2]]
    return np.asarray(np.moveaxis(np.array(rows), 2, 0))


def _refuse_still(before: Floats) -> None:
    own = np.diagonal(before, axis1=1, axis2=2)
    if (own <= 1e-12).any() or (np.linalg.det(before) <= 1e-12 * own.prod(axis=1)).any():
        raise DesignError(_STILL)


def _solved(sums: list[Floats], units: Floats, t: int, method: LagMethod) -> tuple[Floats, Floats]:
    """Return lags and shocks that solve the moments, one (2, 2) for each of the sets of units."""
    inverse = np.linalg.inv(sums[2])
    lags = sums[1] @ inverse
    shocks = _shocks(sums, lags, units * (t if method == "no unit levels" else t - 1))
    if method != "adjusted moments":
        return lags, shocks
    for _ in range(_ROUNDS):
        pull = shocks @ np.swapaxes(_pull(lags, t), 1, 2) * (units / t)[:, None, None]
        new = (sums[1] + pull) @ inverse
        step = float(np.abs(new - lags).max())
        lags, shocks = new, _shocks(sums, new, units * (t - 1))
        if step < _NEAR:
            return lags, shocks
        if not step < 1:
            break
    raise DesignError(
        f"{t + 1} periods are too short for how slowly shocks die out here: the corrected moments have no "
        "solution; take a longer panel"
    )


def _shocks(sums: list[Floats], lags: Floats, df: Floats) -> Floats:
    """Return the covariance of what lags leave."""
    cross = lags @ np.swapaxes(sums[1], 1, 2)
    left = sums[0] - cross - np.swapaxes(cross, 1, 2) + lags @ sums[2] @ np.swapaxes(lags, 1, 2)
    return np.asarray(left / df[:, None, None])


def _pull(lags: Floats, t: int) -> Floats:
    """Return the sum of (t − 1 − j) × lags^j over j from 0 to t − 2, (…, 2, 2)."""
    total, power = np.zeros_like(lags), np.broadcast_to(np.eye(2), lags.shape)
    for j in range(t - 1):
        total = total + (t - 1 - j) * power
        power = power @ lags
    return total


def _reliability(z: Floats) -> float:
    """Return the share of the mean measure's variance within units and periods that both measures share."""
    _, a, b = _demeaned(z, True)
    return float((a * b).sum() / (((a + b) / 2) ** 2).sum())
