"""A test by draws under the null hypothesis, at any value of the effect, and the interval that it leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# statistics that differ by rounding alone are the same
_SAME = 1e-9
# halvings of an interval's end, and doublings before it is called unbounded
_HALVINGS, _DOUBLINGS = 60, 40


@dataclass(frozen=True, kw_only=True)
class NullDraws:
    """Draws of a statistic under the null hypothesis that the effect is tau, for every tau at once.

    A draw's estimate is ``shift - tau * slope`` and its squared standard error, up to a factor that all
    share, ``square[0] + square[1] * tau + square[2] * tau**2``. The first draw is what was seen.

    Parameters
    ----------
    shift, slope
        (draws).
    square
        (3, draws); of estimates that are not divided by their error: ones and zeros.
    enumerated
        Whether the draws are all there are.
    """

    shift: Floats
    slope: Floats
    square: Floats
    enumerated: bool

    def statistics(self, tau: float = 0.0) -> Floats:
        """Return (draws) the squared statistics under the effect tau."""
        top = np.square(self.shift - tau * self.slope)
        below = np.maximum(self.square[0] + tau * (self.square[1] + tau * self.square[2]), 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = np.where(top <= _SAME**2 * top.max(), 0.0, top / below)
        return found

    def p_value(self, tau: float = 0.0, *, mid: bool = False) -> float:
        """Return the share of draws as far out as what was seen; `mid` counts those as far for a half."""
        drawn = self.statistics(tau)
        seen = drawn[0]
        if np.isinf(seen):
            beyond, as_far = 0.0, float(np.isinf(drawn).mean())
        else:
            beyond = float((drawn > seen * (1 + _SAME)).mean())
            as_far = float((np.abs(drawn - seen) <= seen * _SAME).mean())
        return beyond + as_far * (0.5 if mid else 1.0)

    def level(self, alpha: float, *, mid: bool = False) -> float:
        """Return the share of draws that would be called significant at `alpha`: the level attained."""
        drawn = np.sort(self.statistics())[::-1]
        n = len(drawn)
        # ties end where the next statistic is smaller by more than rounding
        steps = np.flatnonzero(np.append(drawn[1:] < drawn[:-1] * (1 - _SAME), True)) + 1
        before = np.concatenate([[0], steps[:-1]])
        p = (before + steps) / 2 / n if mid else steps / n
        held = steps[p <= alpha * (1 + _SAME)]
        return float(held[-1] / n) if len(held) else 0.0

    def interval(self, alpha: float, *, mid: bool = False) -> tuple[float, float]:
        """Return the ends of the effects that the test at `alpha` does not refute; they may be infinite."""
        return self._end(alpha, -1.0, mid), self._end(alpha, 1.0, mid)

    def _end(self, alpha: float, side: float, mid: bool) -> float:
        inside = float(self.shift[0] / self.slope[0])
        step = float(np.median(np.abs(self.shift))) or abs(inside) or 1.0
        for _ in range(_DOUBLINGS):
            if self.p_value(inside + side * step, mid=mid) <= alpha * (1 + _SAME):
                break
            step *= 2
        else:
            return side * float("inf")
        low, high = 0.0, step
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self.p_value(inside + side * middle, mid=mid) <= alpha * (1 + _SAME):
                high = middle
            else:
                low = middle
        return inside + side * high
