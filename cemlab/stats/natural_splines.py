"""Natural cubic splines: curves that bend at knots and run straight beyond the outer ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cemlab.errors import OptionError

Floats = npt.NDArray[np.float64]


def natural_spline(values: npt.ArrayLike, *, knots: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the columns of a natural cubic spline, and their derivatives.

    Parameters
    ----------
    values
        (m).
    knots
        (k) three or more, rising. The columns are k − 1: the values themselves, then one a knot but two, in
        the truncated-power form scaled by the squared distance of the outer knots.

    Returns
    -------
    tuple
        Columns (m, k − 1) and their slopes (m, k − 1).

    Raises
    ------
    OptionError
        If there are fewer than three knots, or they do not rise.

    References
    ----------
    Stone, C. J., & Koo, C.-Y. (1985). Additive splines in statistics. Proceedings of the Statistical
    Computing Section, ASA, 45–48.

    Examples
    --------
    >>> columns, slopes = natural_spline([-1.0, 0.5, 4.0, 5.0], knots=[0.0, 1.0, 2.0])
    >>> columns[:, 1].round(3).tolist(), slopes[:, 1].round(3).tolist()
    ([0.0, 0.031, 4.5, 6.0], [0.0, 0.188, 1.5, 1.5])
    """
    x, t = np.asarray(values, dtype=float), np.asarray(knots, dtype=float)
    if t.ndim != 1 or len(t) < 3 or not np.isfinite(t).all() or not (np.diff(t) > 0).all():
        raise OptionError(
            f"knots are {t.tolist()!r}; allowed: three or more rising numbers, or how many to lay"
        )
    above = np.maximum(x[:, None] - t, 0.0)
    # what keeps the second derivative nought beyond the outer knots
    last, before = (t[:-2] - t[-1]) / (t[-1] - t[-2]), (t[-2] - t[:-2]) / (t[-1] - t[-2])
    scale = (t[-1] - t[0]) ** 2

    def column(power: int) -> Floats:
        p = above**power
        return np.asarray(p[:, :-2] + last * p[:, -2:-1] + before * p[:, -1:])

    columns = np.column_stack([x, column(3) / scale])
    slopes = np.column_stack([np.ones_like(x), 3 * column(2) / scale])
    return columns, slopes
