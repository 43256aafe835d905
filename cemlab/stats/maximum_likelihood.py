"""Maximum likelihood by Newton's method, safeguarded, on the logarithms of positive parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
#: Log-likelihood, gradient and Hessian at a point.
Derivatives = tuple[float, FloatArray, FloatArray]

# A step is the last one if it is expected to raise the log-likelihood by less than this: the point
# it starts from is then within 1.5e-4 standard errors, the point it ends at within about 1e-8.
_LAST_GAIN = 1e-8
_LITTLE_GAIN = 1e-3  # of log-likelihood: within 0.05 standard errors of the maximum
_LONGEST_STEP = 2.0  # on the log scale: a factor of 7 in one step
_FARTHEST = 30.0  # on the log scale: beyond, a parameter is taken to run to 0 or to infinity
# Information below this means a standard error above 1,000 on the log scale: nothing is known.
_LEAST_INFORMATION = 1e-6


@dataclass(frozen=True, eq=False, kw_only=True)
class Maximum:
    """The highest point found.

    Parameters
    ----------
    theta
        The logarithms of the parameters, of shape (k,).
    value
        The log-likelihood there.
    covariance
        Inverse of the observed information there, of shape (k, k); nan where not converged.
    converged
        Whether `theta` is an interior maximum. False where the likelihood is flat, or still rises
        while a parameter runs to 0 or to infinity.
    steps
        How many times the likelihood and its derivatives were evaluated.
    """

    theta: FloatArray
    value: float
    covariance: FloatArray
    converged: bool
    steps: int


def maximise(
    function: Callable[[FloatArray], Derivatives], start: FloatArray, *, max_steps: int = 200
) -> Maximum:
    """Find where a smooth log-likelihood is highest.

    Newton's method; where the surface is not concave, the curvature is taken by its absolute value,
    so that every step points uphill; a step is capped, and halved until it pays.

    Parameters
    ----------
    function
        Returns the log-likelihood, its gradient (k,) and its Hessian (k, k) at a point (k,).
    start
        Where to begin, of shape (k,); is not changed.
    max_steps
        How many evaluations are allowed.

    Returns
    -------
    Maximum
        The point, the value, the covariance, and whether it is an interior maximum.

    Examples
    --------
    Three events in 6 weeks, as the logarithm of a Poisson rate: 3 / 6 a week.

    >>> import numpy as np
    >>> def poisson(theta):
    ...     rate = np.exp(theta[0])
    ...     return 3 * theta[0] - 6 * rate, np.array([3 - 6 * rate]), np.array([[-6 * rate]])
    >>> best = maximise(poisson, np.array([2.0]))
    >>> round(float(np.exp(best.theta[0])), 6), best.converged
    (0.5, True)
    """
    theta = np.array(start, dtype=np.float64)
    value, gradient, hessian = function(theta)
    steps = 1
    while steps < max_steps:
        curvature, axes = np.linalg.eigh(-hessian)
        along = axes.T @ gradient
        step = axes @ (along / np.maximum(np.abs(curvature), _LEAST_INFORMATION))
        gain = 0.5 * float(gradient @ step)
        if gain < _LAST_GAIN:
            if curvature[0] < _LEAST_INFORMATION:
                break
            covariance = (axes / curvature) @ axes.T
            return Maximum(
                theta=theta + step,
                value=float(value + gain),
                covariance=covariance,
                converged=True,
                steps=steps,
            )
        step *= min(1.0, _LONGEST_STEP / float(np.abs(step).max()))
        trial, tried = _uphill(function, theta, value, gradient, step)
        steps += tried
        if trial is None or np.abs(theta + step).max() > _FARTHEST:
            break
        theta, (value, gradient, hessian) = trial
    unknown = np.full((theta.size, theta.size), np.nan)
    return Maximum(theta=theta, value=float(value), covariance=unknown, converged=False, steps=steps)


def _uphill(
    function: Callable[[FloatArray], Derivatives],
    theta: FloatArray,
    value: float,
    gradient: FloatArray,
    step: FloatArray,
) -> tuple[tuple[FloatArray, Derivatives] | None, int]:
    """Halve the step until it pays; return the new point, or None, and the number of trials."""
    slope = float(gradient @ step)
    # A sum over many customers is itself only known to some rounding. Where so little is to be gained
    # that it may drown in it, the gradient decides, which is known to more digits.
    rounding = 1e-12 * abs(value)
    at_the_top = slope < _LITTLE_GAIN
    for halvings in range(40):
        share = 0.5**halvings
        point = theta + share * step
        with np.errstate(all="ignore"):
            derivatives = function(point)
        finite = all(np.all(np.isfinite(part)) for part in derivatives)
        if not finite:
            continue
        flatter = at_the_top and abs(float(derivatives[1] @ step)) <= 0.5 * slope
        if flatter or derivatives[0] >= value + 1e-4 * share * slope - rounding:
            return (point, derivatives), halvings + 1
    return None, 40
